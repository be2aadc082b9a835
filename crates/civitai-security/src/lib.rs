//! Secrets that cannot be printed, safe file names, paths under a root, addresses worth connecting to.

//! A faithful Civitai on loopback, with faults.

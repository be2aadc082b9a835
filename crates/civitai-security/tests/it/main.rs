//! What comes from outside is judged, through the public interface.

mod address;
mod boxes;
mod crypt;
mod keys;
mod name;
mod path;
mod redact;
#[cfg(feature = "reqwest")]
mod resolver;
mod scan;
mod scan_corpus;

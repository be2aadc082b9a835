//! Integration tests of this crate, in one binary.

mod faults;
mod get;
mod hostile;
mod resume;
mod server;
mod world;

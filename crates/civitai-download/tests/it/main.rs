//! Integration tests of this crate, in one binary.

mod faults;
mod get;
mod world;

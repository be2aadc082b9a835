//! Integration tests of this crate, in one binary.

mod get;
mod world;

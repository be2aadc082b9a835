//! Integration tests of this crate, in one binary.

mod download;
mod storage;
mod world;

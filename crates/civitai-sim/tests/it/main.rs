//! Integration tests of this crate, in one binary.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

mod cases;
mod catalogue;
mod control;
mod details;
mod download;
mod faults;
mod hashes;
mod pictures;
mod shelves;
mod site;
mod storage;
mod world;
mod wrappers;

//! Integration tests of this crate, in one binary.

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

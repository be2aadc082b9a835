//! Integration tests of this crate, in one binary.

mod catalogue;
mod details;
mod download;
mod hashes;
mod pictures;
mod shelves;
mod site;
mod storage;
mod world;
mod wrappers;

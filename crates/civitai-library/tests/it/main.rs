//! The library crate, through what it promises.

mod catalogue;
mod scan;
mod sidecar;
mod workflow;

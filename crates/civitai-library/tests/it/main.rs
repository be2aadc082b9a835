//! The library crate, through what it promises.

mod branch;
mod catalogue;
mod identify;
mod keep;
mod operation;
mod repair;
mod scan;
mod sidecar;
mod workflow;

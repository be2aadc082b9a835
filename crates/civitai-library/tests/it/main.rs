//! The library crate, through what it promises.

mod catalogue;
mod sidecar;

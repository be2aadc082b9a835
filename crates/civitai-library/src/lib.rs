//! A folder of models that can be trusted: known, placed, described, reproducible, repairable.

pub mod layout;
pub mod sidecar;

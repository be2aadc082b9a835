//! A folder of models that can be trusted: known, placed, described, reproducible, repairable.
//!
//! [`Library`] names the three places that everything here works on. The [`catalogue`] knows what is in them.

pub mod catalogue;
pub mod layout;
pub mod sidecar;

mod library;

pub use catalogue::Catalogue;
pub use library::Library;

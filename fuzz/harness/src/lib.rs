//! Hostile input for every parser of bytes from outside, and what must hold of each.
//!
//! A [`Target`] names a parser, makes inputs of its format that are nearly right, and runs one: a run panics where
//! something does not hold that must. [`TARGETS`] are all of them. A [`Campaign`] makes inputs for a target, keeps those that
//! showed something new, changes them, and stops at the first that panics, takes too long or too much memory; it needs
//! nothing but a stable compiler. `cargo fuzz` runs the same targets with its own changes (`fuzz/fuzz_targets`).
//!
//! The same seed makes the same inputs, on any machine; only containers differ, whose keys are drawn anew.

mod campaign;
mod change;
mod inputs;
mod make;
mod memory;
mod random;
mod target;

pub use campaign::{Campaign, Failure, Fault, Tally};
pub use inputs::Inputs;
pub use random::Random;
pub use target::{TARGETS, Target, run, target};

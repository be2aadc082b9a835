//! `cargo xtask`: everything that a person or CI runs.

fn main() {}

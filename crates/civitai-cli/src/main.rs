//! The binary `civitai-dl`.

fn main() {}

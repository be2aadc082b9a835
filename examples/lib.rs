//! Runnable programs, one idea each: `cargo run -p civitai-examples --example search`.

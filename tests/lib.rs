//! End-to-end tests through the binary: one file a user story, all in one test binary (`it/main.rs`).

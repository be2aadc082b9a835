//! Integration tests of this crate, in one binary.

// One server for both crates that have to keep `https` apart from `http`.
mod drains;
#[path = "../../../civitai-api/tests/it/dual.rs"]
mod dual;
mod events;
mod faults;
mod get;
mod heads;
mod hostile;
mod jobs;
mod many;
mod origins;
mod quarantine;
mod quirks;
mod resume;
mod seal;
mod server;
mod tuning;
mod world;

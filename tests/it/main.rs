//! End-to-end tests.

mod arrows;
mod bad_input;
mod bench_ab;
mod bulk;
mod config;
mod decision;
mod demo;
mod encrypt;
mod failsafe;
mod fetch;
mod from_workflow;
mod fronts;
mod get;
mod hash;
mod info;
mod keys;
mod known;
#[path = "../../crates/civitai-api/tests/it/leaves.rs"]
mod leaves;
mod library;
mod login;
mod monitor;
mod names;
mod payloads;
mod project;
mod quarantine;
mod resolve;
mod rough;
mod scan;
mod search;
mod secrets;
mod threat_model;
mod together;
mod trouble;
mod usage;
mod user;

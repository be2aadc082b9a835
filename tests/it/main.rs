//! End-to-end tests.

mod arrows;
mod config;
mod demo;
mod fetch;
mod get;
mod hash;
mod info;
mod login;
mod resolve;
mod search;
mod secrets;
mod threat_model;
mod usage;
mod user;

//! End-to-end tests.

mod arrows;
mod threat_model;

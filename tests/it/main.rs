//! End-to-end tests.

mod arrows;

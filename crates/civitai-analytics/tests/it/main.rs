//! Integration tests.

mod compare;
mod recorder;

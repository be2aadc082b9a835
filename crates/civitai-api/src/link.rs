//! What a person pastes to say which model they mean.

mod air;

pub use air::{Air, InvalidAir};

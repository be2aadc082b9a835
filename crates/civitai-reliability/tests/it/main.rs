//! Behaviour under a paused clock, through the public interface.

mod backoff;
mod breaker;
mod budget;
mod failsafe;
mod rate;

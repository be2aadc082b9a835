//! When to try again, how fast, and when to stop.
//!
//! Plain data in, decisions out: this crate makes no request, reads no disk and starts no task.
//! Time is `tokio::time`, so everything here runs under a paused clock; randomness is injected
//! where it is drawn.
//!
//! * [`classify`] says whether a failure is worth another try.
//! * [`Backoff`] draws the pause before it, [`Budget`] counts tries and wall clock for one operation.
//! * [`retry_after`] reads what the server asks for.
//! * [`Rate`] paces requests and adapts to how the server answers.
//! * [`Breaker`] stops asking a host that only fails.
//! * [`Failsafe`] says when transfers go so badly that the safe path is the better one.
//!
//! One operation owns one [`Budget`], held by its outermost call; nothing below it retries.

pub mod backoff;
pub mod breaker;
pub mod budget;
pub mod classify;
pub mod failsafe;
pub mod rate;
pub mod retry_after;

pub use backoff::Backoff;
pub use breaker::{Breaker, BreakerConfig, Breakers};
pub use budget::{Budget, Exhausted, RetryPolicy};
pub use classify::Failure;
pub use failsafe::Failsafe;
pub use rate::{Rate, RateConfig};

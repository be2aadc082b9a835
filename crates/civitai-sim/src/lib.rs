//! A faithful Civitai on loopback, with faults.

pub mod clock;
pub mod content;
mod http;
pub mod state;

pub use clock::Clock;
pub use content::Content;
pub use state::State;

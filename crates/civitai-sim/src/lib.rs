//! A faithful Civitai on loopback, with faults.

pub mod clock;
pub mod content;
mod http;

pub use clock::Clock;
pub use content::Content;

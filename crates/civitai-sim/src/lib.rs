//! A faithful Civitai on loopback, with faults.

mod choice;
pub mod clock;
pub mod content;
mod file_name;
mod http;
mod routes;
pub mod state;
mod vocabulary;

pub use clock::Clock;
pub use content::Content;
pub use state::State;

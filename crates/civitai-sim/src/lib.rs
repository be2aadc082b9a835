//! A faithful Civitai on loopback, with faults.

mod choice;
mod clock;
pub mod content;
pub mod control;
mod download;
pub mod fault;
mod file_name;
mod http;
mod interfere;
mod payloads;
pub mod record;
mod routes;
mod scramble;
pub mod seed;
mod sign;
mod sim;
mod site;
pub mod state;
mod storage;
mod vocabulary;

pub use clock::Clock;
pub use content::Content;
pub use sim::{Builder, Sim};
pub use state::State;

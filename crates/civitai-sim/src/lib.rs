//! A faithful Civitai on loopback, with faults.
//!
//! [`Sim`] listens on five ports of 127.0.0.1: the site, the same site under a second origin, two storages that sign
//! as Cloudflare R2 and Backblaze B2 do, and a control port ([`control`]). What the site knows is plain data
//! ([`State`], by default that of [`seed`]); what files hold follows from a number ([`Content`]), so a file of any size
//! needs no disk; what time it is says a [`Clock`] that can be set; what goes wrong says [`Sim::faults`]; and what
//! clients did is in [`Sim::log`].
//!
//! The crate serves tests, benchmarks and demonstrations. It has no notion of the outside world: it connects to
//! nothing, and two runs with one seed and the same requests give the same answers.
//!
//! ```
//! use civitai_sim::fault::{Knob, Offset, Scope};
//! use civitai_sim::{Sim, seed};
//!
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let sim = Sim::builder().seed(7).start().await?;
//! // Every file's first transfer breaks somewhere.
//! sim.faults().add(Knob::ResetAt { offset: Offset::Random }.within(Scope::storage().attempts(1..=1)));
//!
//! let page = reqwest::get(sim.site_url().join("/api/v1/models?limit=1")?).await?;
//! assert_eq!(page.status(), 200);
//! let file = sim.sign(seed::LORA.file(0)).expect("the seed has this file");
//! assert!(reqwest::get(file).await?.bytes().await.is_err());
//! assert_eq!(sim.log().summary().requests_to("/{object}"), 1);
//! sim.shutdown().await;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

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

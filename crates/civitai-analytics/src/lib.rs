//! What happened, in numbers.
//!
//! A [`Recorder`] is told what happens as [`Sample`]s and says at any time how it went, as a [`Performance`]: for each
//! transfer, and for all together. [`compare`] plans which file is fetched by which of two settings, and says how much
//! faster one of them is and how sure that is.
//!
//! Everything here is pure: times, process figures and seeds are passed in, nothing is read, printed or kept on a disk.
//! The samples are this crate's own; whoever has events of a transfer or a client translates them.
//!
//! ```
//! use std::time::Duration;
//! use civitai_analytics::{Ending, Peer, Recorder, Sample, Usage};
//!
//! let mut recorder = Recorder::new(Usage::default());
//! let second = Duration::from_secs;
//! let transfer = recorder.begin(second(0), Usage::default());
//! recorder.take(second(0), Some(transfer), Sample::Asked(Peer::Storage));
//! let elapsed = Duration::from_millis(40);
//! recorder.take(second(1), Some(transfer), Sample::Answered { peer: Peer::Storage, elapsed });
//! recorder.take(second(2), Some(transfer), Sample::Received { bytes: 4_000_000 });
//! let report = recorder.end(transfer, second(2), Usage::default(), Ending::Finished);
//! assert_eq!(report.bytes_per_second.avg, 2_000_000);
//! ```

pub mod compare;
mod latency;
mod performance;
mod rate;
mod recorder;
mod sample;
mod series;

pub use latency::Quantiles;
pub use performance::{Connections, Performance, Rates, Requests, Transfers};
pub use recorder::{Recorder, TransferId};
pub use sample::{Ending, Failing, Peer, Sample, Usage};

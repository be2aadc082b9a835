//! A lease on a URL in, a verified file out.
//!
//! A [`Transfer`] takes a [`UrlSource`], which knows where the bytes may be had for a while, and a [`Target`], which
//! says where they belong and what they must be. It fetches them over several connections, survives resets, expired
//! addresses, kills and power cuts, proves the result, and only then gives it its name:
//!
//! 1. lease a URL, follow where it leads ([`lease`], [`source`]);
//! 2. write what arrives to `NAME.part`, in any order, with a journal that never claims too much;
//! 3. hash it in order while it arrives ([`digest`]);
//! 4. compare with what was promised ([`verify`]), let the caller judge it;
//! 5. flush, rename without replacing anything, flush the directory, let the caller record it, forget the journal.
//!
//! What happens on the way is told as [`Event`]s. Nothing here prints, reads the environment or outlives the call.

pub mod database;
pub mod digest;
pub mod disk;
pub mod error;
pub mod event;
#[doc(hidden)]
pub mod hot;
pub mod jobs;
pub mod lease;
pub mod quarantine;
pub mod source;
pub mod tree;
pub mod tuning;
pub mod verify;

mod commit;
mod connection;
mod host;
mod intake;
mod journal;
mod limit;
mod mend;
mod part;
mod queue;
mod ranges;
mod response;
mod seal;
mod segment;
mod serial;
mod storage;
mod transfer;

pub use commit::{Candidate, Commits, Existing, Refusal};
pub use connection::Patience;
pub use disk::Obstacle;
pub use error::{Error, ErrorKind};
pub use event::{Cause, Event};
pub use host::Hosts;
pub use journal::JournalProblem;
pub use lease::{Lease, LeaseError, UrlSource};
pub use limit::Limit;
pub use mend::{Mend, Taken};
pub use queue::{Jobs, Place, Queue, Turn};
pub use response::{BadRange, Page};
pub use seal::Seal;
pub use source::Redirects;
pub use storage::Storage;
pub use transfer::{
    Connections, Fetched, How, Standing, Target, Transfer, Unproved, Wait, is_unrecorded,
};
pub use tuning::Mode;
pub use verify::{Expected, Verified, Warning};

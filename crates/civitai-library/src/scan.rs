//! Getting to know what is on the disk: [walk](walk()) the folder, [take stock](crate::Catalogue::take_stock) of what
//! changed, [hash](hash()) what was not hashed yet, and [match](match_online) it with what the site has.
//!
//! [`Scan`] does all of it. Each step takes up where the last run of it ended, so a scan that is interrupted is gone on with by scanning again.

mod beside;
mod hash;
mod header;
mod lessons;
mod matching;
mod pass;
mod sealed;
mod target;
mod walk;
mod watch;

pub use beside::{Beside, ask_sidecars};
pub use hash::{Hashed, hash};
pub use header::{Unread, identify};
pub use lessons::learn;
pub use matching::{MatchError, Matched, match_online};
pub use pass::{Reading, Scan, ScanProblem, ScanTell, ScanTold, Scanned};
pub use sealed::{Opened, open_sealed};
pub use target::Target;
pub use walk::{Problem, Seen, SeenSidecar, Walk, is_model, walk};
pub use watch::{MOST_FOLDERS, Watch, WatchError};

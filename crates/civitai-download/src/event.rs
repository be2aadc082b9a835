//! What a transfer tells those who watch it.
//!
//! The contract: [`Event::Started`] comes first and once, unless the transfer fails before it knows what is on the
//! disk; then any number of [`Event::Progress`], whose bytes never go back; then exactly one of [`Event::Finished`],
//! [`Event::Failed`] and [`Event::Cancelled`], which comes before `run` returns. A transfer whose future is dropped
//! tells nothing more. Listeners are called on the task that runs the transfer: they must not block.

/// One thing that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The transfer begins, with what an earlier run left.
    Started {
        /// Bytes already on the disk.
        bytes: u64,
        /// Length of the file, if it is known or promised.
        total: Option<u64>,
    },
    /// Bytes arrived, or connections changed; at most ten times a second.
    Progress {
        /// Bytes on the disk. When the file is begun again because it changed, this stands still until it is passed.
        bytes: u64,
        /// Length of the file, once it is known.
        total: Option<u64>,
        /// Connections that receive bytes.
        connections: usize,
    },
    /// The file is verified and under its name, or was already.
    Finished {
        /// Length of the file.
        bytes: u64,
    },
    /// The transfer failed; the error is what `run` returns.
    Failed {
        /// [`Error::code`](crate::Error::code).
        code: &'static str,
    },
    /// The transfer was cancelled; what it has is flushed.
    Cancelled,
}

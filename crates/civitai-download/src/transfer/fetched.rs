//! What a transfer brought.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::digest::Digests;
use crate::tuning::Quality;
use crate::verify::{Verified, Warning};

/// How the file came to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum How {
    /// From its first byte.
    Downloaded,
    /// From where an earlier run stopped.
    Resumed,
    /// It was there.
    Skipped,
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Downloaded => "downloaded",
            Self::Resumed => "resumed",
            Self::Skipped => "skipped",
        })
    }
}

/// A file under its name, and how it got there.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fetched {
    /// Where it is.
    pub path: PathBuf,
    /// How it came to be there.
    pub how: How,
    /// Its length.
    pub bytes: u64,
    /// Bytes that an earlier run had left.
    pub resumed_bytes: u64,
    /// Bytes taken from the network by this run, thrown away ones included.
    pub fetched_bytes: u64,
    /// What was asked for of its digests, and what the promise needed.
    pub digests: Digests,
    /// Which promise proved it.
    pub verified: Verified,
    /// What does not fit although the file is proved: weaker promises, and what servers announced.
    pub warnings: Vec<Warning>,
    /// How long the run took.
    pub elapsed: Duration,
    /// How many leases were asked for.
    pub leases: u32,
    /// How often something was tried again.
    pub retries: u32,
    /// The most connections that received bytes at a time.
    pub connections: usize,
    /// What the link turned out to be; absent when the transfer was too short to tell.
    pub link: Option<Quality>,
}

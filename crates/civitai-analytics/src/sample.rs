//! What a recorder is told.

use std::time::Duration;

/// One thing that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sample {
    /// A request went out.
    Asked(Peer),
    /// The peer began to answer, well or badly.
    Answered {
        /// Who.
        peer: Peer,
        /// How long after the request.
        elapsed: Duration,
    },
    /// A request came to nothing, or to less than was asked for.
    Failed {
        /// Whose.
        peer: Peer,
        /// How.
        failing: Failing,
    },
    /// Something was asked for again because it had failed.
    Retried(Peer),
    /// What a transfer found when it began.
    Started {
        /// Bytes that an earlier run had left.
        bytes: u64,
    },
    /// What a transfer has taken from the network since it began, all told. It never goes back.
    Received {
        /// The sum.
        bytes: u64,
    },
    /// How far a transfer is.
    Progress {
        /// Bytes on the disk, those of earlier runs included. It never goes back.
        bytes: u64,
        /// Connections that receive.
        connections: u64,
    },
}

/// Who is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Peer {
    /// The site's API.
    Api,
    /// Whoever hands out leases on URLs; the answer is the lease.
    Leases,
    /// The storage that holds the bytes.
    Storage,
}

/// How a request failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Failing {
    /// In any way but the other one.
    Error,
    /// Nothing, or too little, came in time.
    Timeout,
}

/// How a transfer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ending {
    /// Somebody stopped it.
    Cancelled,
    /// It gave up.
    Failed,
    /// The file is there.
    Finished,
}

/// What the process has used, as the system tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Time on processors since the process began, in user and system mode, over all threads.
    pub cpu: Duration,
    /// Memory that is resident now; absent where the system does not say.
    pub rss_bytes: Option<u64>,
    /// The most that ever was.
    pub peak_rss_bytes: Option<u64>,
}

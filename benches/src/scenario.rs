//! What is measured, as data: which files, how they are served, over which line, beside whom.

use std::time::Duration;

use crate::files::{self, Set};
use crate::origin::Door;
use crate::peers;
use crate::wan::{Congestion, Line};

/// Downloads of one set of files by every tool in turn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scenario {
    pub(crate) title: &'static str,
    pub(crate) set: Set,
    pub(crate) door: Door,
    /// The way between the tools and the origin; loopback if there is none.
    pub(crate) line: Option<Line>,
    /// When a run is given up. One connection over a lossy line would need minutes.
    pub(crate) limit: Duration,
    /// The peers that can be near the best here, and one that uses a single connection.
    pub(crate) peers: &'static [&'static str],
    /// Whether the figures are held against what disk, network and digest allow.
    pub(crate) physical: bool,
}

const fn local(
    title: &'static str,
    set: Set,
    door: Door,
    peers: &'static [&'static str],
) -> Scenario {
    Scenario {
        title,
        set,
        door,
        line: None,
        limit: Duration::from_mins(2),
        peers,
        physical: true,
    }
}

const fn far(
    title: &'static str,
    set: Set,
    line: Line,
    peers: &'static [&'static str],
) -> Scenario {
    Scenario {
        line: Some(line),
        limit: Duration::from_mins(1),
        ..local(title, set, Door::Plain, peers)
    }
}

pub(crate) const S1: Scenario = local(
    "one file of 2 GiB over HTTP from loopback to disk",
    files::ONE_2_GIB,
    Door::Plain,
    &[
        "curl",
        "wget",
        "wget2",
        "aria2c-16",
        "lftp-16",
        "rclone-16",
        "hf_transfer-16",
    ],
);

pub(crate) const S1T: Scenario = local(
    "one file of 512 MiB over TLS from loopback to disk",
    files::ONE_512_MIB,
    Door::Tls,
    &[
        "curl",
        "wget",
        "wget2",
        "aria2c-16",
        "lftp-16",
        "rclone-16",
        "hf_transfer-16",
    ],
);

pub(crate) const S2: Scenario = Scenario {
    // How many connections one opens is the tool's choice; so there is no limit to compare with.
    physical: false,
    ..local(
        "one file of 512 MiB, each connection held to 20 MB/s",
        files::ONE_512_MIB,
        Door::Throttled,
        &[
            "curl",
            "aria2c-16",
            "aria2c-16-sha256",
            "axel-16",
            "lftp-16",
            "rclone-16",
            "hf_transfer-16",
        ],
    )
};

pub(crate) const S3: Scenario = local(
    "200 files of 8 MiB over HTTP from loopback to disk",
    files::MANY_8_MIB,
    Door::Plain,
    &["curl-16", "curl-64", "wget2-16", "aria2c-16", "rclone-16"],
);

pub(crate) const S4: Scenario = Scenario {
    door: Door::Tls,
    ..far(
        "3,000 files of 40 KiB over TLS and HTTP/2, 1 Gbit/s, 40 ms",
        files::MANY_40_KIB,
        Line::new(1000, 40, 0.0, Congestion::Bbr),
        &["curl-16", "curl-64", "wget2-16", "aria2c-64", "rclone-16"],
    )
};

const FAR_PEERS: &[&str] = &[
    "curl",
    "aria2c-16",
    "axel-16",
    "lftp-16",
    "rclone-16",
    "hf_transfer-16",
];
const LOSSY_PEERS: &[&str] = &[
    "curl",
    "aria2c-16-k1M",
    "axel-16",
    "lftp-16",
    "hf_transfer-16",
];

pub(crate) const S5A: Scenario = far(
    "one file of 512 MiB over 1 Gbit/s, 40 ms, no loss, BBR",
    files::ONE_512_MIB,
    Line::new(1000, 40, 0.0, Congestion::Bbr),
    FAR_PEERS,
);

pub(crate) const S5B: Scenario = far(
    "one file of 128 MiB over 300 Mbit/s, 80 ms, 0.5 % loss, BBR",
    files::ONE_128_MIB,
    Line::new(300, 80, 0.5, Congestion::Bbr),
    FAR_PEERS,
);

pub(crate) const S5C: Scenario = far(
    "one file of 32 MiB over 50 Mbit/s, 120 ms, 2 % loss, BBR",
    files::ONE_32_MIB,
    Line::new(50, 120, 2.0, Congestion::Bbr),
    FAR_PEERS,
);

pub(crate) const S5BC: Scenario = far(
    "one file of 128 MiB over 300 Mbit/s, 80 ms, 0.5 % loss, CUBIC",
    files::ONE_128_MIB,
    Line::new(300, 80, 0.5, Congestion::Cubic),
    LOSSY_PEERS,
);

pub(crate) const S5CC: Scenario = far(
    "one file of 32 MiB over 50 Mbit/s, 120 ms, 2 % loss, CUBIC",
    files::ONE_32_MIB,
    Line::new(50, 120, 2.0, Congestion::Cubic),
    LOSSY_PEERS,
);

/// The file that is fetched in two parts, with a kill between them.
pub(crate) const S6: Scenario = Scenario {
    peers: &[
        "curl",
        "wget",
        "aria2c-16",
        "axel-16",
        "lftp-16",
        "rclone-16",
    ],
    ..S2
};

/// The files whose digests are taken, beside one of 2 GiB; nothing is fetched.
pub(crate) const S7: Scenario = Scenario {
    peers: &[
        peers::ALL_FOUR,
        "openssl sha256",
        "sha256sum",
        "b3sum",
        "rhash sha256 crc32",
    ],
    ..S3
};

impl Scenario {
    /// The least time that the line allows, if there is one.
    pub(crate) fn least(self) -> Option<Duration> {
        // Connect and ask, at the site and at the storage; one more each to agree on keys.
        let round_trips = if self.door == Door::Tls { 6 } else { 4 };
        Some(self.line?.least(self.set.bytes(), round_trips))
    }
}

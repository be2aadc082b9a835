//! What a transfer may spend to be fast, and what it finds the link to be.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

mod control;
mod link;
#[cfg(test)]
mod model;

pub(crate) use control::{Control, Measure};
pub use link::Quality;

/// How far a transfer goes for speed. The modes are settings of one controller, not different ways to transfer; a
/// number of connections set with [`Connections::AtMost`](crate::Connections) bounds each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Mode {
    /// As fast as the link goes: more connections for the smallest gain that can be measured.
    Speed,
    /// Nearly as fast with few connections: one more only for a gain that everyone would notice.
    Efficiency,
    /// One connection at a time, for metered links and machines with other work.
    Minimal,
    /// As many connections as the measured link repays, and no more.
    #[default]
    Adaptive,
}

impl Mode {
    /// All of them, in the order in which a list would show them.
    pub const ALL: [Self; 4] = [Self::Speed, Self::Efficiency, Self::Minimal, Self::Adaptive];

    /// The name, as it is parsed back.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Speed => "speed",
            Self::Efficiency => "efficiency",
            Self::Minimal => "minimal",
            Self::Adaptive => "adaptive",
        }
    }
}

impl Mode {
    /// The most connections it uses.
    pub(crate) fn cap(self) -> usize {
        match self {
            // Sixty-four fill 300 Mbit/s at 80 ms when one loss in two hundred packets holds each to 0.5 MB/s; browsers
            // and servers' own limits are far below.
            Self::Adaptive => 64,
            Self::Speed => 128,
            Self::Efficiency => 8,
            Self::Minimal => 1,
        }
    }

    /// The most connections it goes on to where the machine is the limit more often than the link. There each has some
    /// 400 KiB on its way, which memory holds and a kill costs.
    fn local_cap(self) -> usize {
        match self {
            Self::Adaptive => 24,
            Self::Speed | Self::Efficiency | Self::Minimal => self.cap(),
        }
    }

    /// The relative gain for which the number of connections is doubled.
    fn worth(self) -> f64 {
        match self {
            Self::Speed => 0.05,
            Self::Adaptive | Self::Minimal => 0.1,
            Self::Efficiency => 0.3,
        }
    }

    /// The relative loss for which a quarter of the connections is given up. None is given up where that is zero.
    fn slack(self) -> f64 {
        match self {
            Self::Speed | Self::Minimal => 0.0,
            Self::Adaptive => 0.03,
            Self::Efficiency => 0.1,
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Mode {
    type Err = UnknownMode;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|mode| mode.as_str() == name)
            .ok_or(UnknownMode)
    }
}

/// Bytes a second.
#[expect(clippy::cast_precision_loss, reason = "a rate need not be exact")]
pub(crate) fn rate(bytes: u64, over: Duration) -> f64 {
    bytes as f64 / over.as_secs_f64().max(1e-6)
}

/// A name that no [`Mode`] has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not one of speed, efficiency, minimal, adaptive")]
pub struct UnknownMode;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_parsed_from_its_name() {
        for mode in Mode::ALL {
            assert_eq!(mode.to_string().parse(), Ok(mode));
        }
        assert_eq!("Speed".parse::<Mode>(), Err(UnknownMode));
    }
}

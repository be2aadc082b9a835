use std::time::Duration;

use super::frame::Stop;
use super::limits::Limits;
use super::rule::{self, Rule};

/// What is left of the [`Limits`] that a file shares with everything packed into it.
#[derive(Debug)]
pub(super) struct Budget {
    opcodes: u64,
    decoded: u64,
    members: u64,
    growth: Duration,
    /// The processor time at which the outermost unpacking began.
    growing_since: Option<Duration>,
}

impl Budget {
    pub(super) fn new(limits: &Limits, file_bytes: u64) -> Self {
        Self {
            opcodes: limits.opcodes,
            decoded: limits.decoded(file_bytes),
            members: limits.members,
            growth: limits.growth,
            growing_since: None,
        }
    }

    pub(super) fn spend_opcodes(&mut self, count: u64) -> Result<(), Stop> {
        spend(&mut self.opcodes, count, &rule::LIMIT_OPCODES)
    }

    pub(super) fn spend_decoded(&mut self, bytes: u64) -> Result<(), Stop> {
        spend(&mut self.decoded, bytes, &rule::LIMIT_DECODED)
    }

    pub(super) fn spend_member(&mut self) -> Result<(), Stop> {
        spend(&mut self.members, 1, &rule::LIMIT_MEMBERS)
    }

    /// Starts the clock of unpacking; false when it runs already.
    pub(super) fn start_growth(&mut self) -> bool {
        let starts = self.growing_since.is_none();
        if starts {
            self.growing_since = Some(processor_time());
        }
        starts
    }

    pub(super) fn end_growth(&mut self) {
        if let Some(since) = self.growing_since.take() {
            self.growth = self
                .growth
                .saturating_sub(processor_time().saturating_sub(since));
        }
    }

    /// Fails once what was unpacked has cost more processor time than it may.
    pub(super) fn check_growth(&self) -> Result<(), Stop> {
        match self.growing_since {
            Some(since) if processor_time().saturating_sub(since) > self.growth => {
                Err(Stop::Spent(&rule::LIMIT_TIME))
            }
            _ => Ok(()),
        }
    }
}

fn spend(left: &mut u64, amount: u64, rule: &'static Rule) -> Result<(), Stop> {
    let Some(rest) = left.checked_sub(amount) else {
        *left = 0;
        return Err(Stop::Spent(rule));
    };
    *left = rest;
    Ok(())
}

/// The processor time of this thread: on a busy machine the clock on the wall would judge alike files
/// differently.
#[cfg(unix)]
fn processor_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(now).unwrap_or_default()
}

#[cfg(not(unix))]
fn processor_time() -> Duration {
    use std::sync::OnceLock;
    use std::time::Instant;
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

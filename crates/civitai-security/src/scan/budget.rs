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
    clock: Clock,
    /// Small steps since the clock was looked at.
    steps: u32,
}

impl Budget {
    pub(super) fn new(limits: &Limits, file_bytes: u64) -> Self {
        Self {
            opcodes: limits.opcodes,
            decoded: limits.decoded(file_bytes),
            members: limits.members,
            clock: Clock::start(limits.time(file_bytes)),
            steps: 0,
        }
    }

    pub(super) fn spend_opcodes(&mut self, count: u64) -> Result<(), Stop> {
        spend(&mut self.opcodes, count, &rule::LIMIT_OPCODES)
    }

    pub(super) fn spend_decoded(&mut self, bytes: u64) -> Result<(), Stop> {
        spend(&mut self.decoded, bytes, &rule::LIMIT_DECODED)
    }

    pub(super) fn spend_member(&mut self) -> Result<(), Stop> {
        spend(&mut self.members, 1, &rule::LIMIT_MEMBERS)?;
        self.check_time()
    }

    /// As [`spend_member`](Self::spend_member), for one that is not looked into.
    pub(super) fn spend_skipped_member(&mut self) -> Result<(), Stop> {
        spend(&mut self.members, 1, &rule::LIMIT_MEMBERS)?;
        self.step()
    }

    /// For whoever works without the scan at hand.
    pub(super) fn clock(&self) -> Clock {
        self.clock
    }

    /// Fails once the scan has taken more processor time than it may.
    pub(super) fn check_time(&self) -> Result<(), Stop> {
        if self.clock.has_run_out() {
            return Err(Stop::Spent(&rule::LIMIT_TIME));
        }
        Ok(())
    }

    /// As [`check_time`](Self::check_time), for steps so small that asking for the time would be most of them.
    pub(super) fn step(&mut self) -> Result<(), Stop> {
        self.steps = self.steps.wrapping_add(1);
        if self.steps.is_multiple_of(STEPS) {
            return self.check_time();
        }
        Ok(())
    }
}

/// The processor time at which a scan has to be over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock(Duration);

impl Clock {
    fn start(time: Duration) -> Self {
        Self(processor_time().saturating_add(time))
    }

    pub(super) fn has_run_out(self) -> bool {
        processor_time() > self.0
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

/// Steps that take about as long as asking for the time, many times over.
const STEPS: u32 = 256;

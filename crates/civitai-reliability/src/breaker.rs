//! A circuit breaker: stops asking a host that only fails.
//!
//! * **Closed**: every request passes. The last [`BreakerConfig::window`] outcomes are kept; once
//!   there are [`BreakerConfig::minimum`] of them and the share of failures reaches
//!   [`BreakerConfig::open_at_percent`], it opens.
//! * **Open**: nothing passes for [`BreakerConfig::open_for`]; then it is half-open.
//! * **Half-open**: at most [`BreakerConfig::probes`] requests are on their way at a time. That many
//!   successes close it with an empty window; the first failure opens it again.
//!
//! An outcome counts only in the phase in which its permit was given: an answer that comes back
//! after the breaker changed says nothing about now.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing::debug;

mod hosts;

pub use hosts::Breakers;

/// When a [`Breaker`] opens, for how long, and how it finds out that all is well again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BreakerConfig {
    /// How many of the last outcomes count.
    pub window: NonZeroU32,
    /// Fewer outcomes than this never open the breaker. More than `window` counts as `window`.
    pub minimum: NonZeroU32,
    /// The share of failures, 1 to 100 of a hundred, that opens the breaker. More counts as 100, 0 as 1.
    pub open_at_percent: u8,
    /// How long nothing passes after it opened.
    pub open_for: Duration,
    /// How many requests may probe at a time in the half-open phase, and how many successes close it.
    pub probes: NonZeroU32,
}

impl BreakerConfig {
    /// Sets how many of the last outcomes count, and how many there must be before they do.
    #[must_use]
    pub fn with_window(self, window: NonZeroU32, minimum: NonZeroU32) -> Self {
        Self {
            window,
            minimum,
            ..self
        }
    }

    /// Sets the share of failures, of a hundred, that opens the breaker.
    #[must_use]
    pub fn with_open_at_percent(self, open_at_percent: u8) -> Self {
        Self {
            open_at_percent,
            ..self
        }
    }

    /// Sets how long nothing passes after it opened.
    #[must_use]
    pub fn with_open_for(self, open_for: Duration) -> Self {
        Self { open_for, ..self }
    }

    /// Sets how many requests probe at a time, which is also how many successes close the breaker.
    #[must_use]
    pub fn with_probes(self, probes: NonZeroU32) -> Self {
        Self { probes, ..self }
    }
}

impl Default for BreakerConfig {
    /// Half of the last twenty, at least ten; thirty seconds; one probe.
    fn default() -> Self {
        Self {
            window: const { NonZeroU32::new(20).expect("not zero") },
            minimum: const { NonZeroU32::new(10).expect("not zero") },
            open_at_percent: 50,
            open_for: Duration::from_secs(30),
            probes: NonZeroU32::MIN,
        }
    }
}

/// The breaker of one host. Clones share one state.
///
/// ```
/// # use civitai_reliability::breaker::{Breaker, Open};
/// # async fn send() -> Result<(), ()> { Ok(()) }
/// # async fn guarded(breaker: &Breaker) -> Result<(), Open> {
/// let permit = breaker.check()?;
/// match send().await {
///     Ok(()) => permit.success(),
///     Err(()) => permit.failure(),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Breaker {
    circuit: Arc<Mutex<Circuit>>,
}

impl Breaker {
    /// Starts closed, with an empty window.
    pub fn new(config: BreakerConfig) -> Self {
        Self {
            circuit: Arc::new(Mutex::new(Circuit {
                config,
                phase: Phase::closed(),
                generation: 0,
                counts: Counts::default(),
            })),
        }
    }

    /// Asks for permission to send one request.
    ///
    /// The outcome is told to the [`Permit`]; a permit that is dropped counts as neither success nor failure.
    ///
    /// # Errors
    /// [`Open`] while the breaker lets nothing pass, with the time until it may.
    pub fn check(&self) -> Result<Permit, Open> {
        let mut circuit = lock(&self.circuit);
        circuit.settle();
        let admitted = circuit.admit();
        match admitted {
            Ok(()) => Ok(Permit {
                circuit: Arc::clone(&self.circuit),
                generation: circuit.generation,
                told: false,
            }),
            Err(open) => {
                circuit.counts.refused += 1;
                Err(open)
            }
        }
    }

    /// Returns the phase and the counts as they are now.
    pub fn snapshot(&self) -> Snapshot {
        let mut circuit = lock(&self.circuit);
        circuit.settle();
        circuit.snapshot()
    }
}

impl Default for Breaker {
    fn default() -> Self {
        Self::new(BreakerConfig::default())
    }
}

/// Leave to send one request; tell it how that went.
#[derive(Debug)]
#[must_use = "a permit that is dropped at once says nothing about the host"]
pub struct Permit {
    circuit: Arc<Mutex<Circuit>>,
    generation: u64,
    told: bool,
}

impl Permit {
    /// Reports that the host did its work, whatever it answered.
    pub fn success(mut self) {
        self.tell(Outcome::Success);
    }

    /// Reports that the host failed to do its work.
    pub fn failure(mut self) {
        self.tell(Outcome::Failure);
    }

    fn tell(&mut self, outcome: Outcome) {
        self.told = true;
        lock(&self.circuit).conclude(self.generation, outcome);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if !self.told {
            self.tell(Outcome::Abandoned);
        }
    }
}

/// The host failed too often of late; nothing is sent to it for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the host failed too often, next try in {:.1} s", retry_in.as_secs_f64())]
pub struct Open {
    /// When to ask again. While a probe is on its way this is a guess of at most a second.
    pub retry_in: Duration,
}

/// Where a [`Breaker`] stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Requests pass and their outcomes are counted.
    Closed,
    /// A few requests pass to find out whether the host is back.
    HalfOpen,
    /// Nothing passes.
    Open,
}

/// What a [`Breaker`] saw so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// The phase at the time of the snapshot.
    pub state: State,
    /// Outcomes in the sliding window; none unless closed.
    pub window: u32,
    /// Failures among them.
    pub window_failures: u32,
    /// What was counted since the breaker was made.
    pub counts: Counts,
}

/// Counts over the life of a [`Breaker`], late outcomes included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Permits that ended in success.
    pub successes: u64,
    /// Permits that ended in failure.
    pub failures: u64,
    /// Permits that were dropped.
    pub abandoned: u64,
    /// Requests that got no permit.
    pub refused: u64,
    /// How often the breaker opened.
    pub opened: u64,
}

#[derive(Debug)]
struct Circuit {
    config: BreakerConfig,
    phase: Phase,
    /// Counts the changes of phase, so that a late outcome is recognised.
    generation: u64,
    counts: Counts,
}

#[derive(Debug)]
enum Phase {
    /// The last outcomes, oldest first, `true` for a failure.
    Closed {
        window: VecDeque<bool>,
        failures: u32,
    },
    HalfOpen {
        in_flight: u32,
        successes: u32,
    },
    Open {
        until: Instant,
    },
}

impl Phase {
    fn closed() -> Self {
        Self::Closed {
            window: VecDeque::new(),
            failures: 0,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Abandoned,
    Failure,
    Success,
}

impl Circuit {
    /// Makes the change that only time brings.
    fn settle(&mut self) {
        if let Phase::Open { until } = self.phase
            && until <= Instant::now()
        {
            self.enter(Phase::HalfOpen {
                in_flight: 0,
                successes: 0,
            });
        }
    }

    fn admit(&mut self) -> Result<(), Open> {
        match &mut self.phase {
            Phase::Closed { .. } => Ok(()),
            Phase::HalfOpen { in_flight, .. } => {
                if *in_flight < self.config.probes.get() {
                    *in_flight += 1;
                    Ok(())
                } else {
                    Err(Open {
                        retry_in: self.config.open_for.min(PROBE_GUESS),
                    })
                }
            }
            Phase::Open { until } => Err(Open {
                retry_in: until.saturating_duration_since(Instant::now()),
            }),
        }
    }

    fn conclude(&mut self, generation: u64, outcome: Outcome) {
        match outcome {
            Outcome::Abandoned => self.counts.abandoned += 1,
            Outcome::Failure => self.counts.failures += 1,
            Outcome::Success => self.counts.successes += 1,
        }
        if generation != self.generation {
            return;
        }
        match &mut self.phase {
            Phase::Closed { window, failures } => {
                let Some(failed) = outcome.failed() else {
                    return;
                };
                window.push_back(failed);
                *failures += u32::from(failed);
                if window.len() > self.config.window.get() as usize {
                    *failures -= u32::from(window.pop_front() == Some(true));
                }
                if self.config.is_too_much(window.len(), *failures) {
                    self.open();
                }
            }
            Phase::HalfOpen {
                in_flight,
                successes,
            } => {
                *in_flight -= 1;
                match outcome {
                    Outcome::Abandoned => {}
                    Outcome::Failure => self.open(),
                    Outcome::Success => {
                        *successes += 1;
                        if *successes == self.config.probes.get() {
                            self.enter(Phase::closed());
                        }
                    }
                }
            }
            // No permit is of this generation: none is given while open.
            Phase::Open { .. } => {}
        }
    }

    fn open(&mut self) {
        self.counts.opened += 1;
        let now = Instant::now();
        let until = now
            .checked_add(self.config.open_for)
            .unwrap_or(now + FOREVER);
        self.enter(Phase::Open { until });
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.generation += 1;
        debug!(state = ?self.state(), "circuit breaker changed");
    }

    fn state(&self) -> State {
        match self.phase {
            Phase::Closed { .. } => State::Closed,
            Phase::HalfOpen { .. } => State::HalfOpen,
            Phase::Open { .. } => State::Open,
        }
    }

    fn snapshot(&self) -> Snapshot {
        let (window, window_failures) = match &self.phase {
            Phase::Closed { window, failures } => (window.len(), *failures),
            Phase::HalfOpen { .. } | Phase::Open { .. } => (0, 0),
        };
        Snapshot {
            state: self.state(),
            window: u32::try_from(window).expect("the window is configured as a u32"),
            window_failures,
            counts: self.counts,
        }
    }
}

impl BreakerConfig {
    /// Whether this many failures of this many outcomes open the breaker, in whole numbers: a
    /// fraction compared with a percentage opens at 0.5 %.
    fn is_too_much(&self, outcomes: usize, failures: u32) -> bool {
        let outcomes = outcomes as u64;
        let minimum = self.minimum.min(self.window).get();
        let percent = self.open_at_percent.clamp(1, 100);
        outcomes >= u64::from(minimum) && u64::from(failures) * 100 >= outcomes * u64::from(percent)
    }
}

impl Outcome {
    fn failed(self) -> Option<bool> {
        match self {
            Self::Abandoned => None,
            Self::Failure => Some(true),
            Self::Success => Some(false),
        }
    }
}

fn lock(circuit: &Mutex<Circuit>) -> MutexGuard<'_, Circuit> {
    // Nothing in here panics half-way through a change.
    circuit.lock().unwrap_or_else(PoisonError::into_inner)
}

const PROBE_GUESS: Duration = Duration::from_secs(1);
/// Thirty years; `Instant` does not reach `Duration::MAX` ahead.
const FOREVER: Duration = Duration::from_hours(30 * 365 * 24);

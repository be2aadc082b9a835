//! How many connections: a state machine from measurements to a number.

use std::time::Duration;

use super::Mode;
use super::link::{Meter, Quality};

/// What is known at one moment of the transfer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measure {
    /// Time since the transfer began.
    pub(crate) at: Duration,
    /// Wanted bytes that have arrived since then.
    pub(crate) arrived: u64,
    /// Connections at work that have been answered at least once.
    pub(crate) running: usize,
    /// There is nothing left to give to a further connection, so their number says nothing.
    pub(crate) starved: bool,
    /// The round trip, as far as requests have shown it.
    pub(crate) round_trip: Duration,
    /// How long the last answers took at the least.
    pub(crate) lately: Option<Duration>,
    /// How long connections, all together, waited until this side had taken what they brought.
    pub(crate) held_up: Duration,
    /// Transfers from the same host, this one included: the machine is there for all of them.
    pub(crate) transfers: usize,
}

/// Decides how many connections a transfer uses, from what that brought so far.
///
/// It doubles the number while that raises the goodput by clearly more than the noise (quadruples it while each new
/// connection brings about as much as those before), keeps the last number that did, and asks again after a hold that
/// grows with each no. Pure: it is told the time and what was measured.
/// `docs/tuning.md` has the equations and where they come from.
#[derive(Debug)]
pub(crate) struct Control {
    mode: Mode,
    level: usize,
    most: usize,
    phase: Phase,
    /// Beginning of the present window; none while connections come or go.
    window: Option<Mark>,
    /// When the level last changed.
    changed: Duration,
    /// When the connections of that level were all there.
    there: Option<Duration>,
    hold: Duration,
    meter: Meter,
    /// The last answer to "do fewer do as well?" was no, or it is not worth asking.
    tight: bool,
    /// Two levels were compared.
    compared: bool,
}

#[derive(Debug, Clone, Copy)]
struct Mark {
    at: Duration,
    arrived: u64,
    held_up: Duration,
}

/// What a window shows.
#[derive(Debug, Clone, Copy)]
struct Seen {
    rate: f64,
    /// The disk or the processor is the limit, not the link.
    held_up: bool,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    /// At the first level: slow start raises the rate by itself, so it is not yet compared with anything.
    Settling(Series),
    /// At a new level, to be compared with the one before.
    Trial(Trial),
    /// At a level that has proved itself.
    Holding { until: Duration, series: Series },
}

#[derive(Debug, Clone, Copy)]
struct Trial {
    from: usize,
    /// What that number brought.
    base: f64,
    windows: u32,
    /// Since slow start, and since the rate stopped rising by itself.
    series: Series,
}

impl Trial {
    fn new(from: usize, base: f64) -> Self {
        Self {
            from,
            base,
            windows: 0,
            series: Series::default(),
        }
    }
}

/// The rates of successive windows at one level.
#[derive(Debug, Clone, Copy, Default)]
struct Series {
    windows: u32,
    last: f64,
    /// Of the last and those before it, the older the less.
    mean: f64,
    /// Successive windows far below the mean.
    low: u32,
}

impl Series {
    fn of(rate: f64) -> Self {
        Self::default().with(rate)
    }

    fn with(self, rate: f64) -> Self {
        let mean = match self.windows {
            0 => rate,
            1..MEMORY => (self.mean * f64::from(self.windows) + rate) / f64::from(self.windows + 1),
            _ => self.mean + (rate - self.mean) / f64::from(MEMORY),
        };
        let low = if rate < self.mean * COLLAPSE {
            self.low + 1
        } else {
            0
        };
        Self {
            windows: self.windows + 1,
            last: rate,
            mean,
            low,
        }
    }

    /// Whether `rate` shows that the rate still grows without our doing.
    fn rises_to(&self, rate: f64) -> bool {
        self.windows == 0 || rate > self.last * RISING
    }
}

impl Measure {
    /// Whether bytes wait on their way: the link is full, and a further connection would only take from the others.
    fn is_queueing(&self) -> bool {
        self.round_trip >= NEAR
            && self
                .lately
                .is_some_and(|lately| lately > self.round_trip.mul_f64(QUEUEING))
    }

    /// Whether the machine is the limit rather than the link, if every transfer brings `rate`.
    fn is_local(&self, rate: f64) -> bool {
        rate * ratio(self.transfers, 1) >= LOCAL
    }

    /// What is left for this transfer of as many connections for all.
    fn share(&self, connections: usize) -> usize {
        (connections / self.transfers.max(1)).max(1)
    }
}

impl Control {
    /// Starts with `level` connections of at most `most`; both are cut to what the mode allows.
    pub(crate) fn new(mode: Mode, level: usize, most: usize) -> Self {
        let most = most.min(mode.cap()).max(1);
        Self {
            mode,
            level: level.clamp(1, most),
            most,
            phase: Phase::Settling(Series::default()),
            window: None,
            changed: Duration::ZERO,
            there: None,
            hold: FIRST_HOLD,
            meter: Meter::default(),
            tight: false,
            compared: false,
        }
    }

    /// How many connections should be at work now.
    pub(crate) fn wanted(&self) -> usize {
        self.level
    }

    /// The number that has proved itself in a comparison, for the next transfer from this host.
    pub(crate) fn proved(&self) -> Option<usize> {
        match self.phase {
            Phase::Trial(trial) if self.compared => Some(trial.from),
            Phase::Holding { .. } if self.compared => Some(self.level),
            _ => None,
        }
    }

    /// What the link is like, as far as it was seen.
    pub(crate) fn quality(&self) -> Option<Quality> {
        self.meter.quality()
    }

    /// A request came to its end, or broke before it.
    pub(crate) fn ended(&mut self, whole: bool) {
        self.meter.request(whole);
    }

    /// Takes a measurement into account.
    pub(crate) fn observe(&mut self, now: Measure) {
        if now.starved || !self.is_in_place(&now) {
            self.window = None;
            return;
        }
        let Some(Seen { rate, held_up }) = self.close_window(&now) else {
            return;
        };
        match self.phase {
            Phase::Settling(series) if held_up => self.rest(now.at, series.with(rate)),
            Phase::Trial(trial) if held_up && self.level > trial.from => {
                self.set(trial.from, now.at);
                self.rest(now.at, Series::of(trial.base));
            }
            Phase::Settling(series) => self.settle(series, rate, &now),
            Phase::Trial(trial) if self.level > trial.from => {
                self.judge_more(trial, rate, &now);
            }
            Phase::Trial(trial) => self.judge_fewer(trial, rate, now.at),
            Phase::Holding { until, series } => {
                // More of them would only wait.
                self.tight &= !held_up;
                self.keep(until, series, rate, &now);
            }
        }
    }

    /// Whether as many connections are at work as the level says, or will be.
    fn is_in_place(&self, now: &Measure) -> bool {
        let waited = now.at.saturating_sub(self.changed);
        let patience = ARRIVAL.max(now.round_trip * 8);
        let there = match self.phase {
            // A few that hang in their handshake do not matter.
            Phase::Trial(Trial { from, .. }) if self.level > from => {
                now.running >= from + (self.level - from) * 3 / 4
            }
            _ => now.running <= self.level,
        };
        there || waited >= patience
    }

    /// What the window shows, if it ends now.
    fn close_window(&mut self, now: &Measure) -> Option<Seen> {
        let mark = Mark {
            at: now.at,
            arrived: now.arrived,
            held_up: now.held_up,
        };
        let began = *self.window.get_or_insert(mark);
        self.there.get_or_insert(now.at);
        let length = now.at.saturating_sub(began.at);
        let wanted = (now.round_trip * 3).clamp(SHORTEST_WINDOW, LONGEST_WINDOW);
        if length < wanted {
            return None;
        }
        self.window = Some(mark);
        let held_up = now.held_up.saturating_sub(began.held_up).as_secs_f64();
        Some(Seen {
            rate: super::rate(now.arrived.saturating_sub(began.arrived), length),
            held_up: held_up >= HELD_UP * length.as_secs_f64() * ratio(now.running.max(1), 1),
        })
    }

    fn settle(&mut self, series: Series, rate: f64, now: &Measure) {
        let next = series.with(rate);
        if series.rises_to(rate) && next.windows < SETTLED_BY {
            self.phase = Phase::Settling(next);
        } else {
            let mean = f64::midpoint(rate, series.last);
            self.meter.window(rate, mean);
            // One connection alone fills a short path, unless it is held back: many will show by what.
            let factor = if now.round_trip < NEAR && !now.is_local(mean) {
                (now.share(NEAR_TRIAL) / self.level).max(DOUBLE)
            } else {
                DOUBLE
            };
            self.grow(factor, mean, now);
        }
    }

    fn judge_more(&mut self, trial: Trial, rate: f64, now: &Measure) {
        let (Trial { from, base, .. }, at) = (trial, now.at);
        let added = ratio(self.level, from) - 1.0;
        let mean = trial.series.with(rate).mean;
        let brought = |share: f64| mean >= base * (1.0 + added * share);
        if brought(CLEAR) && (now.round_trip >= NEAR || trial.series.windows > 0) {
            self.hold = FIRST_HOLD;
            self.tight = true;
            self.compared = true;
            let factor = if brought(FULL) && !now.is_local(rate) {
                DOUBLE * DOUBLE
            } else {
                DOUBLE
            };
            return self.grow(factor, rate, now);
        }
        // What is measured while the new connections are in slow start does not count against them.
        let age = at.saturating_sub(self.there.unwrap_or(at));
        if age < slow_start(base / ratio(from, 1), now.round_trip) {
            return;
        }
        let worth = if now.is_local(base) {
            added * CLEAR
        } else {
            (1.0 + self.mode.worth()).powf(ratio(self.level, from).log2()) - 1.0
        };
        let series = if trial.series.rises_to(rate) {
            Series::of(rate)
        } else {
            trial.series.with(rate)
        };
        let trial = Trial {
            windows: trial.windows + 1,
            series,
            ..trial
        };
        if series.windows < self.windows() && trial.windows < RISEN_BY {
            self.phase = Phase::Trial(trial);
            return;
        }
        self.compared = true;
        if series.mean >= base * (1.0 + worth + self.meter.noise().min(NOISE_CAP)) {
            self.hold = FIRST_HOLD;
            self.tight = false;
            self.grow(DOUBLE, series.mean, now);
        } else {
            self.tight = series.mean > base * (1.0 + FLAT);
            self.set(from, at);
            self.rest(at, Series::of(base));
        }
    }

    fn judge_fewer(&mut self, trial: Trial, rate: f64, at: Duration) {
        let series = trial.series.with(rate);
        let enough = trial.base * (1.0 - self.mode.slack());
        if series.windows <= self.windows() && series.mean >= enough * FAR_BELOW {
            self.phase = Phase::Trial(Trial { series, ..trial });
        } else if series.mean >= enough {
            // As good with fewer: go on asking in that direction, no slower than so far.
            self.hold = (self.hold / 2).max(FIRST_HOLD);
            self.rest(at, Series::of(series.mean));
        } else {
            self.tight = true;
            self.set(trial.from, at);
            self.rest(at, Series::of(trial.base));
        }
    }

    /// How many windows tell one rate from another: more where they differ by themselves.
    fn windows(&self) -> u32 {
        let noise = self.meter.noise();
        let steps = NOISE_STEPS.iter().filter(|step| noise > **step).count();
        2 + u32::try_from(steps).unwrap_or(u32::MAX)
    }

    fn keep(&mut self, until: Duration, series: Series, rate: f64, now: &Measure) {
        let at = now.at;
        let series = series.with(rate);
        self.meter.window(rate, series.mean);
        if series.low >= LOW_WINDOWS {
            // Another link, or another neighbour: what was learnt does not hold.
            self.hold = FIRST_HOLD;
            self.tight = false;
            self.phase = Phase::Settling(Series::default());
        } else if at < until {
            self.phase = Phase::Holding { until, series };
        } else if !self.tight && self.mode.slack() > 0.0 && self.level > LEAST {
            let from = self.level;
            self.set((from * 3 / 4).max(LEAST), at);
            self.phase = Phase::Trial(Trial::new(from, series.mean));
        } else {
            self.tight = false;
            self.grow(DOUBLE, series.mean, now);
        }
    }

    /// So many times as many, to see whether that pays; `rate` is what the present number brings.
    fn grow(&mut self, factor: usize, rate: f64, now: &Measure) {
        let at = now.at;
        let from = self.level;
        self.meter.level(rate);
        let most = if now.is_local(rate) {
            self.most.min(now.share(self.mode.local_cap()))
        } else {
            self.most
        };
        if from >= most || self.meter.is_breaking() || now.is_queueing() {
            return self.rest(at, Series::of(rate));
        }
        self.set((from * factor).min(most), at);
        self.phase = Phase::Trial(Trial::new(from, rate));
    }

    fn set(&mut self, level: usize, at: Duration) {
        self.level = level;
        self.changed = at;
        self.there = None;
        self.window = None;
    }

    fn rest(&mut self, at: Duration, series: Series) {
        self.phase = Phase::Holding {
            until: at + self.hold,
            series,
        };
        self.hold = (self.hold * 2).min(LONGEST_HOLD);
    }
}

/// How long a new connection takes to a rate: it begins with ten packets a round trip (RFC 6928) and doubles that.
fn slow_start(rate: f64, round_trip: Duration) -> Duration {
    let doublings = (rate * round_trip.as_secs_f64() / INITIAL_WINDOW).log2();
    round_trip.mul_f64(doublings.clamp(0.0, MOST_DOUBLINGS) + 1.0)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "numbers of connections are small"
)]
fn ratio(level: usize, from: usize) -> f64 {
    level as f64 / from as f64
}

/// Slow start doubles a rate each round trip, so a window three times as long rises far more than this.
const RISING: f64 = 1.15;
/// Ten full packets, in bytes.
const INITIAL_WINDOW: f64 = 14_480.0;
/// From there to 470 MB on their way.
const MOST_DOUBLINGS: f64 = 15.0;
/// Windows after which a rate counts as settled although it still rises.
const SETTLED_BY: u32 = 10;
/// New connections have left slow start by then, or the link is so long and fat that the next level may be tried.
const RISEN_BY: u32 = 6;
/// Of what as many independent connections would add, this much is beyond doubt; then there is no need to wait.
pub(super) const CLEAR: f64 = 0.5;
/// A new connection that brings this much of what those before do shows that they are held one by one.
const FULL: f64 = 0.8;
const DOUBLE: usize = 2;
const NEAR_TRIAL: usize = 16;
/// From here on, in bytes a second, the machine is the limit more often than the link, and every connection costs it.
pub(super) const LOCAL: f64 = 250e6;
/// So close, a single window is as short as a moment in which others had the processor.
const NEAR: Duration = Duration::from_millis(5);
/// A link keeps up to a round trip of bytes waiting when it is full, and hardly any before.
const QUEUEING: f64 = 1.4;
/// More than this over the level before is a sign that fewer connections would be slower.
const FLAT: f64 = 0.03;
/// One alone would pause for a round trip between two ranges.
const LEAST: usize = 2;
/// Above each of these, one window more is averaged.
const NOISE_STEPS: [f64; 4] = [0.05, 0.1, 0.15, 0.2];
/// Connections that wait so much of their time for this side bring no more by being more.
const HELD_UP: f64 = 0.5;
/// A trial of fewer connections ends at once when it costs more than this.
const FAR_BELOW: f64 = 0.85;
/// However much the rate varies, half as much again is a gain.
const NOISE_CAP: f64 = 0.4;
const MEMORY: u32 = 8;
const COLLAPSE: f64 = 0.5;
const LOW_WINDOWS: u32 = 4;
/// The window is three round trips, as congestion control needs to show what a change did, but long enough to average
/// the bursts of servers that hand out their rate in slices, and short enough to learn something from a small file.
const SHORTEST_WINDOW: Duration = Duration::from_millis(100);
const LONGEST_WINDOW: Duration = Duration::from_secs(1);
/// How long connections may take to come or go before the measurement goes on without them.
const ARRIVAL: Duration = Duration::from_secs(2);
const FIRST_HOLD: Duration = Duration::from_secs(2);
const LONGEST_HOLD: Duration = Duration::from_mins(1);

//! What goes wrong, where, and how often.
//!
//! A [`Fault`] is a [`Knob`] within a scope. Every request is held against all faults in the order they were added;
//! each that matches takes part in the answer. Random decisions come from the simulator's seed and the fault's own
//! count of matches, so a run with the same seed and the same requests meets the same faults.

mod knob;
mod scope;

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use knob::{Disposition, Expiry, Knob, Offset, Outage};
pub(crate) use scope::Subject;
pub use scope::{Listener, Scope};

use crate::clock::Clock;
use crate::content::mix;

/// A knob, turned for part of the traffic.
///
/// As JSON the scope's members stand beside `knob`:
/// `{"knob":{"status":{"code":503}},"scope":{"route":"/api/v1/models*","times":2}}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What happens.
    pub knob: Knob,
    /// To which requests; by default to all that the knob can apply to.
    #[serde(default)]
    pub scope: Scope,
}

impl From<Knob> for Fault {
    fn from(knob: Knob) -> Self {
        Self {
            knob,
            scope: Scope::default(),
        }
    }
}

impl Knob {
    /// Turns the knob for part of the traffic only.
    pub fn within(self, scope: Scope) -> Fault {
        Fault { knob: self, scope }
    }
}

/// Names a fault that was added, so that it can be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FaultId(u64);

impl FaultId {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }
}

/// A fault as it stands.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Standing {
    /// Its name.
    pub id: FaultId,
    /// What was added.
    pub fault: Fault,
    /// In how many answers it took part.
    pub hits: u64,
}

/// The faults in force. Clones share them.
#[derive(Debug, Clone)]
pub struct Faults(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    seed: u64,
    clock: Clock,
    next_id: u64,
    placed: Vec<Placed>,
}

#[derive(Debug)]
struct Placed {
    id: FaultId,
    fault: Fault,
    added: Timestamp,
    matches: scope::Matches,
    hits: u64,
    tally: u64,
}

/// A fault that takes part in one answer, with the random number it may use.
#[derive(Debug, Clone)]
pub(crate) struct Hit {
    pub(crate) id: FaultId,
    pub(crate) knob: Knob,
    pub(crate) draw: u64,
}

impl Faults {
    pub(crate) fn new(seed: u64, clock: Clock) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            seed,
            clock,
            next_id: 1,
            placed: Vec::new(),
        })))
    }

    /// Puts a fault in force, from the next request on.
    pub fn add(&self, fault: impl Into<Fault>) -> FaultId {
        let mut inner = self.lock();
        let id = FaultId(inner.next_id);
        inner.next_id += 1;
        let added = inner.clock.now();
        inner.placed.push(Placed {
            id,
            fault: fault.into(),
            added,
            matches: scope::Matches::default(),
            hits: 0,
            tally: 0,
        });
        id
    }

    /// Takes a fault out of force; says whether it was in.
    pub fn remove(&self, id: FaultId) -> bool {
        let mut inner = self.lock();
        let before = inner.placed.len();
        inner.placed.retain(|placed| placed.id != id);
        inner.placed.len() < before
    }

    /// Takes every fault out of force and starts the random sequence over.
    pub fn clear(&self) {
        let mut inner = self.lock();
        inner.placed.clear();
        inner.next_id = 1;
    }

    /// The faults in force, oldest first.
    pub fn list(&self) -> Vec<Standing> {
        let inner = self.lock();
        let standing = |placed: &Placed| Standing {
            id: placed.id,
            fault: placed.fault.clone(),
            hits: placed.hits,
        };
        inner.placed.iter().map(standing).collect()
    }

    /// The faults that take part in the answer to this request. Counts the request as an attempt.
    pub(crate) fn strike(&self, subject: &Subject<'_>) -> Vec<Hit> {
        let mut inner = self.lock();
        if inner.placed.is_empty() {
            return Vec::new();
        }
        let (seed, now) = (inner.seed, inner.clock.now());
        inner
            .placed
            .iter_mut()
            .filter_map(|placed| placed.strike(subject, seed, now))
            .collect()
    }

    /// Counts one more of whatever the fault's knob counts, and returns the count.
    pub(crate) fn tally(&self, id: FaultId) -> u64 {
        let mut inner = self.lock();
        inner
            .placed
            .iter_mut()
            .find(|placed| placed.id == id)
            .map_or(0, |placed| {
                placed.tally += 1;
                placed.tally
            })
    }

    /// The count so far.
    pub(crate) fn tallied(&self, id: FaultId) -> u64 {
        self.lock()
            .placed
            .iter()
            .find(|placed| placed.id == id)
            .map_or(0, |placed| placed.tally)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Placed {
    fn strike(&mut self, subject: &Subject<'_>, seed: u64, now: Timestamp) -> Option<Hit> {
        let scope = &self.fault.scope;
        let over = scope
            .lasts
            .is_some_and(|lasts| now.duration_since(self.added).unsigned_abs() >= lasts);
        if over || !self.fault.knob.can_apply(subject.listener) || !scope.covers(subject) {
            return None;
        }
        let nth = self.matches.count(subject);
        let draw = mix(seed ^ self.id.0.rotate_left(48), self.matches.total());
        let lucky = scope
            .probability
            .is_none_or(|probability| unit(draw) < probability);
        if !scope.allows_attempt(nth)
            || !lucky
            || scope.times.is_some_and(|times| self.hits >= times)
        {
            return None;
        }
        self.hits += 1;
        Some(Hit {
            id: self.id,
            knob: self.fault.knob.clone(),
            draw: mix(draw, 1),
        })
    }
}

/// A number in `0.0..1.0` from the upper bits of a draw.
#[expect(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
fn unit(draw: u64) -> f64 {
    (draw >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn subject(path: &str) -> Subject<'_> {
        Subject {
            listener: Listener::Site,
            path,
            version: None,
            file: None,
        }
    }

    fn faults() -> (Faults, Clock) {
        let clock = Clock::system();
        clock.freeze();
        (Faults::new(7, clock.clone()), clock)
    }

    #[test]
    fn attempts_are_counted_for_each_path_alone() {
        let (faults, _) = faults();
        faults.add(Knob::HtmlInstead.within(Scope::default().attempts(2..=3)));
        let hits = |path| {
            (0..4)
                .map(|_| faults.strike(&subject(path)).len())
                .collect::<Vec<_>>()
        };
        assert_eq!(hits("/a"), [0, 1, 1, 0]);
        assert_eq!(hits("/b"), [0, 1, 1, 0]);
    }

    #[test]
    fn times_are_counted_over_all_paths() {
        let (faults, _) = faults();
        let id = faults.add(Knob::HtmlInstead.within(Scope::default().times(1)));
        assert_eq!(faults.strike(&subject("/a")).len(), 1);
        assert_eq!(faults.strike(&subject("/b")).len(), 0);
        assert_eq!(faults.list()[0].hits, 1);
        assert!(faults.remove(id));
        assert!(!faults.remove(id));
    }

    #[test]
    fn a_fault_ends_after_its_duration_on_the_simulated_clock() {
        let (faults, clock) = faults();
        faults.add(Knob::HtmlInstead.within(Scope::default().lasting(Duration::from_secs(10))));
        assert_eq!(faults.strike(&subject("/")).len(), 1);
        clock.advance(Duration::from_secs(10));
        assert_eq!(faults.strike(&subject("/")).len(), 0);
    }

    #[test]
    fn chance_repeats_with_the_seed_and_is_about_as_likely_as_asked() {
        let run = || {
            let (faults, _) = faults();
            faults.add(Knob::HtmlInstead.within(Scope::default().probability(0.3)));
            (0..1000)
                .map(|_| faults.strike(&subject("/")).len())
                .collect::<Vec<_>>()
        };
        assert_eq!(run(), run());
        let hits: usize = run().iter().sum();
        assert!((250..350).contains(&hits), "{hits}");
    }

    #[test]
    fn faults_read_back_from_their_json() {
        let text = r#"{"knob":{"reset_at":{"offset":{"at":1000}}},"scope":{"listeners":["r2","b2"],"file":9,"attempts":[1,2],"lasts_ms":50}}"#;
        let fault: Fault = serde_json::from_str(text).unwrap();
        assert_eq!(fault.scope.lasts, Some(Duration::from_millis(50)));
        let again: Fault = serde_json::from_value(serde_json::to_value(&fault).unwrap()).unwrap();
        assert_eq!(again, fault);
        assert!(serde_json::from_str::<Fault>(r#"{"knob":"no_range","scpe":{}}"#).is_err());
    }
}

//! Which connection gets which bytes, and the lease they all use.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Run;
use crate::connection::{Held, Task, fetch};
use crate::error::{Error, ErrorKind};
use crate::event::Event;
use crate::host::Visit;
use crate::lease::{Lease, LeaseError};
use crate::segment::{MIN_PIECE, SegmentId};
use crate::transfer::{Connections, Transfer};
use crate::tuning::{Control, Measure};

impl Run<'_> {
    /// Puts free connections to work, or asks for the lease they need.
    pub(super) fn hand_out(&mut self) {
        if self.pause.is_some() || self.lease_call.is_some() {
            return;
        }
        if self.held.as_ref().is_some_and(|held| held.is_over()) {
            self.held = None;
        }
        let Some(held) = self.held.clone() else {
            // Those at work keep their connections; a lease is worth asking for only for bytes that nobody fetches.
            let written = self.shared.part.written();
            if self.wanted() > self.workers.len() && self.shared.plan().has_gap(&written) {
                self.leases += 1;
                self.lease_asked = Instant::now();
                self.lease_call = Some(self.transfer.source.lease());
            }
            return;
        };
        self.arrive(&held);
        // Until one request has found the file, more of them would only repeat its discoveries.
        let most = if held.has_landed() { self.wanted() } else { 1 };
        while self.workers.len() < most {
            let Some((id, range)) = self.deal() else {
                break;
            };
            let range = if self.ranged { range } else { 0..u64::MAX };
            tracing::debug!(
                id,
                start = range.start,
                end = range.end,
                "requesting a range"
            );
            let (held, stop) = (Arc::clone(&held), self.stop.child_token());
            self.stops.insert(id, stop.clone());
            let task = Task {
                id,
                range,
                ranged: self.ranged,
                held,
                stop,
            };
            self.workers.spawn(fetch(Arc::clone(&self.shared), task));
        }
    }

    fn deal(&self) -> Option<(SegmentId, Range<u64>)> {
        let (wanted, promised) = (self.wanted(), self.transfer.target.expected.bytes);
        let mut plan = self.shared.plan();
        // Read under the plan's lock: what a connection wrote before it was released must not look missing.
        let written = self.shared.part.written();
        plan.deal(&written, wanted, promised, Instant::now())
    }

    /// Takes what is known of the server into account, once it is known which it is.
    fn arrive(&mut self, held: &Held) {
        let Some(origin) = held.origin() else { return };
        if self
            .visit
            .as_ref()
            .is_some_and(|visit| visit.is_at(&origin))
        {
            return;
        }
        let visit = self.transfer.storage.hosts().visit(origin);
        let near = self.shared.plan().round_trip() < NEAR;
        let usual = if near { NEAR_CONNECTIONS } else { CONNECTIONS };
        if self.shared.plan().is_whole() {
            visit.note_whole();
        }
        if visit.sends_whole_files() {
            self.allowed = 1;
        }
        let missing = self.missing();
        self.control = match visit.start() {
            // One alone would be given all of a big file at once, and cut short when more pay.
            Some(1) if missing > AUTO_PIECE => {
                self.transfer.control(NEAR_CONNECTIONS, MIN_PIECE, missing)
            }
            Some(level) => self.transfer.control(level, MIN_PIECE, missing),
            None => self.transfer.control(usual, AUTO_PIECE, missing),
        };
        self.visit = Some(visit);
    }

    fn missing(&self) -> u64 {
        let size = self.size().or(self.transfer.target.expected.bytes);
        size.map_or(u64::MAX, |size| {
            size.saturating_sub(self.shared.part.bytes())
        })
    }

    /// How many connections would be used for the file if all were free.
    pub(super) fn wanted(&self) -> usize {
        if self.transfer.sequential {
            return 1;
        }
        let most = self
            .visit
            .as_ref()
            .map_or(usize::MAX, |visit| visit.share(self.transfer.mode.cap()));
        self.control.wanted().min(self.allowed).min(most)
    }

    /// Sees how the connections get on: replaces those that stall, and learns how many of them pay.
    pub(super) fn look(&mut self) {
        let (now, wanted) = (Instant::now(), self.wanted());
        let (idle, measure) = {
            let mut plan = self.shared.plan();
            let written = self.shared.part.written();
            let free = wanted.saturating_sub(plan.len());
            let idle = plan.look(&written, free, now);
            let starved = free > 0 && !plan.has_gap(&written);
            let measure = Measure {
                at: now.duration_since(self.began),
                arrived: plan.arrived(),
                running: plan.running(),
                starved: starved || self.pause.is_some() || wanted < self.control.wanted(),
                round_trip: plan.round_trip(),
                lately: plan.lately(),
                held_up: self.shared.held_up(),
                transfers: self.visit.as_ref().map_or(1, Visit::visitors),
            };
            (idle, measure)
        };
        if self.transfer.sequential {
            return;
        }
        for id in idle {
            if let Some(stop) = self.stops.get(&id) {
                stop.cancel();
            }
        }
        let Some(visit) = &mut self.visit else { return };
        visit.uses(measure.running);
        self.control.observe(measure);
        let level = self.control.wanted();
        if level != wanted {
            tracing::debug!(level, quality = ?self.control.quality(), "connections");
        }
    }

    pub(super) fn on_lease(&mut self, leased: Result<Lease, LeaseError>) -> Result<(), Error> {
        self.lease_call = None;
        let elapsed = self.lease_asked.elapsed();
        let error = match leased {
            Ok(lease) => {
                tracing::debug!(url = %lease.url, "leased");
                self.transfer.tell(Event::Leased { elapsed });
                self.held = Some(Arc::new(Held::new(lease)));
                return Ok(());
            }
            Err(error) => error,
        };
        let (code, retry_after) = (error.code(), error.retry_after());
        let is_transient = error.is_transient();
        let error = ErrorKind::Lease(error).into();
        let decided = if is_transient {
            self.back_off(retry_after, error)
        } else {
            Err(error)
        };
        let retried = decided.is_ok();
        self.transfer.tell(Event::LeaseFailed {
            elapsed,
            code,
            retried,
        });
        decided
    }
}

impl Transfer {
    /// A controller for a server of which nothing is known.
    pub(super) fn first_control(&self, missing: u64) -> Control {
        self.control(CONNECTIONS, AUTO_PIECE, missing)
    }

    /// A controller that starts with `start` connections if each gets a `piece` of the `missing` bytes.
    fn control(&self, start: usize, piece: u64, missing: u64) -> Control {
        let (start, most, piece) = match self.connections {
            Connections::Auto => (start, usize::MAX, piece),
            Connections::AtMost(most) => {
                let most = usize::try_from(most).unwrap_or(usize::MAX).max(1);
                (most, most, MIN_PIECE)
            }
        };
        let pieces = usize::try_from(missing / piece).unwrap_or(usize::MAX);
        Control::new(self.mode, start.min(pieces), most)
    }
}

/// What one connection moves in well under a second on a common link.
const AUTO_PIECE: u64 = 8 << 20;
/// A handful get through slow start sooner than one, and no storage minds them.
const CONNECTIONS: usize = 4;
/// Where round trips are short, one is as good as many; two, so that one receives while the other asks.
const NEAR_CONNECTIONS: usize = 2;
const NEAR: Duration = Duration::from_millis(5);

//! Which connection gets which bytes, and the lease they all use.

use std::sync::Arc;

use tokio::time::Instant;

use super::Run;
use crate::connection::{Held, Task, fetch};
use crate::error::{Error, ErrorKind};
use crate::event::Event;
use crate::lease::{Lease, LeaseError};
use crate::segment::MIN_PIECE;
use crate::transfer::Connections;
use crate::tuning::Mode;

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
        // Until one request has found the file, more of them would only repeat its discoveries.
        let wanted = if held.has_landed() { self.wanted() } else { 1 };
        for taken in self.workers.len()..wanted {
            let slots = (wanted - taken) as u64;
            let (written, first) = (self.shared.part.written(), self.first_piece());
            let dealt = self
                .shared
                .plan()
                .deal(&written, slots, first, Instant::now());
            let Some((id, range)) = dealt else { break };
            let range = if self.ranged { range } else { 0..u64::MAX };
            tracing::debug!(
                id,
                start = range.start,
                end = range.end,
                "requesting a range"
            );
            let (held, stop) = (Arc::clone(&held), self.stop.child_token());
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

    /// How many connections would be used for the file if all were free.
    fn wanted(&self) -> usize {
        if self.transfer.sequential || self.transfer.mode == Mode::Minimal {
            return 1;
        }
        let size = self
            .size()
            .or(self.transfer.target.expected.bytes)
            .unwrap_or(u64::MAX);
        let (piece, most) = match self.transfer.connections {
            Connections::Auto => (AUTO_PIECE, AUTO_CONNECTIONS),
            Connections::AtMost(most) => (MIN_PIECE, u64::from(most)),
        };
        let wanted = (size / piece).clamp(1, most.max(1));
        usize::try_from(wanted)
            .unwrap_or(usize::MAX)
            .min(self.allowed)
    }

    /// How much the first request asks for: a share if a size is promised, else a piece that the others need not wait
    /// for. A request for everything would have to be cut off, and what is on its way then is lost.
    fn first_piece(&self) -> u64 {
        let promised = self.transfer.target.expected.bytes;
        promised.map_or(FIRST_PIECE, |bytes| {
            bytes.div_ceil(self.wanted() as u64).max(MIN_PIECE)
        })
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

/// What one connection moves in well under a second on a common link.
const AUTO_PIECE: u64 = 8 << 20;
/// Storage serves each of a handful of connections at full rate; more are for links that were measured.
const AUTO_CONNECTIONS: u64 = 4;
const FIRST_PIECE: u64 = 16 << 20;

//! One connection's part of the file, and how fast it gets there.

use std::ops::Range;
use std::time::Duration;

use tokio::time::Instant;

use crate::tuning::rate;

/// A range that a connection fetches. Its end may move towards it while it works.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) start: u64,
    /// The next byte to arrive.
    pub(super) next: u64,
    pub(super) end: u64,
    /// Where the answer ends; past it, its connection is free for another request.
    pub(super) asked: u64,
    pub(super) began: Instant,
    /// When its answer came.
    pub(super) opened: Option<Instant>,
    /// No request went over its connection before.
    pub(super) fresh: bool,
    /// Where it stood when its present stretch began.
    mark: (Instant, u64),
    /// Bytes a second over the last whole stretch.
    lately: Option<f64>,
    /// When it was last seen to have moved, and where it stood then.
    moved: (Instant, u64),
}

impl Segment {
    pub(super) fn new(range: &Range<u64>, fresh: bool, now: Instant) -> Self {
        Self {
            start: range.start,
            next: range.start,
            end: range.end,
            asked: range.end,
            began: now,
            opened: None,
            fresh,
            mark: (now, range.start),
            lately: None,
            moved: (now, range.start),
        }
    }

    pub(super) fn open(&mut self, now: Instant) {
        self.opened = Some(now);
        self.mark = (now, self.next);
        self.moved = (now, self.next);
    }

    pub(super) fn left(&self) -> u64 {
        self.end - self.next
    }

    /// Notes where it stands; `stretch` is how long a rate must be watched to be held against it.
    pub(super) fn look(&mut self, now: Instant, stretch: Duration) {
        if self.next != self.moved.1 {
            self.moved = (now, self.next);
        }
        let watched = now.duration_since(self.mark.0);
        if self.opened.is_some() && watched >= stretch {
            self.lately = Some(rate(self.next - self.mark.1, watched));
            self.mark = (now, self.next);
        }
    }

    /// How long nothing has come.
    pub(super) fn idle(&self, now: Instant) -> Duration {
        now.duration_since(self.moved.0)
    }

    /// Bytes a second over the last whole stretch; none before its end.
    pub(super) fn lately(&self) -> Option<f64> {
        self.lately
    }

    /// Bytes a second, if it has received, or failed to, for long enough to speak of a rate.
    pub(super) fn rate(&self, now: Instant, least: Duration) -> Option<f64> {
        let opened = self.opened?;
        if now.duration_since(opened) < least {
            return None;
        }
        let watched = now.duration_since(self.mark.0);
        if watched >= least {
            Some(rate(self.next - self.mark.1, watched))
        } else {
            self.lately
        }
    }
}

//! The parts that run for every batch or every tick, for the benchmarks. Not part of the API: it changes without notice.

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use crate::error::Error;
use crate::journal::{Journal, Record};
use crate::ranges::RangeSet;
use crate::tuning::{Control, Measure, Mode};

/// The record of what was written: the journal on the disk, the ranges in memory.
#[derive(Debug)]
pub struct Map {
    journal: Journal,
    written: RangeSet,
}

impl Map {
    /// An empty map at `path`.
    pub fn create(path: &Path) -> Result<Self, Error> {
        let (journal, claims) = Journal::open(path)?;
        Ok(Self {
            journal,
            written: claims.written,
        })
    }

    /// Notes a range as a write does.
    pub fn append(&mut self, range: Range<u64>) -> Result<(), Error> {
        self.journal.append(&Record::Wrote {
            start: range.start,
            end: range.end,
        })?;
        self.written.insert(range);
        Ok(())
    }
}

/// The controller of a transfer's connections on a link of 1 GB/s.
#[derive(Debug)]
pub struct Steering {
    control: Control,
    ticks: u32,
}

impl Steering {
    /// One that may use up to 16 connections.
    pub fn new() -> Self {
        Self {
            control: Control::new(Mode::Adaptive, 4, 16),
            ticks: 0,
        }
    }

    /// Takes the measurement of one tick, and says how many connections are wanted.
    pub fn step(&mut self) -> usize {
        self.ticks = self.ticks.wrapping_add(1);
        self.control.observe(Measure {
            at: TICK * self.ticks,
            arrived: BYTES_A_TICK * u64::from(self.ticks),
            running: self.control.wanted(),
            starved: false,
            round_trip: Duration::from_millis(20),
            held_up: Duration::ZERO,
        });
        self.control.wanted()
    }
}

impl Default for Steering {
    fn default() -> Self {
        Self::new()
    }
}

const TICK: Duration = Duration::from_millis(100);
const BYTES_A_TICK: u64 = 100_000_000;

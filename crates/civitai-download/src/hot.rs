//! The parts that run for every batch or every tick, for the benchmarks, and what is read of strangers, for fuzzing. Not part
//! of the API: it changes without notice.

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{CONTENT_RANGE, HeaderMap, HeaderValue};

use crate::error::Error;
use crate::journal::{Journal, Record};
use crate::ranges::RangeSet;
use crate::response::{self, Answer, BadRange, Refusal};
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

/// Judges the head of an answer to a request for `asked` whose `Content-Range` headers are these; gives the bytes that
/// follow and the length of the whole.
pub fn partial(values: &[&[u8]], asked: Range<u64>) -> Result<(Range<u64>, u64), BadRange> {
    let mut headers = HeaderMap::new();
    for value in values {
        let value = HeaderValue::from_bytes(value).map_err(|_| BadRange::Unreadable)?;
        headers.append(CONTENT_RANGE, value);
    }
    // The same header tells the length where nothing is left to send.
    for status in [
        StatusCode::RANGE_NOT_SATISFIABLE,
        StatusCode::PARTIAL_CONTENT,
    ] {
        match response::judge(status, &headers, Some(&asked), Path::new("model")) {
            Ok(Answer::Partial { range, size }) => return Ok((range, size)),
            Err(Refusal::BadRange(problem)) if status == StatusCode::PARTIAL_CONTENT => {
                return Err(problem);
            }
            _ => {}
        }
    }
    Err(BadRange::Unreadable)
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
            lately: None,
            held_up: Duration::ZERO,
            transfers: 1,
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

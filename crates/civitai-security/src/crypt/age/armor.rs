//! The armor: base64 between two lines, strictly.

use std::io::{self, BufRead, Read};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::AgeError;

/// What is in an armored file.
pub(super) struct Dearmored<R> {
    source: R,
    /// Of the line that was read last.
    decoded: Vec<u8>,
    given: usize,
    place: Place,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Before,
    /// In it, after whole lines.
    Within,
    /// After a line that is shorter, which is the last.
    Last,
    After,
}

impl<R: BufRead> Dearmored<R> {
    pub(super) fn new(source: R) -> Self {
        Self {
            source,
            decoded: Vec::new(),
            given: 0,
            place: Place::Before,
        }
    }

    fn advance(&mut self) -> Result<(), AgeError> {
        if self.place == Place::Before {
            let mut skipped = 0;
            loop {
                let line = self.line()?.ok_or(AgeError::Armor)?;
                if line == BEGIN.as_bytes() {
                    break;
                }
                skipped += line.len() + 1;
                if !line.trim_ascii().is_empty() || skipped > MOST_WHITE {
                    return Err(AgeError::Armor);
                }
            }
            self.place = Place::Within;
        }
        let line = self.line()?.ok_or(AgeError::Armor)?;
        if line == END.as_bytes() {
            self.place = Place::After;
            return self.nothing_follows();
        }
        let is_fit = !line.is_empty() && line.len() <= COLUMNS && self.place == Place::Within;
        if !is_fit {
            return Err(AgeError::Armor);
        }
        if line.len() < COLUMNS || line.ends_with(b"=") {
            self.place = Place::Last;
        }
        self.decoded = STANDARD.decode(&line).map_err(|_| AgeError::Armor)?;
        self.given = 0;
        Ok(())
    }

    /// A line without its end, which may be missing at the end of the file.
    fn line(&mut self) -> Result<Option<Vec<u8>>, AgeError> {
        let mut line = Vec::new();
        let room = (MOST_WHITE + COLUMNS) as u64;
        let read = self.source.by_ref().take(room).read_until(b'\n', &mut line);
        if read.map_err(AgeError::Io)? == 0 {
            return Ok(None);
        }
        if line.ends_with(b"\n") {
            line.pop();
            if line.ends_with(b"\r") {
                line.pop();
            }
        }
        Ok(Some(line))
    }

    fn nothing_follows(&mut self) -> Result<(), AgeError> {
        let mut rest = Vec::new();
        let most = MOST_WHITE as u64 + 1;
        let read = self.source.by_ref().take(most).read_to_end(&mut rest);
        read.map_err(AgeError::Io)?;
        if rest.len() > MOST_WHITE || !rest.trim_ascii().is_empty() {
            return Err(AgeError::Armor);
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Dearmored<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.given == self.decoded.len() && self.place != Place::After {
            self.advance()?;
        }
        let left = &self.decoded[self.given..];
        let count = left.len().min(out.len());
        out[..count].copy_from_slice(&left[..count]);
        self.given += count;
        Ok(count)
    }
}

pub(super) const BEGIN: &str = "-----BEGIN AGE ENCRYPTED FILE-----";
const END: &str = "-----END AGE ENCRYPTED FILE-----";
const COLUMNS: usize = 64;
/// White space around the armor that is borne.
const MOST_WHITE: usize = 1024;

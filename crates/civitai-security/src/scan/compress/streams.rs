//! A file that is nothing but packed streams, one behind the other, as its readers see it.

use std::io::{self, BufRead, Read};

use super::gzip;
use super::unpack::{Codec, Ending, Unpack};
use crate::scan::budget::Clock;

/// What packed streams are wrapped in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrapper {
    Gzip,
    Bzip2,
    Xz,
    /// The format of the old `lzma` tool: one stream.
    Lzma,
    /// One stream.
    Zlib,
}

impl Wrapper {
    fn codec(self) -> Codec {
        match self {
            Self::Gzip => Codec::deflate(),
            Self::Bzip2 => Codec::bzip2(),
            Self::Xz => Codec::xz(),
            Self::Lzma => Codec::lzma_file(),
            Self::Zlib => Codec::zlib(),
        }
    }

    /// Whether another stream may follow the first, its content being appended.
    fn is_chained(self) -> bool {
        matches!(self, Self::Gzip | Self::Bzip2 | Self::Xz)
    }
}

/// What can be wrong with packed streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// A header has reserved bits, or a checksum that is not its own.
    Header,
    /// The packed data is not of its method.
    Data,
    /// The file ends inside a stream.
    Truncated,
    /// Length or checksum behind the data are not those of the data.
    Checksum,
    /// Bytes follow that are no stream and no padding.
    Trailing,
    /// There are more streams than anybody writes.
    Count,
    /// To unpack them takes longer than the scan may take.
    Time,
}

/// Reads what all the streams unpack to. Ends at the first flaw that readers do not get over.
pub(super) struct Streams<R> {
    wrapper: Wrapper,
    current: Unpack<R>,
    count: u64,
    /// Where in the file the next thing to be read begins.
    position: u64,
    state: State,
    flaw: Option<(Flaw, u64)>,
    clock: Option<Clock>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Before,
    In,
    Done,
}

impl<R: BufRead> Streams<R> {
    pub(super) fn new(wrapper: Wrapper, source: R) -> Self {
        Self {
            wrapper,
            current: Unpack::new(wrapper.codec(), source),
            count: 0,
            position: 0,
            state: State::Before,
            flaw: None,
            clock: None,
        }
    }

    /// Begins no stream once this clock has run out: what unpacks to nothing never comes back to the reader.
    pub(super) fn within(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// The first thing that was wrong, and at which byte of the file; known once all was read.
    pub(super) fn flaw(&self) -> Option<(Flaw, u64)> {
        self.flaw
    }

    fn flawed(&mut self, flaw: Flaw, at: u64) {
        self.flaw.get_or_insert((flaw, at));
    }

    fn end(&mut self, flaw: Flaw, at: u64) {
        self.flawed(flaw, at);
        self.state = State::Done;
    }

    /// Begins another stream, or finds that none follows.
    fn begin(&mut self) -> io::Result<()> {
        if self.count > 0 {
            self.position += skip_padding(self.current.source(), self.wrapper)?;
        }
        if self.count > 0 && self.current.source().fill_buf()?.is_empty() {
            self.state = State::Done;
        } else if self.count > 0 && !self.wrapper.is_chained() {
            self.end(Flaw::Trailing, self.position);
        } else if self.count == MOST_STREAMS {
            self.end(Flaw::Count, self.position);
        } else if self.clock.is_some_and(Clock::has_run_out) {
            self.end(Flaw::Time, self.position);
        } else if self.wrapper != Wrapper::Gzip || self.begin_gzip()? {
            self.current.begin(self.wrapper.codec());
            self.count += 1;
            self.state = State::In;
        }
        Ok(())
    }

    fn begin_gzip(&mut self) -> io::Result<bool> {
        match gzip::read_header(self.current.source())? {
            gzip::Header::Whole { length, is_flawed } => {
                if is_flawed {
                    self.flawed(Flaw::Header, self.position);
                }
                self.position += length;
                return Ok(true);
            }
            gzip::Header::Truncated => self.end(Flaw::Truncated, self.position),
            gzip::Header::None => self.end(Flaw::Trailing, self.position),
        }
        Ok(false)
    }

    /// Looks how the stream ended, and at what stands behind it.
    fn finish(&mut self) -> io::Result<()> {
        let start = self.position;
        self.position += self.current.taken();
        self.state = State::Before;
        match self.current.ending() {
            Ending::Regular if self.wrapper == Wrapper::Gzip => self.finish_gzip()?,
            Ending::Regular => {}
            _ if self.count > 1 && self.current.given() == 0 => self.end(Flaw::Trailing, start),
            Ending::Truncated => self.end(Flaw::Truncated, self.position),
            Ending::Damaged | Ending::NotYet => self.end(Flaw::Data, self.position),
        }
        Ok(())
    }

    fn finish_gzip(&mut self) -> io::Result<()> {
        let (checksum, length) = (self.current.checksum(), self.current.given());
        match gzip::read_trailer(self.current.source())? {
            Some(trailer) => {
                if !trailer.is_of(checksum, length) {
                    self.flawed(Flaw::Checksum, self.position);
                }
                self.position += gzip::TRAILER_BYTES as u64;
            }
            None => self.end(Flaw::Truncated, self.position),
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Streams<R> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.state {
                State::Before => self.begin()?,
                State::In => {
                    let count = self.current.read(output)?;
                    if count > 0 || output.is_empty() {
                        return Ok(count);
                    }
                    self.finish()?;
                }
                State::Done => return Ok(0),
            }
        }
    }
}

/// Skips the zeros that tapes pad gzip with, and those that xz allows in fours.
fn skip_padding(source: &mut impl BufRead, wrapper: Wrapper) -> io::Result<u64> {
    let mut skipped = 0;
    if !matches!(wrapper, Wrapper::Gzip | Wrapper::Xz) {
        return Ok(skipped);
    }
    loop {
        let bytes = source.fill_buf()?;
        let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
        let is_end = zeros < bytes.len() || bytes.is_empty();
        source.consume(zeros);
        skipped += zeros as u64;
        if is_end {
            return Ok(skipped);
        }
    }
}

/// Parallel packers write a stream for each block of 128 KiB or more: this is 2.5 GiB of them.
const MOST_STREAMS: u64 = 20_000;

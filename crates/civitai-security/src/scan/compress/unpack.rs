//! One decoder face for all packing methods, which tells how a stream ended instead of failing.

use std::io::{self, BufRead, Read};

use lzma_rust2::{Action, Lzma2Stream, LzmaStream, Status, XzStream};

/// A packing method with the state of one stream.
pub(in crate::scan) enum Codec {
    Deflate(flate2::Decompress),
    Bzip2(bzip2::Decompress),
    Lzma(Box<LzmaStream>),
    Lzma2(Box<Lzma2Stream>),
    Xz(Box<XzStream>),
}

impl Codec {
    /// Deflate without any wrapper.
    pub(in crate::scan) fn deflate() -> Self {
        Self::Deflate(flate2::Decompress::new(false))
    }

    /// Deflate in zlib's wrapper, whose checksum is checked.
    pub(in crate::scan) fn zlib() -> Self {
        Self::Deflate(flate2::Decompress::new(true))
    }

    /// One bzip2 stream.
    pub(in crate::scan) fn bzip2() -> Self {
        Self::Bzip2(bzip2::Decompress::new(false))
    }

    /// One xz stream, without the padding that may follow it.
    pub(in crate::scan) fn xz() -> Self {
        Self::Xz(Box::new(XzStream::new_mem_limit(false, MOST_MEMORY_KIB)))
    }

    /// A file as the old `lzma` tool writes it.
    pub(in crate::scan) fn lzma_file() -> Self {
        Self::Lzma(Box::new(LzmaStream::new_mem_limit(MOST_MEMORY_KIB, None)))
    }

    /// Bare LZMA data of five property bytes; `size` is `None` where an end mark ends it. `None` where
    /// the properties are none, or ask for more memory than is given to a decoder.
    pub(in crate::scan) fn lzma(properties: &[u8], size: Option<u64>) -> Option<Self> {
        let (&packed, dictionary) = properties.split_first()?;
        let dictionary = u32::from_le_bytes(*dictionary.first_chunk()?);
        let size = size.unwrap_or(u64::MAX);
        let held = u32::try_from(size).map_or(dictionary, |size| dictionary.min(size));
        let memory = lzma_rust2::lzma_get_memory_usage_by_props(held, packed).ok()?;
        if memory > MOST_MEMORY_KIB {
            return None;
        }
        LzmaStream::new_with_props(size, packed, dictionary, None)
            .ok()
            .map(|stream| Self::Lzma(Box::new(stream)))
    }

    /// Bare LZMA2 data with its one property byte.
    pub(in crate::scan) fn lzma2(properties: &[u8]) -> Option<Self> {
        let bits = u32::from(*properties.first()?);
        let dictionary = match bits {
            0..40 => (2 | (bits & 1)) << (bits / 2 + 11),
            40 => u32::MAX,
            _ => return None,
        };
        if lzma_rust2::lzma2_get_memory_usage(dictionary) > MOST_MEMORY_KIB {
            return None;
        }
        Some(Self::Lzma2(Box::new(Lzma2Stream::new(dictionary))))
    }

    /// Unpacks as much as fits; `is_last` when no input follows.
    fn step(&mut self, input: &[u8], output: &mut [u8], is_last: bool) -> Result<Step, Damage> {
        let action = if is_last { Action::Finish } else { Action::Run };
        match self {
            Self::Deflate(decoder) => {
                let (taken, given) = (decoder.total_in(), decoder.total_out());
                let status = decoder.decompress(input, output, flate2::FlushDecompress::None);
                let status = status.map_err(|_| Damage)?;
                Ok(Step {
                    consumed: decoder.total_in() - taken,
                    produced: decoder.total_out() - given,
                    has_ended: status == flate2::Status::StreamEnd,
                })
            }
            Self::Bzip2(decoder) => {
                let (taken, given) = (decoder.total_in(), decoder.total_out());
                let status = decoder.decompress(input, output).map_err(|_| Damage)?;
                Ok(Step {
                    consumed: decoder.total_in() - taken,
                    produced: decoder.total_out() - given,
                    has_ended: status == bzip2::Status::StreamEnd,
                })
            }
            Self::Lzma(decoder) => Step::of(decoder.process(input, output, action)),
            Self::Lzma2(decoder) => Step::of(decoder.process(input, output, action)),
            Self::Xz(decoder) => Step::of(decoder.process(input, output, action)),
        }
    }

    /// Bytes that the decoder took and found to be behind its stream.
    fn unused(&self) -> u64 {
        match self {
            Self::Lzma(decoder) => decoder.unused_input().len() as u64,
            _ => 0,
        }
    }
}

struct Step {
    consumed: u64,
    produced: u64,
    has_ended: bool,
}

impl Step {
    /// Both lengths, which are of slices.
    fn lengths(&self) -> (usize, usize) {
        let length =
            |bytes| usize::try_from(bytes).expect("a part of a slice is no longer than it");
        (length(self.consumed), length(self.produced))
    }

    fn of(result: lzma_rust2::Result<lzma_rust2::StreamResult>) -> Result<Self, Damage> {
        let result = result.map_err(|_| Damage)?;
        Ok(Self {
            consumed: result.bytes_consumed as u64,
            produced: result.bytes_produced as u64,
            has_ended: result.status == Status::StreamEnd,
        })
    }
}

/// The stream is none of its method.
struct Damage;

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::scan) enum Ending {
    /// It has not been read to its end.
    NotYet,
    /// As its method says.
    Regular,
    /// The packed bytes ended first.
    Truncated,
    /// The packed bytes are not of its method, or its own checksum differs.
    Damaged,
}

/// Reads what a packed stream unpacks to.
///
/// A damaged stream ends like a whole one, so that what came out before is judged; [`ending`](Self::ending)
/// tells them apart. Errors are those of the source.
pub(in crate::scan) struct Unpack<R> {
    source: R,
    codec: Codec,
    ending: Ending,
    taken: u64,
    given: u64,
    checksum: crc32fast::Hasher,
}

impl<R: BufRead> Unpack<R> {
    pub(in crate::scan) fn new(codec: Codec, source: R) -> Self {
        Self {
            source,
            codec,
            ending: Ending::NotYet,
            taken: 0,
            given: 0,
            checksum: crc32fast::Hasher::new(),
        }
    }

    pub(in crate::scan) fn ending(&self) -> Ending {
        self.ending
    }

    /// Packed bytes of the stream so far.
    pub(in crate::scan) fn taken(&self) -> u64 {
        self.taken - self.codec.unused()
    }

    /// Unpacked bytes so far.
    pub(in crate::scan) fn given(&self) -> u64 {
        self.given
    }

    /// CRC-32 of the unpacked bytes so far.
    pub(in crate::scan) fn checksum(&self) -> u32 {
        self.checksum.clone().finalize()
    }

    /// The source, which stands behind the stream; the LZMA decoders take a few bytes more.
    pub(in crate::scan) fn source(&mut self) -> &mut R {
        &mut self.source
    }

    /// Goes on with another stream where this one ended.
    pub(in crate::scan) fn begin(&mut self, codec: Codec) {
        self.codec = codec;
        self.ending = Ending::NotYet;
        self.given = 0;
        self.taken = 0;
        self.checksum = crc32fast::Hasher::new();
    }
}

impl<R: BufRead> Read for Unpack<R> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        while self.ending == Ending::NotYet && !output.is_empty() {
            let input = self.source.fill_buf()?;
            let is_last = input.is_empty();
            let Ok(step) = self.codec.step(input, output, is_last) else {
                self.ending = Ending::Damaged;
                break;
            };
            let has_stalled = step.consumed == 0 && step.produced == 0;
            let (consumed, produced) = step.lengths();
            self.source.consume(consumed);
            self.checksum.update(&output[..produced]);
            self.taken += step.consumed;
            self.given += step.produced;
            if step.has_ended {
                self.ending = Ending::Regular;
            } else if has_stalled {
                self.ending = if is_last {
                    Ending::Truncated
                } else {
                    Ending::Damaged
                };
            }
            if produced > 0 {
                return Ok(produced);
            }
        }
        Ok(0)
    }
}

/// What a decoder may take for its dictionary: the largest that the usual tools write is 64 MiB.
const MOST_MEMORY_KIB: u32 = 192 << 10;

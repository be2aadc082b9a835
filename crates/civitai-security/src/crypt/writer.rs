//! Writing a container.

use std::fmt;
use std::io::{self, Write};

use zeroize::Zeroizing;

use super::body::Trailer;
use super::derive::{Keys, Purpose};
use super::header::{ChunkSize, Fixed, Header, Layer};
use super::key::{FileKey, Recipient};
use super::layout::MAX_CHUNKS;
use super::metadata::Metadata;
use super::region::REGION_BYTES;
use super::slot::{Slot, wrap};
use super::suite::{Cipher, chunk_nonce};
use super::{CryptError, FileId, Level, SlotKind};

/// How a container is to be written.
#[derive(Clone, Debug)]
pub struct Recipe<'a> {
    /// How it is protected.
    pub level: Level,
    /// Who may open it: any one of each kind that the level needs.
    pub recipients: &'a [Recipient],
    /// What is kept of the file.
    pub metadata: Metadata,
    /// How much is encrypted at a time.
    pub chunk: ChunkSize,
}

impl<'a> Recipe<'a> {
    /// The usual chunks, and nothing known of the file.
    pub fn new(level: Level, recipients: &'a [Recipient]) -> Self {
        Self {
            level,
            recipients,
            metadata: Metadata::default(),
            chunk: ChunkSize::default(),
        }
    }
}

/// Encrypts what is written to it.
///
/// Nothing can be opened before [`finish`](Self::finish), which ends the container; one that was dropped instead is
/// refused by every reader. Memory: a chunk of each container.
pub struct Writer<W> {
    sink: W,
    outer: Sealing,
    inner: Option<Sealing>,
    file: FileId,
    promised: Option<u64>,
    taken: u64,
}

impl<W: Write> Writer<W> {
    /// Draws the file key, wraps it for the recipients and writes the header.
    ///
    /// # Errors
    /// [`CryptError::Unsuitable`] and [`CryptError::Superfluous`] where the recipients do not make up the level.
    pub fn new(mut sink: W, recipe: &Recipe<'_>) -> Result<Self, CryptError> {
        check(recipe)?;
        let (file, key) = (FileId::random()?, FileKey::random()?);
        let inner_key = match recipe.level {
            Level::Maximum => Some(FileKey::random()?),
            _ => None,
        };
        let slots = recipe
            .recipients
            .iter()
            .map(|to| match &inner_key {
                Some(inner) if to.kind().is_inner(recipe.level) => wrap(inner, file, to),
                _ => wrap(&key, file, to),
            })
            .collect::<Result<Vec<_>, _>>()?;
        let fixed = Fixed {
            level: recipe.level,
            layer: Layer::Outer,
            chunk: recipe.chunk,
            file,
        };
        // What is known of the file stands in the container that needs both keys.
        let unknown = Metadata::default();
        let said = match inner_key {
            Some(_) => &unknown,
            None => &recipe.metadata,
        };
        let (mut outer, region) = Sealing::begin(fixed, slots, said, &key)?;
        sink.write_all(&region).map_err(CryptError::Io)?;
        let inner = match inner_key {
            None => None,
            Some(key) => {
                let fixed = Fixed {
                    level: Level::Standard,
                    layer: Layer::Inner,
                    chunk: recipe.chunk,
                    file: FileId::random()?,
                };
                let (inner, region) = Sealing::begin(fixed, Vec::new(), &recipe.metadata, &key)?;
                outer.push(&region, &mut sink)?;
                Some(inner)
            }
        };
        Ok(Self {
            sink,
            outer,
            inner,
            file,
            promised: recipe.metadata.bytes,
            taken: 0,
        })
    }

    /// Writes what is left and the trailer, and gives the sink back. It is not flushed to the disk.
    ///
    /// # Errors
    /// [`CryptError::LengthDiffers`] where [`Metadata::bytes`] said something else: readers would refuse the container.
    pub fn finish(mut self) -> Result<W, CryptError> {
        if let Some(promised) = self.promised.filter(|bytes| *bytes != self.taken) {
            return Err(CryptError::LengthDiffers {
                promised,
                found: self.taken,
            });
        }
        match &mut self.inner {
            None => self.outer.finish(&mut self.sink)?,
            Some(inner) => {
                let mut around = Around {
                    outer: &mut self.outer,
                    sink: &mut self.sink,
                };
                inner.finish(&mut around)?;
                self.outer.finish(&mut self.sink)?;
            }
        }
        self.sink.flush().map_err(CryptError::Io)?;
        Ok(self.sink)
    }

    /// Which container it becomes.
    pub fn file(&self) -> FileId {
        self.file
    }
}

impl<W: Write> Write for Writer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.inner {
            None => self.outer.push(bytes, &mut self.sink)?,
            Some(inner) => {
                let mut around = Around {
                    outer: &mut self.outer,
                    sink: &mut self.sink,
                };
                inner.push(bytes, &mut around)?;
            }
        }
        self.taken += bytes.len() as u64;
        Ok(bytes.len())
    }

    /// Flushes the sink; a chunk that is not full stays here.
    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

impl<W> fmt::Debug for Writer<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer")
            .field("file", &self.file)
            .field("taken", &self.taken)
            .finish_non_exhaustive()
    }
}

/// What the container within is written to.
struct Around<'a, W> {
    outer: &'a mut Sealing,
    sink: &'a mut W,
}

impl<W: Write> Write for Around<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.outer.push(bytes, self.sink)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One container in the making.
struct Sealing {
    cipher: Cipher,
    prefix: Zeroizing<[u8; 7]>,
    chunk: usize,
    /// What is not written yet: up to a whole chunk, because only what follows tells that it is not the last.
    pending: Zeroizing<Vec<u8>>,
    trailer: Trailer,
}

impl Sealing {
    /// Returns the first bytes of the container, too.
    fn begin(
        fixed: Fixed,
        slots: Vec<Slot>,
        metadata: &Metadata,
        key: &FileKey,
    ) -> Result<(Self, Vec<u8>), CryptError> {
        let keys = Keys::new(key, fixed.file);
        let header = Header::create(fixed, slots, metadata, &keys)?;
        let mut region = header.bytes.clone();
        region.resize(REGION_BYTES, 0);
        let chunk = header.fixed.chunk.bytes();
        let sealing = Self {
            cipher: header.fixed.suite().payload(&keys)?,
            prefix: keys.derive(Purpose::Nonce),
            chunk,
            pending: Zeroizing::new(Vec::with_capacity(chunk)),
            trailer: Trailer::new(keys.mac(Purpose::Trailer), header.root()),
        };
        Ok((sealing, region))
    }

    fn push(&mut self, mut bytes: &[u8], sink: &mut impl Write) -> Result<(), CryptError> {
        while !bytes.is_empty() {
            if self.pending.len() == self.chunk {
                self.seal(Position::Within, sink)?;
            }
            let (now, later) = bytes.split_at(bytes.len().min(self.chunk - self.pending.len()));
            self.pending.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    fn finish(&mut self, sink: &mut impl Write) -> Result<(), CryptError> {
        self.seal(Position::Last, sink)?;
        sink.write_all(&self.trailer.finish())
            .map_err(CryptError::from_io)
    }

    fn seal(&mut self, position: Position, sink: &mut impl Write) -> Result<(), CryptError> {
        let index = self.trailer.chunks();
        let number = match u32::try_from(index) {
            Ok(number) if index < MAX_CHUNKS => number,
            _ => return Err(CryptError::TooLong),
        };
        let nonce = chunk_nonce(*self.prefix, number, position == Position::Last);
        let tag = self.cipher.seal(nonce, &mut self.pending)?;
        self.trailer.add(index, tag.as_ref());
        sink.write_all(&self.pending)
            .and_then(|()| sink.write_all(tag.as_ref()))
            .map_err(CryptError::from_io)?;
        self.pending.clear();
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Position {
    Within,
    Last,
}

fn check(recipe: &Recipe<'_>) -> Result<(), CryptError> {
    let level = recipe.level;
    let needs = level.needs();
    let kinds = || recipe.recipients.iter().map(Recipient::kind);
    let missing = needs
        .iter()
        .find(|any| !kinds().any(|kind| any.contains(&kind)))
        .and_then(|any| any.first().copied());
    if let Some(missing) = missing {
        return Err(CryptError::Unsuitable { level, missing });
    }
    let is_superfluous = |kind: &SlotKind| !needs.iter().any(|any| any.contains(kind));
    match kinds().find(is_superfluous) {
        Some(kind) => Err(CryptError::Superfluous { level, kind }),
        None => Ok(()),
    }
}

//! The content of an age file: chunks of 64 KiB with a counter and a mark on the last.

use std::fmt;
use std::io::{self, BufRead, Read, Write};

use zeroize::Zeroizing;

use super::{AgeError, FileKey, derive};
use crate::crypt::key::random;
use crate::crypt::primitive::{Aead, GCM_TAG_BYTES};

/// Encrypts what is written to it; [`finish`](Self::finish) ends the file.
pub struct AgeWriter<W> {
    sink: W,
    aead: Aead,
    index: u64,
    /// Up to a whole chunk: only what follows tells that it is not the last.
    pending: Zeroizing<Vec<u8>>,
}

impl<W: Write> AgeWriter<W> {
    pub(super) fn begin(mut sink: W, header: &[u8], file_key: &FileKey) -> Result<Self, AgeError> {
        let nonce: Zeroizing<[u8; 16]> = random().map_err(AgeError::Primitive)?;
        let key = payload_key(file_key, &nonce)?;
        sink.write_all(header)
            .and_then(|()| sink.write_all(&*nonce))
            .map_err(AgeError::Io)?;
        Ok(Self {
            sink,
            aead: Aead::chacha20_poly1305(&key).map_err(AgeError::Primitive)?,
            index: 0,
            pending: Zeroizing::new(Vec::with_capacity(CHUNK_BYTES)),
        })
    }

    /// Writes the last chunk and gives the sink back.
    pub fn finish(mut self) -> Result<W, AgeError> {
        self.seal(Chunk::Last)?;
        self.sink.flush().map_err(AgeError::Io)?;
        Ok(self.sink)
    }

    fn seal(&mut self, chunk: Chunk) -> Result<(), AgeError> {
        let tag = self
            .aead
            .seal(&nonce(self.index, chunk), &[], &mut self.pending)
            .map_err(AgeError::Primitive)?;
        self.index += 1;
        self.sink
            .write_all(&self.pending)
            .and_then(|()| self.sink.write_all(&tag))
            .map_err(AgeError::Io)?;
        self.pending.clear();
        Ok(())
    }
}

impl<W: Write> Write for AgeWriter<W> {
    fn write(&mut self, mut bytes: &[u8]) -> io::Result<usize> {
        let length = bytes.len();
        while !bytes.is_empty() {
            if self.pending.len() == CHUNK_BYTES {
                self.seal(Chunk::Within)?;
            }
            let (now, later) = bytes.split_at(bytes.len().min(CHUNK_BYTES - self.pending.len()));
            self.pending.extend_from_slice(now);
            bytes = later;
        }
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

impl<W> fmt::Debug for AgeWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgeWriter").finish_non_exhaustive()
    }
}

/// Decrypts all that is left of `source`.
pub(super) fn open(
    mut source: impl BufRead,
    key: &[u8; 32],
    out: &mut dyn Write,
) -> Result<u64, AgeError> {
    let aead = Aead::chacha20_poly1305(key).map_err(AgeError::Primitive)?;
    let mut buffer = Zeroizing::new(vec![0; SEALED_BYTES]);
    let mut total = 0;
    for index in 0.. {
        let length = fill(&mut source, &mut buffer)?;
        let is_end = source.fill_buf().map_err(AgeError::from_io)?.is_empty();
        let chunk = if is_end { Chunk::Last } else { Chunk::Within };
        let body = length.checked_sub(GCM_TAG_BYTES).ok_or(AgeError::Payload)?;
        // A last chunk without content stands only in an empty file.
        if body == 0 && index > 0 {
            return Err(AgeError::Payload);
        }
        let (content, tag) = buffer[..length].split_at_mut(body);
        aead.open(&nonce(index, chunk), &[], content, tag)
            .map_err(|_| AgeError::Payload)?;
        out.write_all(content).map_err(AgeError::Io)?;
        total += content.len() as u64;
        if is_end {
            break;
        }
    }
    Ok(total)
}

pub(super) fn payload_key(
    file_key: &FileKey,
    nonce: &[u8; 16],
) -> Result<Zeroizing<[u8; 32]>, AgeError> {
    derive(&**file_key, nonce, b"payload")
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Chunk {
    Within,
    Last,
}

/// Eleven bytes of counter, of which eight are never full, and one that marks the last.
fn nonce(index: u64, chunk: Chunk) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[3..11].copy_from_slice(&index.to_be_bytes());
    nonce[11] = (chunk == Chunk::Last).into();
    nonce
}

fn fill(source: &mut impl Read, buffer: &mut [u8]) -> Result<usize, AgeError> {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(AgeError::from_io(error)),
        }
    }
    Ok(filled)
}

const CHUNK_BYTES: usize = 64 * 1024;
pub(super) const SEALED_BYTES: usize = CHUNK_BYTES + GCM_TAG_BYTES;

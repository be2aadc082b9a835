//! The chunks of one container, read in any order.

use std::io::{self, Read, Seek, SeekFrom};

use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use super::CryptError;
use super::derive::Purpose;
use super::header::Header;
use super::layout::Layout;
use super::metadata::Metadata;
use super::primitive::{MAC_BYTES, equal, mac_bytes};
use super::region::Opened;
use super::suite::{Cipher, chunk_nonce};

/// The content of a container as a file: each chunk is authentic before a byte of it is handed out.
pub(crate) struct Body<R> {
    source: R,
    cipher: Cipher,
    prefix: Zeroizing<[u8; 7]>,
    layout: Layout,
    tag_bytes: usize,
    /// A chunk and its tag; holds content only while `loaded` says of which chunk.
    buffer: Zeroizing<Vec<u8>>,
    loaded: Option<u64>,
    position: u64,
    trailer: Trailer,
}

impl<R: Read + Seek> Body<R> {
    /// Reads nothing of the content yet. What the header says of its length is compared with what is there.
    pub(crate) fn new(
        mut source: R,
        header: &Header,
        opened: &Opened,
        metadata: &Metadata,
    ) -> Result<Self, CryptError> {
        let suite = header.fixed.suite();
        let tag_bytes = suite.tag_bytes();
        let chunk = header.fixed.chunk.bytes();
        let sealed = source.seek(SeekFrom::End(0)).map_err(CryptError::from_io)?;
        let layout = Layout::of_sealed(sealed, chunk, tag_bytes)?;
        if metadata.bytes.is_some_and(|bytes| bytes != layout.plain) {
            return Err(CryptError::Refused);
        }
        // A small file takes a small buffer.
        let longest = layout.length_of(0) + tag_bytes;
        Ok(Self {
            source,
            cipher: suite.payload(&opened.keys)?,
            prefix: opened.keys.derive(Purpose::Nonce),
            layout,
            tag_bytes,
            buffer: Zeroizing::new(vec![0; longest]),
            loaded: None,
            position: 0,
            trailer: Trailer::new(opened.keys.mac(Purpose::Trailer), header.root()),
        })
    }

    pub(crate) fn len(&self) -> u64 {
        self.layout.plain
    }

    pub(crate) fn source_mut(&mut self) -> &mut R {
        &mut self.source
    }

    pub(crate) fn into_source(self) -> R {
        self.source
    }

    /// Goes back to the beginning, to read all of it in order.
    pub(crate) fn restart(&mut self) {
        self.position = 0;
        self.loaded = None;
        self.trailer.restart();
    }

    /// Returns the next chunk of a reading in order; nothing after the last, of which it has then seen the trailer.
    pub(crate) fn next(&mut self) -> Result<Option<&[u8]>, CryptError> {
        let index = self.trailer.chunks;
        if index == self.layout.chunks() {
            let mut trailer = [0; MAC_BYTES];
            self.read_at(self.layout.trailer(), |source, _| {
                source.read_exact(&mut trailer)
            })?;
            return if self.trailer.is(&trailer) {
                Ok(None)
            } else {
                Err(CryptError::Refused)
            };
        }
        let length = self.load(index)?;
        Ok(Some(&self.buffer[..length]))
    }

    fn load(&mut self, index: u64) -> Result<usize, CryptError> {
        let length = self.layout.length_of(index);
        if self.loaded == Some(index) {
            return Ok(length);
        }
        self.loaded = None;
        let sealed = length + self.tag_bytes;
        self.read_at(self.layout.offset_of(index), |source, buffer| {
            source.read_exact(&mut buffer[..sealed])
        })?;
        let number = u32::try_from(index).map_err(|_| CryptError::Refused)?;
        let nonce = chunk_nonce(*self.prefix, number, self.layout.is_last(index));
        let (body, tag) = self.buffer[..sealed].split_at_mut(length);
        self.cipher.open(nonce, body, tag)?;
        self.trailer.add(index, tag);
        self.loaded = Some(index);
        Ok(length)
    }

    fn read_at(
        &mut self,
        offset: u64,
        read: impl FnOnce(&mut R, &mut [u8]) -> io::Result<()>,
    ) -> Result<(), CryptError> {
        let result = self
            .source
            .seek(SeekFrom::Start(offset))
            .and_then(|_| read(&mut self.source, &mut self.buffer));
        result.map_err(|error| match error.kind() {
            // Somebody has cut the file since it was opened.
            io::ErrorKind::UnexpectedEof => CryptError::Refused,
            _ => CryptError::from_io(error),
        })
    }
}

impl<R: Read + Seek> Read for Body<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() || self.position >= self.layout.plain {
            return Ok(0);
        }
        let index = self.layout.index_of(self.position);
        let length = self.load(index)?;
        let within = self.position - self.layout.start_of(index);
        let within = usize::try_from(within).expect("a chunk has at most 4 MiB");
        let count = out.len().min(length - within);
        out[..count].copy_from_slice(&self.buffer[within..within + count]);
        self.position += count as u64;
        Ok(count)
    }
}

impl<R> Seek for Body<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.layout.plain.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = target.ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                "seek to before the beginning of the content",
            )
        })?;
        Ok(self.position)
    }
}

/// The MAC over all tags in order, as far as they were seen in order.
pub(crate) struct Trailer {
    key: hmac::Key,
    root: [u8; MAC_BYTES],
    running: hmac::Context,
    chunks: u64,
}

impl Trailer {
    pub(crate) fn new(key: hmac::Key, root: &[u8]) -> Self {
        let mut fixed = [0; MAC_BYTES];
        fixed.copy_from_slice(root);
        let mut trailer = Self {
            running: hmac::Context::with_key(&key),
            key,
            root: fixed,
            chunks: 0,
        };
        trailer.restart();
        trailer
    }

    fn restart(&mut self) {
        self.running = hmac::Context::with_key(&self.key);
        self.running.update(&self.root);
        self.chunks = 0;
    }

    pub(crate) fn add(&mut self, index: u64, tag: &[u8]) {
        if index == self.chunks {
            self.running.update(tag);
            self.chunks += 1;
        }
    }

    pub(crate) fn chunks(&self) -> u64 {
        self.chunks
    }

    pub(crate) fn finish(&self) -> [u8; MAC_BYTES] {
        let mut mac = self.running.clone();
        mac.update(&self.chunks.to_be_bytes());
        mac_bytes(mac.sign())
    }

    fn is(&self, trailer: &[u8]) -> bool {
        equal(&self.finish(), trailer)
    }
}

//! Reading what is in a container.

use std::fmt;
use std::io::{self, Read, Seek, SeekFrom, Write};

use super::body::Body;
use super::key::Unlocked;
use super::metadata::Metadata;
use super::region::Region;
use super::{CryptError, FileId, Level};

/// The content of a container, decrypted as it is read: a file that can be sought in.
///
/// A byte is handed out only when its chunk has proved authentic and in its place. That the content is whole is proved by
/// [`extract`](Self::extract), which reads all of it; the end that [`Read`] reports is authentic, too, because the last
/// chunk is marked. Memory: a chunk of each container, at most 8 MiB.
pub struct Reader<R> {
    layers: Layers<R>,
    file: FileId,
    level: Level,
    metadata: Metadata,
}

enum Layers<R> {
    One(Box<Body<R>>),
    /// Level maximum: the content of the outer is itself a container.
    Two(Box<Body<Body<R>>>),
}

impl<R: Read + Seek> Reader<R> {
    /// Opens a container with whichever of `keys` fit: strictly parsed, then the file key, the commitment, the MACs.
    ///
    /// # Errors
    /// [`CryptError::NoKey`] where no key of a needed kind is among them, [`CryptError::Refused`] where those that are do
    /// not fit or the bytes are damaged, [`CryptError::FutureVersion`] and [`CryptError::NotContainer`] as they say.
    pub fn open(mut source: R, keys: &Unlocked) -> Result<Self, CryptError> {
        let region = Region::read(&mut source)?;
        let mut opened = region.open(keys)?;
        let header = region.header(opened.place);
        let (file, level) = (header.fixed.file, header.fixed.level);
        let metadata = header.metadata(&opened.keys)?;
        let inner_key = opened.file_keys.inner.take();
        let mut body = Body::new(source, header, &opened, &metadata)?;
        let Some(key) = inner_key else {
            return Ok(Self {
                layers: Layers::One(Box::new(body)),
                file,
                level,
                metadata,
            });
        };
        let region = Region::read(&mut body)?;
        let opened = region.open_inner(key)?;
        let header = region.header(opened.place);
        let metadata = header.metadata(&opened.keys)?;
        let body = Body::new(body, header, &opened, &metadata)?;
        Ok(Self {
            layers: Layers::Two(Box::new(body)),
            file,
            level,
            metadata,
        })
    }

    /// Writes all of the content to `out` and returns how much it was.
    ///
    /// Chunks are written as they prove authentic; that none is missing is known at the end. Whoever keeps what came
    /// before an error keeps the beginning of the file that was encrypted, and should not.
    pub fn extract(&mut self, out: &mut dyn Write) -> Result<u64, CryptError> {
        match &mut self.layers {
            Layers::One(body) => pour(body, out),
            Layers::Two(body) => {
                body.source_mut().restart();
                let count = pour(body, out)?;
                // The container within is whole; around it nothing may be left over.
                while body.source_mut().next()?.is_some() {}
                Ok(count)
            }
        }
    }

    /// The length of the content.
    pub fn len(&self) -> u64 {
        match &self.layers {
            Layers::One(body) => body.len(),
            Layers::Two(body) => body.len(),
        }
    }

    /// Whether the content is of length zero.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Which container it is.
    pub fn file(&self) -> FileId {
        self.file
    }

    /// How it is protected.
    pub fn level(&self) -> Level {
        self.level
    }

    /// What it says of the file that was encrypted.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Gives back what it was opened from.
    pub fn into_inner(self) -> R {
        match self.layers {
            Layers::One(body) => body.into_source(),
            Layers::Two(body) => body.into_source().into_source(),
        }
    }
}

impl<R: Read + Seek> Read for Reader<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match &mut self.layers {
            Layers::One(body) => body.read(out),
            Layers::Two(body) => body.read(out),
        }
    }
}

impl<R> Seek for Reader<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match &mut self.layers {
            Layers::One(body) => body.seek(to),
            Layers::Two(body) => body.seek(to),
        }
    }
}

impl<R> fmt::Debug for Reader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("file", &self.file)
            .field("level", &self.level)
            .finish_non_exhaustive()
    }
}

fn pour<R: Read + Seek>(body: &mut Body<R>, out: &mut dyn Write) -> Result<u64, CryptError> {
    body.restart();
    let mut count = 0;
    while let Some(chunk) = body.next()? {
        out.write_all(chunk).map_err(CryptError::Io)?;
        count += chunk.len() as u64;
    }
    Ok(count)
}

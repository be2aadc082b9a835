use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Bytes that a format reads: a file, a member that lies in it unpacked, or what came out of a stream.
///
/// A reader that cannot leave its window; seeking past the end is allowed and reads nothing.
pub(super) struct Input<'a> {
    source: &'a mut dyn Source,
    start: u64,
    len: u64,
    position: u64,
    name: Rc<str>,
    head: Option<Vec<u8>>,
    path: Option<PathBuf>,
}

/// The bytes that [`Input::head`] gives at most.
pub(super) const HEAD_BYTES: usize = 4096;

impl<'a> Input<'a> {
    pub(super) fn new(name: &str, source: &'a mut dyn Source) -> io::Result<Self> {
        let len = source.seek(SeekFrom::End(0))?;
        Ok(Self {
            source,
            start: 0,
            len,
            position: 0,
            name: name.into(),
            head: None,
            path: None,
        })
    }

    /// The same bytes, known to be the whole of a file on the disk.
    #[must_use]
    pub(super) fn of_file(mut self, path: &Path) -> Self {
        self.path = Some(path.to_owned());
        self
    }

    /// The file on the disk that this is the whole of, if it is one.
    pub(super) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// The name of the file or member, without the path of what it is in.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether the name ends in one of these, without regard to case; `extensions` have no dot.
    pub(super) fn has_extension(&self, extensions: &[&str]) -> bool {
        self.name.rsplit_once('.').is_some_and(|(_, extension)| {
            extensions
                .iter()
                .any(|known| known.eq_ignore_ascii_case(extension))
        })
    }

    /// The first bytes, at most [`HEAD_BYTES`]; read once and kept. Leaves the position alone.
    pub(super) fn head(&mut self) -> io::Result<&[u8]> {
        if self.head.is_none() {
            self.head = Some(self.bytes_at(0, HEAD_BYTES)?);
        }
        Ok(self.head.as_deref().expect("it was filled above"))
    }

    /// Up to `count` bytes from `offset`: fewer only where the input ends. Leaves the position alone.
    ///
    /// `count` is the caller's own bound: it is allocated only as far as there are bytes.
    pub(super) fn bytes_at(&mut self, offset: u64, count: usize) -> io::Result<Vec<u8>> {
        let position = self.position;
        let count = self.len.saturating_sub(offset).min(count as u64);
        self.position = offset;
        let mut bytes = Vec::new();
        let read = self.take(count).read_to_end(&mut bytes);
        self.position = position;
        read.map(|_| bytes)
    }

    /// A part of this input, cut at its end; nothing is copied.
    pub(super) fn window(&mut self, offset: u64, len: u64) -> Input<'_> {
        let offset = offset.min(self.len);
        Input {
            start: self.start + offset,
            len: len.min(self.len - offset),
            position: 0,
            name: Rc::clone(&self.name),
            head: None,
            path: None,
            source: self.source,
        }
    }

    pub(super) fn rename(&mut self, name: &str) {
        self.name = name.into();
    }
}

impl Read for Input<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.len.saturating_sub(self.position);
        let count = usize::try_from(left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        if count == 0 {
            return Ok(0);
        }
        self.source
            .seek(SeekFrom::Start(self.start + self.position))?;
        let read = self.source.read(&mut buffer[..count])?;
        self.position += read as u64;
        Ok(read)
    }
}

impl Seek for Input<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.len.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

/// What an [`Input`] is a window of.
pub(super) trait Source: Read + Seek {}

impl<T: Read + Seek> Source for T {}

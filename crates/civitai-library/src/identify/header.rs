//! The header of a file in one form for all formats, and the bounded way to read it.

use std::collections::BTreeMap;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use super::{Error, Flaw, Format, archive, folder, gguf, onnx, pickle, safetensors};

/// Most bytes of a file that are ever read. A header that is longer is judged by its beginning.
pub const READ_BUDGET: u64 = 8 << 20;

/// More tensors than these say nothing new; the largest models have some ten thousand.
pub(super) const MOST_TENSORS: usize = 100_000;

/// One tensor as its header names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// Its name.
    pub name: String,
    /// Its number format in the file's own spelling, upper case; empty where it is not recorded.
    pub dtype: Box<str>,
    /// Its dimensions, outermost first; `None` where they are not recorded.
    pub shape: Option<Vec<u64>>,
}

impl Tensor {
    /// A tensor of which only the name is known.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            dtype: Box::default(),
            shape: None,
        }
    }

    /// How many numbers it holds; 1 where the shape is not recorded.
    pub(super) fn elements(&self) -> u64 {
        self.shape
            .iter()
            .flatten()
            .fold(1, |product: u64, dim| product.saturating_mul(*dim))
    }
}

/// What the header of a file says, whatever its format.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Header {
    /// How the file is written.
    pub format: Format,
    /// Its tensors, in the order of the header.
    pub tensors: Vec<Tensor>,
    /// Texts beside the tensors: `__metadata__`, the key-value pairs of GGUF, `_class_name` of a folder.
    pub metadata: BTreeMap<String, String>,
    /// Whether all of the header was read; a header longer than [`READ_BUDGET`] is not.
    pub complete: bool,
    /// Names of the classes that a pickle would construct, and of the members of an archive.
    pub mentions: Vec<String>,
    /// The file's name, which counts only when the header is silent.
    pub(super) name_hint: Option<String>,
}

impl Header {
    /// An empty header of `format`.
    pub fn new(format: Format) -> Self {
        Self {
            format,
            tensors: Vec::new(),
            metadata: BTreeMap::new(),
            complete: true,
            mentions: Vec::new(),
            name_hint: None,
        }
    }

    /// Reads the header of the file or folder at `path`, at most [`READ_BUDGET`] bytes of it.
    ///
    /// # Errors
    /// [`Error::Io`] where the system refuses, [`Error::Malformed`] where the file breaks the format it begins as.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let io = |source| Error::Io {
            path: path.to_owned(),
            source,
        };
        if fs_err::metadata(path).map_err(io)?.is_dir() {
            return folder::read(path);
        }
        let file = fs_err::File::open(path).map_err(io)?;
        Self::read_content(path, Box::new(file))
    }

    /// Reads the header of a file that somebody else has opened; `path` is for the errors.
    pub(super) fn read_content(path: &Path, content: Box<dyn Content>) -> Result<Self, Error> {
        let io = |source| Error::Io {
            path: path.to_owned(),
            source,
        };
        let mut source = Source::new(content).map_err(io)?;
        let format = source.sniff().map_err(io)?;
        let read = match format {
            Format::Safetensors => safetensors::read(&mut source),
            Format::Gguf => gguf::read(&mut source),
            Format::Zip | Format::Pickle => {
                if format == Format::Zip {
                    archive::read(&mut source)
                } else {
                    pickle::read(&mut source)
                }
            }
            Format::Onnx => onnx::read(&mut source),
            Format::Diffusers | Format::Unknown => Ok(Self::new(Format::Unknown)),
        };
        read.map_err(|stop| match stop {
            Stop::Io(source) => io(source),
            Stop::Flaw(source) => Error::Malformed {
                path: path.to_owned(),
                format,
                source,
            },
        })
    }

    /// Reads a safetensors header that was dumped as JSON: an object of tensors, a list of names, or a list of tensors.
    ///
    /// # Errors
    /// [`Flaw::Json`] where it is none of these.
    pub fn from_json(text: &[u8]) -> Result<Self, Flaw> {
        safetensors::from_json(text, true)
    }

    /// Reads the header of a safetensors file from as much of its start as there is; one that is cut off is told as far as
    /// it goes.
    ///
    /// # Errors
    /// [`Flaw`] where it is no such header.
    pub fn of_start(start: &[u8]) -> Result<Self, Flaw> {
        let Some((_, text)) = start.split_first_chunk::<8>() else {
            let at = start.len() as u64;
            let what = "the length of the header";
            return Err(Flaw::Ends { what, at });
        };
        let claimed = Self::length_at_start(start).map_or(0, |length| length - 8);
        let length = usize::try_from(claimed).unwrap_or(usize::MAX);
        match text.get(..length) {
            Some(text) => safetensors::from_json(text, true),
            None => safetensors::from_json(text, false),
        }
    }

    /// How many bytes of a safetensors file its header takes, by its first ones; nothing for another file.
    pub fn length_at_start(start: &[u8]) -> Option<u64> {
        let (length, text) = start.split_first_chunk::<8>()?;
        let length = u64::from_le_bytes(*length);
        let is_header = text.first() == Some(&b'{') && length < 1 << 40;
        is_header.then_some(length + 8)
    }

    /// Keeps the name of `path` for the case that the header is silent.
    pub(super) fn set_name_hint(&mut self, path: &Path) {
        self.name_hint = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
    }

    /// Adds a tensor, up to the number that says anything.
    pub(super) fn push(&mut self, tensor: Tensor) {
        if self.tensors.len() < MOST_TENSORS {
            self.tensors.push(tensor);
        } else {
            self.complete = false;
        }
    }
}

/// Why reading stopped.
#[derive(Debug)]
pub(super) enum Stop {
    /// The file system refused.
    Io(std::io::Error),
    /// The file is not sound.
    Flaw(Flaw),
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Flaw> for Stop {
    fn from(flaw: Flaw) -> Self {
        Self::Flaw(flaw)
    }
}

/// What a header is read from.
pub(super) trait Content: Read + Seek {}

impl<T: Read + Seek> Content for T {}

/// A file that is read at most [`READ_BUDGET`] bytes of; skipping is free.
pub(super) struct Source {
    file: BufReader<Box<dyn Content>>,
    length: u64,
    at: u64,
    spent: u64,
}

impl Source {
    fn new(mut content: Box<dyn Content>) -> std::io::Result<Self> {
        let length = content.seek(SeekFrom::End(0))?;
        content.seek(SeekFrom::Start(0))?;
        Ok(Self {
            file: BufReader::with_capacity(16 << 10, content),
            length,
            at: 0,
            spent: 0,
        })
    }

    /// The size of the file.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Where the next byte is read.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// How many bytes may still be read.
    pub(super) fn budget(&self) -> u64 {
        READ_BUDGET.saturating_sub(self.spent)
    }

    /// Whether the file is ended.
    pub(super) fn is_done(&self) -> bool {
        self.at >= self.length
    }

    /// Tells the format by the first bytes.
    fn sniff(&mut self) -> std::io::Result<Format> {
        let mut head = Vec::with_capacity(16);
        self.file.by_ref().take(16).read_to_end(&mut head)?;
        self.file.seek(SeekFrom::Start(0))?;
        let length = head.first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
        Ok(match head.as_slice() {
            [b'G', b'G', b'U', b'F', ..] => Format::Gguf,
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Format::Zip,
            // Before the others: a header of 640 bytes begins like a pickle, one of 264 like a protobuf.
            [_, _, _, _, _, _, _, _, b'{', ..] if length.is_some_and(|n| n < 1 << 40) => {
                Format::Safetensors
            }
            [0x80, 2..=5, ..] => Format::Pickle,
            [0x08, 1..=20, 0x12 | 0x1a | 0x22 | 0x3a, ..] => Format::Onnx,
            _ => Format::Unknown,
        })
    }

    /// Reads exactly `count` bytes, which the caller has bounded.
    pub(super) fn bytes(&mut self, count: u64, what: &'static str) -> Result<Vec<u8>, Stop> {
        let most = self.budget().min(self.length.saturating_sub(self.at));
        if count > self.length.saturating_sub(self.at) {
            return Err(Flaw::Ends {
                what,
                at: self.length,
            }
            .into());
        }
        if count > most {
            return Err(Flaw::TooLarge {
                what,
                claimed: count,
                most,
            }
            .into());
        }
        let mut bytes = Vec::new();
        self.file.by_ref().take(count).read_to_end(&mut bytes)?;
        let got = bytes.len() as u64;
        self.at += got;
        self.spent += got;
        if got < count {
            return Err(Flaw::Ends { what, at: self.at }.into());
        }
        Ok(bytes)
    }

    /// Reads `N` bytes.
    pub(super) fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], Stop> {
        let mut bytes = [0; N];
        if self.length.saturating_sub(self.at) < N as u64 {
            return Err(Flaw::Ends {
                what,
                at: self.length,
            }
            .into());
        }
        self.file.read_exact(&mut bytes)?;
        self.at += N as u64;
        self.spent += N as u64;
        Ok(bytes)
    }

    /// Reads a little-endian number.
    pub(super) fn u64(&mut self, what: &'static str) -> Result<u64, Stop> {
        self.array(what).map(u64::from_le_bytes)
    }

    /// Reads a little-endian number.
    pub(super) fn u32(&mut self, what: &'static str) -> Result<u32, Stop> {
        self.array(what).map(u32::from_le_bytes)
    }

    /// Goes to `offset` without reading what lies between.
    pub(super) fn seek(&mut self, offset: u64, what: &'static str) -> Result<(), Stop> {
        if offset > self.length {
            return Err(Flaw::Ends {
                what,
                at: self.length,
            }
            .into());
        }
        match i64::try_from(offset).ok().zip(i64::try_from(self.at).ok()) {
            Some((to, from)) => self.file.seek_relative(to - from)?,
            None => self.file.seek(SeekFrom::Start(offset)).map(drop)?,
        }
        self.at = offset;
        Ok(())
    }

    /// Goes on by `count` bytes without reading them.
    pub(super) fn skip(&mut self, count: u64, what: &'static str) -> Result<(), Stop> {
        self.seek(self.at.saturating_add(count), what)
    }
}

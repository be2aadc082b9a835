//! Whole files: encrypted or decrypted beside their source, complete or not there.

use std::fs::File;
use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use fs_err as fs;
use tempfile::NamedTempFile;
use thiserror::Error;

use super::age::{AgeError, AgeKey, AgeTo, decrypt_age, encrypt_age};
use super::key::Unlocked;
use super::{CryptError, Metadata, Reader, Recipe, Writer};

/// Why a file was not encrypted or decrypted. Nothing is left behind under the name that was asked for.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FileError {
    /// The container could not be written or opened.
    #[error("{}", path.display())]
    Crypt {
        /// The file that was read.
        path: PathBuf,
        /// Why.
        source: CryptError,
    },
    /// The age file could not be written or opened.
    #[error("{}", path.display())]
    Age {
        /// The file that was read.
        path: PathBuf,
        /// Why.
        source: AgeError,
    },
    /// Something else has the name of the result.
    #[error("{} is there already and holds something else", path.display())]
    Exists {
        /// The name.
        path: PathBuf,
    },
    /// Whoever was told of the progress wanted no more.
    #[error("interrupted")]
    Interrupted,
    /// The file system failed; its text names the file.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// What became of a decryption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decrypted {
    /// The content is under the new name.
    Written,
    /// The file was there already, with the same content.
    Same,
}

/// How a file is read.
#[derive(Clone, Copy, Debug)]
pub enum Origin<'a> {
    /// As it is.
    Plain,
    /// As the content of the container that it is.
    Container(&'a Unlocked),
    /// As the content of the age file that it is.
    Age(&'a [AgeKey]),
}

/// What a file is encrypted to.
#[derive(Debug)]
pub enum Form<'a> {
    /// A container. The recipe's metadata need not say what the file says itself: its name, unless there is one, and its
    /// length.
    Container(&'a Recipe<'a>),
    /// An age file.
    Age(&'a AgeTo<'a>),
}

/// Encrypts a plain file to a container `target`, which must not exist, and returns how many bytes the content has.
///
/// `told` hears how many bytes are done, once a MiB. The target appears under its name when it is whole and on the disk,
/// with the permissions of the source.
pub fn encrypt_file(
    source: &Path,
    target: &Path,
    recipe: &Recipe<'_>,
    told: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<u64, FileError> {
    let form = Form::Container(recipe);
    translate_file((source, Origin::Plain), target, &form, told)
}

/// As [`encrypt_file`], to whichever form, and of what is encrypted already the content, which is on the disk at no time.
pub fn translate_file(
    source: (&Path, Origin<'_>),
    target: &Path,
    to: &Form<'_>,
    told: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<u64, FileError> {
    if fs::symlink_metadata(target).is_ok() {
        return Err(FileError::Exists {
            path: target.to_owned(),
        });
    }
    let (path, from) = source;
    let content = Content::open(path, from)?;
    let mut draft = draft(target)?;
    let done = content.seal((path, &mut draft), to, told)?;
    settle(draft, target, fs::metadata(path)?.permissions())?;
    Ok(done)
}

/// Decrypts a container to `target`. A target that is there already must hold the same content, and stays.
pub fn decrypt_file(
    source: &Path,
    target: &Path,
    keys: &Unlocked,
    told: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<Decrypted, FileError> {
    extract_file((source, Origin::Container(keys)), target, told)
}

/// As [`decrypt_file`], from whichever form.
pub fn extract_file(
    source: (&Path, Origin<'_>),
    target: &Path,
    told: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<Decrypted, FileError> {
    let (path, from) = source;
    let permissions = fs::metadata(path)?.permissions();
    let content = Content::open(path, from)?;
    if fs::symlink_metadata(target).is_ok() {
        let mut same = Compare {
            with: fs::File::open(target)?.into_parts().0,
            buffer: Vec::new(),
            differs: false,
        };
        content.pour(path, &mut Telling::new(&mut same, told))?;
        return if same.is_same()? {
            Ok(Decrypted::Same)
        } else {
            Err(FileError::Exists {
                path: target.to_owned(),
            })
        };
    }
    let mut draft = draft(target)?;
    content.pour(path, &mut Telling::new(&mut draft, told))?;
    settle(draft, target, permissions)?;
    Ok(Decrypted::Written)
}

/// A file that is open to be read as what is in it.
enum Content<'a> {
    Plain(fs::File),
    Container(Box<Reader<fs::File>>),
    Age(fs::File, &'a [AgeKey]),
}

impl<'a> Content<'a> {
    fn open(path: &Path, from: Origin<'a>) -> Result<Self, FileError> {
        let file = fs::File::open(path)?;
        Ok(match from {
            Origin::Plain => Self::Plain(file),
            Origin::Container(keys) => {
                let reader = Reader::open(file, keys).map_err(|error| of_crypt(path, error))?;
                Self::Container(Box::new(reader))
            }
            Origin::Age(keys) => Self::Age(file, keys),
        })
    }

    /// Encrypts it. What the content says of itself goes before what the recipe says.
    fn seal(
        self,
        (path, draft): (&Path, &mut NamedTempFile),
        to: &Form<'_>,
        told: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> Result<u64, FileError> {
        let failed = |error| of_crypt(path, error);
        match to {
            Form::Container(recipe) => {
                let mut recipe = (*recipe).clone();
                self.describe(path, &mut recipe.metadata)?;
                let mut writer = Writer::new(draft, &recipe).map_err(failed)?;
                let done = self.pour(path, &mut Telling::new(&mut writer, told))?;
                writer.finish().map_err(failed)?;
                Ok(done)
            }
            Form::Age(to) => {
                let failed = |error| of_age(path, error);
                let mut writer = encrypt_age(draft, to).map_err(failed)?;
                let done = self.pour(path, &mut Telling::new(&mut writer, told))?;
                writer.finish().map_err(failed)?;
                Ok(done)
            }
        }
    }

    fn describe(&self, path: &Path, metadata: &mut Metadata) -> io::Result<()> {
        let of_path = |path: &Path| Some(path.file_name()?.to_string_lossy().into_owned());
        let (name, bytes) = match self {
            Self::Plain(file) => (of_path(path), Some(file.metadata()?.len())),
            Self::Container(reader) => {
                let own = reader.metadata();
                metadata.media = metadata.media.take().or_else(|| own.media.clone());
                metadata.sha256 = metadata.sha256.or(own.sha256);
                (own.name.clone(), Some(reader.len()))
            }
            // How long its content is, it says at its end.
            Self::Age(..) => (of_path(&path.with_extension("")), None),
        };
        metadata.name = metadata.name.take().or(name);
        metadata.bytes = bytes;
        Ok(())
    }

    /// Writes all of it to `out`.
    fn pour(self, path: &Path, out: &mut Telling<'_>) -> Result<u64, FileError> {
        let poured = match self {
            Self::Plain(mut file) => copy(&mut file, out).map_err(FileError::Io),
            Self::Container(mut reader) => {
                let poured = reader.extract(out);
                poured.map_err(|error| of_crypt(path, error))
            }
            Self::Age(file, keys) => {
                decrypt_age(file, keys, out).map_err(|error| of_age(path, error))
            }
        };
        out.check()?;
        poured
    }
}

fn copy(file: &mut fs::File, out: &mut dyn Write) -> io::Result<u64> {
    let mut buffer = vec![0; BUFFER];
    let mut done = 0;
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok(done);
        }
        out.write_all(&buffer[..count])?;
        done += count as u64;
    }
}

/// A file of mode 0600 on the volume of the target, which goes away unless it is settled.
fn draft(target: &Path) -> io::Result<NamedTempFile> {
    tempfile::Builder::new()
        .prefix(".")
        .suffix(".part")
        .rand_bytes(12)
        .tempfile_in(folder(target))
}

fn settle(
    draft: NamedTempFile,
    target: &Path,
    permissions: std::fs::Permissions,
) -> Result<(), FileError> {
    fs::set_permissions(draft.path(), permissions)?;
    draft.as_file().sync_all()?;
    draft
        .persist_noclobber(target)
        .map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => FileError::Exists {
                path: target.to_owned(),
            },
            _ => FileError::Io(error.error),
        })?;
    fs::File::open(folder(target))?.sync_all()?;
    Ok(())
}

fn folder(target: &Path) -> &Path {
    match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn of_crypt(path: &Path, error: CryptError) -> FileError {
    match error {
        CryptError::Io(error) => FileError::Io(error),
        source => FileError::Crypt {
            path: path.to_owned(),
            source,
        },
    }
}

fn of_age(path: &Path, error: AgeError) -> FileError {
    match error {
        AgeError::Io(error) => FileError::Io(error),
        source => FileError::Age {
            path: path.to_owned(),
            source,
        },
    }
}

/// Tells how much went through.
struct Telling<'a> {
    out: &'a mut dyn Write,
    told: &'a mut dyn FnMut(u64) -> ControlFlow<()>,
    done: u64,
    is_stopped: bool,
}

impl<'a> Telling<'a> {
    fn new(out: &'a mut dyn Write, told: &'a mut dyn FnMut(u64) -> ControlFlow<()>) -> Self {
        Self {
            out,
            told,
            done: 0,
            is_stopped: false,
        }
    }

    /// An interruption reaches the reader as an error of the sink, and is none.
    fn check(&self) -> Result<(), FileError> {
        if self.is_stopped {
            return Err(FileError::Interrupted);
        }
        Ok(())
    }
}

impl Write for Telling<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.done += count as u64;
        if (self.told)(self.done).is_break() {
            self.is_stopped = true;
            // Not `Interrupted`: that kind is tried again.
            return Err(io::Error::other("stopped"));
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Compares what is written to it with a file.
struct Compare {
    with: File,
    buffer: Vec<u8>,
    differs: bool,
}

impl Compare {
    /// Whether all that was written is in the file, and the file has no more.
    fn is_same(&mut self) -> io::Result<bool> {
        Ok(!self.differs && self.with.read(&mut [0])? == 0)
    }
}

impl Write for Compare {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.differs {
            self.buffer.resize(bytes.len(), 0);
            match self.with.read_exact(&mut self.buffer) {
                Ok(()) => self.differs = self.buffer != bytes,
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => self.differs = true,
                Err(error) => return Err(error),
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// As long as the chunks that are encrypted at a time.
const BUFFER: usize = 1 << 20;

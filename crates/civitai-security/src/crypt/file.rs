//! Whole files: a container beside its source, complete or not there.

use std::fs::File;
use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use fs_err as fs;
use tempfile::NamedTempFile;
use thiserror::Error;

use super::key::Unlocked;
use super::{CryptError, Reader, Recipe, Writer};

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

/// Encrypts `source` to `target`, which must not exist, and returns how many bytes the content has.
///
/// The recipe's metadata need not say what the file says itself: its name, unless there is one, and its length.
/// `told` hears how many bytes are done, once a MiB. The target appears under its name when it is whole and on the disk,
/// with the permissions of the source.
pub fn encrypt_file(
    source: &Path,
    target: &Path,
    recipe: &Recipe<'_>,
    told: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<u64, FileError> {
    if fs::symlink_metadata(target).is_ok() {
        return Err(FileError::Exists {
            path: target.to_owned(),
        });
    }
    let mut file = fs::File::open(source)?;
    let about = file.metadata()?;
    let mut recipe = recipe.clone();
    let name = source
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    recipe.metadata.name = recipe.metadata.name.or(name);
    recipe.metadata.bytes = Some(about.len());
    let failed = |error| of_crypt(source, error);
    let draft = draft(target)?;
    let mut writer = Writer::new(draft, &recipe).map_err(failed)?;
    let mut buffer = vec![0; recipe.chunk.bytes()];
    let mut done = 0;
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        writer.write_all(&buffer[..count])?;
        done += count as u64;
        go_on(told(done))?;
    }
    let draft = writer.finish().map_err(failed)?;
    settle(draft, target, about.permissions())?;
    Ok(done)
}

/// Decrypts `source` to `target`. A target that is there already must hold the same content, and stays.
pub fn decrypt_file(
    source: &Path,
    target: &Path,
    keys: &Unlocked,
    told: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<Decrypted, FileError> {
    let file = fs::File::open(source)?;
    let permissions = file.metadata()?.permissions();
    let failed = |error| of_crypt(source, error);
    let mut reader = Reader::open(file, keys).map_err(failed)?;
    if fs::symlink_metadata(target).is_ok() {
        let mut same = Compare {
            with: fs::File::open(target)?.into_parts().0,
            buffer: Vec::new(),
            differs: false,
        };
        let mut out = Telling::new(&mut same, told);
        let extracted = reader.extract(&mut out);
        out.check()?;
        extracted.map_err(failed)?;
        return if same.is_same()? {
            Ok(Decrypted::Same)
        } else {
            Err(FileError::Exists {
                path: target.to_owned(),
            })
        };
    }
    let mut draft = draft(target)?;
    let mut out = Telling::new(&mut draft, told);
    let extracted = reader.extract(&mut out);
    out.check()?;
    extracted.map_err(failed)?;
    settle(draft, target, permissions)?;
    Ok(Decrypted::Written)
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

fn go_on(flow: ControlFlow<()>) -> Result<(), FileError> {
    match flow {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(FileError::Interrupted),
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

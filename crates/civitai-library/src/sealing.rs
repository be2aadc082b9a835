//! Encrypted files of a library: made of what was fetched, and read like what is in them.
//!
//! An encrypted file is called like the file that is in it, with [`SUFFIX`] behind. The catalogue knows it by the digests
//! of its content, so that it is found like any other; its bytes are never compared, linked or patched.

mod renew;

use std::fmt;
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use civitai_download::digest::{DigestSet, Digests, Hasher};
use civitai_download::error::BoxError;
use civitai_download::{Candidate, Seal};
use civitai_security::crypt::{
    CryptError, FileError, Level, Metadata, Reader, Recipe, Recipient, Unlocked, Writer,
};
use fs_err::File;

use crate::catalogue::Stamp;
use crate::library::Library;

pub use renew::renew;

/// What the name of an encrypted file ends in.
pub const SUFFIX: &str = ".cke";

/// Says whether a file of this name is an encrypted one.
pub fn is_sealed(name: &str) -> bool {
    plain_name(name).len() < name.len()
}

/// What a file is called without its encryption.
pub fn plain_name(name: &str) -> &str {
    name.strip_suffix(SUFFIX).unwrap_or(name)
}

/// What a file is called once it is encrypted.
pub fn sealed_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(SUFFIX);
    name.into()
}

/// Who has the keys of encrypted files. Its methods block.
pub trait Keys: fmt::Debug + Send + Sync {
    /// Opens what the container at `path` needs.
    fn keys_for(&self, path: &Path) -> Result<Arc<Unlocked>, BoxError>;

    /// Notes where a container is about to be, for the day on which its keys are replaced.
    fn remember(&self, path: &Path) -> Result<(), BoxError>;
}

/// Opens a container to be read like the file that is in it.
///
/// # Errors
/// Those of [`Keys::keys_for`] as they are, else a [`FileError`].
pub fn open(path: &Path, keys: &dyn Keys) -> Result<Reader<File>, BoxError> {
    let keys = keys.keys_for(path)?;
    let file = File::open(path).map_err(FileError::Io)?;
    Ok(Reader::open(file, &keys).map_err(|error| at(path, error))?)
}

/// The kind of what went wrong with a container as one word, the same as in the JSON lines of the command line. That a key
/// cannot be had is `no_access`, whatever who has the keys says.
pub fn code(error: &BoxError) -> &'static str {
    if let Some(error) = error.downcast_ref::<FileError>() {
        error.code()
    } else if error.is::<io::Error>() {
        "io"
    } else if error.is::<Altered>() {
        "integrity"
    } else {
        "no_access"
    }
}

/// Hashes what is in a container, all of which proves authentic on the way. `before` is called before so many bytes are
/// taken in, and ends it with an error.
pub(crate) fn hash(
    path: &Path,
    keys: &dyn Keys,
    set: DigestSet,
    before: &mut dyn FnMut(u64) -> io::Result<()>,
) -> Result<Digests, BoxError> {
    let mut reader = open(path, keys)?;
    let mut sink = Sink {
        hasher: Hasher::new(set),
        before,
    };
    reader.extract(&mut sink).map_err(|error| at(path, error))?;
    Ok(sink.hasher.finish())
}

struct Sink<'a> {
    hasher: Hasher,
    before: &'a mut dyn FnMut(u64) -> io::Result<()>,
}

impl Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (self.before)(bytes.len() as u64)?;
        self.hasher.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The encryption of what is fetched.
pub struct Sealing {
    level: Level,
    recipients: Vec<Recipient>,
    keys: Arc<dyn Keys>,
    library: Library,
}

/// What was read back to be encrypted is not what was verified: the disk, or somebody, changed it meanwhile.
#[derive(Debug, thiserror::Error)]
#[error("{} is not what was verified any more", path.display())]
pub struct Altered {
    /// The file that was read.
    pub path: PathBuf,
}

impl Sealing {
    /// Encrypts to `recipients`, who make up `level`. What is in the way is opened with `keys`; where they do not open it,
    /// the catalogue of `library` is believed for as long as the file is as it was.
    pub fn new(
        level: Level,
        recipients: Vec<Recipient>,
        keys: Arc<dyn Keys>,
        library: Library,
    ) -> Self {
        Self {
            level,
            recipients,
            keys,
            library,
        }
    }

    /// How files are protected.
    pub fn level(&self) -> Level {
        self.level
    }

    fn recipe(&self, candidate: &Candidate<'_>) -> Recipe<'_> {
        let name = candidate.target.file_name();
        Recipe {
            metadata: Metadata {
                name: name.map(|name| name.to_string_lossy().into_owned()),
                bytes: Some(candidate.digests.bytes),
                sha256: candidate.digests.sha256.map(|digest| *digest.as_bytes()),
                ..Metadata::default()
            },
            ..Recipe::new(self.level, &self.recipients)
        }
    }

    /// What the catalogue knows of a container that cannot be opened here: who encrypts for others cannot decrypt.
    fn remembered(&self, path: &Path) -> Option<Digests> {
        let catalogue = self.library.catalogue_if_there().ok()??;
        let entry = catalogue.entry(&self.library.relative(path)?).ok()??;
        let now = Stamp::of(&fs_err::metadata(path).ok()?);
        entry.digests.filter(|_| entry.stamp.is_same(&now))
    }
}

impl Seal for Sealing {
    fn place(&self, target: &Path) -> PathBuf {
        sealed_path(target)
    }

    fn seal(&self, candidate: &Candidate<'_>, draft: &mut dyn Write) -> Result<(), BoxError> {
        self.keys.remember(&sealed_path(candidate.target))?;
        let failed = |error| at(candidate.path, error);
        let mut file = File::open(candidate.path)?;
        let mut writer = Writer::new(draft, &self.recipe(candidate)).map_err(failed)?;
        let mut hasher = Hasher::new(DigestSet::SHA256);
        let mut buffer = vec![0; BUFFER];
        loop {
            let count = file.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            hasher.update(&buffer[..count]);
            writer.write_all(&buffer[..count])?;
        }
        let verified = candidate.digests.sha256;
        let read = hasher.finish();
        if read.bytes != candidate.digests.bytes || verified.is_some() && read.sha256 != verified {
            let path = candidate.path.to_owned();
            return Err(Altered { path }.into());
        }
        match writer.finish().map_err(failed) {
            Ok(_) => Ok(()),
            Err(FileError::Io(error)) => Err(error.into()),
            Err(error) => Err(error.into()),
        }
    }

    fn digests(&self, path: &Path, set: DigestSet) -> Result<Digests, BoxError> {
        // No hash tree: damage to a container cannot be mended by groups of its content.
        let set = if set.contains(DigestSet::TREE) {
            DigestSet::ALL
        } else {
            set
        };
        match self.keys.keys_for(path) {
            Ok(_) => hash(path, &*self.keys, set, &mut |_| Ok(())),
            Err(error) => self.remembered(path).ok_or(error),
        }
    }
}

impl fmt::Debug for Sealing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealing")
            .field("level", &self.level)
            .finish_non_exhaustive()
    }
}

fn at(path: &Path, error: CryptError) -> FileError {
    match error {
        CryptError::Io(error) => FileError::Io(error),
        source => FileError::Crypt {
            path: path.to_owned(),
            source,
        },
    }
}

/// As long as the chunks that are encrypted at a time.
const BUFFER: usize = 1 << 20;

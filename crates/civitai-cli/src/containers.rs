//! Encrypted files that verbs read and write: the keys for them, asked for once.

use std::fmt;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use civitai_download::error::BoxError;
use civitai_library::sealing;
use civitai_security::Secret;
use civitai_security::crypt::store::{Ask, Store};
use civitai_security::crypt::{
    CryptError, FileError, KeyId, Level, Reader, Recipient, SlotKind, Unlocked, WrappingKey,
    is_container, peek,
};
use fs_err::File;

use crate::args::PassphraseArgs;
use crate::commands::keys;
use crate::commands::library::blocking;
use crate::exit::Kind;
use crate::failure::{Failure, io_kind};
use crate::passphrase::Passphrases;
use crate::session::Session;
use crate::text::{self, Hint, Lang, Message, Sealed};
use crate::vault;

/// The keys of this machine, as they are needed. Its methods block.
#[derive(Debug)]
pub(crate) struct Containers {
    store: Store,
    passphrases: Passphrases,
    opened: Mutex<Vec<Opened>>,
    /// What files are encrypted to, which opens others that are.
    known: Mutex<Vec<WrappingKey>>,
    /// Set once work has begun, in which nobody is to be asked.
    is_busy: AtomicBool,
}

/// Keys that were opened for a container with these slots, and fit every other with the same.
#[derive(Debug)]
struct Opened {
    slots: Vec<(SlotKind, KeyId)>,
    keys: Arc<Unlocked>,
}

impl Containers {
    pub(crate) fn new(args: &PassphraseArgs, session: &Session) -> Result<Self, Failure> {
        Ok(Self {
            store: vault::open(session)?,
            passphrases: Passphrases::read(args, session)?,
            opened: Mutex::default(),
            known: Mutex::default(),
            is_busy: AtomicBool::new(false),
        })
    }

    /// Whether somebody is there to be asked for passphrases.
    pub(crate) fn asks(&self) -> bool {
        self.passphrases.asks()
    }

    /// From now on passphrases are not asked for at the keyboard.
    pub(crate) fn begin(&self) {
        self.is_busy.store(true, Ordering::Relaxed);
    }

    fn answer(&self, ask: &Ask) -> Option<Secret> {
        if self.is_busy.load(Ordering::Relaxed) {
            self.passphrases.given(ask)
        } else {
            self.passphrases.answer(ask)
        }
    }

    /// Whom files of a level are encrypted to.
    pub(crate) async fn recipients(
        self: &Arc<Self>,
        level: Level,
        session: &Session,
    ) -> Result<Vec<Recipient>, Failure> {
        let _silence = self.passphrases.silence()?;
        let containers = Arc::clone(self);
        let found = blocking(session, move || {
            let mut ask = |ask: &_| containers.answer(ask);
            containers.store.recipients(level, &mut ask)
        });
        let found = found.await?.map_err(|error| keys::failure(&error))?;
        let symmetric = found.iter().filter_map(|to| match to {
            Recipient::Symmetric(key) => Some(key.clone()),
            Recipient::Public(_) => None,
        });
        lock(&self.known).extend(symmetric);
        Ok(found)
    }

    /// Has a passphrase chosen for something new.
    pub(crate) async fn choose(self: &Arc<Self>, session: &Session) -> Result<Secret, Failure> {
        let _silence = self.passphrases.silence()?;
        let containers = Arc::clone(self);
        blocking(session, move || containers.passphrases.choose("age")).await?
    }

    /// The passphrases that may open a file that no key here does.
    pub(crate) async fn passphrases_of(
        self: &Arc<Self>,
        path: &Path,
        session: &Session,
    ) -> Result<Vec<Secret>, Failure> {
        let _silence = self.passphrases.silence()?;
        let (containers, path) = (Arc::clone(self), path.to_owned());
        blocking(session, move || containers.passphrases.of_file(&path)).await?
    }

    /// Opens the keys of the containers among `paths` before anything is done with them: so a passphrase is asked for at the
    /// beginning, and once. What cannot be opened says so in its turn.
    pub(crate) async fn prepare(
        self: &Arc<Self>,
        paths: &[std::path::PathBuf],
        session: &Session,
    ) -> Result<(), Failure> {
        let _silence = self.passphrases.silence()?;
        let (containers, paths) = (Arc::clone(self), paths.to_vec());
        blocking(session, move || {
            for path in paths {
                // Whoever reads the file meets the same error.
                let _ = containers.keys_for(&path);
            }
        })
        .await
    }

    /// Opens the keys that a container needs.
    pub(crate) fn keys_for(&self, path: &Path) -> Result<Arc<Unlocked>, Failure> {
        let mut file = File::open(path).map_err(|error| Failure::usage_io(&error))?;
        let slots = peek(&mut file)
            .map_err(|source| failure(&at(path, source)))?
            .slots;
        let mut opened = lock(&self.opened);
        if let Some(known) = opened.iter().find(|known| known.slots == slots) {
            return Ok(Arc::clone(&known.keys));
        }
        let keys = match self.known_for(&slots) {
            Some(keys) => keys,
            None => self
                .store
                .unlock(&slots, &mut |ask| self.answer(ask))
                .map_err(|error| keys::failure(&error))?,
        };
        let keys = Arc::new(keys);
        opened.push(Opened {
            slots,
            keys: Arc::clone(&keys),
        });
        Ok(keys)
    }

    /// A key that is open already, where one is all that it takes.
    fn known_for(&self, slots: &[(SlotKind, KeyId)]) -> Option<Unlocked> {
        let kind = slots.first()?.0;
        let takes_one = slots.iter().all(|(other, _)| *other == kind);
        let known = lock(&self.known);
        let is_named = |key: &&WrappingKey| slots.iter().any(|(_, id)| *id == key.id());
        let key = known.iter().find(is_named).filter(|_| takes_one)?.clone();
        Some(Unlocked {
            symmetric: vec![key],
            private: Vec::new(),
        })
    }

    /// Opens a container to be read like the file that is in it.
    pub(crate) fn open(&self, path: &Path) -> Result<Reader<File>, Failure> {
        let keys = self.keys_for(path)?;
        let file = File::open(path).map_err(|error| Failure::usage_io(&error))?;
        Reader::open(file, &keys).map_err(|source| failure(&at(path, source)))
    }

    /// Notes where an encrypted file is, for the day on which its key is replaced.
    pub(crate) fn remember(&self, path: &Path) -> Result<(), Failure> {
        self.store
            .remember(path)
            .map_err(|error| keys::failure(&error))
    }
}

impl sealing::Keys for Containers {
    fn keys_for(&self, path: &Path) -> Result<Arc<Unlocked>, BoxError> {
        self.keys_for(path)
            .map_err(|failure| Closed(failure).into())
    }

    fn remember(&self, path: &Path) -> Result<(), BoxError> {
        self.remember(path)
            .map_err(|failure| Closed(failure).into())
    }
}

/// A failure on its way through a library.
#[derive(Debug)]
struct Closed(Failure);

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message(Lang::En))
    }
}

impl std::error::Error for Closed {}

/// What a library could not do with a container, in the user's terms.
pub(crate) fn failure_of(error: &BoxError) -> Failure {
    if let Some(Closed(failure)) = error.downcast_ref() {
        failure.clone()
    } else if let Some(error) = error.downcast_ref::<FileError>() {
        failure(error)
    } else if let Some(error) = error.downcast_ref::<io::Error>() {
        Failure::usage_io(error)
    } else if error.is::<sealing::Altered>() {
        Failure::library(Kind::Integrity, error.as_ref())
    } else {
        Failure::library(Kind::Internal, error.as_ref())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Both lists are whole at any time.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a file is encrypted; what cannot be read says so to who reads it.
pub(crate) fn is_encrypted(path: &Path) -> bool {
    let begins = || {
        let mut file = File::open(path).ok()?;
        let mut beginning = [0; 4];
        file.read_exact(&mut beginning).ok()?;
        if is_container(&beginning) {
            return Some(true);
        }
        // The header may be in its second place.
        file.seek(SeekFrom::Start(SECOND_PLACE)).ok()?;
        let mut second = [0; 4];
        file.read_exact(&mut second).ok()?;
        Some(beginning == [0; 4] && is_container(&second))
    };
    path.is_file() && begins().unwrap_or(false)
}

/// An error of a container in the user's terms: what it does not tell apart, nobody does.
pub(crate) fn failure(error: &FileError) -> Failure {
    let kind = match error {
        FileError::Crypt { source, .. } => match source {
            CryptError::FutureVersion { .. } => Kind::Unsupported,
            CryptError::NoKey { .. } | CryptError::Unsuitable { .. } => Kind::NoAccess,
            CryptError::NotContainer | CryptError::Refused => Kind::Integrity,
            CryptError::Io(source) => io_kind(source),
            _ => Kind::Internal,
        },
        FileError::Age { source, .. } => Kind::from_word(source.code()),
        FileError::Exists { .. } => {
            return Failure::library(Kind::Usage, error).with_hint(Hint::OtherName);
        }
        FileError::Interrupted => return Failure::interrupted(),
        FileError::Io(source) => return Failure::usage_io(source),
        _ => Kind::Internal,
    };
    let failure = match sealed(error) {
        Some(sealed) => Failure::new(kind, Message::Sealed(sealed)),
        None => Failure::library(kind, error),
    };
    match kind {
        Kind::Integrity if matches!(error, FileError::Age { .. }) => {
            failure.with_hint(Hint::Keys(text::Keys::WrongIdentityOrDamage))
        }
        Kind::NoAccess => failure.with_hint(Hint::Keys(text::Keys::HowToMake)),
        Kind::Integrity => failure.with_hint(Hint::Keys(text::Keys::WrongKeyOrDamage)),
        _ => failure,
    }
}

/// What there are words for in both languages.
fn sealed(error: &FileError) -> Option<Sealed> {
    let FileError::Crypt { path, source } = error else {
        return None;
    };
    let path = path.clone();
    match *source {
        CryptError::FutureVersion { version } => Some(Sealed::Later { path, version }),
        CryptError::NoKey { kind } => Some(Sealed::KeyMissing { kind }),
        CryptError::NotContainer => Some(Sealed::NoContainer { path }),
        CryptError::Refused => Some(Sealed::RefusedFile { path }),
        _ => None,
    }
}

/// Says of which file an error is.
pub(crate) fn at(path: &Path, source: CryptError) -> FileError {
    match source {
        CryptError::Io(error) => FileError::Io(error),
        source => FileError::Crypt {
            path: path.to_owned(),
            source,
        },
    }
}

/// docs/container-format.md, "The file".
const SECOND_PLACE: u64 = 32 * 1024;

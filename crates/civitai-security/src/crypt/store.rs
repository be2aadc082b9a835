//! The keys of this machine: where they are, in which state, and what opens them.
//!
//! A [`Store`] is a directory of mode 0700 with a JSON file of mode 0600 a key (`docs/key-store.md`). Secrets in it are under
//! a passphrase (Argon2id, AES-256-KWP), in the keyring of the system, or, for machine keys and where the user said so,
//! open. Whoever changes the store holds a lock on the directory; each file is replaced as a whole, so a crash leaves
//! the old or the new. Every change is written to `audit.jsonl` before it takes effect.
//!
//! An id follows from its key. So a key that comes back from its phrase opens the files it opened before, and what is
//! read is checked against the name it goes by.

mod audit;
mod change;
mod disk;
mod hex;
mod pem;
mod record;
mod seal;
mod succession;
mod unlock;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{KeyId, SlotKind};
use crate::Secret;

pub use self::audit::{Broken, Entry};
pub use self::change::{NewPair, Restored};
pub use self::pem::PemProblem;
pub use self::seal::Cost;
pub use self::unlock::Ask;

pub(super) use self::audit::Event;
pub(super) use self::disk::{Hold, remove as remove_file, replace as replace_file};
pub(super) use self::record::Record;

/// The keys in a directory.
#[derive(Debug)]
pub struct Store {
    directory: PathBuf,
    vault: Option<Arc<dyn Vault>>,
    cost: Cost,
    records: Vec<Record>,
    unreadable: Vec<StoreError>,
    repaired: Vec<PathBuf>,
}

impl Store {
    /// Reads the keys in `directory`; where there is none, there are no keys.
    ///
    /// A directory or file that others may read is closed to them, see [`repaired`](Self::repaired).
    ///
    /// # Errors
    /// [`StoreError::NotOurs`] when the directory, or a key, is a symbolic link: somebody else decides what it holds.
    /// A key file that cannot be understood is no error here, see [`unreadable`](Self::unreadable).
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        let mut store = Self {
            directory: directory.to_owned(),
            vault: None,
            cost: Cost::default(),
            records: Vec::new(),
            unreadable: Vec::new(),
            repaired: Vec::new(),
        };
        store.read()?;
        Ok(store)
    }

    /// Keeps new machine keys in `vault`, and finds there those that are in it.
    #[must_use]
    pub fn with_vault(mut self, vault: Arc<dyn Vault>) -> Self {
        self.vault = Some(vault);
        self
    }

    /// Lets new passphrases cost something else than [`Cost::default`].
    #[must_use]
    pub fn with_cost(mut self, cost: Cost) -> Self {
        self.cost = cost;
        self
    }

    /// Every key, oldest first.
    pub fn keys(&self) -> impl Iterator<Item = Key> {
        self.records.iter().map(Record::key)
    }

    /// The key whose id begins with `prefix`.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] when there is none, [`StoreError::Ambiguous`] when there are several.
    pub fn find(&self, prefix: &str) -> Result<Key, StoreError> {
        let prefix = prefix.to_ascii_lowercase();
        let is_meant = |record: &&Record| record.id.to_string().starts_with(&prefix);
        let mut found = self.records.iter().filter(is_meant);
        match (found.next(), found.next()) {
            (Some(record), None) => Ok(record.key()),
            (Some(_), Some(_)) => Err(StoreError::Ambiguous { id: prefix }),
            (None, _) => Err(StoreError::Unknown { id: prefix }),
        }
    }

    /// The key of a kind that is active, else the newest that still decrypts.
    pub fn newest(&self, kind: SlotKind) -> Result<Key, StoreError> {
        let of_kind = |record: &&Record| record.kind == kind && record.secret.is_some();
        let found = self
            .active(kind)
            .or_else(|| self.records.iter().rfind(of_kind));
        found.map(Record::key).ok_or(StoreError::NoKey { kind })
    }

    /// Key files that are damaged or from a later release. They are left as they are.
    pub fn unreadable(&self) -> &[StoreError] {
        &self.unreadable
    }

    /// What others could read until this store was opened.
    pub fn repaired(&self) -> &[PathBuf] {
        &self.repaired
    }

    /// Notes where an encrypted file was written, so that a rotation looks there.
    ///
    /// # Errors
    /// When the note could not be written; the file itself is none the worse for it.
    pub fn remember(&self, file: &Path) -> Result<(), StoreError> {
        let folder = file.parent().unwrap_or(Path::new("."));
        let folder = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        };
        let folder = fs_err::canonicalize(folder)?;
        if self.remembered()?.contains(&folder) {
            return Ok(());
        }
        let mut line = serde_json::to_string(&folder)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        line.push('\n');
        Ok(disk::append(&self.places_path(), &line)?)
    }

    /// The directories in which encrypted files were written.
    pub fn remembered(&self) -> Result<Vec<PathBuf>, StoreError> {
        let Some(bytes) = read_beside(&self.places_path())? else {
            return Ok(Vec::new());
        };
        let lines = bytes.split(|byte| *byte == b'\n');
        Ok(lines
            .filter_map(|line| serde_json::from_slice(line).ok())
            .collect())
    }

    fn places_path(&self) -> PathBuf {
        self.directory.join("places.jsonl")
    }

    /// The directory of the keys.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    fn read(&mut self) -> Result<(), StoreError> {
        self.records.clear();
        self.unreadable.clear();
        match fs_err::symlink_metadata(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error.into()),
            Ok(_) => {}
        }
        if disk::check_directory(&self.directory)? {
            self.repaired.push(self.directory.clone());
        }
        for path in disk::list(&self.directory, SUFFIX)? {
            self.read_key(path)?;
        }
        self.records
            .sort_by_key(|record| (record.created, record.id));
        Ok(())
    }

    fn read_key(&mut self, path: PathBuf) -> Result<(), StoreError> {
        let (bytes, was_open) = match disk::read(&path, LONGEST_KEY) {
            Ok(read) => read,
            Err(error @ StoreError::Damaged { .. }) => {
                self.unreadable.push(error);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        match Record::parse(&bytes, &path) {
            Ok(record) if path == self.path_of(record.id) => self.records.push(record),
            Ok(_) => self
                .unreadable
                .push(StoreError::Damaged { path: path.clone() }),
            Err(error) => self.unreadable.push(error),
        }
        if was_open {
            self.repaired.push(path);
        }
        Ok(())
    }

    fn path_of(&self, id: KeyId) -> PathBuf {
        self.directory.join(format!("{id}{SUFFIX}"))
    }

    pub(super) fn record(&self, id: KeyId) -> Result<&Record, StoreError> {
        let mut records = self.records.iter();
        records
            .find(|record| record.id == id)
            .ok_or_else(|| StoreError::Unknown { id: id.to_string() })
    }

    /// The key that files are encrypted to now. After a crash in a rotation there may be two active ones; the newer counts.
    fn active(&self, kind: SlotKind) -> Option<&Record> {
        let of_kind = |record: &&Record| record.kind == kind && record.state == State::Active;
        self.records.iter().rfind(of_kind)
    }
}

/// Where machine keys are kept outside of the store: the keyring of the system.
///
/// Its secrets are text. Whatever it cannot do, it is as if it were not there.
pub trait Vault: fmt::Debug + Send + Sync {
    /// The secret kept for a key.
    fn read(&self, id: KeyId) -> Option<Secret>;

    /// Keeps a secret; says whether it could.
    fn write(&self, id: KeyId, secret: &Secret) -> bool;

    /// Forgets a secret; says whether there was one.
    fn delete(&self, id: KeyId) -> bool;
}

/// What may be known of a key without opening it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Key {
    /// Its name in slots and files.
    pub id: KeyId,
    /// What it is used for.
    pub kind: SlotKind,
    /// What it may be used for still.
    pub state: State,
    /// When this store got it.
    pub created: Timestamp,
    /// Whose it is, if somebody has said so.
    pub name: Option<String>,
    /// Where its secret is.
    pub place: Place,
    /// Length of the RSA modulus, for pairs.
    pub bits: Option<usize>,
}

impl Key {
    /// The word for its kind: `machine`, `master`, `rsa`, `rsa_ml_kem`.
    pub fn kind_word(&self) -> &'static str {
        record::word(self.kind)
    }
}

/// What a key may be used for still.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum State {
    /// Encrypts and decrypts.
    Active,
    /// A rotation has put another in its place; it opens files that still need it.
    DecryptOnly,
    /// Nobody should trust it any more; it opens files, so that they can be moved to another.
    Revoked,
    /// Its secret is gone, and with it what it alone could open.
    Destroyed,
}

impl State {
    /// The word for it: `active`, `decrypt_only`, `revoked`, `destroyed`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::DecryptOnly => "decrypt_only",
            Self::Revoked => "revoked",
            Self::Destroyed => "destroyed",
        }
    }
}

/// Where the secret of a key is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Place {
    /// Its owner has it; here is the public half.
    Elsewhere,
    /// In a file of mode 0600.
    File,
    /// In the keyring of the system.
    Keyring,
    /// It has been destroyed.
    Nowhere,
    /// In a file of mode 0600, under a passphrase.
    Passphrase,
}

impl Place {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Elsewhere => "elsewhere",
            Self::File => "file",
            Self::Keyring => "keyring",
            Self::Nowhere => "nowhere",
            Self::Passphrase => "passphrase",
        }
    }
}

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Several ids begin like this.
    #[error("several keys begin with `{id}`")]
    Ambiguous {
        /// What was given.
        id: String,
    },
    /// It is no key we can take.
    #[error("{0}")]
    BadPem(#[from] PemProblem),
    /// It is no phrase.
    #[error("{0}")]
    BadPhrase(#[from] super::phrase::PhraseProblem),
    /// Another process is changing the store.
    #[error("{}: another command is changing the keys", path.display())]
    Busy {
        /// The store.
        path: PathBuf,
    },
    /// A file of the store does not hold what it should.
    #[error("{}: not a key file, or damaged", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// Such a key is there already.
    #[error("{} is the active {} key already", short(*id), record::word(*kind))]
    Exists {
        /// Its id.
        id: KeyId,
        /// Its kind.
        kind: SlotKind,
    },
    /// A later release has written it.
    #[error("{}: version {version} is of a later release", path.display())]
    FutureVersion {
        /// The file.
        path: PathBuf,
        /// What it says of itself.
        version: u32,
    },
    /// The file system failed; the text names the file.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The store holds no key of a kind that could do it.
    #[error("there is no {} key that could do it", record::word(*kind))]
    NoKey {
        /// What would be needed.
        kind: SlotKind,
    },
    /// Nobody gave the passphrase of a key.
    #[error("the passphrase of {} was not given", short(*id))]
    NoPassphrase {
        /// The key.
        id: KeyId,
    },
    /// The system gives no randomness, or no memory for deriving a key.
    #[error("the system gave no randomness, or no memory to derive a key")]
    NoResources,
    /// A link or another special file is where a file of the store should be.
    #[error("{}: not a plain file or directory of our own", path.display())]
    NotOurs {
        /// Its path.
        path: PathBuf,
    },
    /// The passphrase is wrong, the key is another, or something is damaged.
    #[error("the passphrase or the key is wrong, or something is damaged")]
    Refused,
    /// A rotation was interrupted; it has to be finished first.
    #[error("a rotation to {} is not finished", short(*to))]
    Unfinished {
        /// The new key.
        to: KeyId,
    },
    /// No key begins like this.
    #[error("no key begins with `{id}`")]
    Unknown {
        /// What was given.
        id: String,
    },
    /// It cannot be done with a key of this kind.
    #[error("{} is of a kind that this cannot be done with", short(*id))]
    WrongKind {
        /// The key.
        id: KeyId,
    },
    /// The key is in a state that does not allow it.
    #[error("{} is {}", short(*id), state.word())]
    WrongState {
        /// The key.
        id: KeyId,
        /// Its state.
        state: State,
    },
}

/// Reads another file of the store than that of a key; `None` where there is none.
pub(super) fn read_beside(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
    match disk::read(path, LONGEST_BESIDE) {
        Ok((bytes, _)) => Ok(Some(bytes)),
        Err(StoreError::Io(error)) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The beginning of an id. As a whole it has the shape of a token, and is masked wherever errors are shown.
fn short(id: KeyId) -> String {
    let mut text = id.to_string();
    text.truncate(8);
    text
}

/// What the name of a key's file ends in.
const SUFFIX: &str = ".key.json";
/// More than a private key of 8192 bits with its share takes.
const LONGEST_KEY: u64 = 64 * 1024;
/// Hundreds of thousands of directories.
const LONGEST_BESIDE: u64 = 16 * 1024 * 1024;

//! Putting a new key in the place of an old one, in every file.
//!
//! Only the slots of a file are written anew; its content is not touched. A journal in the store says which key goes to
//! which and where the files are; how far it came, each file tells by itself. So whatever stops a rotation, the next one
//! goes on, and until then every file opens with the old key or with the new: both are kept, the old one to decrypt only.
//!
//! The order: journal, new key, old key set to decrypt only, files, journal away. A journal whose new key does not exist is
//! of a rotation that never began.

mod files;
mod journal;
mod ring;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use fs_err as fs;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use self::files::containers;
use self::journal::Journal;
use self::ring::{Answers, Ring};
use super::store::{Ask, Event, Hold, Key, Record, Store, StoreError};
use super::{CryptError, KeyId, Peek, Rewrapped, peek, rewrap};
use crate::Secret;

/// What a rotation is to do.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The key that is to be replaced.
    pub old: KeyId,
    /// Whether another key takes its place.
    pub successor: Successor,
    /// Where the files are.
    pub roots: Vec<Root>,
}

/// A place where encrypted files are. Of a directory those are meant whose names end in `.cke`; a file that is named is meant
/// whatever its name.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Root {
    /// A directory and all below it, or a file.
    Tree(PathBuf),
    /// A directory by itself.
    Folder(PathBuf),
}

impl Root {
    /// One path for one place. What is not there stays as it was named, and is told when files are looked for.
    fn settled(&self) -> Self {
        let real = |path: &PathBuf| fs::canonicalize(path).unwrap_or_else(|_| path.clone());
        match self {
            Self::Tree(path) => Self::Tree(real(path)),
            Self::Folder(path) => Self::Folder(real(path)),
        }
    }
}

/// The containers in these places, in a steady order and each once; links are not followed. A place that cannot be looked
/// at is an error among them.
pub fn containers_in(roots: &[Root]) -> impl Iterator<Item = std::io::Result<PathBuf>> {
    containers(roots).map(|found| found.map_err(|lost| lost.error))
}

/// What takes the place of a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Successor {
    /// The key that is active already: for files that an earlier rotation did not see.
    Active,
    /// A key of the same kind and length, drawn now and put under the same passphrase.
    New,
}

/// A rotation that holds the store.
#[derive(Debug)]
pub struct Rotation<'a> {
    store: &'a mut Store,
    hold: Hold,
    journal: Journal,
    answers: Answers,
}

/// What became of one file.
#[derive(Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// It is for the new key now.
    Rewrapped,
    /// It was already.
    Already,
    /// It is as it was.
    Failed(FileError),
}

/// Why a file was left as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The container was not opened or not written.
    #[error(transparent)]
    Crypt(#[from] CryptError),
    /// Another key that the file needs, too, was not opened: both custodians of the highest level are needed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How a rotation ended.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Sum {
    /// Files that are for the new key now.
    pub rewrapped: usize,
    /// Files that were for it already.
    pub already: usize,
    /// Containers for other keys.
    pub others: usize,
    /// Files that were left as they were.
    pub failed: usize,
    /// Whether every file was looked at; else the next rotation goes on.
    pub is_finished: bool,
}

/// A rotation that something stopped.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Unfinished {
    /// The keys that are replaced.
    pub from: Vec<KeyId>,
    /// The key that replaces them.
    pub to: KeyId,
    /// Where the files are.
    pub roots: Vec<Root>,
    /// When it began.
    pub begun: Timestamp,
}

impl Store {
    /// The rotation that is not finished, if there is one.
    pub fn unfinished_rotation(&self) -> Result<Option<Unfinished>, StoreError> {
        let journal = Journal::read(self)?;
        Ok(journal
            .filter(|journal| self.record(journal.to).is_ok())
            .map(|journal| Unfinished {
                from: journal.from,
                to: journal.to,
                roots: journal.roots,
                begun: journal.begun,
            }))
    }

    /// Where a rotation goes to in which a key has a part.
    pub(super) fn rotation_with(&self, id: KeyId) -> Result<Option<KeyId>, StoreError> {
        let unfinished = self.unfinished_rotation()?;
        let with = unfinished.filter(|journal| journal.to == id || journal.from.contains(&id));
        Ok(with.map(|journal| journal.to))
    }
}

impl<'a> Rotation<'a> {
    /// Draws the new key, if one is wished for, and sets the old one to decrypt only. From here on new files are for the
    /// new key.
    ///
    /// # Errors
    /// [`StoreError::Unfinished`] while another rotation is: see [`resume`](Self::resume).
    pub fn begin(
        store: &'a mut Store,
        wish: &Wish,
        ask: &mut dyn FnMut(&Ask) -> Option<Secret>,
    ) -> Result<Self, StoreError> {
        let hold = store.hold()?;
        if let Some(unfinished) = store.unfinished_rotation()? {
            return Err(StoreError::Unfinished { to: unfinished.to });
        }
        let mut answers = Answers::default();
        let heir = match wish.successor {
            Successor::Active => store.active_heir(wish.old)?,
            Successor::New => {
                let mut ask = |question: &Ask| answers.answer(question, ask);
                store.draw_heir(wish.old, &mut ask)?
            }
        };
        let journal = Journal {
            from: store.predecessors(wish.old, &heir),
            to: heir.id(),
            roots: wish.roots.iter().map(Root::settled).collect(),
            begun: Timestamp::now(),
        };
        journal.write(store)?;
        store.log(&hold, Event::RotationBegun, journal.to, None)?;
        store.enthrone(&hold, heir)?;
        store.retire(&hold, &journal.from)?;
        Ok(Self {
            store,
            hold,
            journal,
            answers,
        })
    }

    /// Goes on with the rotation that is not finished; `None` when there is none. Looks at `roots`, too.
    pub fn resume(store: &'a mut Store, roots: Vec<Root>) -> Result<Option<Self>, StoreError> {
        let hold = store.hold()?;
        let Some(mut journal) = Journal::read(store)? else {
            return Ok(None);
        };
        if store.record(journal.to).is_err() {
            // It was stopped before it had changed anything.
            journal::remove(store)?;
            return Ok(None);
        }
        for root in roots {
            let root = root.settled();
            if !journal.roots.contains(&root) {
                journal.roots.push(root);
            }
        }
        journal.write(store)?;
        store.retire(&hold, &journal.from)?;
        Ok(Some(Self {
            store,
            hold,
            journal,
            answers: Answers::default(),
        }))
    }

    /// The key that takes the others' place.
    pub fn to(&self) -> Result<Key, StoreError> {
        Ok(self.store.record(self.journal.to)?.key())
    }

    /// The keys that are replaced.
    pub fn from(&self) -> impl Iterator<Item = Key> {
        let known = |id: &KeyId| self.store.record(*id).ok();
        self.journal.from.iter().filter_map(known).map(Record::key)
    }

    /// Gives every file a slot of the new key in the place of each of an old one.
    ///
    /// `tell` hears of each file that the rotation concerns, and may stop it: what is done is kept.
    ///
    /// # Errors
    /// When the new key, or none of the old ones, could be opened, or the audit could not be written. What befalls one
    /// file is told and counted; the next rotation tries it again, because it opens all earlier keys.
    pub fn run(
        self,
        ask: &mut dyn FnMut(&Ask) -> Option<Secret>,
        tell: &mut dyn FnMut(&Path, &Outcome) -> ControlFlow<()>,
    ) -> Result<Sum, StoreError> {
        let Self {
            store,
            hold,
            journal,
            mut answers,
        } = self;
        let mut ask = |question: &Ask| answers.answer(question, ask);
        let mut ring = Ring::open(store, &journal, &mut ask)?;
        let mut sum = Sum::default();
        for found in containers(&journal.roots) {
            let (path, outcome) = match found {
                Ok(path) => {
                    let turned = turn(&path, (store, &hold, &journal), &mut ring, &mut ask)?;
                    (path, turned)
                }
                Err(lost) => (
                    lost.path,
                    Some(Outcome::Failed(StoreError::from(lost.error).into())),
                ),
            };
            let Some(outcome) = outcome else {
                sum.others += 1;
                continue;
            };
            match &outcome {
                Outcome::Rewrapped => sum.rewrapped += 1,
                Outcome::Already => sum.already += 1,
                Outcome::Failed(_) => sum.failed += 1,
            }
            if tell(&path, &outcome).is_break() {
                return Ok(sum);
            }
        }
        store.log(&hold, Event::RotationEnded, journal.to, None)?;
        journal::remove(store)?;
        sum.is_finished = true;
        Ok(sum)
    }
}

/// Sees to one file; `None` when it is for other keys, or no container.
///
/// # Errors
/// Only when the audit cannot be written.
fn turn(
    path: &Path,
    (store, hold, journal): (&Store, &Hold, &Journal),
    ring: &mut Ring,
    ask: &mut dyn FnMut(&Ask) -> Option<Secret>,
) -> Result<Option<Outcome>, StoreError> {
    let failed = |error: FileError| Ok(Some(Outcome::Failed(error)));
    let file = fs::OpenOptions::new().read(true).write(true).open(path);
    let mut file = match file {
        Ok(file) => file.into_parts().0,
        Err(error) => return failed(StoreError::from(error).into()),
    };
    let seen = match peek(&mut file) {
        Ok(seen) => seen,
        Err(CryptError::NotContainer) => return Ok(None),
        Err(error) => return failed(error.into()),
    };
    let from = journal.from.iter().copied();
    let mut old: Vec<KeyId> = from.filter(|id| names(&seen, *id)).collect();
    if !old.is_empty() {
        store.log(hold, Event::Rewrapped, journal.to, Some(path))?;
    } else if names(&seen, journal.to) {
        // A kill may have left it in the middle: whoever asks for any old key has it settled.
        old.extend(journal.from.first());
    }
    if old.is_empty() {
        return Ok(None);
    }
    if let Err(error) = ring.complete(store, &seen, ask) {
        return failed(error.into());
    }
    let mut outcome = Outcome::Already;
    for id in old {
        match rewrap(&mut file, ring.unlocked(), id, ring.to()) {
            Ok(Rewrapped::Done) => outcome = Outcome::Rewrapped,
            Ok(_) => {}
            Err(error) => return failed(error.into()),
        }
    }
    Ok(Some(outcome))
}

fn names(seen: &Peek, id: KeyId) -> bool {
    seen.slots.iter().any(|(_, key)| *key == id)
}

//! Making damaged files whole again, with as few bytes from elsewhere as it takes.
//!
//! Where a hash tree tells which groups of a file are wrong, only they are replaced, in place: from another copy that is
//! at hand, else by ranges from the site. Only groups that were proved wrong are written, and only with bytes that the
//! root of the tree proves, so a kill or a power cut at any point leaves a file no worse than it was, and running again
//! goes on. Hard links of the file see the repair.
//!
//! Without a tree, or where most of a file is wrong, the file is replaced as a whole: by a copy that is at hand, else
//! fetched again. If somebody has written to it since it was last known to be right it may have been changed on purpose,
//! and is kept in `.quarantine/` first.
//!
//! A damaged file that was scanned is another file to the catalogue, but what it was is kept: it is repaired as that.

use std::collections::HashMap;
use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use civitai_download::{Mend, Taken, disk};
use tokio_util::sync::CancellationToken;

use crate::catalogue::{self, Entry, Stamp};
use crate::trees::Trees;
use crate::verify::{Damage, DeepError, Finding, Located, deep};
use crate::{Catalogue, Library, blocking};

pub use crate::site::Site;

mod copies;
mod origin;
mod patch;
mod whole;

use self::copies::Copies;
use self::patch::Patch;

/// Where the right bytes may come from, besides other copies in the library.
#[derive(Debug)]
pub struct Sources {
    /// Folders with copies of files of the library, such as a backup: by the same path, or by the same name at the top.
    pub folders: Vec<PathBuf>,
    /// The site; none to stay off the network.
    pub site: Option<Site>,
}

/// How a file came to be as it is now.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Repaired {
    /// Nothing was wrong.
    Whole,
    /// The wrong groups were replaced.
    Mended {
        /// Where they were.
        located: Located,
        /// Bytes that came over the network.
        fetched_bytes: u64,
    },
    /// The file was replaced by another copy.
    Restored {
        /// The copy.
        from: PathBuf,
    },
    /// The file was fetched again.
    Fetched {
        /// Bytes that came over the network.
        fetched_bytes: u64,
    },
    /// It was a file of the site and is another one since, which was scanned; it was not asked for by name.
    Changed,
    /// It is not there, and was not asked for by name.
    Missing,
    /// It was never hashed, or is encrypted, so nothing can be said.
    Unknown,
}

/// Why a file is still damaged. Whatever of it could be mended is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The catalogue cannot be used.
    #[error(transparent)]
    Catalogue(#[from] catalogue::Error),
    /// The bytes could not be had from the site.
    #[error(transparent)]
    Download(#[from] civitai_download::Error),
    /// The file, a copy or the tree cannot be used.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is encrypted: nothing here can make its bytes again, but fetching and encrypting it anew can.
    #[error("{path} is encrypted, and is not repaired but fetched anew")]
    Sealed {
        /// The file, below the root.
        path: String,
    },
    /// No copy is at hand, and the file is none of the site's, or the network was not to be used.
    #[error("{path} is damaged, and there is nothing to repair it from")]
    NoSource {
        /// The file, below the root.
        path: String,
    },
    /// The caller wanted to stop.
    #[error("stopped")]
    Stopped,
}

impl Error {
    /// The kind as one word, the same as in the JSON lines of the command line.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Catalogue(error) => error.code(),
            Self::Download(error) => error.code(),
            Self::Io(error) => disk::code_of(error),
            Self::NoSource { .. } => "integrity",
            Self::Sealed { .. } => "unsupported",
            Self::Stopped => "interrupted",
        }
    }
}

impl From<DeepError> for Error {
    fn from(error: DeepError) -> Self {
        match error {
            DeepError::Io(error) => Self::Io(error),
            // Encrypted files are told before any is read.
            DeepError::Closed(source) => Self::Io(io::Error::other(source)),
            DeepError::Stopped => Self::Stopped,
        }
    }
}

/// How a file came to be repaired.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Wish {
    /// Somebody asked for it by name: it comes back also where it is not there, or something else is in its place.
    ByName,
    /// Along with others: where it is not there, or was changed since, somebody may have meant it.
    Along,
}

/// The repair of files of one library.
#[derive(Debug)]
pub struct Repair {
    library: Library,
    trees: Trees,
    sources: Sources,
    copies: Copies,
    /// What files were that are known as other ones now.
    formers: HashMap<String, Entry>,
    catalogue: Mutex<Catalogue>,
}

impl Repair {
    /// Prepares to repair files of a library whose catalogue is open. Blocks.
    pub fn new(library: Library, catalogue: Catalogue, sources: Sources) -> Result<Self, Error> {
        let copies = Copies::of(
            &library.root,
            &catalogue.entries()?,
            sources.folders.clone(),
        );
        Ok(Self {
            trees: Trees::of(&library.data_dir),
            library,
            sources,
            copies,
            formers: catalogue.formers()?,
            catalogue: Mutex::new(catalogue),
        })
    }

    /// Reads a file and makes it whole if it is not.
    ///
    /// # Cancel safety
    /// `cancel` ends it within about a second with [`Error::Stopped`]; what was mended until then stays mended.
    /// Dropping the future is no worse.
    pub async fn run(
        self: &Arc<Self>,
        entry: &Entry,
        wish: Wish,
        cancel: &CancellationToken,
    ) -> Result<Repaired, Error> {
        if entry.is_sealed() {
            let path = entry.path.clone();
            return match wish {
                Wish::ByName => Err(Error::Sealed { path }),
                Wish::Along => Ok(Repaired::Unknown),
            };
        }
        if let Some(former) = self.formers.get(&entry.path) {
            return self.make_good(former, wish, cancel).await;
        }
        let damage = match self.examine(entry, cancel).await? {
            Finding::Whole => return Ok(Repaired::Whole),
            Finding::Unknown => return Ok(Repaired::Unknown),
            Finding::Missing if wish == Wish::Along => return Ok(Repaired::Missing),
            Finding::Missing => return self.replace(entry, cancel).await,
            Finding::Damaged(damage) => damage,
        };
        self.mend_or_replace(entry, damage, cancel).await
    }

    /// Makes a file what it was when it was last one of the site, though a scan has found it to be another one since. What
    /// is wrong here and there was damaged; what is another file somebody may have put there.
    async fn make_good(
        self: &Arc<Self>,
        former: &Entry,
        wish: Wish,
        cancel: &CancellationToken,
    ) -> Result<Repaired, Error> {
        let repaired = match self.examine(former, cancel).await? {
            Finding::Whole => Repaired::Whole,
            Finding::Unknown => return Ok(Repaired::Unknown),
            Finding::Missing if wish == Wish::Along => return Ok(Repaired::Missing),
            Finding::Missing => self.replace(former, cancel).await?,
            Finding::Damaged(damage) if wish == Wish::Along && !is_an_accident(&damage) => {
                return Ok(Repaired::Changed);
            }
            Finding::Damaged(damage) => self.mend_or_replace(former, damage, cancel).await?,
        };
        let (this, former) = (Arc::clone(self), former.clone());
        blocking(move || {
            let path = this.library.root.join(&former.path);
            let stamp = Stamp::of(&fs_err::metadata(path)?);
            this.catalogue().note_made_good(&former, stamp)?;
            Ok::<_, Error>(())
        })
        .await?;
        Ok(repaired)
    }

    async fn mend_or_replace(
        self: &Arc<Self>,
        entry: &Entry,
        damage: Damage,
        cancel: &CancellationToken,
    ) -> Result<Repaired, Error> {
        let Damage { bytes, located } = damage;
        match located {
            Some(located) if is_worth_mending(&located, bytes) => {
                match self.mend(entry, bytes, &located, cancel).await {
                    Ok(fetched_bytes) => Ok(Repaired::Mended {
                        located,
                        fetched_bytes,
                    }),
                    Err(error) if error.is_about_ranges() => {
                        tracing::debug!(%error, path = entry.path, "no ranges can be had");
                        self.replace(entry, cancel).await
                    }
                    Err(error) => Err(error),
                }
            }
            _ => self.replace(entry, cancel).await,
        }
    }

    async fn examine(
        self: &Arc<Self>,
        entry: &Entry,
        cancel: &CancellationToken,
    ) -> Result<Finding, Error> {
        let (this, entry, cancel) = (Arc::clone(self), entry.clone(), cancel.clone());
        blocking(move || {
            let go_on = |_| {
                if cancel.is_cancelled() {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            };
            deep(&this.library.root, &entry, &this.trees, &go_on)
        })
        .await
        .map_err(Error::from)
    }

    /// Replaces what is wrong. Returns how many bytes came over the network.
    async fn mend(
        self: &Arc<Self>,
        entry: &Entry,
        bytes: u64,
        located: &Located,
        cancel: &CancellationToken,
    ) -> Result<u64, Error> {
        let (this, at_hand) = (Arc::clone(self), entry.clone());
        let pieces = located.pieces.clone();
        let mut patch = blocking(move || {
            let mut patch = Patch::open(&this.library.root.join(&at_hand.path), bytes, pieces)?;
            for copy in this.copies.of_entry(&at_hand) {
                patch.take_from(&copy);
            }
            Ok::<_, io::Error>(patch)
        })
        .await?;
        let mut fetched = 0;
        if !patch.missing().is_empty() {
            let (source, site) = self.source(entry)?;
            let target = self.library.root.join(&entry.path);
            let mend = Mend::new(site.storage.clone(), source, target, bytes).retry(site.retry);
            let ranges = patch.missing();
            let asked = patch.missing_pieces();
            let taken = mend
                .run(&ranges, cancel, |index, bytes| {
                    if patch
                        .put(asked[index], &bytes)
                        .map_err(civitai_download::Error::from)?
                    {
                        Ok(Taken::Kept)
                    } else {
                        Ok(Taken::Refused)
                    }
                })
                .await;
            fetched = match taken {
                Ok(fetched) => fetched,
                Err(error) => {
                    // What came is right, and one day's repair need not wait for another's.
                    blocking(move || patch.flush()).await?;
                    return Err(stopped_or(error));
                }
            };
        }
        let (this, entry) = (Arc::clone(self), entry.clone());
        blocking(move || {
            let stamp = patch.finish()?;
            this.catalogue().note_repaired(&entry, stamp)?;
            Ok::<_, Error>(())
        })
        .await?;
        Ok(fetched)
    }

    fn catalogue(&self) -> std::sync::MutexGuard<'_, Catalogue> {
        // Each write is a transaction of its own: a panic elsewhere does not spoil the next.
        self.catalogue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Error {
    /// The site has the file but not in ranges that prove: then it may still have it as a whole.
    fn is_about_ranges(&self) -> bool {
        use civitai_download::ErrorKind::{Changing, OtherBytes, Range};
        let Self::Download(error) = self else {
            return false;
        };
        matches!(
            error.kind(),
            Changing { .. } | OtherBytes { .. } | Range { .. }
        )
    }
}

fn stopped_or(error: civitai_download::Error) -> Error {
    match error.kind() {
        civitai_download::ErrorKind::Interrupted => Error::Stopped,
        _ => Error::Download(error),
    }
}

/// Where most of a file is wrong it is another file, or one that is cheaper to fetch in one go.
fn is_worth_mending(located: &Located, bytes: u64) -> bool {
    let pieces = || located.pieces.iter();
    located.bytes() <= bytes / 2
        && pieces().all(|piece| piece.range.end - piece.range.start <= MOST_IN_MEMORY)
}

/// A file in which only a little is wrong, and nothing is longer or shorter, was not made to be another one.
fn is_an_accident(damage: &Damage) -> bool {
    damage.located.as_ref().is_some_and(|located| {
        let has_its_length = located.ranges.iter().all(|range| range.end <= damage.bytes);
        has_its_length && located.bytes() <= damage.bytes / 16
    })
}

/// A piece is proved as a whole; only a damaged tree makes them longer than a group.
const MOST_IN_MEMORY: u64 = 64 << 20;

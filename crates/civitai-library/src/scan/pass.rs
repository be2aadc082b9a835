//! A whole scan: every step after the other, each beginning where the last run of it ended.

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use civitai_api::Client;
use civitai_download::error::BoxError;

use super::{
    Hashed, MatchError, Matched, Opened, Problem, Target, ask_sidecars, hash, identify, learn,
    match_online, open_sealed, walk,
};
use crate::catalogue::{self, Changes};
use crate::sealing::Keys;
use crate::sidecar::SidecarError;
use crate::{Library, blocking};

/// How folders are scanned.
#[derive(Clone, Debug)]
pub struct Scan {
    /// The library; folders outside of it are libraries of their own.
    pub library: Library,
    /// The site, which knows files by their digests; none to stay off the network.
    pub client: Option<Client>,
    /// Whether files are read.
    pub reading: Reading,
    /// Who opens encrypted files; without keys nothing is said of what is in them.
    pub keys: Option<Arc<dyn Keys>>,
}

/// Whether a scan reads files.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Reading {
    /// Each is hashed that was not yet, and its header is read.
    #[default]
    All,
    /// Only names, sizes and times are looked at.
    Nothing,
}

/// What happens during a scan. Whoever is told must not block.
#[derive(Debug)]
#[non_exhaustive]
pub enum ScanTold<'a> {
    /// So many bytes are to be hashed.
    Planned {
        /// How many.
        bytes: u64,
    },
    /// A file was hashed.
    Hashed {
        /// The file, below the root.
        path: &'a str,
        /// Its length.
        bytes: u64,
    },
}

/// What a scan has brought.
#[derive(Debug, Default)]
pub struct Scanned {
    /// What differs from the last scan.
    pub changes: Changes,
    /// How many files were hashed.
    pub hashed: usize,
    /// How many bytes they had.
    pub bytes: u64,
    /// What the site knew.
    pub matched: Matched,
    /// How many files are known by a sidecar alone.
    pub by_sidecar: usize,
    /// What could not be done. The rest was.
    pub problems: Vec<ScanProblem>,
    /// Sidecars that cannot be read.
    pub broken: Vec<SidecarError>,
}

impl Scanned {
    /// Adds what another scan has brought.
    pub fn absorb(&mut self, other: Self) {
        self.changes.absorb(other.changes);
        self.hashed += other.hashed;
        self.bytes += other.bytes;
        self.matched.asked += other.matched.asked;
        self.matched.found += other.matched.found;
        self.by_sidecar += other.by_sidecar;
        self.problems.extend(other.problems);
        self.broken.extend(other.broken);
    }
}

/// Something that a scan could not do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScanProblem {
    /// An encrypted file could not be opened. The next scan tries again.
    #[error("{path} could not be opened")]
    Closed {
        /// The file, below the root.
        path: String,
        /// What who has the keys says, or a [`FileError`](civitai_security::crypt::FileError).
        source: BoxError,
    },
    /// A file changed while it was read, or is another one by now. The next scan takes it up.
    #[error("{path} changed while it was read")]
    Changed {
        /// The file, below the root.
        path: String,
    },
    /// A file could not be read.
    #[error(transparent)]
    Io(io::Error),
    /// A folder, or a name, could not be looked at.
    #[error(transparent)]
    Look(Problem),
    /// The site did not answer. What the scan found by itself stays.
    #[error(transparent)]
    Site(MatchError),
    /// A header could not be read.
    #[error(transparent)]
    Unread(crate::identify::Error),
}

/// Who is told what happens.
pub type ScanTell = Arc<dyn Fn(ScanTold<'_>) + Send + Sync>;

impl Scan {
    /// Scans folders of a library, one after the other. Each file that changes while it is read, and all that cannot be
    /// read, is a problem and stops nothing.
    ///
    /// # Cancel safety
    /// Dropping the future stops it when the files that are being read are through; what was noted until then stays.
    pub async fn run(
        &self,
        targets: &[Target],
        tell: &ScanTell,
    ) -> Result<Scanned, catalogue::Error> {
        let mut scanned = Scanned::default();
        for target in targets {
            self.pass(target, tell, &mut scanned).await?;
        }
        Ok(scanned)
    }

    async fn pass(
        &self,
        target: &Target,
        tell: &ScanTell,
        scanned: &mut Scanned,
    ) -> Result<(), catalogue::Error> {
        self.look(target, scanned).await?;
        if self.reading == Reading::All {
            read(target, tell, scanned).await?;
            if let Some(keys) = &self.keys {
                open(target, (keys, tell), scanned).await?;
            }
        }
        if let Some(client) = &self.client {
            match match_online(client, &target.library).await {
                Ok(matched) => {
                    scanned.matched.asked += matched.asked;
                    scanned.matched.found += matched.found;
                }
                Err(MatchError::Catalogue(error)) => return Err(error),
                Err(error) => scanned.problems.push(ScanProblem::Site(error)),
            }
        }
        if self.reading == Reading::All {
            let unread = on_thread(target, |target, stop| {
                let mut catalogue = target.library.catalogue()?;
                learn(&mut catalogue, stop)?;
                let mut files = catalogue.unidentified()?;
                files.retain(|file| target.covers(&file.path));
                identify(&mut catalogue, files, stop)
            });
            let unread = unread.await?.into_iter();
            let unread = unread.map(|unread| ScanProblem::Unread(unread.source));
            scanned.problems.extend(unread);
        }
        let beside = on_thread(target, |target, stop| {
            ask_sidecars(&mut target.library.catalogue()?, stop)
        });
        let beside = beside.await?;
        scanned.by_sidecar += beside.known;
        scanned.broken.extend(beside.broken);
        Ok(())
    }

    /// Looks what is there.
    async fn look(&self, target: &Target, scanned: &mut Scanned) -> Result<(), catalogue::Error> {
        let is_own = target.library.root == self.library.root;
        let (changes, problems) = on_thread(target, move |target, _| {
            let walk = walk(&target.library.root, &target.folders)?;
            let mut catalogue = target.library.catalogue()?;
            if !is_own {
                catalogue.mark_extra()?;
            }
            let changes = catalogue.take_stock(&walk, SystemTime::now())?;
            catalogue.review_history()?;
            Ok((changes, walk.problems))
        })
        .await?;
        scanned.changes.absorb(changes);
        let problems = problems.into_iter().map(ScanProblem::Look);
        scanned.problems.extend(problems);
        Ok(())
    }
}

/// Hashes what is not hashed.
async fn read(
    target: &Target,
    tell: &ScanTell,
    scanned: &mut Scanned,
) -> Result<(), catalogue::Error> {
    let tell = Arc::clone(tell);
    let read = on_thread(target, move |target, stop| {
        let mut catalogue = target.library.catalogue()?;
        let mut files = catalogue.unhashed()?;
        files.retain(|file| target.covers(&file.path));
        let bytes = files.iter().map(|file| file.stamp.bytes).sum();
        tell(ScanTold::Planned { bytes });
        let mut read = Scanned::default();
        hash(&mut catalogue, files, workers(), stop, |told| match told {
            Hashed::Done { path, bytes } => {
                tell(ScanTold::Hashed { path: &path, bytes });
                read.hashed += 1;
                read.bytes += bytes;
            }
            Hashed::Changed { path } => read.problems.push(ScanProblem::Changed { path }),
            Hashed::Failed { source, .. } => read.problems.push(ScanProblem::Io(source)),
        })?;
        Ok(read)
    });
    scanned.absorb(read.await?);
    Ok(())
}

/// Reads what is in encrypted files of which that is not known.
async fn open(
    target: &Target,
    (keys, tell): (&Arc<dyn Keys>, &ScanTell),
    scanned: &mut Scanned,
) -> Result<(), catalogue::Error> {
    let (keys, tell) = (Arc::clone(keys), Arc::clone(tell));
    let opened = on_thread(target, move |target, stop| {
        let mut catalogue = target.library.catalogue()?;
        let mut files = catalogue.unopened()?;
        files.retain(|file| target.covers(&file.path));
        let mut read = Scanned::default();
        if files.is_empty() {
            return Ok(read);
        }
        let bytes = files.iter().map(|file| file.stamp.bytes).sum();
        tell(ScanTold::Planned { bytes });
        open_sealed(&mut catalogue, files, &*keys, stop, |told| match told {
            Opened::Done { path, bytes } => {
                tell(ScanTold::Hashed { path: &path, bytes });
                read.hashed += 1;
                read.bytes += bytes;
            }
            Opened::Changed { path } => read.problems.push(ScanProblem::Changed { path }),
            Opened::Closed { path, source } => {
                read.problems.push(ScanProblem::Closed { path, source });
            }
        })?;
        Ok(read)
    });
    scanned.absorb(opened.await?);
    Ok(())
}

/// Does a step on a thread that may block; when nobody waits for it any more it ends soon.
async fn on_thread<T: Send + 'static>(
    target: &Target,
    work: impl FnOnce(&Target, &AtomicBool) -> Result<T, catalogue::Error> + Send + 'static,
) -> Result<T, catalogue::Error> {
    let stop = Arc::new(AtomicBool::new(false));
    let _stop = StopOnDrop(Arc::clone(&stop));
    let target = target.clone();
    blocking(move || work(&target, &stop)).await
}

struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn workers() -> NonZeroUsize {
    let most = NonZeroUsize::MIN.saturating_add(MOST_WORKERS - 1);
    std::thread::available_parallelism().map_or(NonZeroUsize::MIN, |cores| cores.min(most))
}

/// More readers than these fight over the disk.
const MOST_WORKERS: usize = 8;

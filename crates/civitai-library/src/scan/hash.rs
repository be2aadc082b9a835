//! Hashing what was not hashed yet, several files at a time.

use std::collections::VecDeque;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant, SystemTime};

use civitai_download::digest::{DigestSet, Digests, hash_file};
use civitai_download::disk;

use crate::catalogue::{Catalogue, Error, Stamp, Unhashed};
use crate::trees::Trees;

/// What became of one file.
#[derive(Debug)]
#[non_exhaustive]
pub enum Hashed {
    /// Its digests are in the catalogue, or will be when the next is told.
    Done {
        /// The file, below the root.
        path: String,
        /// Its length.
        bytes: u64,
    },
    /// It changed while it was read, or is another one by now. The next scan takes it up.
    Changed {
        /// The file, below the root.
        path: String,
    },
    /// It could not be read.
    Failed {
        /// The file, below the root.
        path: String,
        /// What the file system said.
        source: io::Error,
    },
}

/// Hashes `files` with `workers` threads, writes the digests into the catalogue as they come, keeps their hash trees, and
/// tells of each. Blocks until all is done, or until `stop` is set and the files that are being read are through.
pub fn hash(
    catalogue: &mut Catalogue,
    files: Vec<Unhashed>,
    workers: NonZeroUsize,
    stop: &AtomicBool,
    mut tell: impl FnMut(Hashed),
) -> Result<(), Error> {
    let root = catalogue.root().to_owned();
    let trees = Trees::of(disk::parent(catalogue.path()));
    let left = Mutex::new(VecDeque::from(files));
    let (sender, results) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..workers.get() {
            let (sender, left, root, trees) = (sender.clone(), &left, root.as_path(), &trees);
            scope.spawn(move || {
                while let Some(file) = next(left, stop) {
                    let read = read(root, trees, &file);
                    // Nobody listens any more when the catalogue has failed.
                    if sender.send((file, read)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let stored = store(catalogue, &results, &mut tell);
        if stored.is_err() {
            stop.store(true, Ordering::Relaxed);
        }
        stored
    })
}

fn next(left: &Mutex<VecDeque<Unhashed>>, stop: &AtomicBool) -> Option<Unhashed> {
    if stop.load(Ordering::Relaxed) {
        return None;
    }
    left.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .pop_front()
}

/// The digests of a file, if it was the same file all the while. Its tree is kept by then.
fn read(root: &Path, trees: &Trees, file: &Unhashed) -> io::Result<Option<Digests>> {
    let path: PathBuf = root.join(&file.path);
    let is_same = |path: &Path| {
        let stamp = Stamp::of(&fs_err::metadata(path)?);
        Ok::<_, io::Error>(stamp.is_same(&file.stamp))
    };
    if !is_same(&path)? {
        return Ok(None);
    }
    let mut digests = hash_file(&path, DigestSet::ALL | DigestSet::TREE)?;
    if !is_same(&path)? || digests.bytes != file.stamp.bytes {
        return Ok(None);
    }
    if let Some(tree) = digests.tree.take() {
        trees.keep(&tree)?;
    }
    Ok(Some(digests))
}

type Results = mpsc::Receiver<(Unhashed, io::Result<Option<Digests>>)>;

fn store(
    catalogue: &mut Catalogue,
    results: &Results,
    tell: &mut impl FnMut(Hashed),
) -> Result<(), Error> {
    let mut ready: Vec<(Unhashed, Digests)> = Vec::new();
    let mut written = Instant::now();
    for (file, result) in results {
        let path = file.path.clone();
        tell(match result {
            Ok(Some(digests)) => {
                let bytes = digests.bytes;
                ready.push((file, digests));
                Hashed::Done { path, bytes }
            }
            Ok(None) => Hashed::Changed { path },
            Err(source) => Hashed::Failed { path, source },
        });
        if ready.len() >= MOST_UNWRITTEN || written.elapsed() >= LONGEST_UNWRITTEN {
            catalogue.note_digests(&ready, SystemTime::now())?;
            ready.clear();
            written = Instant::now();
        }
    }
    catalogue.note_digests(&ready, SystemTime::now())
}

/// A kill costs at most this much work; each write costs a flush.
const MOST_UNWRITTEN: usize = 256;
const LONGEST_UNWRITTEN: Duration = Duration::from_millis(500);

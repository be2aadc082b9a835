//! A lock made equal to a manifest.

use std::collections::{HashMap, HashSet};

use crate::lock::{Lock, Locked};
use crate::manifest::{Manifest, Want};
use crate::path::LibraryPath;
use crate::resolve::{ResolveError, Resolver, arrange};

/// What became of a lock.
#[derive(Debug)]
pub struct Relocked {
    /// The lock. What failed stands in it as it was before, if it did.
    pub lock: Lock,
    /// Wishes that led to no file.
    pub failed: Vec<(Want, RelockError)>,
    /// Files that are new or that changed, each with what it was.
    pub changed: Vec<(Locked, Option<Locked>)>,
    /// Files that left.
    pub left: Vec<Locked>,
}

/// Why a wish is not in the lock.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RelockError {
    /// It led to no file.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// It led to a file that another wish has led to, or to a path that another file has.
    #[error("{path} is in the lock already, by another wish")]
    Taken {
        /// The path.
        path: LibraryPath,
    },
}

impl RelockError {
    /// The kind as one word, the same as in the JSON lines of the command line.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Resolve(error) => error.code(),
            Self::Taken { .. } => "usage",
        }
    }
}

/// Makes a lock equal to a manifest. What is locked stays, unless `renew` says that it is to be looked up again; wishes
/// that nothing is locked for are looked up; files that nobody wishes for leave.
pub async fn relock(
    resolver: &Resolver,
    manifest: &Manifest,
    old: &Lock,
    renew: impl Fn(&Locked) -> bool,
) -> Relocked {
    let mut wanted: Vec<Want> = Vec::new();
    let mut seen = HashSet::new();
    for want in manifest.wanted() {
        if seen.insert(want.clone()) {
            wanted.push(want);
        }
    }
    let locked = by_wish(old);
    let by_link: HashMap<&str, &Locked> = old
        .files()
        .iter()
        .map(|file| (file.wanted.link.as_str(), file))
        .collect();
    let (kept, open): (Vec<&Want>, Vec<&Want>) = wanted
        .iter()
        .partition(|want| locked.get(want).is_some_and(|file| !renew(file)));
    let mut files: Vec<Locked> = kept.iter().map(|want| locked[want].clone()).collect();
    // A wish that was changed keeps to the base model of what it has led to.
    let before = |want: &Want| {
        let same_link = by_link.get(want.link.as_str());
        locked.get(want).or(same_link).copied()
    };
    let looked_up = resolver
        .resolve_all(open.iter().map(|want| (*want, before(want))))
        .await;
    let mut failed = Vec::new();
    let mut new = Vec::new();
    for (want, result) in open.into_iter().zip(looked_up) {
        match result {
            Ok(file) => new.push(file),
            Err(error) => {
                files.extend(locked.get(want).map(|file| (*file).clone()));
                failed.push((want.clone(), error.into()));
            }
        }
    }
    let (arranged, refused) = arrange(&files, new);
    for (file, path) in refused {
        failed.push((file.wanted, RelockError::Taken { path }));
    }
    files.extend(arranged);
    // No two share a path: `arrange` has seen to it.
    let lock = Lock::new(files).unwrap_or_else(|_| old.clone());
    Relocked {
        changed: changed(&lock, old),
        left: left(&lock, old),
        lock,
        failed,
    }
}

fn by_wish(lock: &Lock) -> HashMap<&Want, &Locked> {
    let files = lock.files().iter();
    files.map(|file| (&file.wanted, file)).collect()
}

fn changed(new: &Lock, old: &Lock) -> Vec<(Locked, Option<Locked>)> {
    let old = by_wish(old);
    let files = new.files().iter();
    files
        .map(|file| (file, old.get(&file.wanted).copied()))
        .filter(|(file, before)| *before != Some(*file))
        .map(|(file, before)| (file.clone(), before.cloned()))
        .collect()
}

fn left(new: &Lock, old: &Lock) -> Vec<Locked> {
    let new = by_wish(new);
    let files = old.files().iter();
    files
        .filter(|file| !new.contains_key(&file.wanted))
        .cloned()
        .collect()
}

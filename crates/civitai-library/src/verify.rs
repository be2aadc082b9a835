//! Whether the files of the library are still what they were.

mod deep;
mod reading;
mod schedule;

use crate::catalogue::{Entry, Stamp};
use crate::scan::Walk;

pub use deep::{Damage, DeepError, Finding, Located, deep, deep_sealed};
pub use reading::{Reading, ReadingError, look};
pub use schedule::{Due, Pace, due};

/// A file of the library, looked at again.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Checked {
    /// The file, below the root.
    pub path: String,
    /// How it stands.
    pub status: Status,
}

/// How a file stands.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Status {
    /// It is what it was.
    Ok,
    /// It is another one.
    Changed,
    /// It is not there.
    Missing,
    /// It was never looked at, or never hashed, so nothing can be said.
    Unknown,
}

impl Status {
    /// The word for it in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Missing => "missing",
            Self::Ok => "ok",
            Self::Unknown => "unknown",
        }
    }
}

/// Compares size, mtime and inode of each known file with what a walk saw, without reading any. What the walk saw and
/// nobody knows is [`Status::Unknown`]. In the order of the paths.
pub fn quick(entries: &[Entry], walk: &Walk) -> Vec<Checked> {
    let mut seen = walk.files.iter().peekable();
    let mut checked = Vec::with_capacity(entries.len());
    let unknown = |path: &String| Checked {
        path: path.clone(),
        status: Status::Unknown,
    };
    for entry in entries {
        while let Some(file) = seen.next_if(|file| file.path < entry.path) {
            checked.push(unknown(&file.path));
        }
        let there = seen.next_if(|file| file.path == entry.path);
        let there = there.map(|file| file.stamp);
        checked.push(Checked {
            path: entry.path.clone(),
            status: status(&entry.stamp, there.as_ref()),
        });
    }
    checked.extend(seen.map(|file| unknown(&file.path)));
    checked
}

fn status(known: &Stamp, there: Option<&Stamp>) -> Status {
    match there {
        None => Status::Missing,
        Some(there) if there.is_same(known) => Status::Ok,
        Some(_) => Status::Changed,
    }
}

//! Copies of the catalogue that can be gone back to, in `backups/` of the data directory.
//!
//! A copy is made by SQLite's online backup, so that others may work on meanwhile; it is checked, flushed and only then
//! given its name, `catalogue-TIME-REASON.db`. Which copies there are is what the directory holds: no list elsewhere can
//! disagree with it. Everything here blocks.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use civitai_download::disk;
use fs_err as fs;
use jiff::Timestamp;

use crate::catalogue::words;
use crate::catalogue::{self, Catalogue};

words! {
    /// Why a copy was made.
    Reason {
        /// Somebody asked for it.
        Manual "manual",
        /// Something was about to change all of the catalogue.
        Safety "safety",
        /// The last one was old.
        Scheduled "scheduled",
        /// A restore was about to replace it.
        Replaced "replaced",
    }
}

/// A copy of the catalogue.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Backup {
    /// Where it is.
    pub path: PathBuf,
    /// When it was made, to the second.
    pub made: SystemTime,
    /// Why it was made.
    pub reason: Reason,
    /// Its length.
    pub bytes: u64,
}

/// Why a copy could not be made or gone back to. The catalogue is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The catalogue, or the copy, cannot be read or written.
    #[error(transparent)]
    Catalogue(#[from] catalogue::Error),
    /// A directory or a file of the copies cannot be used.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// There is no copy to go back to.
    #[error("there is no backup in {}", directory.display())]
    NoBackup {
        /// Where copies would be.
        directory: PathBuf,
    },
    /// The copy is not whole.
    #[error("the backup {} is damaged: {}", path.display(), problems.join("; "))]
    Unsound {
        /// The copy.
        path: PathBuf,
        /// What is wrong with it.
        problems: Vec<String>,
    },
}

impl Error {
    /// The kind as one word, the same as in the JSON lines of the command line.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Catalogue(error) => error.code(),
            Self::Io(error) => disk::code_of(error),
            Self::NoBackup { .. } => "not_found",
            Self::Unsound { .. } => "integrity",
        }
    }
}

/// The copies that there are, the newest first. Files of other names are none.
pub fn list(data_dir: &Path) -> Result<Vec<Backup>, Error> {
    let entries = match fs::read_dir(directory(data_dir)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let mut backups = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        if let Some((made, reason)) = name.to_str().and_then(parse) {
            backups.push(Backup {
                path: entry.path(),
                made,
                reason,
                bytes: entry.metadata()?.len(),
            });
        }
    }
    backups.sort_by(|a, b| (b.made, &b.path).cmp(&(a.made, &a.path)));
    Ok(backups)
}

/// Makes a copy, and removes those that `keep` newer ones of the same reason have made superfluous.
pub fn make(
    catalogue: &Catalogue,
    data_dir: &Path,
    reason: Reason,
    keep: usize,
) -> Result<Backup, Error> {
    let desk = Desk::of(data_dir)?;
    let made = draw_up(catalogue, &desk, reason);
    // Whatever could not be finished is of no use; the first failure is the one to tell.
    let _ = desk.clear();
    let backup = made?;
    for old in superfluous(&list(data_dir)?, reason, keep) {
        disk::remove_if_there(&old.path)?;
    }
    Ok(backup)
}

/// Makes a copy if the last one that nobody asked for, or the last that somebody did, is older than `period`.
pub fn make_if_due(
    catalogue: &Catalogue,
    data_dir: &Path,
    period: Duration,
    keep: usize,
) -> Result<Option<Backup>, Error> {
    let is_recent = |backup: &Backup| {
        // One from the future was made before the clock was set right.
        backup.made.elapsed().is_ok_and(|age| age < period)
    };
    if list(data_dir)?.iter().any(is_recent) {
        return Ok(None);
    }
    make(catalogue, data_dir, Reason::Scheduled, keep).map(Some)
}

/// Goes back to a copy, the newest whole one if none is named, but not to what an earlier restore has replaced: to do it
/// twice is to do it once. What is there now is kept beside the copies first; a catalogue that is damaged is moved there
/// as it is.
///
/// Returns the copy that was gone back to and where the former state is.
pub fn restore(data_dir: &Path, from: Option<&Path>) -> Result<(PathBuf, Option<PathBuf>), Error> {
    let directory = directory(data_dir);
    let from = match from {
        Some(path) => {
            require_sound(path)?;
            path.to_owned()
        }
        None => newest_sound(data_dir)?,
    };
    let kept = match Catalogue::open_bare(data_dir) {
        Ok(None) => None,
        Ok(Some(catalogue)) => Some(make(&catalogue, data_dir, Reason::Replaced, KEEP)?.path),
        Err(catalogue::Error::Damaged { path, .. }) => {
            disk::create_dirs(&directory)?;
            Some(set_aside(&path, &directory)?)
        }
        Err(error) => return Err(error.into()),
    };
    Catalogue::restore(data_dir, &from)?;
    Ok((from, kept))
}

/// Where databases are made that have no name yet. One process has it at a time, and what a killed one left on it is gone.
pub(crate) struct Desk {
    directory: PathBuf,
    /// Ends with the process.
    _lock: fs::File,
}

impl Desk {
    /// Waits until it is free.
    pub(crate) fn of(data_dir: &Path) -> io::Result<Self> {
        let directory = directory(data_dir);
        disk::create_dirs(&directory)?;
        let lock = disk::private()
            .write(true)
            .create(true)
            .open(directory.join(".lock"))?;
        lock.file().lock()?;
        let desk = Self {
            directory,
            _lock: lock,
        };
        desk.clear()?;
        Ok(desk)
    }

    /// Where a database can be made.
    pub(crate) fn draft(&self) -> PathBuf {
        self.directory.join(".draft.db")
    }

    /// Removes it, with what SQLite has laid beside it.
    pub(crate) fn clear(&self) -> io::Result<()> {
        let draft = self.draft();
        ["", "-journal", "-wal", "-shm"]
            .iter()
            .try_for_each(|suffix| disk::remove_if_there(&beside(&draft, suffix)))
    }
}

fn draw_up(catalogue: &Catalogue, desk: &Desk, reason: Reason) -> Result<Backup, Error> {
    let draft = desk.draft();
    catalogue.copy_to(&draft)?;
    require_sound(&draft)?;
    fs::File::open(&draft)?.sync_all()?;
    let (path, made) = claim(&draft, &desk.directory, SystemTime::now(), reason)?;
    disk::sync_dir(&desk.directory)?;
    Ok(Backup {
        bytes: fs::metadata(&path)?.len(),
        path,
        made,
        reason,
    })
}

/// Gives the copy its name: that of the next second if another has taken this one.
fn claim(
    draft: &Path,
    directory: &Path,
    mut made: SystemTime,
    reason: Reason,
) -> io::Result<(PathBuf, SystemTime)> {
    loop {
        let path = directory.join(name(made, reason));
        match disk::rename_new(draft, &path) {
            Ok(()) => return Ok((path, made)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                made += Duration::from_secs(1);
            }
            Err(error) => return Err(error),
        }
    }
}

fn require_sound(path: &Path) -> Result<(), Error> {
    let problems = catalogue::problems_of(path)?;
    if problems.is_empty() {
        return Ok(());
    }
    Err(Error::Unsound {
        path: path.to_owned(),
        problems,
    })
}

fn newest_sound(data_dir: &Path) -> Result<PathBuf, Error> {
    let mut last = Error::NoBackup {
        directory: directory(data_dir),
    };
    let copies = list(data_dir)?.into_iter();
    for backup in copies.filter(|copy| copy.reason != Reason::Replaced) {
        match require_sound(&backup.path) {
            Ok(()) => return Ok(backup.path),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Moves a damaged database away, with the log that belongs to it.
fn set_aside(path: &Path, directory: &Path) -> io::Result<PathBuf> {
    let stamp = stamp(SystemTime::now());
    let aside = directory.join(format!("catalogue-{stamp}-damaged.db"));
    disk::rename_new(path, &aside)?;
    for suffix in ["-wal", "-shm"] {
        match disk::rename_new(&beside(path, suffix), &beside(&aside, suffix)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    disk::sync_dir(directory)?;
    disk::sync_dir(disk::parent(path))?;
    Ok(aside)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The copies of this reason beyond the newest `keep`. What somebody asked for, and what a restore has kept, is not
/// crowded out by what was made without being asked.
fn superfluous(backups: &[Backup], reason: Reason, keep: usize) -> Vec<&Backup> {
    let of_reason = backups.iter().filter(|backup| backup.reason == reason);
    of_reason.skip(keep.max(1)).collect()
}

fn directory(data_dir: &Path) -> PathBuf {
    data_dir.join("backups")
}

fn name(made: SystemTime, reason: Reason) -> String {
    format!("catalogue-{}-{reason}.db", stamp(made))
}

fn stamp(made: SystemTime) -> String {
    let made = Timestamp::try_from(made).unwrap_or(Timestamp::UNIX_EPOCH);
    made.strftime(FORMAT).to_string()
}

fn parse(name: &str) -> Option<(SystemTime, Reason)> {
    let rest = name.strip_prefix("catalogue-")?.strip_suffix(".db")?;
    let (stamp, reason) = rest.rsplit_once('-')?;
    let made = jiff::civil::DateTime::strptime(FORMAT, stamp).ok()?;
    let made = made.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some((made.timestamp().into(), reason.parse().ok()?))
}

/// How many copies of each reason are kept unless somebody says otherwise.
pub const KEEP: usize = 10;
/// How old the last copy may be before one is made without being asked.
pub const PERIOD: Duration = Duration::from_hours(24);
const FORMAT: &str = "%Y%m%dT%H%M%SZ";

#[cfg(test)]
mod tests {
    use super::*;

    fn backup(seconds: u64, reason: Reason) -> Backup {
        let made = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        Backup {
            path: name(made, reason).into(),
            made,
            reason,
            bytes: 1,
        }
    }

    #[test]
    fn a_name_tells_when_and_why() {
        let made = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let name = name(made, Reason::Manual);
        assert_eq!(name, "catalogue-20231114T221320Z-manual.db");
        assert_eq!(parse(&name), Some((made, Reason::Manual)));
        for other in [
            "catalogue.db",
            "catalogue-x-manual.db",
            "catalogue-20231114T221320Z-.db",
        ] {
            assert_eq!(parse(other), None, "{other}");
        }
    }

    #[test]
    fn only_those_of_the_same_reason_are_crowded_out() {
        let backups = [
            backup(5, Reason::Scheduled),
            backup(4, Reason::Manual),
            backup(3, Reason::Scheduled),
            backup(2, Reason::Scheduled),
            backup(1, Reason::Manual),
        ];
        let old = superfluous(&backups, Reason::Scheduled, 2);
        assert_eq!(old, [&backups[3]]);
        assert_eq!(superfluous(&backups, Reason::Manual, 0), [&backups[4]]);
    }
}

//! Carrying out and taking back.

use std::collections::BTreeSet;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use civitai_download::disk;

use super::journal::{Record, State};
use super::{Done, Error, Plan, Step, TRASH, Verb};
use crate::catalogue::Catalogue;
use crate::library::Library;
use crate::link;

impl Library {
    /// Carries out a plan. Blocks, also until another operation is over.
    ///
    /// # Errors
    /// When a step fails, those before it are taken back first.
    pub fn apply(&self, plan: &Plan) -> Result<Done, Error> {
        let desk = Desk::of(self)?;
        desk.apply(plan)
    }

    /// Takes back what a killed process left half done. Each of the other methods does this first. Blocks.
    pub fn recover(&self) -> Result<(), Error> {
        if self.catalogue_if_there()?.is_some() {
            Desk::of(self)?;
        }
        Ok(())
    }

    /// Plans to undo an operation; without a number the latest that was done.
    pub fn plan_undo(&self, id: Option<u64>) -> Result<Plan, Error> {
        self.recover()?;
        let unknown = || Error::Unknown { id };
        let catalogue = self.catalogue_if_there()?.ok_or_else(unknown)?;
        let record = catalogue.operation(id)?.ok_or_else(unknown)?;
        if record.state != State::Done {
            let (id, state) = (record.id, record.state);
            return Err(Error::NotUndoable { id, state });
        }
        let mut plan = Plan::new(Verb::Undo);
        plan.undoes = Some(record.id);
        for step in record.steps.iter().rev() {
            if let Step::Keep { path } = step
                && self.root.join(path).symlink_metadata().is_ok()
            {
                // What came in its place makes way for it.
                plan.steps.push(Step::Discard { path: path.clone() });
                plan.steps.push(self.reversed(&record, step)?);
                continue;
            }
            let back = self.reversed(&record, step)?;
            self.check(&back)?;
            plan.steps.push(back);
        }
        plan.paths = match record.verb {
            Verb::Move | Verb::Rename => {
                let sources = record.steps.iter().filter_map(|step| match step {
                    Step::Move { from, to } if record.paths.contains(to) => Some(from.clone()),
                    _ => None,
                });
                sources.collect()
            }
            _ => record.paths,
        };
        Ok(plan)
    }

    fn reversed(&self, record: &Record, step: &Step) -> Result<Step, Error> {
        let trash = |path: &str| format!("{TRASH}/{}/{path}", record.id);
        Ok(match step {
            Step::Move { from, to } => Step::Move {
                from: to.clone(),
                to: from.clone(),
            },
            Step::Discard { path } | Step::Keep { path } => Step::Move {
                from: trash(path),
                to: path.clone(),
            },
            Step::Share { path, with } => Step::Part {
                path: path.clone(),
                with: with.clone(),
            },
            Step::Part { path, with } => Step::Share {
                path: path.clone(),
                with: with.clone(),
            },
            Step::Write { path, contents } => {
                let is = fs_err::read(self.root.join(path));
                if !is.is_ok_and(|is| is == contents.as_bytes()) {
                    return Err(Error::Changed { path: path.clone() });
                }
                match fs_err::read_to_string(self.root.join(trash(path))) {
                    Ok(contents) => Step::Write {
                        path: path.clone(),
                        contents,
                    },
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {
                        Step::Discard { path: path.clone() }
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        })
    }

    /// Says what is in the way of a step, as far as can be seen.
    pub(super) fn check(&self, step: &Step) -> Result<(), Error> {
        let is_there = |path: &str| self.root.join(path).symlink_metadata().is_ok();
        let source = match step {
            Step::Move { from, .. } => from,
            other => other.path(),
        };
        if !matches!(step, Step::Write { .. }) && !is_there(source) {
            let path = source.into();
            return Err(Error::Missing { path });
        }
        match step {
            Step::Move { to, .. } if is_there(to) => Err(Error::Taken { path: to.clone() }),
            _ => Ok(()),
        }
    }
}

/// The library while nobody else changes it.
pub(super) struct Desk<'a> {
    library: &'a Library,
    catalogue: std::cell::RefCell<Catalogue>,
    /// Ends with the process.
    _lock: fs_err::File,
}

impl<'a> Desk<'a> {
    /// Waits until it is free, and clears what a killed process left on it.
    pub(super) fn of(library: &'a Library) -> Result<Self, Error> {
        disk::create_dirs(&library.data_dir)?;
        let lock = disk::private()
            .write(true)
            .create(true)
            .open(library.data_dir.join(LOCK))?;
        lock.file().lock()?;
        let desk = Self {
            library,
            catalogue: std::cell::RefCell::new(library.catalogue()?),
            _lock: lock,
        };
        let left = desk.catalogue.borrow().unfinished()?;
        for record in left {
            desk.take_back(record.id, &record.steps)?;
        }
        Ok(desk)
    }

    fn apply(&self, plan: &Plan) -> Result<Done, Error> {
        let now = SystemTime::now();
        let id = self.catalogue.borrow_mut().begin(plan, now)?;
        let carried_out = plan
            .steps
            .iter()
            .try_for_each(|step| self.carry_out(id, step))
            .and_then(|()| self.flush(id, &plan.steps));
        if let Err(error) = carried_out {
            self.take_back(id, &plan.steps)?;
            return Err(error);
        }
        let finished = self.catalogue.borrow_mut().finish(id, plan, now);
        if let Err(error) = finished {
            // A commit that failed while it was flushed may be found to be there after all. Only where another one
            // takes its place is it known not to be; else the journal decides when it can be read again, and the steps
            // stay as it may say they are.
            self.catalogue.borrow_mut().note_taken_back(id)?;
            self.take_back(id, &plan.steps)?;
            return Err(error);
        }
        if let Some(undone) = plan.undoes {
            for step in &plan.steps {
                if let Step::Write { path, .. } = step {
                    // What was kept is back, and an undoing is not undone; a copy that stays does no harm.
                    let _ = disk::remove_if_there(&self.trash(undone, path));
                    let _ = disk::remove_if_there(&self.trash(id, path));
                }
            }
            self.clear_trash(undone);
            self.clear_trash(id);
        }
        Ok(Done {
            id,
            verb: plan.verb,
            paths: plan.paths.clone(),
            undoable: plan.verb != Verb::Undo,
        })
    }

    /// Writes down that operations cannot be undone any more.
    pub(super) fn finalise(&self, ids: &[u64], now: SystemTime) -> Result<(), Error> {
        self.catalogue.borrow_mut().finalise(ids, now)
    }

    fn carry_out(&self, id: u64, step: &Step) -> Result<(), Error> {
        self.library.check(step)?;
        match step {
            Step::Move { from, to } => rename(&self.at(from), &self.at(to), to),
            Step::Discard { path } => rename(&self.at(path), &self.trash(id, path), path),
            Step::Keep { path } => keep(&self.at(path), &self.trash(id, path), path),
            Step::Share { path, with } => {
                let (path_at, with_at) = (self.at(path), self.at(with));
                if !link::is_one_file(&path_at, &with_at)? && !is_equal(&path_at, &with_at)? {
                    return Err(Error::Changed { path: path.clone() });
                }
                link::share(&with_at, &path_at)?;
                Ok(())
            }
            Step::Part { path, .. } => Ok(link::unshare(&self.at(path))?),
            Step::Write { path, contents } => {
                let at = self.at(path);
                match fs_err::read(&at) {
                    Ok(old) => {
                        let kept = self.trash(id, path);
                        disk::create_dirs(disk::parent(&kept))?;
                        disk::replace(&kept, &old)?;
                    }
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {
                        disk::create_dirs(disk::parent(&at))?;
                    }
                    Err(error) => return Err(error.into()),
                }
                Ok(disk::replace(&at, contents.as_bytes())?)
            }
        }
    }

    /// Makes all renames survive a power cut before the journal says that they were done.
    fn flush(&self, id: u64, steps: &[Step]) -> Result<(), Error> {
        let mut folders = BTreeSet::new();
        let mut note = |path: &Path| folders.insert(disk::parent(path).to_owned());
        for step in steps {
            match step {
                Step::Move { from, to } => {
                    note(&self.at(from));
                    note(&self.at(to));
                }
                Step::Discard { path } | Step::Keep { path } => {
                    note(&self.at(path));
                    note(&self.trash(id, path));
                }
                _ => {}
            }
        }
        folders
            .iter()
            .try_for_each(|folder| disk::sync_dir(folder))?;
        Ok(())
    }

    /// Brings back what was before, judging by the disk which steps were carried out.
    fn take_back(&self, id: u64, steps: &[Step]) -> Result<(), Error> {
        for step in steps.iter().rev() {
            let restored = match step {
                Step::Move { from, to } => move_back(&self.at(from), &self.at(to)),
                Step::Discard { path } | Step::Keep { path } => {
                    move_back(&self.at(path), &self.trash(id, path))
                }
                // Either way the file has the content it had.
                Step::Share { path, .. } | Step::Part { path, .. } => {
                    disk::remove_if_there(&link::draft(&self.at(path)))
                }
                Step::Write { path, contents } => {
                    write_back(&self.at(path), contents, &self.trash(id, path))
                }
            };
            restored.map_err(|source| Error::Stuck {
                id,
                path: step.path().to_owned(),
                source,
            })?;
        }
        self.clear_trash(id);
        self.catalogue
            .borrow_mut()
            .note_failed(id, SystemTime::now())
    }

    /// Removes what is left of an operation's trash: folders without files, and old contents that were written back.
    fn clear_trash(&self, id: u64) {
        let folder = self.library.root.join(TRASH).join(id.to_string());
        let entries = walkdir::WalkDir::new(&folder).contents_first(true);
        for entry in entries.into_iter().flatten() {
            if entry.file_type().is_dir() {
                // It has files in it that are still wanted, or is gone already.
                let _ = fs_err::remove_dir(entry.path());
            }
        }
        let _ = fs_err::remove_dir(self.library.root.join(TRASH));
    }

    fn at(&self, path: &str) -> PathBuf {
        self.library.root.join(path)
    }

    fn trash(&self, id: u64, path: &str) -> PathBuf {
        self.at(&format!("{TRASH}/{id}/{path}"))
    }
}

fn rename(from: &Path, to: &Path, name: &str) -> Result<(), Error> {
    disk::create_dirs(disk::parent(to))?;
    disk::rename_new(from, to).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Error::Taken {
            path: name.to_owned(),
        },
        _ => error.into(),
    })
}

/// Gives a file a second name in the trash; where the file system has no such links it goes there at once.
fn keep(path: &Path, trash: &Path, name: &str) -> Result<(), Error> {
    disk::create_dirs(disk::parent(trash))?;
    fs_err::hard_link(path, trash).or_else(|_| rename(path, trash, name))
}

fn move_back(from: &Path, to: &Path) -> io::Result<()> {
    let is_there = |path: &Path| path.symlink_metadata().is_ok();
    match (is_there(from), is_there(to)) {
        (false, true) => {
            disk::rename_new(to, from)?;
            disk::sync_dir(disk::parent(from))?;
            disk::sync_dir(disk::parent(to))
        }
        // Cut short between the two halves of a rename that a file system made of a link.
        (true, true) if link::is_one_file(from, to).unwrap_or(false) => disk::remove_if_there(to),
        _ => Ok(()),
    }
}

fn write_back(path: &Path, contents: &str, kept: &Path) -> io::Result<()> {
    let is_ours = fs_err::read(path).is_ok_and(|is| is == contents.as_bytes());
    match fs_err::read(kept) {
        Ok(old) => {
            if is_ours {
                disk::replace(path, &old)?;
            }
            disk::remove_if_there(kept)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound && is_ours => {
            disk::remove_if_there(path)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Compares two files byte by byte: what is shared is gone, so a digest from yesterday is not enough.
fn is_equal(one: &Path, other: &Path) -> io::Result<bool> {
    let (mut one, mut other) = (fs_err::File::open(one)?, fs_err::File::open(other)?);
    let bytes = one.metadata()?.len();
    if bytes != other.metadata()?.len() {
        return Ok(false);
    }
    let (mut ours, mut theirs) = (vec![0; CHUNK], vec![0; CHUNK]);
    let mut left = bytes;
    while left > 0 {
        let length = usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK));
        one.read_exact(&mut ours[..length])?;
        other.read_exact(&mut theirs[..length])?;
        if ours[..length] != theirs[..length] {
            return Ok(false);
        }
        left -= length as u64;
    }
    Ok(true)
}

const LOCK: &str = "operations.lock";
const CHUNK: usize = 1 << 20;

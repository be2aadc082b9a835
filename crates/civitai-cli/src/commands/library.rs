//! `library`: what is on the disk, and what is known of it.

pub(crate) mod bar;
mod check_db;
mod keep;
mod list;
pub(crate) mod operation;
mod period;
mod repair;
mod scan;
mod show;
mod trash;
mod tree;
mod updates;
mod verify;

use std::path::{Path, PathBuf};

use civitai_library::{Library, catalogue};

use crate::args::LibraryAction;
use crate::exit::Kind;
use crate::failure::Failure;
use crate::session::{Outcome, Session};
use crate::text::{self, Hint};

pub(crate) async fn run(action: LibraryAction, session: &Session) -> Outcome {
    match action {
        LibraryAction::Backup(args) => keep::backup(args, session).await,
        LibraryAction::CheckDb(args) => check_db::run(args, session).await,
        LibraryAction::Export(args) => keep::export(args, session).await,
        LibraryAction::Import(args) => keep::import(args, session).await,
        LibraryAction::Duplicates(args) => operation::duplicates(args, session).await,
        LibraryAction::EmptyTrash(args) => trash::empty(args, session).await,
        LibraryAction::List(args) => list::run(args, session).await,
        LibraryAction::Move(args) => operation::moves(args, session).await,
        LibraryAction::Orphans(args) => operation::orphans(args, session).await,
        LibraryAction::Remove(args) => operation::remove(args, session).await,
        LibraryAction::Rename(args) => operation::rename(args, session).await,
        LibraryAction::Repair(args) => repair::run(args, session).await,
        LibraryAction::Restore(args) => keep::restore(args, session).await,
        LibraryAction::Scan(args) => scan::run(args, session).await,
        LibraryAction::Show(args) => show::run(args, session).await,
        LibraryAction::Sidecars(args) => operation::sidecars(args, session).await,
        LibraryAction::Tree(args) => tree::run(args, session).await,
        LibraryAction::Undo(args) => operation::undo(args, session).await,
        LibraryAction::Updates(args) => updates::run(args, session).await,
        LibraryAction::Upgrade(args) => super::upgrade::run(args, session).await,
        LibraryAction::Verify(args) => verify::run(args, session).await,
    }
}

/// The library that the settings name.
pub(crate) fn of(session: &Session) -> Result<Library, Failure> {
    let settings = &session.settings;
    let here = &settings.layers.surroundings().directory;
    Ok(Library {
        root: real(&here.join(&settings.library))?,
        data_dir: here.join(&settings.data_dir),
        layout: settings.layout.clone(),
    })
}

/// One path for one place, however it was written; what is not there stays as it was written.
fn real(path: &Path) -> Result<PathBuf, Failure> {
    match fs_err::canonicalize(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(path.to_owned()),
        real => real.map_err(|error| Failure::io(&error)),
    }
}

/// The paths of arguments, from where the user stands.
fn from_here(paths: &[PathBuf], session: &Session) -> Vec<PathBuf> {
    let here = &session.settings.layers.surroundings().directory;
    paths.iter().map(|path| here.join(path)).collect()
}

/// An error of the catalogue in the user's terms.
pub(crate) fn failure(error: &catalogue::Error) -> Failure {
    let failure = Failure::library(Kind::from_word(error.code()), error);
    match error {
        catalogue::Error::Damaged { .. } => {
            failure.with_hint(Hint::Library(text::Library::RestoreBackup))
        }
        _ => failure,
    }
}

/// Does work that blocks beside the runtime, and gives up waiting for it when the user wants to stop.
pub(crate) async fn blocking<T: Send + 'static>(
    session: &Session,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Failure> {
    let work = tokio::task::spawn_blocking(work);
    match session.cancel.run_until_cancelled(work).await {
        Some(Ok(result)) => Ok(result),
        Some(Err(panicked)) => std::panic::resume_unwind(panicked.into_panic()),
        None => Err(Failure::interrupted()),
    }
}

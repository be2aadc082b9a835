//! `library`: what is on the disk, and what is known of it.

mod check_db;
mod list;

use civitai_library::layout::LayoutError;
use civitai_library::{Library, catalogue};

use crate::args::LibraryAction;
use crate::exit::Kind;
use crate::failure::Failure;
use crate::session::{Outcome, Session};

pub(crate) async fn run(action: LibraryAction, session: &Session) -> Outcome {
    match action {
        LibraryAction::CheckDb(args) => check_db::run(args, session).await,
        LibraryAction::List(args) => list::run(args, session).await,
    }
}

/// The library that the settings name.
pub(crate) fn of(session: &Session) -> Result<Library, Failure> {
    let settings = &session.settings;
    let here = &settings.layers.surroundings().directory;
    let layout = settings.layout.parse();
    Ok(Library {
        root: here.join(&settings.library),
        data_dir: here.join(&settings.data_dir),
        layout: layout.map_err(|error: LayoutError| Failure::library(Kind::Usage, &error))?,
    })
}

/// An error of the catalogue in the user's terms.
pub(crate) fn failure(error: &catalogue::Error) -> Failure {
    Failure::library(Kind::from_word(error.code()), error)
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

//! `library scan --watch`.

use civitai_library::scan::{Target, Watch, WatchError};
use futures::FutureExt as _;
use futures::future::select_all;

use super::super::keep;
use super::{Scan, Total};
use crate::commands::library::blocking;
use crate::exit::Kind;
use crate::failure::Failure;
use crate::session::Outcome;
use crate::text::{Hint, Library, Message};

/// Looks at everything once, and then at what changes, until the user has enough of it.
pub(super) async fn run(scan: &Scan<'_>, targets: Vec<Target>) -> Outcome {
    let session = scan.session;
    // What changes during the first look is looked at again.
    let watched = blocking(session, move || {
        let watches = targets.into_iter().map(|target| {
            let watch = Watch::of(&target)?;
            Ok((target, watch))
        });
        watches.collect::<Result<Vec<_>, _>>()
    });
    let watched = watched.await?.map_err(|error| failure(&error))?;
    let mut total = Total::default();
    for (target, _) in &watched {
        scan.pass(target, &mut total).await?;
        scan.tell_entries(target, |_| true).await?;
    }
    loop {
        // What failed was told; the watch goes on.
        total.tell(session)?;
        keep::back_up_if_due(session).await?;
        session.printer.say(&Message::Library(Library::Watching));
        total = loop {
            let target = next(scan, &watched).await?;
            let mut total = Total::default();
            scan.pass(&target, &mut total).await?;
            let changes = &total.scanned.changes;
            let moved = changes.moved.iter().map(|(_, to)| to);
            let paths: Vec<&String> = [&changes.new, &changes.changed, &changes.back]
                .into_iter()
                .flatten()
                .chain(moved)
                .collect();
            scan.tell_entries(&target, |path| paths.iter().any(|known| *known == path))
                .await?;
            if !total.is_nothing() {
                break total;
            }
        };
    }
}

/// Waits for changes and says where they are.
async fn next(scan: &Scan<'_>, watched: &[(Target, Watch)]) -> Result<Target, Failure> {
    let next = select_all(watched.iter().map(|(_, watch)| watch.next().boxed()));
    let Some((folders, index, _)) = scan.session.cancel.run_until_cancelled(next).await else {
        return Err(Failure::interrupted());
    };
    Ok(Target {
        library: watched[index].0.library.clone(),
        folders: folders.map_err(|error| failure(&error))?,
    })
}

fn failure(error: &WatchError) -> Failure {
    let failure = Failure::library(Kind::Io, error);
    match error {
        WatchError::TooManyFolders { .. } => failure.with_hint(Hint::Library(Library::MoreWatches)),
        _ => failure,
    }
}

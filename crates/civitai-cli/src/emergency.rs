//! `EMERGENCY_STOP`: a file that stops everything while it is there, and lets nothing begin.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::exit::Kind;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::settings::Settings;
use crate::text::{Bulk, Hint, Message};

/// The places where the file counts, and which of them stopped this run.
#[derive(Clone, Debug)]
pub(crate) struct Emergency {
    places: Vec<PathBuf>,
    found: Arc<OnceLock<PathBuf>>,
}

impl Emergency {
    /// The file counts in the data directory and in the working directory.
    pub(crate) fn of(settings: &Settings) -> Self {
        let here = &settings.layers.surroundings().directory;
        Self {
            places: vec![settings.data_dir.join(NAME), here.join(NAME)],
            found: Arc::default(),
        }
    }

    /// The same emergency seen from other settings: whoever finds the file, both know it.
    pub(crate) fn also_of(&self, settings: &Settings) -> Self {
        Self {
            found: Arc::clone(&self.found),
            ..Self::of(settings)
        }
    }

    /// For a verb that helps out of an emergency: no file stops it.
    pub(crate) fn ignored() -> Self {
        Self {
            places: Vec::new(),
            found: Arc::default(),
        }
    }

    /// Where the file is, if it is.
    pub(crate) fn look(&self) -> Option<&Path> {
        let there = |path: &&PathBuf| path.symlink_metadata().is_ok();
        self.places.iter().find(there).map(PathBuf::as_path)
    }

    /// What stopped this run, if an emergency did.
    pub(crate) fn found(&self) -> Option<&Path> {
        self.found.get().map(PathBuf::as_path)
    }

    /// Refuses to begin while the file is there.
    pub(crate) fn refuse(&self) -> Result<(), Failure> {
        self.look().map_or(Ok(()), |path| Err(failure(path)))
    }

    /// Cancels `cancel` when the file appears. Never returns before.
    pub(crate) async fn watch(self, cancel: CancellationToken, printer: Arc<Printer>) {
        let path = loop {
            tokio::time::sleep(PERIOD).await;
            if let Some(path) = self.look() {
                break path.to_owned();
            }
        };
        let failure = failure(&path);
        if self.found.set(path).is_ok() {
            printer.fail(&failure);
        }
        cancel.cancel();
    }
}

fn failure(path: &Path) -> Failure {
    let path = path.to_owned();
    let message = Message::Bulk(Bulk::EmergencyStop { path: path.clone() });
    Failure::new(Kind::Interrupted, message).with_hint(Hint::Bulk(Bulk::RemoveStopFile { path }))
}

pub(crate) const NAME: &str = "EMERGENCY_STOP";
/// With the grace a verb has to put things in order, this keeps to the second that is promised.
const PERIOD: Duration = Duration::from_millis(100);

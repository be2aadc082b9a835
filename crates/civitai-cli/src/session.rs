//! What every verb is given.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::{Printer, Unwritable};
use crate::settings::Settings;

/// One run of the program: its settings, its voice, and the wish to stop.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) settings: Settings,
    pub(crate) printer: Arc<Printer>,
    pub(crate) cancel: CancellationToken,
}

/// Why a verb ended early.
#[derive(Debug)]
pub(crate) enum Stop {
    Failed(Failure),
    /// Nobody takes what is printed; the printer knows whether that is a failure.
    Unwritable,
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Unwritable> for Stop {
    fn from(_: Unwritable) -> Self {
        Self::Unwritable
    }
}

/// How a verb ends.
pub(crate) type Outcome = Result<Exit, Stop>;

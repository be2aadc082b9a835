//! What every verb is given.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::emergency::Emergency;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::monitor::Monitor;
use crate::printer::{Printer, Unwritable};
use crate::settings::Settings;

/// One run of the program: its settings, its voice, and the wish to stop.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) settings: Settings,
    pub(crate) printer: Arc<Printer>,
    pub(crate) cancel: CancellationToken,
    /// Who watches what everything costs, if anybody asked.
    pub(crate) monitor: Option<Arc<Monitor>>,
    pub(crate) emergency: Emergency,
}

impl Session {
    pub(crate) fn new(
        settings: Settings,
        printer: Arc<Printer>,
        cancel: CancellationToken,
    ) -> Self {
        let monitor = settings
            .monitor
            .map(|interval| Arc::new(Monitor::new(Arc::clone(&printer), interval)));
        let emergency = Emergency::of(&settings);
        Self {
            settings,
            printer,
            cancel,
            monitor,
            emergency,
        }
    }

    /// The same run with other settings.
    pub(crate) fn with(&self, settings: Settings) -> Self {
        let emergency = self.emergency.also_of(&settings);
        Self {
            settings,
            printer: Arc::clone(&self.printer),
            cancel: self.cancel.clone(),
            monitor: self.monitor.clone(),
            emergency,
        }
    }

    /// Tells the last word on performance, which comes before the sum of the run.
    pub(crate) fn end_monitor(&self) {
        if let Some(monitor) = &self.monitor {
            monitor.finish();
        }
    }
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

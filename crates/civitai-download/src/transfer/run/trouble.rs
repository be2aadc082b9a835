//! What the end of a connection means for the transfer.

use std::sync::Arc;
use std::time::Duration;

use civitai_reliability::Failure;
use civitai_reliability::classify::is_transient;
use tokio::time::sleep;

use super::{Joined, Run};
use crate::connection::{Held, Trouble};
use crate::error::{Error, ErrorKind};
use crate::event::Event;
use crate::response::BadRange;

/// What went wrong since bytes last arrived for good.
#[derive(Debug, Default)]
pub(super) struct Failures {
    refusals: u32,
    pages: u32,
    bad_ranges: u32,
    /// Answers in order that brought next to nothing.
    crumbs: u32,
}

impl Run<'_> {
    pub(super) fn on_end(&mut self, joined: Joined) -> Result<(), Error> {
        let (task, result) =
            joined.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        self.stops.remove(&task.id);
        let progressed = self.note_progress();
        self.control.ended(result.is_ok());
        let Err(trouble) = result else {
            return if progressed {
                Ok(())
            } else {
                self.on_crumb(&task.held)
            };
        };
        tracing::debug!(id = task.id, ?trouble, "a connection ended early");
        // Without ranges nothing can be continued.
        self.restart_wanted |= !self.ranged;
        let cause = trouble.cause();
        let decided = self.decide(&task.held, trouble, progressed);
        let retried = decided.is_ok();
        self.transfer.tell(Event::RequestFailed { cause, retried });
        decided
    }

    fn decide(
        &mut self,
        held: &Arc<Held>,
        trouble: Trouble,
        progressed: bool,
    ) -> Result<(), Error> {
        match trouble {
            Trouble::Transient(_) if progressed => Ok(()),
            Trouble::Transient(error) => self.back_off(None, error),
            Trouble::IgnoresRange => {
                // Never forgiven: each time costs all there is.
                self.ignored += 1;
                self.ranged &= self.ignored <= MAX_BAD_RANGES;
                self.allow_one();
                Ok(())
            }
            Trouble::Changed(error) => self.on_change(error),
            Trouble::BadRange { error, size } => self.on_bad_range(error, size),
            Trouble::Page(error) => {
                self.since_progress.pages += 1;
                // A page may be a passing fault of a front; the same page again is the answer.
                if self.since_progress.pages > MAX_PAGES {
                    Err(error)
                } else {
                    self.back_off(None, error)
                }
            }
            Trouble::Status {
                status: 403 | 429 | 503,
                expired: false,
                ..
            } if self.shared.plan().opened() > 0 => {
                // Others are served: this refusal is about their number.
                self.allowed = self.shared.plan().opened().max(1);
                if let Some(visit) = &self.visit {
                    visit.note_limit();
                }
                tracing::debug!(
                    allowed = self.allowed,
                    "the server bears no more connections"
                );
                Ok(())
            }
            Trouble::Status { status, error, .. } if is_refusal(status) => {
                self.on_refusal(held, error)
            }
            Trouble::Status {
                status,
                error,
                retry_after,
                ..
            } if is_transient(Failure::Status(status)) => self.back_off(retry_after, error),
            Trouble::Fatal(error) | Trouble::Status { error, .. } => Err(error),
        }
    }

    /// The lease was refused. Only the first connection to say so renews it.
    fn on_refusal(&mut self, refused: &Arc<Held>, error: Error) -> Result<(), Error> {
        if !self
            .held
            .as_ref()
            .is_some_and(|held| Arc::ptr_eq(held, refused))
        {
            return Ok(());
        }
        let at_source =
            matches!(error.kind(), ErrorKind::Server { url, .. } if *url == refused.lease.url);
        if refused.lease.is_fixed && at_source {
            return Err(error);
        }
        self.since_progress.refusals += 1;
        if self.since_progress.refusals > MAX_RENEWALS {
            return Err(error.into_lease_refused());
        }
        self.held = None;
        self.allowed = usize::MAX;
        if self.since_progress.refusals > 1 {
            return self.back_off(Some(SIGNING_TICK), error);
        }
        Ok(())
    }

    fn on_change(&mut self, error: Error) -> Result<(), Error> {
        self.restarts += 1;
        if self.restarts > MAX_RESTARTS {
            return Err(error);
        }
        self.restart_wanted = true;
        Ok(())
    }

    fn on_bad_range(&mut self, error: Error, size: Option<u64>) -> Result<(), Error> {
        if size.is_some() && self.size().is_some() && size != self.size() {
            return self.on_change(error);
        }
        self.since_progress.bad_ranges += 1;
        if self.since_progress.bad_ranges <= MAX_BAD_RANGES {
            return self.back_off(None, error);
        }
        if !self.ranged {
            return Err(error);
        }
        tracing::debug!("the server answers ranges wrongly: one stream from now on");
        self.ranged = false;
        self.allow_one();
        Ok(())
    }

    /// One connection, from the first byte on: the server does not know ranges.
    fn allow_one(&mut self) {
        self.allowed = 1;
        self.restart_wanted = true;
        if let Some(visit) = &self.visit {
            visit.note_whole();
        }
    }

    /// A request ended well and brought next to nothing. Requests are for a mebibyte or for the rest, so only a server
    /// that means to keep us busy answers many of them so.
    fn on_crumb(&mut self, held: &Held) -> Result<(), Error> {
        self.since_progress.crumbs += 1;
        if self.since_progress.crumbs <= MAX_CRUMBS || self.is_complete() {
            return Ok(());
        }
        let url = held.lease.url.clone();
        let source = BadRange::Crumbs;
        self.on_bad_range(ErrorKind::Range { url, source }.into(), None)
    }

    /// Spends a retry and pauses new requests; those at work go on.
    pub(super) fn back_off(
        &mut self,
        retry_after: Option<Duration>,
        error: Error,
    ) -> Result<(), Error> {
        if self.pause.is_some() {
            // Several connections that break together are one failure.
            return Ok(());
        }
        match self.budget.next(retry_after) {
            Ok(wait) => {
                tracing::debug!(wait_ms = wait.as_millis(), "pausing");
                self.pause = Some(Box::pin(sleep(wait)));
                Ok(())
            }
            Err(_) if self.shared.plan().opened() > 0 => {
                self.allowed = self.shared.plan().opened().max(1);
                Ok(())
            }
            Err(exhausted) => Err(error.with_gave_up(exhausted)),
        }
    }

    /// Credits the budget when enough new bytes are there. Bytes fetched a second time are not progress.
    pub(super) fn note_progress(&mut self) -> bool {
        let bytes = self.shared.part.bytes();
        let enough = bytes >= self.high_water.saturating_add(PROGRESS)
            || bytes > self.high_water && self.is_complete();
        if enough {
            self.high_water = bytes;
            self.budget.progressed();
            self.since_progress = Failures::default();
        }
        enough
    }
}

/// Statuses with which storage refuses an address that was good once; one that redirects now has lost its file.
fn is_refusal(status: u16) -> bool {
    matches!(status, 300..=399 | 401 | 403 | 410)
}

/// Fewer new bytes than this do not show that a server works again.
const PROGRESS: u64 = 64 << 10;
const MAX_RENEWALS: u32 = 3;
/// Addresses are signed by the second (`X-Amz-Date`): asked again sooner, a source may give the refused one once more.
const SIGNING_TICK: Duration = Duration::from_secs(1);
const MAX_RESTARTS: u32 = 3;
const MAX_BAD_RANGES: u32 = 2;
const MAX_PAGES: u32 = 1;
/// As many connections as there may be can end this way when the last of a file is shared out.
const MAX_CRUMBS: u32 = 64;

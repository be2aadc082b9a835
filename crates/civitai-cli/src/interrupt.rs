//! Ctrl-C and SIGTERM: the first asks, the second insists.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::exit::Exit;
use crate::printer::Printer;
use crate::text::Message;

/// How long a verb may take to leave things in order after the first Ctrl-C.
pub(crate) const GRACE: Duration = Duration::from_millis(850);

/// Cancels `cancel` at the first signal and ends the process at the second. Never returns by itself.
pub(crate) async fn watch(cancel: CancellationToken, printer: Arc<Printer>) -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut count = 0;
    loop {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        count += 1;
        if count > 1 {
            leave_at_once();
        }
        printer.say(&Message::Stopping);
        cancel.cancel();
    }
}

#[expect(
    clippy::exit,
    reason = "the user asked twice: nothing may hold the process any longer"
)]
fn leave_at_once() -> ! {
    std::process::exit(Exit::Interrupted.code().into())
}

//! `sim`: the imitation of Civitai on its own.

use civitai_sim::Sim;

use crate::args::SimArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::{Outcome, Session};
use crate::text::Message;

/// Runs until the user or the system asks for the end, which is then no interruption but what was wanted.
pub(crate) async fn run(args: SimArgs, session: &Session) -> Outcome {
    let mut builder = Sim::builder().seed(args.seed).port(args.port);
    if let Some(folder) = args.payloads {
        builder = builder.payloads(folder);
    }
    let sim = builder
        .start()
        .await
        .map_err(|error| Failure::usage_io(&error))?;
    // The line is the same with and without --json: it is made for programs.
    session.printer.data(&sim.announce().to_string())?;
    session.printer.say(&Message::SimRunning {
        site: sim.site_url().to_string(),
    });
    session.cancel.cancelled().await;
    sim.shutdown().await;
    Ok(Exit::Done)
}

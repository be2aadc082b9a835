//! `bulk wait`: the end of a job, whoever runs it.

use std::time::Duration;

use civitai_download::jobs::{Item, Job, Jobs, State};
use indicatif::{ProgressBar, ProgressStyle};

use super::{print, tell_end};
use crate::exit::Exit;
use crate::job::{self, background, failure};
use crate::printer::Printer;
use crate::session::{Outcome, Session};
use crate::text::size;

pub(super) async fn wait(id: &str, mut jobs: Jobs, session: &Session) -> Outcome {
    let printer = &session.printer;
    let bar = printer.draws_bars().then(|| printer.bars().add(bar()));
    let mut looks: u32 = 0;
    let job = loop {
        // A supervisor may be killed while we wait.
        if looks.is_multiple_of(LOOKS_A_CHECK) {
            background::ensure(&mut jobs, session)?;
        }
        looks = looks.wrapping_add(1);
        let job = jobs.job(id).map_err(|error| failure(&error))?;
        if job.state.is_final() || job.state == State::Paused {
            break job;
        }
        if let Some(bar) = &bar {
            show(&job, bar);
        }
        let pause = tokio::time::sleep(LOOK);
        if session.cancel.run_until_cancelled(pause).await.is_none() {
            return Err(job::stopped(&job.id, job.state).into());
        }
    };
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let items = jobs.items(id).map_err(|error| failure(&error))?;
    print(&job, printer)?;
    tell_failures(&items, printer);
    tell_end(&job, printer);
    Ok(match job.state {
        State::Completed | State::Failed => job::exit_of_items(&items),
        _ => Exit::Interrupted,
    })
}

fn tell_failures(items: &[Item], printer: &Printer) {
    for item in items {
        for outcome in &item.outcomes {
            if let Some(trouble) = &outcome.trouble {
                let path = outcome.path.as_deref().and_then(|path| path.file_name());
                let subject = path.map_or_else(
                    || item.link.clone(),
                    |name| name.to_string_lossy().into_owned(),
                );
                printer.fail_told(Some(&subject), &trouble.message, trouble.hint.as_deref());
            }
        }
    }
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len} {msg}")
        .expect("the template is a constant")
        .progress_chars("=> ");
    ProgressBar::no_length().with_style(style)
}

fn show(job: &Job, bar: &ProgressBar) {
    bar.set_prefix(job.name.clone().unwrap_or_else(|| job.id.to_string()));
    bar.set_length(job.items);
    bar.set_position(job.completed + job.failed);
    bar.set_message(size(job.bytes));
}

const LOOK: Duration = Duration::from_millis(100);
/// Every two seconds.
const LOOKS_A_CHECK: u32 = 20;

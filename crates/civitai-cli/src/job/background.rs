//! The supervisor: one process a data directory that runs the jobs nobody waits for.
//!
//! Any `bulk` command that sees a waiting job without a supervisor starts one: the same binary in a session of its own,
//! so that it outlives the terminal, with its output in `supervisor.log`. It ends when nothing waits. Killed, it leaves
//! its job to the next one.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use civitai_download::jobs::Jobs;
use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt as _;

use super::run::{self, OnStop, carry_out};
use super::{Held, Options, failure};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::links;
use crate::session::{Outcome, Session};
use crate::settings::{Layers, Settings, Surroundings};
use crate::text::{Bulk, Message};

/// Starts a supervisor if a job waits for one.
pub(crate) fn ensure(jobs: &mut Jobs, session: &Session) -> Result<(), Failure> {
    if !jobs.needs_supervisor().map_err(|error| failure(&error))? {
        return Ok(());
    }
    let directory = &session.settings.data_dir;
    start(directory).map_err(|error| {
        let problem = error.to_string();
        let kind = crate::failure::io_kind(&error);
        Failure::new(kind, Message::Bulk(Bulk::NoBackground { problem }))
    })
}

fn start(directory: &Path) -> std::io::Result<()> {
    let log = open_log(&log_path(directory))?;
    let mut supervisor = Command::new(std::env::current_exe()?);
    supervisor
        .arg("--data-dir")
        .arg(directory)
        .args(["bulk", "supervise"])
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    // Nobody waits for it: it is to outlive this process.
    supervisor.spawn().map(drop)
}

/// Where the supervisor's words are.
pub(crate) fn log_path(directory: &Path) -> PathBuf {
    directory.join("supervisor.log")
}

/// Opens the log to write at its end, and begins a new one when it has grown long.
fn open_log(path: &Path) -> std::io::Result<std::fs::File> {
    let is_long = path.metadata().is_ok_and(|log| log.len() > LONG_LOG);
    if is_long {
        fs::rename(path, path.with_extension("log.old"))?;
    }
    // What somebody downloads is nobody else's business.
    let file = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)?;
    Ok(file.into_parts().0)
}

/// Runs waiting jobs, one after another, until none is left.
pub(crate) async fn supervise(session: &Session) -> Outcome {
    // A child of a shell leads no session; where this one does, nothing has to be left.
    let _ = rustix::process::setsid();
    let directory = &session.settings.data_dir;
    let mut jobs = Jobs::open(directory).map_err(|error| failure(&error))?;
    let Some(mut supervision) = jobs.supervise().map_err(|error| failure(&error))? else {
        return Ok(Exit::Done);
    };
    session.printer.say(&Message::Bulk(Bulk::SupervisorBegins));
    loop {
        while let Some(claim) = jobs.claim_next().map_err(|error| failure(&error))? {
            let jobs = Jobs::open(directory).map_err(|error| failure(&error))?;
            run_one(Held { jobs, claim }, session).await?;
            if session.cancel.is_cancelled() {
                return Ok(Exit::Interrupted);
            }
        }
        match jobs.leave(supervision).map_err(|error| failure(&error))? {
            Some(kept) => supervision = kept,
            None => break,
        }
    }
    session.printer.say(&Message::Bulk(Bulk::SupervisorEnds));
    Ok(Exit::Done)
}

/// Runs one job with the settings it was made with. That it fails is its own affair; that it cannot be written down
/// ends the supervisor.
async fn run_one(held: Held, session: &Session) -> Result<(), Failure> {
    let job = held.jobs.job(held.claim.id().as_str());
    let job = job.map_err(|error| failure(&error))?;
    session.printer.say(&Message::Bulk(super::line(&job)));
    let job = match own_session(&job, session) {
        Ok(own) => {
            let emergency = own.emergency.clone();
            let watch =
                tokio::spawn(emergency.watch(session.cancel.clone(), Arc::clone(&own.printer)));
            let items = held.jobs.items(job.id.as_str());
            let items = items.map_err(|error| failure(&error))?;
            let open = run::still_open(items);
            let open = open.map(|item| {
                (
                    item.position,
                    links::of_link(&item.link, &own.settings.base_url),
                )
            });
            let ended = carry_out(held, open.collect(), &own, OnStop::PutBack).await;
            watch.abort();
            ended?.0
        }
        Err(reason) => {
            session.printer.fail(&reason);
            run::give_up(held, &reason, &session.printer)?
        }
    };
    session.printer.say(&Message::Bulk(super::line(&job)));
    Ok(())
}

/// The session of a job: its own settings, this process's voice and end.
fn own_session(job: &civitai_download::jobs::Job, session: &Session) -> Result<Session, Failure> {
    let Options { kept, .. } = Options::read(job)?;
    let surroundings = Surroundings::of_process();
    let layers = Layers::of_kept(kept, &session.settings.data_dir, surroundings)?;
    let settings = Settings::read(layers)?;
    let emergency = session.emergency.also_of(&settings);
    Ok(Session {
        settings,
        emergency,
        ..session.clone()
    })
}

/// Enough for the last hundred jobs; nobody reads further back.
const LONG_LOG: u64 = 1 << 20;

//! Brings the files of a job: through the program or in this process.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use civitai_download::digest::Digest;
use civitai_download::{Expected, Lease, Patience, Storage, Target, Transfer, lease};
use civitai_reliability::{Backoff, RetryPolicy};
use civitai_security::{AllowPrivate, Policy, RedactedUrl};
use civitai_sim::Sim;
use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::case::{Case, Job, Way};

/// How a job ended.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    /// `error.kind` of each file that has one, by the file's place in the job.
    pub(crate) kinds: Vec<Option<String>>,
    /// What to show of it when it ended otherwise than it must.
    pub(crate) said: String,
    /// It did not end in time and was stopped.
    pub(crate) hung: bool,
    /// The program ended by something else than its own decision.
    pub(crate) crashed: bool,
    pub(crate) kills: u64,
    /// Of the program; zero for a transfer in this process.
    pub(crate) peak_rss: u64,
    pub(crate) seconds: f64,
}

/// Brings the files of `job` to `folder`.
pub(crate) async fn bring(
    job: &mut Job,
    sim: &Arc<Sim>,
    binary: &Path,
    folder: &Path,
) -> Result<Ended> {
    let started = Instant::now();
    let mut ended = match job.way {
        Way::Library => inside(&job.cases[0], sim, folder).await?,
        Way::Fetch | Way::Get => outside(job, sim, binary, folder).await?,
    };
    ended.seconds = started.elapsed().as_secs_f64();
    Ok(ended)
}

async fn outside(job: &mut Job, sim: &Sim, binary: &Path, folder: &Path) -> Result<Ended> {
    let mut ended = Ended::default();
    while ended.kills < job.kills {
        let mut child = command(job, sim, binary, folder)?
            .spawn()
            .context("the program starts")?;
        // Early and late in turn: at the first bytes, or when a file is nearly there.
        let delay = job.draw.millis(5..=250);
        if timeout(delay, child.wait()).await.is_ok() {
            break;
        }
        child.kill().await?;
        ended.kills += 1;
    }
    let child = command(job, sim, binary, folder)?
        .spawn()
        .context("the program starts")?;
    let pid = child.id().context("it runs")?;
    let peak = Arc::new(AtomicU64::new(0));
    let watch = tokio::spawn(watch_memory(pid, Arc::clone(&peak)));
    let output = wait(child).await?;
    watch.abort();
    ended.peak_rss = peak.load(Ordering::Relaxed);
    let Some((code, stdout, stderr)) = output else {
        ended.hung = true;
        return Ok(ended);
    };
    ended.crashed = code.is_none_or(|code| code == 101);
    ended.kinds = job
        .cases
        .iter()
        .map(|case| kind_of(case, &stdout))
        .collect();
    ended.said = format!("exit {code:?}\n{stdout}{stderr}");
    Ok(ended)
}

/// Exit code (none for a signal), standard output and error; nothing when it had to be stopped.
async fn wait(child: Child) -> Result<Option<(Option<i32>, String, String)>> {
    let Ok(output) = timeout(LIMIT, child.wait_with_output()).await else {
        // Dropped with the future, and so killed.
        return Ok(None);
    };
    let output = output?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Some((
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )))
}

fn command(job: &Job, sim: &Sim, binary: &Path, folder: &Path) -> Result<Command> {
    let mut command = Command::new(binary);
    let home = folder.with_extension("home");
    fs_err::create_dir_all(tmp_of(folder))?;
    command
        .env_clear()
        .env("HOME", &home)
        .env("TMPDIR", tmp_of(folder))
        .env("CIVITAI_BASE_URL", sim.site_url().as_str())
        .env(
            "CIVITAI_TOKEN",
            sim.token("plain").context("the seed has this user")?,
        )
        .current_dir(&home)
        .kill_on_drop(true)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    match job.way {
        Way::Fetch => {
            let list = home.join("list.tsv");
            fs_err::write(&list, rows(job, sim)?)?;
            command.arg("fetch").arg("--list").arg(list);
        }
        Way::Get | Way::Library => {
            command.arg("get").arg("--no-sidecars");
            if job.cases.iter().any(Case::is_stub) {
                command.arg("--accept-unsafe");
            }
            command.args(job.cases.iter().map(|case| format!("version:{}", case.id)));
        }
    }
    command.arg("--to").arg(folder).arg("--json");
    Ok(command)
}

fn rows(job: &Job, sim: &Sim) -> Result<String> {
    let mut rows = String::new();
    for case in &job.cases {
        let url = sim
            .site_url()
            .join(&format!("api/download/models/{}", case.id))?;
        let sha256 = case.content.digests().sha256.to_lowercase();
        let (name, bytes) = (&case.name, case.content.len());
        writeln!(rows, "{url}\t{name}\t{sha256}\t{bytes}")?;
    }
    Ok(rows)
}

/// What the program says went wrong with a file, in words that have an exit code.
fn kind_of(case: &Case, stdout: &str) -> Option<String> {
    let lines = stdout
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    let errors = lines.filter(|line: &Value| line["error"].is_object());
    let of_case = errors.filter(|line| {
        let path = line["path"].as_str().unwrap_or_default();
        let link = line["link"].as_str().unwrap_or_default();
        let id = case.id.to_string();
        line["fileId"] == case.id || path.ends_with(&case.name) || link.ends_with(&id)
    });
    let kind = |line: Value| line["error"]["kind"].as_str().map(str::to_owned);
    of_case.filter_map(kind).next_back()
}

/// Keeps up the most memory the process had, as far as it is seen, until it ends.
async fn watch_memory(pid: u32, peak: Arc<AtomicU64>) {
    let path = format!("/proc/{pid}/status");
    while let Ok(status) = fs_err::read_to_string(&path) {
        let Some(most) = super::field(&status, "VmHWM:") else {
            break;
        };
        peak.fetch_max(most, Ordering::Relaxed);
        sleep(Duration::from_millis(10)).await;
    }
}

async fn inside(case: &Case, sim: &Arc<Sim>, folder: &Path) -> Result<Ended> {
    let origin = Url::parse("http://127.0.0.1/")?;
    let policy = Policy::for_origin(&origin, AllowPrivate::No)?;
    let storage = Storage::new(reqwest::Client::builder().no_proxy(), policy)?;
    let (signer, id) = (Arc::clone(sim), case.id);
    let source = lease::source_fn(move || {
        let url = signer.sign(id).expect("the file was added");
        async move { Ok(Lease::new(RedactedUrl::new(url))) }
    });
    let sha256: Digest<32> = case.content.digests().sha256.parse()?;
    let expected = Expected::default()
        .with_sha256(Some(sha256))
        .with_bytes(Some(case.content.len()));
    let target = Target::new(folder.join(&case.name), format!("soak:{id}")).with_expected(expected);
    let mut patience = Patience::default();
    patience.idle = Duration::from_secs(5);
    patience.headers = Duration::from_secs(10);
    let backoff = Backoff {
        base: Duration::from_millis(100),
        cap: Duration::from_secs(2),
    };
    let retry = RetryPolicy::default()
        .with_max_elapsed(Duration::MAX)
        .with_backoff(backoff);
    let transfer = Transfer::new(storage, Arc::new(source), target)
        .patience(patience)
        .retry(retry);
    let cancel = CancellationToken::new();
    let running = tokio::spawn(transfer.run(cancel.clone()));
    let mut ended = Ended::default();
    let _stop = cancel.drop_guard();
    match timeout(LIMIT, running).await {
        Err(_) => ended.hung = true,
        Ok(Err(panic)) => {
            ended.crashed = true;
            ended.said = panic.to_string();
        }
        Ok(Ok(Ok(_))) => ended.kinds = vec![None],
        Ok(Ok(Err(error))) => {
            ended.kinds = vec![Some(error.code().to_owned())];
            ended.said = format!("{error}: {error:?}");
        }
    }
    Ok(ended)
}

/// Far beyond what any job needs: whoever is not done by then hangs.
const LIMIT: Duration = Duration::from_mins(4);

/// Where the program that fills `folder` may put what is nobody's.
pub(super) fn tmp_of(folder: &Path) -> PathBuf {
    folder.with_extension("home").join("tmp")
}

//! One script, one transfer against it, and what must hold afterwards.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use civitai_download::digest::{DigestSet, Digests, Hasher};
use civitai_download::{
    Connections, Error, Expected, Fetched, Patience, Redirects, Storage, Target, Transfer, Unproved,
};
use civitai_reliability::{Backoff, RetryPolicy};
use civitai_security::address::Resolver;
use civitai_security::{AllowPrivate, Policy, Secret};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::script::{Promise, Script, Temper};
use super::server::Server;

/// What became of a script.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) seed: u64,
    /// `ok`, or the code of the error.
    pub(crate) code: &'static str,
    pub(crate) requests: u64,
    /// Whether an honest server had to finish what was left.
    pub(crate) resumed: bool,
    /// What must hold and does not.
    pub(crate) wrong: Vec<String>,
}

/// Plays the script of this seed in an empty folder.
pub(crate) async fn play(seed: u64, room: &Path, storage: Storage) -> Result<Ended> {
    let script = Arc::new(Script::draw(seed));
    let server = Server::start(Arc::clone(&script)).await?;
    let folder = room.join("inside");
    fs_err::create_dir_all(&folder)?;
    fs_err::write(room.join("canary"), b"untouched")?;
    let mut trial = Trial {
        path: folder.join(&script.name),
        digests: digests(&script.file),
        room: room.to_owned(),
        folder,
        script,
        server,
        storage,
        wrong: Vec::new(),
    };
    let code = trial.first().await?;
    let requests = trial.server.requests();
    let resumed = trial.finish_honestly().await?;
    Ok(Ended {
        seed,
        code,
        requests,
        resumed,
        wrong: trial.wrong,
    })
}

struct Trial {
    script: Arc<Script>,
    server: Server,
    storage: Storage,
    digests: Digests,
    room: PathBuf,
    folder: PathBuf,
    path: PathBuf,
    wrong: Vec<String>,
}

impl Trial {
    /// The transfer against the script.
    async fn first(&mut self) -> Result<&'static str> {
        let result = self.transfer(patience(self.script.temper)).await?;
        let code = self.code(&result);
        if self.script.temper == Temper::Clumsy && code != "ok" {
            let shown = shown(&result);
            self.wrong
                .push(format!("it could come and did not: {shown}"));
        }
        if result.is_ok_and(|result| result.is_ok()) != self.path.exists() {
            self.wrong
                .push("the name and the result disagree".to_owned());
        }
        self.check_folder()?;
        Ok(code)
    }

    /// What an unfinished transfer left must be no burden: with an honest server the next one is right.
    async fn finish_honestly(&mut self) -> Result<bool> {
        if self.path.exists() || self.script.promise == Promise::Nothing {
            return Ok(false);
        }
        self.server.reform();
        let mut result = self.transfer(Patience::default()).await?;
        // Bytes of a liar are found out only when all are there; they are put away then, and nothing of them is left.
        if self.script.temper == Temper::Hostile && self.code(&result) == "integrity" {
            self.check_folder()?;
            result = self.transfer(Patience::default()).await?;
        }
        if self.code(&result) != "ok" {
            let shown = shown(&result);
            self.wrong
                .push(format!("an honest server could not finish it: {shown}"));
        }
        self.check_folder()?;
        Ok(true)
    }

    /// One transfer: `Err` when it hung or panicked.
    async fn transfer(&self, patience: Patience) -> Result<Result<Result<Fetched, Error>, String>> {
        let script = &self.script;
        let expected = match script.promise {
            Promise::Sha256 => Expected::default().with_sha256(self.digests.sha256),
            Promise::Blake3 => Expected::default().with_blake3(self.digests.blake3),
            Promise::Nothing => Expected::default(),
        };
        let expected =
            expected.with_bytes(script.length_is_known.then_some(script.file.len() as u64));
        let target =
            Target::new(&self.path, format!("script:{}", script.seed)).with_expected(expected);
        let origins = [self.server.url.origin()];
        let source = Redirects::new(self.server.url.clone())
            .with_credential(Secret::new("t0ken".to_owned()), &origins);
        let transfer = Transfer::new(self.storage.clone(), Arc::new(source), target)
            .connections(Connections::AtMost(script.connections))
            .patience(patience)
            .retry(retry())
            .unproved(Unproved::Accept);
        let told = Arc::new(Mutex::new(Vec::new()));
        let teller = Arc::clone(&told);
        let transfer = transfer.events(move |event| {
            let mut told = teller.lock().unwrap_or_else(PoisonError::into_inner);
            told.push(event);
        });
        let mut running = tokio::spawn(transfer.run(CancellationToken::new()));
        Ok(match timeout(LIMIT, &mut running).await {
            Err(_) => {
                running.abort();
                let told = told.lock().unwrap_or_else(PoisonError::into_inner);
                let last = &told[told.len().saturating_sub(SHOWN)..];
                Err(format!("hung after {last:?}"))
            }
            Ok(Err(error)) => Err(format!("panicked: {error}")),
            Ok(Ok(result)) => Ok(result),
        })
    }

    fn code(&mut self, result: &Result<Result<Fetched, Error>, String>) -> &'static str {
        match result {
            Ok(Ok(_)) => "ok",
            Ok(Err(error)) => error.code(),
            Err(what) => {
                self.wrong.push(format!("it {what}"));
                "none"
            }
        }
    }

    /// The final name holds the promised bytes or is not there; nothing else is anywhere.
    fn check_folder(&mut self) -> Result<()> {
        let name = self.script.name.as_str();
        if self.path.exists() && self.script.promise != Promise::Nothing {
            let there = fs_err::read(&self.path)?;
            if there != self.script.file {
                self.wrong
                    .push("the final name holds other bytes".to_owned());
            }
        }
        let (part, journal) = (format!("{name}.part"), format!("{name}.part.json"));
        for found in tree(&self.room)? {
            let inside = found.strip_prefix(&self.folder);
            let allowed = match inside {
                Ok(inside) => {
                    let first = inside.iter().next().unwrap_or_default();
                    first == name || first == &*part || first == &*journal || first == ".quarantine"
                }
                Err(_) => found == self.room.join("canary"),
            };
            if !allowed {
                self.wrong
                    .push(format!("{} is none of its business", found.display()));
            }
        }
        if fs_err::read(self.room.join("canary"))? != b"untouched" {
            self.wrong
                .push("a file beside the folder was changed".to_owned());
        }
        Ok(())
    }
}

fn shown(result: &Result<Result<Fetched, Error>, String>) -> String {
    match result {
        Ok(Ok(_)) => "ok".to_owned(),
        Ok(Err(error)) => format!("{error}: {error:?}"),
        Err(what) => what.clone(),
    }
}

/// Every file below `folder`; links are not followed.
fn tree(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.extend(tree(&entry.path())?);
        } else {
            found.push(entry.path());
        }
    }
    Ok(found)
}

fn digests(file: &[u8]) -> Digests {
    let mut hasher = Hasher::new(DigestSet::SHA256 | DigestSet::BLAKE3);
    hasher.update(file);
    hasher.finish()
}

/// Knows two names by heart and asks nobody: one is this machine's, the other belongs to a private network.
pub(super) fn storage() -> Result<Storage> {
    let origin = Url::parse("http://127.0.0.1/").context("a constant")?;
    let policy = Policy::for_origin(&origin, AllowPrivate::No)?;
    let resolver = Resolver::with_lookup(policy.clone(), |name| {
        let address = match name.as_str() {
            "private.example" => Ipv4Addr::new(10, 0, 0, 1),
            _ => Ipv4Addr::LOCALHOST,
        };
        async move { Ok(vec![SocketAddr::from((address, 0))]) }
    });
    let builder = reqwest::Client::builder().no_proxy();
    Ok(Storage::with_resolver(builder, policy, resolver)?)
}

fn patience(temper: Temper) -> Patience {
    let mut patience = Patience::default();
    if temper == Temper::Hostile {
        patience.headers = Duration::from_millis(200);
        patience.idle = Duration::from_millis(150);
        patience.window = Duration::from_millis(500);
        patience.window_bytes = 16;
    }
    patience
}

fn retry() -> RetryPolicy {
    let backoff = Backoff {
        base: Duration::from_millis(1),
        cap: Duration::from_millis(4),
    };
    RetryPolicy::default()
        .with_max_elapsed(Duration::MAX)
        .with_max_wait(Duration::from_millis(20))
        .with_backoff(backoff)
}

/// A transfer that gives each of its tries all of its patience ends far sooner, also on a machine that is busy.
const LIMIT: Duration = Duration::from_mins(2);
/// Events that tell why something hangs.
const SHOWN: usize = 30;

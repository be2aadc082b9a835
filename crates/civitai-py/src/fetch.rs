//! A file of any address, by the transfers of the library.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use civitai_download::digest::{Digest, DigestSet};
use civitai_download::{Existing, Expected, Redirects, Target, Transfer, Unproved, Wait};
use civitai_library::address::{file_name, identity};
use civitai_library::fetch::{Ended, FetchError, Landed};
use civitai_library::judge::{Judge, Judged};
use civitai_security::RedactedUrl;
use pyo3::prelude::*;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::client::Client;
use crate::errors::Failure;
use crate::fetched::Fetched;
use crate::runtime::{Coroutine, coroutine, wait};
use crate::settings::Settings;
use crate::take;

/// Fetches the file of an address, resumed, verified and judged like those of the site.
#[pyfunction]
#[pyo3(signature = (url, *, to = None, sha256 = None, blake3 = None, force = false, client = None))]
pub(crate) fn fetch(
    py: Python<'_>,
    url: &str,
    to: Option<PathBuf>,
    sha256: Option<&str>,
    blake3: Option<&str>,
    force: bool,
    client: Option<&Bound<'_, Client>>,
) -> PyResult<Fetched> {
    let file = File::new(url, to, (sha256, blake3), force, client)?;
    wait(py, file.run())
}

/// Fetches the file of an address, resumed, verified and judged like those of the site.
#[pyfunction]
#[pyo3(signature = (url, *, to = None, sha256 = None, blake3 = None, force = false, client = None))]
pub(crate) fn fetch_async(
    url: &str,
    to: Option<PathBuf>,
    sha256: Option<&str>,
    blake3: Option<&str>,
    force: bool,
    client: Option<&Bound<'_, Client>>,
) -> PyResult<Coroutine> {
    let file = File::new(url, to, (sha256, blake3), force, client)?;
    Ok(coroutine(file.run()))
}

/// A file that is to be fetched.
struct File {
    url: Url,
    path: PathBuf,
    transfer: Transfer,
    judged: Judged,
}

impl File {
    fn new(
        url: &str,
        to: Option<PathBuf>,
        (sha256, blake3): (Option<&str>, Option<&str>),
        force: bool,
        client: Option<&Bound<'_, Client>>,
    ) -> PyResult<Self> {
        let url: Url = take::one("url", url)?;
        let settings = match client {
            Some(client) => client.get().settings().clone(),
            None => Settings::default().or_environment()?,
        };
        let network = settings.network()?;
        let policy = network.policy(&url).map_err(Failure::from)?;
        let storage = network.storage(policy).map_err(Failure::from)?;
        let mut source = Redirects::new(url.clone());
        if let Some(token) = &settings.token {
            source = source.with_credential(token.clone(), &network.token_origins());
        }
        let path = std::path::absolute(to.unwrap_or_default()).map_err(Failure::from)?;
        let path = if path.is_dir() {
            path.join(file_name(&url).as_str())
        } else {
            path
        };
        let expected = Expected::default()
            .with_sha256(take::maybe::<Digest<32>>("sha256", sha256)?)
            .with_blake3(take::maybe::<Digest<32>>("blake3", blake3)?);
        let target = Target::new(&path, identity(&url)).with_expected(expected);
        let judged = Judged::default();
        let transfer = Transfer::new(storage, Arc::new(source), target)
            .digests(DigestSet::ALL)
            .retry(settings.retry())
            .existing(if force {
                Existing::Replace
            } else {
                Existing::Keep
            })
            // Who gives no digest asks for no proof: nobody else could promise one.
            .unproved(Unproved::Accept)
            .wait(Wait::UntilFree);
        Ok(Self {
            transfer: Judge::default().hook(&judged, transfer),
            url,
            path,
            judged,
        })
    }

    /// Ends early when it is dropped; the transfer flushes what it has and leaves the rest to the next call.
    async fn run(self) -> PyResult<Fetched> {
        let cancel = CancellationToken::new();
        let _stop = cancel.clone().drop_guard();
        let fetched = tokio::spawn(self.transfer.run(cancel)).await;
        let fetched = fetched.map_err(|panicked| Failure::new("internal", &panicked))?;
        let (fetched_bytes, elapsed) = fetched.as_ref().map_or((0, Duration::ZERO), |fetched| {
            (fetched.fetched_bytes, fetched.elapsed)
        });
        let outcome = fetched.map(|fetched| Landed::Fetched(Box::new(fetched)));
        let fetched = Fetched::from(&Ended {
            link: RedactedUrl::new(self.url).to_string(),
            ticket: None,
            file: None,
            path: Some(self.path),
            outcome: outcome.map_err(FetchError::from),
            judgement: self.judged.get().cloned(),
            fetched_bytes,
            elapsed,
        });
        match &fetched.failure {
            Some(failure) => Err(failure.clone().into()),
            None => Ok(fetched),
        }
    }
}

//! Runnable programs, one idea each: `cargo run -p civitai-examples --example search`.
//!
//! They run on a simulator of their own, without network or token. With an origin as their first
//! argument (`https://civitai.com`, or what `civitai-dl sim` prints) they ask that instead, with the
//! token of `CIVITAI_TOKEN` if it is set.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use civitai_api::select::FileRequest;
use civitai_api::{Client, File, HashKind, Secret, Version};
use civitai_download::lease::source_fn;
use civitai_download::{Expected, Fetched, Lease, LeaseError, Storage, Target, Transfer};
use civitai_security::{AllowPrivate, Policy};
use civitai_sim::Sim;
use tokio_util::sync::CancellationToken;

/// A client, and the simulator it talks to unless an origin was named.
#[derive(Debug)]
pub struct Site {
    /// Asks the site.
    pub client: Client,
    sim: Option<Sim>,
}

impl Site {
    /// Connects to the origin named on the command line, or to a fresh simulator.
    pub async fn open() -> Result<Self> {
        let (origin, token, sim) = if let Some(origin) = std::env::args().nth(1) {
            (origin.parse()?, std::env::var("CIVITAI_TOKEN").ok(), None)
        } else {
            let sim = Sim::builder().start().await?;
            (sim.site_url().clone(), sim.token("plain"), Some(sim))
        };
        let mut builder = Client::builder(reqwest::Client::builder()).origin(origin);
        if let Some(token) = token {
            builder = builder.token(Secret::new(token));
        }
        Ok(Self {
            client: builder.build()?,
            sim,
        })
    }

    /// Downloads a file of a version into `directory` under its own name.
    ///
    /// The transfer never sees Civitai: it is given a place to ask for signed URLs, and what the
    /// bytes must hash to.
    pub async fn download(
        &self,
        version: &Version,
        file: &File,
        directory: &Path,
    ) -> Result<Fetched> {
        let policy = Policy::for_origin(self.client.origin(), AllowPrivate::No)?;
        let storage = Storage::new(reqwest::Client::builder(), policy)?;
        let (client, request) = (self.client.clone(), FileRequest::new(version, file));
        let source = source_fn(move || {
            let (client, request) = (client.clone(), request.clone());
            async move {
                let signed = client.exchange(&request).await.map_err(refusal)?;
                Ok(Lease::new(signed.url).with_expires(signed.expires))
            }
        });
        let sha256 = file.hash(HashKind::Sha256).map(str::parse).transpose()?;
        let target = Target::new(
            directory.join(file.display_name()),
            format!("civitai:{}:{}", version.id, file.id),
        )
        .with_expected(Expected::default().with_sha256(sha256));
        let transfer = Transfer::new(storage, Arc::new(source), target);
        Ok(transfer.run(CancellationToken::new()).await?)
    }

    /// Stops the simulator, if one was started.
    pub async fn close(self) {
        if let Some(sim) = self.sim {
            sim.shutdown().await;
        }
    }
}

/// The transfer owns the retries, so it must know which refusals are worth one.
fn refusal(error: civitai_api::Error) -> LeaseError {
    let (is_transient, wait) = (error.is_transient(), error.retry_after());
    if is_transient {
        LeaseError::transient(error, wait)
    } else {
        LeaseError::permanent(error)
    }
}

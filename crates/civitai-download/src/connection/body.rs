//! A body on its way from the socket to the part file.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use civitai_security::RedactedUrl;
use reqwest::Response;
use tokio::time::{Instant, timeout};
use url::Url;

use super::request::refuse_excess;
use super::{Patience, Shared, Task, Trouble, network, slow};
use crate::error::{Error, ErrorKind, Slow};
use crate::intake::{Intake, Receipt};

/// A body and where its bytes go.
pub(super) struct Body {
    response: Response,
    url: Url,
    offset: u64,
    /// Where the answer said it would end.
    announced: Option<u64>,
    pace: Pace,
    buffer: Vec<Bytes>,
    buffered: u64,
    /// For the batch before the buffer.
    receipt: Option<Receipt>,
}

impl Body {
    /// A body whose first byte belongs at `offset`.
    pub(super) fn new(
        response: Response,
        url: Url,
        offset: u64,
        announced: Option<u64>,
        patience: Patience,
    ) -> Self {
        Self {
            response,
            url,
            offset,
            announced,
            pace: Pace::new(patience),
            buffer: Vec::new(),
            buffered: 0,
            receipt: None,
        }
    }

    /// Copies the body to the part file, as far as it belongs to the segment.
    pub(super) async fn copy(mut self, shared: &Arc<Shared>, task: &Task) -> Result<(), Trouble> {
        self.note_surplus(shared, self.response.content_length().unwrap_or(0));
        let ended = self.receive(shared, task).await;
        self.write(shared).await?;
        self.wait(shared).await?;
        ended
    }

    async fn receive(&mut self, shared: &Arc<Shared>, task: &Task) -> Result<(), Trouble> {
        loop {
            let chunk = tokio::select! {
                biased;
                () = task.stop.cancelled() => return Ok(()),
                chunk = self.pace.next(&mut self.response) => chunk.map_err(|end| end.on(&self.url))?,
            };
            let Some(mut chunk) = chunk else {
                return self.end(shared, task);
            };
            let len = chunk.len() as u64;
            shared.fetched.fetch_add(len, Ordering::Relaxed);
            self.note_surplus(shared, self.buffered.saturating_add(len));
            let (kept, done, connections) = {
                let mut plan = shared.plan();
                let (kept, done) = plan.advance(task.id, len);
                (kept, done, plan.opened())
            };
            chunk.truncate(usize::try_from(kept).unwrap_or(usize::MAX));
            self.buffered += kept;
            self.buffer.push(chunk);
            if done {
                return Ok(());
            }
            if self.buffered >= Intake::batch_len(connections) {
                self.write(shared).await?;
                if connections > MOST_AHEAD {
                    self.wait(shared).await?;
                }
                self.refuse_endless(shared)?;
            }
            if let Some(limit) = &shared.limit {
                tokio::select! {
                    biased;
                    () = task.stop.cancelled() => return Ok(()),
                    () = limit.take(len) => {}
                }
            }
        }
    }

    /// Notes whether `len` bytes from the present offset on are more than the answer said it has.
    fn note_surplus(&self, shared: &Shared, len: u64) {
        if self
            .announced
            .is_some_and(|end| self.offset.saturating_add(len) > end)
        {
            shared.surplus.store(true, Ordering::Relaxed);
        }
    }

    /// Ends a body without a length that is far beyond what was promised.
    fn refuse_endless(&self, shared: &Shared) -> Result<(), Error> {
        let Some(promised) = shared.promised.filter(|_| self.announced.is_none()) else {
            return Ok(());
        };
        refuse_excess(self.offset, promised, || RedactedUrl::new(self.url.clone()))
    }

    /// The body ended by itself.
    fn end(&self, shared: &Shared, task: &Task) -> Result<(), Trouble> {
        let mut plan = shared.plan();
        match (plan.size(), plan.missing(task.id)) {
            (None, _) => {
                plan.end_of_file(self.offset + self.buffered);
                Ok(())
            }
            (Some(_), 0) => Ok(()),
            (Some(_), missing) => {
                let url = RedactedUrl::new(self.url.clone());
                Err(Trouble::Transient(
                    ErrorKind::ShortBody { url, missing }.into(),
                ))
            }
        }
    }

    /// Hands over what is buffered, once the batch before is taken care of.
    async fn write(&mut self, shared: &Arc<Shared>) -> Result<(), Error> {
        self.wait(shared).await?;
        if self.buffered > 0 {
            let (offset, chunks) = (self.offset, std::mem::take(&mut self.buffer));
            self.offset += std::mem::take(&mut self.buffered);
            self.receipt = Some(Intake::put(shared, offset, chunks));
        }
        Ok(())
    }

    /// Waits until what was handed over is written.
    async fn wait(&mut self, shared: &Shared) -> Result<(), Error> {
        let Some(receipt) = self.receipt.take() else {
            return Ok(());
        };
        let since = Instant::now();
        let written = receipt.await.expect("a thread panicked while writing");
        let waited = u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX);
        shared.held_up.fetch_add(waited, Ordering::Relaxed);
        written
    }
}

/// Judges how fast a body comes, by the time spent waiting for it: a cap on our side is not the server's slowness.
pub(super) struct Pace {
    patience: Patience,
    waited: Duration,
    bytes: u64,
}

pub(super) enum EarlyEnd {
    Broken(reqwest::Error),
    Slow(Slow),
}

impl EarlyEnd {
    pub(super) fn on(self, url: &Url) -> Trouble {
        match self {
            Self::Broken(error) => network(error, url),
            Self::Slow(limit) => slow(url, limit),
        }
    }
}

impl Pace {
    pub(super) fn new(patience: Patience) -> Self {
        Self {
            patience,
            waited: Duration::ZERO,
            bytes: 0,
        }
    }

    pub(super) async fn next(
        &mut self,
        response: &mut Response,
    ) -> Result<Option<Bytes>, EarlyEnd> {
        let asked = Instant::now();
        let chunk = match timeout(self.patience.idle, response.chunk()).await {
            Ok(chunk) => chunk.map_err(EarlyEnd::Broken)?,
            Err(_) => return Err(EarlyEnd::Slow(Slow::Idle(self.patience.idle))),
        };
        self.waited += asked.elapsed();
        self.bytes += chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
        if self.waited >= self.patience.window {
            if self.bytes < self.patience.window_bytes {
                let (bytes, over) = (self.bytes, self.waited);
                return Err(EarlyEnd::Slow(Slow::Rate { bytes, over }));
            }
            (self.waited, self.bytes) = (Duration::ZERO, 0);
        }
        Ok(chunk)
    }
}

/// More connections than these keep a writer busy without receiving while it works, and hold half as much.
const MOST_AHEAD: usize = 2;

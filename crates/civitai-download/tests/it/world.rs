//! A simulator with one file on each storage, and a folder to fetch it into.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use civitai_download::digest::Digest;
use civitai_download::{
    Error, Event, Expected, Fetched, Lease, Storage, Target, Transfer, UrlSource, lease,
};
use civitai_reliability::{Backoff, RetryPolicy};
use civitai_security::{AllowPrivate, Policy, RedactedUrl};
use civitai_sim::Sim;
use civitai_sim::content::{Content, Kind};
use civitai_sim::state::{Backend, File, Model, State, User, Version};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use url::Url;

pub(crate) const MIB: u64 = 1 << 20;
/// The file on R2.
pub(crate) const R2: u32 = 100;
/// The same bytes on B2.
pub(crate) const B2: u32 = 101;

/// A simulator, a folder, and what the file must be.
pub(crate) struct World {
    pub(crate) sim: Arc<Sim>,
    pub(crate) content: Content,
    pub(crate) folder: TempDir,
    pub(crate) leases: Arc<AtomicUsize>,
    pub(crate) events: Arc<Mutex<Vec<Event>>>,
}

impl World {
    /// A file of `len` bytes on both storages.
    pub(crate) async fn new(len: u64) -> Self {
        Self::with_content(Content::new(Kind::SafeTensors, SEED, len)).await
    }

    #[expect(clippy::print_stdout, reason = "a failed test shows its seed")]
    pub(crate) async fn with_content(content: Content) -> Self {
        println!("seed {SEED}");
        let mut state = State::default();
        state.add_user(User::new(1, "owner"));
        let file = |id, backend| {
            File::new(id, "model.safetensors", content.len())
                .with_content(content.clone())
                .with_backend(backend)
        };
        let version = |id, file| Version::new(id, "v1").with_file(file);
        state.add_model(
            Model::new(1, "One", "LORA").with_version(version(10, file(R2, Backend::R2))),
        );
        state.add_model(
            Model::new(2, "Two", "LORA").with_version(version(20, file(B2, Backend::B2))),
        );
        let sim = Sim::builder()
            .seed(SEED)
            .state(state)
            .ledger(concat!(
                env!("CARGO_TARGET_TMPDIR"),
                "/storage-ledger.jsonl"
            ))
            .start()
            .await
            .expect("the simulator starts");
        Self {
            sim: Arc::new(sim),
            content,
            folder: tempfile::tempdir().expect("a temporary folder"),
            leases: Arc::default(),
            events: Arc::default(),
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("model.safetensors")
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(self.content.len()).expect("it fits")];
        self.content.read_at(0, &mut bytes);
        bytes
    }

    pub(crate) fn sha256(&self) -> Digest<32> {
        self.content.digests().sha256.parse().expect("hex")
    }

    pub(crate) fn expected(&self) -> Expected {
        Expected::default()
            .with_sha256(Some(self.sha256()))
            .with_bytes(Some(self.content.len()))
    }

    pub(crate) fn target(&self) -> Target {
        Target::new(self.path(), "civitai:10/100").with_expected(self.expected())
    }

    /// Leases that sign these files in turn.
    pub(crate) fn signing(&self, files: &[u32]) -> Arc<dyn UrlSource> {
        let urls = files.to_vec();
        let count = Arc::clone(&self.leases);
        let signer = Arc::clone(&self.sim);
        Arc::new(lease::source_fn(move || {
            let turn = count.fetch_add(1, Ordering::SeqCst);
            // Two addresses signed in the same second are one address.
            signer.clock().advance(Duration::from_secs(1));
            let url = signer
                .sign(urls[turn % urls.len()])
                .expect("the file is known");
            async move { Ok(Lease::new(RedactedUrl::new(url))) }
        }))
    }

    /// A transfer from R2 that tells its events to [`World::events`] and does not dawdle.
    pub(crate) fn transfer(&self) -> Transfer {
        self.transfer_from(self.signing(&[R2]))
    }

    pub(crate) fn transfer_from(&self, source: Arc<dyn UrlSource>) -> Transfer {
        let events = Arc::clone(&self.events);
        Transfer::new(storage(), source, self.target())
            .retry(quick())
            .events(move |event| events.lock().expect("no listener panics").push(event))
    }

    pub(crate) fn leases(&self) -> usize {
        self.leases.load(Ordering::SeqCst)
    }

    /// Bytes of the file that storage handed to its sockets.
    pub(crate) fn served(&self) -> u64 {
        let entries = self.sim.log().entries();
        entries
            .iter()
            .filter(|entry| entry.listener.is_storage())
            .map(|entry| entry.bytes_sent)
            .sum()
    }

    /// At most so many times the file's bytes were served.
    pub(crate) fn assert_waste(&self, most: f64) {
        let (served, size) = (self.served(), self.content.len());
        #[expect(
            clippy::cast_precision_loss,
            reason = "a ratio of sizes far below 2^52"
        )]
        let waste = served as f64 / size as f64;
        assert!(
            waste <= most,
            "{served} bytes were served of a file of {size}: {waste:.3}"
        );
    }

    /// Every byte was asked for once, but for ends of ranges that another connection took over.
    ///
    /// That can happen only to a connection that was watched for a second, and its price is what was on its way: on
    /// loopback as much as the kernel's buffers hold. So a slow machine may see it and a fast one must not.
    pub(crate) fn assert_asked_once(&self, fetched: &Fetched) {
        let mut asked: Vec<(u64, u64)> = self
            .sim
            .log()
            .entries()
            .iter()
            .filter(|entry| entry.listener.is_storage())
            .map(|entry| {
                let range = entry.range.as_deref().and_then(|range| {
                    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
                    Some((first.parse().ok()?, last.parse().ok()?))
                });
                range.expect("every request names its range")
            })
            .collect();
        asked.sort_unstable();
        for pair in asked.windows(2) {
            let ((_, last), (next_first, next_last)) = (pair[0], pair[1]);
            let taken_over = last >= next_last && fetched.elapsed >= Duration::from_secs(1);
            assert!(last < next_first || taken_over, "{asked:?}: {fetched:?}");
        }
    }

    /// The names of what is in the folder.
    pub(crate) fn names(&self) -> Vec<String> {
        names(self.folder.path())
    }

    /// The bytes are right, nothing is left over, and storage was never shown a credential.
    pub(crate) fn assert_done(&self, result: &Result<Fetched, Error>) {
        self.assert_recovered(result);
        self.assert_events();
        let summary = self.sim.log().summary();
        assert_eq!(summary.storage_authorization, 0);
    }

    /// The same, where this run had nothing to fetch.
    pub(crate) fn assert_recovered(&self, result: &Result<Fetched, Error>) {
        if let Err(error) = result {
            panic!("{}", chain(error));
        }
        assert!(
            fs_err::read(self.path()).expect("the file is there") == self.bytes(),
            "the bytes are wrong"
        );
        assert_eq!(self.names(), ["model.safetensors"]);
    }

    /// The contract of the events.
    pub(crate) fn assert_events(&self) {
        let events = self.events.lock().expect("no listener panics");
        assert!(
            matches!(events.first(), Some(Event::Started { .. })),
            "{events:?}"
        );
        let ends = |event: &Event| {
            matches!(
                event,
                Event::Finished { .. } | Event::Failed { .. } | Event::Cancelled
            )
        };
        assert_eq!(
            events.iter().filter(|event| ends(event)).count(),
            1,
            "{events:?}"
        );
        assert!(events.last().is_some_and(ends), "{events:?}");
        let bytes: Vec<u64> = events
            .iter()
            .filter_map(|event| match event {
                Event::Started { bytes, .. } | Event::Progress { bytes, .. } => Some(*bytes),
                _ => None,
            })
            .collect();
        assert!(bytes.is_sorted(), "{bytes:?}");
        let received = events.iter().filter_map(|event| match event {
            Event::Received { bytes } => Some(*bytes),
            _ => None,
        });
        assert!(received.is_sorted(), "{events:?}");
        let count = |is: fn(&Event) -> bool| events.iter().filter(|event| is(event)).count();
        let asked = count(|event| matches!(event, Event::Asked));
        let answered = count(|event| matches!(event, Event::Answered { .. }));
        let failed = count(|event| matches!(event, Event::RequestFailed { .. }));
        assert!(answered <= asked && failed <= asked, "{events:?}");
    }
}

pub(crate) async fn run(transfer: Transfer) -> Result<Fetched, Error> {
    let running = tokio::spawn(transfer.run(CancellationToken::new()));
    // Bounds a hang, nothing else.
    tokio::time::timeout(Duration::from_mins(1), running)
        .await
        .expect("the transfer ends")
        .expect("no panic")
}

/// A client that may only talk to this machine.
pub(crate) fn storage() -> Storage {
    let origin = Url::parse("http://127.0.0.1/").expect("a URL");
    let policy = Policy::for_origin(&origin, AllowPrivate::No).expect("loopback is its own origin");
    Storage::new(reqwest::Client::builder().no_proxy(), policy).expect("a client")
}

/// The default budget with pauses too short to wait for.
pub(crate) fn quick() -> RetryPolicy {
    let backoff = Backoff {
        base: Duration::from_millis(2),
        cap: Duration::from_millis(10),
    };
    RetryPolicy::default()
        .with_max_elapsed(Duration::MAX)
        .with_backoff(backoff)
}

pub(crate) fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs_err::read_dir(folder)
        .expect("a folder")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}

/// An error with its sources.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let sources = std::iter::successors(error.source(), |error| error.source());
    sources.fold(error.to_string(), |text, source| {
        format!("{text}: {source}")
    })
}

const SEED: u64 = 42;

//! The simulator as a whole: started, asked for its addresses, shut down.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::{fmt, io};

use serde_json::json;
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::{JoinSet, spawn_blocking};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::clock::Clock;
use crate::control::Control;
use crate::fault::{Faults, Listener};
use crate::payloads::Payloads;
use crate::record::{Log, Summary};
use crate::sign::Signer;
use crate::site::World;
use crate::state::{Backend, State, User};
use crate::storage::Storage;
use crate::{http, seed, site, storage};

/// A running simulator. Everything listens on 127.0.0.1 only.
///
/// It lives on the runtime it was started on. [`Sim::shutdown`] waits until all of it has ended; dropping it ends all
/// of it without waiting.
#[must_use = "a simulator that is dropped is over"]
pub struct Sim {
    seed: u64,
    control: Control,
    site_url: Url,
    second_site_url: Url,
    storage_urls: [Url; 2],
    control_url: Url,
    /// Holds the port on which nobody listens.
    _dead: TcpSocket,
    stop: CancellationToken,
    tasks: JoinSet<()>,
    ledger: Option<PathBuf>,
}

/// What a simulator is started with.
#[must_use]
#[derive(Debug, Default)]
pub struct Builder {
    seed: u64,
    port: u16,
    payloads: Option<PathBuf>,
    clock: Option<Clock>,
    state: Option<State>,
    ledger: Option<PathBuf>,
}

impl Builder {
    /// Seeds the catalogue, the secrets and the faults. Default 0.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The site's port. Default 0: any that is free. The other listeners always take any.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Serves the JSON documents of a folder verbatim, where one answers the request; the catalogue answers the rest.
    pub fn payloads(mut self, folder: impl Into<PathBuf>) -> Self {
        self.payloads = Some(folder.into());
        self
    }

    /// The time to go by. Default [`Clock::system`].
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// The catalogue to begin with, instead of the seeded one.
    pub fn state(mut self, state: State) -> Self {
        self.state = Some(state);
        self
    }

    /// A file to which one line of JSON is added when the simulator ends: the sums of what its storages saw, so that a
    /// whole run of many simulators can be judged at once. Default: none.
    pub fn ledger(mut self, file: impl Into<PathBuf>) -> Self {
        self.ledger = Some(file.into());
        self
    }

    /// Starts listening.
    ///
    /// # Errors
    /// The port is taken, or the folder of payloads cannot be read.
    pub async fn start(self) -> io::Result<Sim> {
        let clock = self.clock.unwrap_or_else(Clock::system);
        let faults = Faults::new(self.seed, clock.clone());
        let state = self.state.unwrap_or_else(|| seed::state(self.seed));
        let payloads = match self.payloads {
            Some(folder) => spawn_blocking(move || Payloads::read(&folder))
                .await
                .map_err(io::Error::other)??,
            None => Payloads::default(),
        };

        let (site, site_url) = bind(self.port).await?;
        let (second, second_site_url) = bind(0).await?;
        let (r2, r2_url) = bind(0).await?;
        let (b2, b2_url) = bind(0).await?;
        let (control, control_url) = bind(0).await?;
        let dead = TcpSocket::new_v4()?;
        dead.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;

        let hosts = [host(&r2_url), host(&b2_url)];
        let storage = Arc::new(Storage::new(
            Signer::new(self.seed),
            clock,
            faults,
            Log::default(),
            hosts,
        ));
        let shared = Arc::new(World {
            state: state.clone().into(),
            storage: Arc::clone(&storage),
            origins: [origin(&site_url), origin(&second_site_url)],
            payloads,
            cache: Mutex::default(),
            dead_host: dead.local_addr()?.to_string(),
        });
        let control_front = Control {
            world: Arc::clone(&shared),
            beginning: Arc::new(state),
        };

        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        for (listener, place) in [(site, Listener::Site), (second, Listener::SecondSite)] {
            let front = site::Front {
                world: Arc::clone(&shared),
                listener: place,
            };
            tasks.spawn(http::serve(listener, front, stop.clone()));
        }
        for (listener, backend) in [(r2, Backend::R2), (b2, Backend::B2)] {
            let front = storage::Front {
                storage: Arc::clone(&storage),
                backend,
            };
            tasks.spawn(http::serve(listener, front, stop.clone()));
        }
        tasks.spawn(http::serve(control, control_front.clone(), stop.clone()));
        Ok(Sim {
            seed: self.seed,
            control: control_front,
            site_url,
            second_site_url,
            storage_urls: [r2_url, b2_url],
            control_url,
            _dead: dead,
            stop,
            tasks,
            ledger: self.ledger,
        })
    }
}

impl Sim {
    /// Starts to describe a simulator.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Ends every connection and waits until nothing of the simulator is left.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
    }

    /// Back to the beginning: state, faults and log. The clock runs on, signed URLs stay good.
    pub fn reset(&self) {
        self.control.reset();
    }

    /// The site: API, pages and downloads.
    pub fn site_url(&self) -> &Url {
        &self.site_url
    }

    /// The same site under another origin.
    pub fn second_site_url(&self) -> &Url {
        &self.second_site_url
    }

    /// The storage that signs as R2 does, and the one that signs as B2 does.
    pub fn storage_urls(&self) -> &[Url; 2] {
        &self.storage_urls
    }

    /// Faults, clock and log over HTTP; see [`crate::control`].
    pub fn control_url(&self) -> &Url {
        &self.control_url
    }

    /// The first token of the user of this name that opens a session; a banned user has none.
    pub fn token(&self, name: &str) -> Option<String> {
        self.tokens().remove(name)
    }

    /// A signed storage URL of a file, without asking the site and without counting as a resolve.
    pub fn sign(&self, file: u32) -> Option<Url> {
        self.control
            .world
            .sign(file)
            .map(|url| Url::parse(&url).expect("signed URLs are URLs"))
    }

    /// What goes wrong.
    pub fn faults(&self) -> &Faults {
        &self.control.world.storage.faults
    }

    /// What clients did.
    pub fn log(&self) -> &Log {
        &self.control.world.storage.log
    }

    /// The simulator's time.
    pub fn clock(&self) -> &Clock {
        &self.control.world.storage.clock
    }

    /// The site's database, to look at and to change. The site waits while the guard is held: do not hold it over an
    /// `.await`.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.control.world.lock()
    }

    /// All that another process needs to know, as the `sim` command prints it.
    pub fn announce(&self) -> serde_json::Value {
        json!({
            "type": "sim",
            "schema": 1,
            "seed": self.seed,
            "site": origin(&self.site_url),
            "second_site": origin(&self.second_site_url),
            "storage": self.storage_urls.each_ref().map(origin),
            "control": origin(&self.control_url),
            "tokens": self.tokens(),
        })
    }

    fn tokens(&self) -> BTreeMap<String, String> {
        let state = self.state();
        let opening = |user: &User| {
            let mut tokens = user.tokens.iter();
            let token = tokens.find(|token| state.user_by_token(&token.value).is_some())?;
            Some((user.username.clone()?, token.value.clone()))
        };
        state.users.values().filter_map(opening).collect()
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        let Some(ledger) = &self.ledger else { return };
        if let Err(error) = note(ledger, &self.log().summary()) {
            tracing::warn!(%error, "the ledger misses a simulator");
        }
    }
}

impl fmt::Debug for Sim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sim")
            .field("site_url", &self.site_url.as_str())
            .finish_non_exhaustive()
    }
}

/// Adds one line in one write, so that simulators of several processes may share the file.
fn note(ledger: &Path, seen: &Summary) -> io::Result<()> {
    let line = json!({
        "requests": seen.requests_to("/{object}"),
        "authorization": seen.storage_authorization,
        "cookies": seen.storage_cookies,
        "tokens": seen.storage_tokens,
        "heads": seen.heads,
    });
    let mut file = fs_err::OpenOptions::new()
        .create(true)
        .append(true)
        .open(ledger)?;
    file.write_all(format!("{line}\n").as_bytes())
}

async fn bind(port: u16) -> io::Result<(TcpListener, Url)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let url =
        Url::parse(&format!("http://{}/", listener.local_addr()?)).expect("an address makes a URL");
    Ok((listener, url))
}

fn host(url: &Url) -> String {
    url.authority().to_owned()
}

fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

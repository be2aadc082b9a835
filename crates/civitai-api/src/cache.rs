//! Answers of the site, kept for a while: in memory, and in `cache.db` for the next run.
//!
//! What was asked and is still fresh is not asked again, and what several ask for at once is asked once. That the site
//! does not have something is kept, too, for less long. Answers to different sites or people are kept apart. A cache
//! that cannot be read or written to costs requests, never an answer.

mod disk;

use std::collections::HashMap;
use std::future::Future;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use reqwest::Method;
use tracing::debug;

use crate::error::{Error, ErrorKind, Route};
use crate::transport::{Request, Transport};

pub use disk::CacheError;
use disk::Disk;

/// Answers that are kept. Clones share them.
#[derive(Clone, Debug)]
pub struct Cache(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    memory: Mutex<Memory>,
    disk: Option<Arc<Disk>>,
    past: Past,
    /// Who is asking for what right now.
    flights: Mutex<HashMap<String, Weak<Flight>>>,
    from_memory: AtomicU64,
    from_disk: AtomicU64,
    asked: AtomicU64,
}

/// What answers of earlier runs are worth.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Past {
    Believed,
    PassedOver,
}

type Flight = tokio::sync::Mutex<()>;

/// Where answers came from, since the cache was made.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Tally {
    /// From memory.
    pub from_memory: u64,
    /// From an earlier run.
    pub from_disk: u64,
    /// From the site.
    pub asked: u64,
}

impl Tally {
    /// The share of answers that cost no request, from 0 to 1; none before the first.
    #[expect(clippy::cast_precision_loss, reason = "a share for people")]
    pub fn hit_rate(&self) -> Option<f64> {
        let hits = self.from_memory + self.from_disk;
        let all = hits + self.asked;
        (all > 0).then(|| hits as f64 / all as f64)
    }
}

/// What the site said.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Kept {
    /// The JSON of an answer.
    Body(Bytes),
    /// That it does not have it.
    Absent(Option<Box<str>>),
}

impl Cache {
    /// Keeps answers in memory, for as long as the process lives.
    pub fn in_memory() -> Self {
        Self::with(None, Past::Believed)
    }

    /// Keeps answers in memory and in `cache.db` in `directory`, which is created where it is not there. Blocks.
    ///
    /// A `cache.db` that is damaged or of another version is an error and stays as it is.
    pub fn open(directory: &Path) -> Result<Self, CacheError> {
        Disk::open(directory).map(|disk| Self::with(Some(Arc::new(disk)), Past::Believed))
    }

    /// Does the same, and has everything asked for anew that an earlier run has kept: what comes takes its place.
    pub fn renew(directory: &Path) -> Result<Self, CacheError> {
        Disk::open(directory).map(|disk| Self::with(Some(Arc::new(disk)), Past::PassedOver))
    }

    fn with(disk: Option<Arc<Disk>>, past: Past) -> Self {
        Self(Arc::new(Shared {
            memory: Mutex::default(),
            disk,
            past,
            flights: Mutex::default(),
            from_memory: AtomicU64::new(0),
            from_disk: AtomicU64::new(0),
            asked: AtomicU64::new(0),
        }))
    }

    /// Where answers came from so far.
    pub fn tally(&self) -> Tally {
        Tally {
            from_memory: self.0.from_memory.load(Ordering::Relaxed),
            from_disk: self.0.from_disk.load(Ordering::Relaxed),
            asked: self.0.asked.load(Ordering::Relaxed),
        }
    }

    /// Returns what is kept under `key` and can be read, or what `ask` says. While one asks, others wait for its answer.
    pub(crate) async fn answer<T: Send>(
        &self,
        key: String,
        read: impl Fn(&Bytes) -> Option<T> + Send,
        ask: impl Future<Output = Result<(T, Bytes), Error>> + Send,
    ) -> Result<T, Error> {
        let flight = self.flight(&key);
        let _turn = flight.lock().await;
        match self.find(&key).await {
            Some(Kept::Absent(message)) => {
                return Err(Error::new(ErrorKind::NotFound { message }));
            }
            Some(Kept::Body(body)) => {
                if let Some(value) = read(&body) {
                    return Ok(value);
                }
                debug!("an answer that was kept cannot be read");
            }
            None => {}
        }
        self.0.asked.fetch_add(1, Ordering::Relaxed);
        match ask.await {
            Ok((value, body)) => {
                self.keep(key, Kept::Body(body), LIFE).await;
                Ok(value)
            }
            Err(error) => {
                if let ErrorKind::NotFound { message } = error.kind() {
                    self.keep(key, Kept::Absent(message.clone()), LIFE_OF_NOTHING)
                        .await;
                }
                Err(error)
            }
        }
    }

    fn flight(&self, key: &str) -> Arc<Flight> {
        let mut flights = lock(&self.0.flights);
        if let Some(flight) = flights.get(key).and_then(Weak::upgrade) {
            return flight;
        }
        flights.retain(|_, flight| flight.strong_count() > 0);
        let flight = Arc::new(Flight::default());
        flights.insert(key.to_owned(), Arc::downgrade(&flight));
        flight
    }

    async fn find(&self, key: &str) -> Option<Kept> {
        let now = now();
        if let Some(kept) = lock(&self.0.memory).find(key, now) {
            self.0.from_memory.fetch_add(1, Ordering::Relaxed);
            return Some(kept);
        }
        let disk = self.0.disk.as_ref();
        let disk = Arc::clone(disk.filter(|_| self.0.past == Past::Believed)?);
        let wanted = key.to_owned();
        let found = tokio::task::spawn_blocking(move || disk.find(&wanted, now));
        let (kept, expires) = found.await.ok().flatten()?;
        self.0.from_disk.fetch_add(1, Ordering::Relaxed);
        lock(&self.0.memory).keep(key.to_owned(), kept.clone(), expires, now);
        Some(kept)
    }

    async fn keep(&self, key: String, kept: Kept, life: Duration) {
        let now = now();
        let expires = now.saturating_add(i64::try_from(life.as_millis()).unwrap_or(i64::MAX));
        lock(&self.0.memory).keep(key.clone(), kept.clone(), expires, now);
        if let Some(disk) = &self.0.disk {
            let disk = Arc::clone(disk);
            // It panics nowhere, and a lost answer is asked for again.
            let _ = tokio::task::spawn_blocking(move || disk.keep(&key, &kept, expires, now)).await;
        }
    }
}

/// Names an answer by the site, the person and what is asked; none for what must not be kept.
pub(crate) fn key(transport: &Transport, request: &Request) -> Option<String> {
    let is_public = PUBLIC.iter().any(|route| {
        let rest = request.path.strip_prefix(route);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    });
    if request.method != Method::GET || request.route != Route::Api || !is_public {
        return None;
    }
    let site = transport.hosts.primary().root();
    let person = transport.token.as_ref().map_or(0, |token| {
        // Not the token, and nothing that it could be computed from: 64 bits of at least 128.
        let mut hasher = DefaultHasher::new();
        token.expose().hash(&mut hasher);
        hasher.finish()
    });
    let query = request.query.as_deref().unwrap_or_default();
    Some(format!("{site} {person:x} {}?{query}", request.path))
}

/// The youngest answers, up to a size.
#[derive(Debug, Default)]
struct Memory {
    answers: HashMap<String, (Kept, i64)>,
    bytes: usize,
}

impl Memory {
    fn find(&self, key: &str, now: i64) -> Option<Kept> {
        let (kept, expires) = self.answers.get(key)?;
        is_fresh(*expires, now).then(|| kept.clone())
    }

    fn keep(&mut self, key: String, kept: Kept, expires: i64, now: i64) {
        let size = size(&key, &kept);
        if size > LARGEST_BYTES {
            return;
        }
        if self.bytes + size > MOST_BYTES {
            self.answers
                .retain(|_, (_, expires)| is_fresh(*expires, now));
            self.bytes = self
                .answers
                .iter()
                .map(|(key, (kept, _))| self::size(key, kept))
                .sum();
        }
        if self.bytes + size > MOST_BYTES {
            self.answers.clear();
            self.bytes = 0;
        }
        let old = self.answers.remove(&key);
        self.bytes -= old.map_or(0, |(kept, _)| self::size(&key, &kept));
        self.bytes += size;
        self.answers.insert(key, (kept, expires));
    }
}

fn size(key: &str, kept: &Kept) -> usize {
    let body = match kept {
        Kept::Absent(message) => message.as_deref().map_or(0, str::len),
        Kept::Body(body) => body.len(),
    };
    key.len() + body
}

/// A clock that was set back must not keep an answer for ever.
fn is_fresh(expires: i64, now: i64) -> bool {
    let longest = i64::try_from(LIFE.as_millis()).unwrap_or(i64::MAX);
    now < expires && expires - now <= longest
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(i64::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Routes that say the same for as long as nobody publishes: no accounts, vaults, permissions or downloads.
const PUBLIC: [&str; 6] = [
    "/api/v1/creators",
    "/api/v1/enums",
    "/api/v1/images",
    "/api/v1/model-versions",
    "/api/v1/models",
    "/api/v1/tags",
];
const LIFE: Duration = Duration::from_mins(15);
/// What is missing may be published any moment.
const LIFE_OF_NOTHING: Duration = Duration::from_mins(5);
/// Pages of a hundred models are about 2 MB each.
const MOST_BYTES: usize = 16 << 20;
const LARGEST_BYTES: usize = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn body(len: usize) -> Kept {
        Kept::Body(vec![b'x'; len].into())
    }

    #[test]
    fn an_answer_is_fresh_until_its_time_and_not_for_ever() {
        let mut memory = Memory::default();
        memory.keep("a".to_owned(), body(1), 1000, 0);
        assert_eq!(memory.find("a", 999), Some(body(1)));
        assert_eq!(memory.find("a", 1000), None);
        memory.keep("b".to_owned(), body(1), i64::MAX, 0);
        assert_eq!(memory.find("b", 1), None, "the clock was set back");
    }

    #[test]
    fn memory_is_bounded() {
        let mut memory = Memory::default();
        for number in 0..100 {
            memory.keep(number.to_string(), body(1 << 20), 1000, 0);
            assert!(memory.bytes <= MOST_BYTES);
        }
        assert!(memory.find("99", 1).is_some());
        memory.keep("big".to_owned(), body(LARGEST_BYTES), 1000, 0);
        assert_eq!(memory.find("big", 1), None);
    }

    #[tokio::test]
    async fn an_answer_outlives_its_process_and_a_404_does_for_less_long() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let asked = std::sync::atomic::AtomicUsize::new(0);
        for _ in 0..2 {
            let cache = Cache::open(dir.path()).expect("opens");
            for _ in 0..2 {
                let ask = async {
                    asked.fetch_add(1, Ordering::Relaxed);
                    Ok((7, Bytes::from_static(b"7")))
                };
                let read = |body: &Bytes| std::str::from_utf8(body).ok()?.parse().ok();
                let answer = cache.answer("seven".to_owned(), read, ask).await;
                assert_eq!(answer.expect("there"), 7);
                let ask = async {
                    asked.fetch_add(1, Ordering::Relaxed);
                    Err(Error::new(ErrorKind::NotFound {
                        message: Some("no".into()),
                    }))
                };
                let error = cache.answer("nothing".to_owned(), read, ask).await;
                let error = error.expect_err("not there");
                assert!(
                    error.is_not_found() && error.to_string().contains("no"),
                    "{error}"
                );
            }
            let tally = cache.tally();
            assert_eq!(tally.from_memory + tally.from_disk + tally.asked, 4);
        }
        assert_eq!(asked.into_inner(), 2);
    }

    #[tokio::test]
    async fn what_an_earlier_run_has_kept_is_asked_for_once_more_and_replaced() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let read = |body: &Bytes| Some(body.clone());
        let say = async |cache: Cache, word: &'static [u8]| {
            let word = Bytes::from_static(word);
            let ask = std::future::ready(Ok((word.clone(), word)));
            let answer = cache.answer("word".to_owned(), read, ask).await;
            answer.expect("there")
        };
        let open = || Cache::open(dir.path()).expect("opens");
        assert_eq!(say(open(), b"old").await, "old");
        assert_eq!(say(open(), b"new").await, "old");
        let renewed = Cache::renew(dir.path()).expect("opens");
        assert_eq!(say(renewed.clone(), b"new").await, "new");
        assert_eq!(say(renewed, b"newer").await, "new", "one run asks once");
        assert_eq!(say(open(), b"newer").await, "new");
    }

    #[tokio::test]
    async fn what_many_want_at_once_is_asked_for_once() {
        let cache = Cache::in_memory();
        let asked = AtomicU64::new(0);
        let wanted = (0..10).map(|_| {
            let (cache, asked) = (&cache, &asked);
            async move {
                let ask = async move {
                    asked.fetch_add(1, Ordering::Relaxed);
                    tokio::task::yield_now().await;
                    Ok(((), Bytes::from_static(b"x")))
                };
                cache.answer("x".to_owned(), |_| Some(()), ask).await
            }
        });
        let answers = futures::future::join_all(wanted).await;
        assert!(answers.iter().all(Result::is_ok));
        assert_eq!(asked.into_inner(), 1);
        assert_eq!(cache.tally().hit_rate(), Some(0.9));
    }

    #[test]
    fn a_damaged_file_is_named_and_left_alone() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("cache.db");
        fs_err::write(&path, b"not a database at all, much too short?").expect("written");
        let error = Cache::open(dir.path()).expect_err("it is no database");
        assert!(error.to_string().contains("cache.db"), "{error}");
        let left = fs_err::read(&path).expect("there");
        assert_eq!(left, b"not a database at all, much too short?");
    }
}

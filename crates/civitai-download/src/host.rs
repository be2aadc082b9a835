//! What was learnt of storage servers, so that the next file need not learn it again.
//!
//! Kept by a [`Storage`](crate::Storage) and its clones, or by whoever gives them the same [`Hosts`], per origin (scheme,
//! host, port), and forgotten after a while: servers change, and so does the way to them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;
use url::{Origin, Url};

/// What was learnt of servers: how many connections one bears, how many pay, whether it knows ranges.
///
/// Clones are one memory. [`Jobs::hosts`](crate::jobs::Jobs::hosts) brings what earlier runs learnt.
#[derive(Debug, Clone, Default)]
pub struct Hosts(Arc<Mutex<HashMap<Origin, Host>>>);

#[derive(Debug, Default)]
struct Host {
    visitors: usize,
    /// Connections of all visitors that receive bytes.
    connections: usize,
    limit: Option<Lesson<usize>>,
    whole: Option<Lesson<()>>,
    level: Option<Lesson<usize>>,
}

/// Something learnt, and how long it is believed.
#[derive(Debug, Clone, Copy)]
struct Lesson<T> {
    what: T,
    until: Instant,
}

impl<T: Copy> Lesson<T> {
    fn new(what: T, lasts: Duration) -> Self {
        let until = Instant::now() + lasts;
        Self { what, until }
    }

    /// For another process, whose clock is not ours.
    fn written(self) -> Option<(T, SystemTime)> {
        let left = self.until.checked_duration_since(Instant::now())?;
        (!left.is_zero()).then(|| (self.what, SystemTime::now() + left))
    }

    /// The reverse, believed no longer than if it were new: somebody may have set the clock.
    fn read((what, until): (T, SystemTime), lasts: Duration) -> Option<Self> {
        let left = until.duration_since(SystemTime::now()).ok()?;
        Some(Self::new(what, left.min(lasts)))
    }

    fn recall(lesson: Option<Self>) -> Option<T> {
        lesson
            .filter(|lesson| Instant::now() < lesson.until)
            .map(|lesson| lesson.what)
    }
}

impl Host {
    fn is_idle(&self) -> bool {
        self.visitors == 0
    }

    fn knows_nothing(&self) -> bool {
        self.known().is_none()
    }

    fn known(&self) -> Option<Known> {
        let known = Known {
            limit: self.limit.and_then(Lesson::written),
            whole: self.whole.and_then(Lesson::written),
            level: self.level.and_then(Lesson::written),
        };
        (known != Known::default()).then_some(known)
    }
}

/// What is still believed of a server, and until when.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) limit: Option<(usize, SystemTime)>,
    pub(crate) whole: Option<((), SystemTime)>,
    pub(crate) level: Option<(usize, SystemTime)>,
}

impl Hosts {
    /// A transfer comes to `origin`, and stays while what is returned lives.
    pub(crate) fn visit(&self, origin: Origin) -> Visit {
        let mut hosts = self.lock();
        if hosts.len() >= MAX_HOSTS {
            hosts.retain(|_, host| !host.is_idle() || !host.knows_nothing());
        }
        if hosts.len() >= MAX_HOSTS {
            hosts.retain(|_, host| !host.is_idle());
        }
        hosts.entry(origin.clone()).or_default().visitors += 1;
        drop(hosts);
        Visit {
            hosts: self.clone(),
            origin,
            connections: 0,
        }
    }

    /// What is believed now, by the origins' addresses.
    pub(crate) fn known(&self) -> Vec<(String, Known)> {
        let hosts = self.lock();
        let known = hosts
            .iter()
            .filter_map(|(origin, host)| Some((origin.ascii_serialization(), host.known()?)));
        known.collect()
    }

    /// Believes what another process did. What was learnt here stands.
    pub(crate) fn learn(&self, address: &str, known: Known) {
        let Ok(url) = Url::parse(address) else { return };
        let mut hosts = self.lock();
        if hosts.len() >= MAX_HOSTS {
            return;
        }
        let host = hosts.entry(url.origin()).or_default();
        let recall = |lesson: (usize, SystemTime), lasts| Lesson::read(lesson, lasts);
        host.limit = host
            .limit
            .or(known.limit.and_then(|it| recall(it, LIMIT_LASTS)));
        host.level = host
            .level
            .or(known.level.and_then(|it| recall(it, LEVEL_LASTS)));
        host.whole = host
            .whole
            .or(known.whole.and_then(|it| Lesson::read(it, WHOLE_LASTS)));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Origin, Host>> {
        // Every critical section leaves the map whole, so a panic elsewhere does not spoil it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A transfer's stay at a server.
#[derive(Debug)]
pub(crate) struct Visit {
    hosts: Hosts,
    origin: Origin,
    connections: usize,
}

impl Visit {
    pub(crate) fn is_at(&self, origin: &Origin) -> bool {
        self.origin == *origin
    }

    /// The most connections for this transfer, if the host was seen to bear no more, or `most` shared with the other
    /// transfers that are here.
    pub(crate) fn share(&self, most: usize) -> usize {
        self.with(|host| {
            let most = Lesson::recall(host.limit).unwrap_or(most).min(most);
            (most / host.visitors.max(1)).max(1)
        })
    }

    /// The number of connections with which an earlier transfer did best, shared likewise.
    pub(crate) fn start(&self) -> Option<usize> {
        self.with(|host| {
            let level = Lesson::recall(host.level)?;
            Some((level / host.visitors.max(1)).max(1))
        })
    }

    /// Whether the host was seen to send whole files to those who ask for a range.
    pub(crate) fn sends_whole_files(&self) -> bool {
        self.with(|host| Lesson::recall(host.whole).is_some())
    }

    /// How many transfers are here, this one included.
    pub(crate) fn visitors(&self) -> usize {
        self.with(|host| host.visitors.max(1))
    }

    /// So many connections of this transfer receive bytes now.
    pub(crate) fn uses(&mut self, connections: usize) {
        let before = std::mem::replace(&mut self.connections, connections);
        self.with(|host| host.connections = host.connections.saturating_sub(before) + connections);
    }

    /// The host refused one more connection than there are.
    pub(crate) fn note_limit(&self) {
        self.with(|host| host.limit = Some(Lesson::new(host.connections.max(1), LIMIT_LASTS)));
    }

    /// The host ignores ranges, or answers them wrongly.
    pub(crate) fn note_whole(&self) {
        self.with(|host| host.whole = Some(Lesson::new((), WHOLE_LASTS)));
    }

    /// So many connections for this transfer proved themselves.
    pub(crate) fn note_level(&self, level: usize) {
        self.with(|host| {
            let level = level.saturating_mul(host.visitors);
            host.level = Some(Lesson::new(level, LEVEL_LASTS));
        });
    }

    fn with<T>(&self, look: impl FnOnce(&mut Host) -> T) -> T {
        look(self.hosts.lock().entry(self.origin.clone()).or_default())
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let connections = self.connections;
        self.with(|host| {
            host.visitors = host.visitors.saturating_sub(1);
            host.connections = host.connections.saturating_sub(connections);
        });
    }
}

/// Storages sit behind a handful of names; more would be a crawl.
const MAX_HOSTS: usize = 256;
/// Limits are on connections or requests in some minutes, and lifted as silently as they are set.
const LIMIT_LASTS: Duration = Duration::from_mins(10);
/// A server does not learn ranges overnight, but another may take its name.
const WHOLE_LASTS: Duration = Duration::from_hours(1);
const LEVEL_LASTS: Duration = Duration::from_mins(10);

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(url: &str) -> Origin {
        Url::parse(url).expect("a URL").origin()
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_is_of_all_visitors_and_ends() {
        let hosts = Hosts::default();
        let here = origin("https://storage.example/a");
        let mut one = hosts.visit(here.clone());
        let mut two = hosts.visit(origin("https://storage.example:443/b"));
        one.uses(3);
        two.uses(2);
        two.uses(3);
        one.note_limit();
        assert_eq!((one.share(64), two.share(64), two.share(4)), (3, 3, 2));
        drop(two);
        assert_eq!(one.share(64), 6, "alone again");
        assert_eq!(
            hosts.visit(origin("http://storage.example/a")).share(64),
            64
        );
        tokio::time::advance(LIMIT_LASTS).await;
        assert_eq!(one.share(64), 64);
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_transfer_starts_where_the_last_did_well() {
        let hosts = Hosts::default();
        let here = origin("https://storage.example/");
        let visit = hosts.visit(here.clone());
        assert_eq!((visit.start(), visit.sends_whole_files()), (None, false));
        visit.note_level(16);
        visit.note_whole();
        drop(visit);
        let visit = hosts.visit(here.clone());
        assert_eq!((visit.start(), visit.sends_whole_files()), (Some(16), true));
        let other = hosts.visit(here);
        assert_eq!((visit.start(), other.start()), (Some(8), Some(8)));
        tokio::time::advance(WHOLE_LASTS).await;
        assert_eq!((visit.start(), visit.sends_whole_files()), (None, false));
    }

    #[tokio::test]
    async fn another_process_believes_it_as_long() {
        let (here, there) = (Hosts::default(), Hosts::default());
        let visit = here.visit(origin("https://storage.example/a"));
        visit.note_level(16);
        here.visit(origin("https://other.example/")).share(4);
        let known = here.known();
        assert_eq!(known.len(), 1, "of the other nothing is known: {known:?}");
        let (address, mut lessons) = known[0].clone();
        lessons.level = Some((16, SystemTime::now() + Duration::from_hours(9)));
        there.learn(&address, lessons);
        let visit = there.visit(origin("https://storage.example/b"));
        assert_eq!(visit.start(), Some(16));
        let until = there.known()[0].1.level.expect("it is new").1;
        let longest = SystemTime::now() + LEVEL_LASTS;
        assert!(until <= longest, "set clocks are not believed");
        lessons.level = Some((2, until));
        there.learn(&address, lessons);
        assert_eq!(visit.start(), Some(16), "what was learnt here stands");
    }

    #[test]
    fn strangers_do_not_fill_the_memory() {
        let hosts = Hosts::default();
        let stays = hosts.visit(origin("https://stays.example/"));
        for number in 0..2 * MAX_HOSTS {
            hosts
                .visit(origin(&format!("https://{number}.example/")))
                .note_level(2);
        }
        assert!(hosts.lock().len() <= MAX_HOSTS);
        assert!(hosts.lock().contains_key(&stays.origin));
    }
}

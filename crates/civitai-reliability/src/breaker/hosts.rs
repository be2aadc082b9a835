//! One breaker a host.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::{Breaker, BreakerConfig, Snapshot, State};

/// A [`Breaker`] for each host, made when the host is first asked for.
///
/// Hosts come from redirects, so their number is bounded: past 1,024 the breakers that are closed are
/// forgotten, and a further host gets one of its own that is not kept.
#[derive(Debug)]
pub struct Breakers {
    config: BreakerConfig,
    by_host: Mutex<HashMap<Box<str>, Breaker>>,
}

impl Breakers {
    /// Starts without any host; each one's breaker will use `config`.
    pub fn new(config: BreakerConfig) -> Self {
        Self {
            config,
            by_host: Mutex::default(),
        }
    }

    /// Returns the breaker of a host, for example `civitai.com` or `127.0.0.1:8080`, case ignored.
    pub fn of(&self, host: &str) -> Breaker {
        let host = host.to_ascii_lowercase();
        let mut by_host = self.by_host.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(breaker) = by_host.get(host.as_str()) {
            return breaker.clone();
        }
        if by_host.len() >= MOST_HOSTS {
            by_host.retain(|_, breaker| breaker.snapshot().state != State::Closed);
        }
        let breaker = Breaker::new(self.config);
        if by_host.len() < MOST_HOSTS {
            by_host.insert(host.into(), breaker.clone());
        }
        breaker
    }

    /// Returns what each host's breaker saw, ordered by host.
    pub fn snapshots(&self) -> Vec<(Box<str>, Snapshot)> {
        let by_host = self.by_host.lock().unwrap_or_else(PoisonError::into_inner);
        let mut snapshots: Vec<_> = by_host
            .iter()
            .map(|(host, breaker)| (host.clone(), breaker.snapshot()))
            .collect();
        snapshots.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        snapshots
    }
}

const MOST_HOSTS: usize = 1024;

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn touchy() -> Breakers {
        Breakers::new(BreakerConfig::default().with_window(NonZeroU32::MIN, NonZeroU32::MIN))
    }

    fn fail(breaker: &Breaker) {
        breaker.check().expect("a new breaker is closed").failure();
    }

    #[test]
    fn one_host_failing_leaves_the_others_closed() {
        let breakers = touchy();
        fail(&breakers.of("Storage.example"));
        assert!(breakers.of("storage.EXAMPLE").check().is_err());
        assert!(breakers.of("storage.example:8080").check().is_ok());
        let states: Vec<_> = breakers
            .snapshots()
            .into_iter()
            .map(|(host, snapshot)| (host, snapshot.state))
            .collect();
        assert_eq!(
            states,
            [
                ("storage.example".into(), State::Open),
                ("storage.example:8080".into(), State::Closed)
            ]
        );
    }

    #[test]
    fn a_flood_of_hosts_forgets_closed_breakers_and_keeps_open_ones() {
        let breakers = touchy();
        fail(&breakers.of("bad.example"));
        for n in 0..5_000 {
            breakers.of(&format!("{n}.example"));
        }
        assert!(breakers.snapshots().len() <= MOST_HOSTS);
        assert!(breakers.of("bad.example").check().is_err());
    }

    #[test]
    fn when_every_kept_breaker_is_open_a_further_host_still_works() {
        let breakers = touchy();
        for n in 0..MOST_HOSTS {
            fail(&breakers.of(&format!("{n}.example")));
        }
        fail(&breakers.of("one-more.example"));
        assert!(breakers.of("one-more.example").check().is_ok());
        assert_eq!(breakers.snapshots().len(), MOST_HOSTS);
    }
}

//! Digests that the site said it does not know.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::hash::HashKey;

/// For so long the site's edge repeats that it does not know a digest, whatever was uploaded meanwhile.
const LIFE: Duration = Duration::from_hours(1);
/// Bounds the memory: some 2 MB.
const MOST: usize = 20_000;

/// Remembers each unknown digest until asking again can change the answer.
#[derive(Debug, Default)]
pub(crate) struct Absent(Mutex<HashMap<HashKey, Instant>>);

impl Absent {
    pub(crate) fn has(&self, key: &HashKey) -> bool {
        self.lock()
            .get(key)
            .is_some_and(|since| since.elapsed() < LIFE)
    }

    pub(crate) fn note(&self, key: &HashKey) {
        let mut keys = self.lock();
        if keys.len() >= MOST {
            keys.retain(|_, since| since.elapsed() < LIFE);
        }
        // A lookup that is not remembered costs one request, no more.
        if keys.len() < MOST {
            keys.insert(key.clone(), Instant::now());
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<HashKey, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: usize) -> HashKey {
        format!("{number:064X}").parse().expect("64 digits")
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_unknown_is_unknown_for_an_hour() {
        let absent = Absent::default();
        assert!(!absent.has(&key(1)));
        absent.note(&key(1));
        tokio::time::advance(Duration::from_mins(59)).await;
        assert!(absent.has(&key(1)) && !absent.has(&key(2)));
        tokio::time::advance(Duration::from_mins(1)).await;
        assert!(!absent.has(&key(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_bounded_and_what_is_over_makes_room() {
        let absent = Absent::default();
        (0..MOST + 10).for_each(|number| absent.note(&key(number)));
        assert_eq!(absent.lock().len(), MOST);
        tokio::time::advance(LIFE).await;
        absent.note(&key(1));
        assert!(absent.has(&key(1)));
        assert_eq!(absent.lock().len(), 1);
    }
}

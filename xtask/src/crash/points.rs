//! Where to strike: which of many points, and how many at a time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::Result;

/// How thorough an experiment is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Points {
    /// The most that are tried.
    pub(super) most: u64,
    /// Chooses which, if there are more.
    pub(super) seed: u64,
    /// Tried at a time.
    pub(super) workers: usize,
}

impl Points {
    pub(super) fn at_most(self, most: u64) -> Self {
        Self { most, ..self }
    }

    /// All of them, or as many as allowed, evenly over the list with a first one that the seed chooses.
    pub(super) fn choose<T>(self, all: Vec<T>) -> Vec<T> {
        let (count, most) = (all.len(), usize::try_from(self.most).unwrap_or(usize::MAX));
        if count <= most || most == 0 {
            return all;
        }
        let first = usize::try_from(bits(self.seed, 0)).unwrap_or(0) % count;
        let taken = |index: usize| {
            let place = (index + count - first) % count;
            place * most / count != (place + 1) * most / count
        };
        let mut index = 0;
        let mut all = all;
        all.retain(|_| {
            index += 1;
            taken(index - 1)
        });
        all
    }
}

/// Works on every item, some at a time; the first failure ends it.
pub(super) fn each<T: Sync>(
    workers: usize,
    items: &[T],
    work: impl Fn(&T) -> Result<()> + Sync,
) -> Result<()> {
    each_with(workers, items, || Ok(()), |(), item| work(item))
}

/// Does the same where each worker has something of its own to work with.
pub(super) fn each_with<W, T: Sync>(
    workers: usize,
    items: &[T],
    begin: impl Fn() -> Result<W> + Sync,
    work: impl Fn(&mut W, &T) -> Result<()> + Sync,
) -> Result<()> {
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..workers.min(items.len()) {
            scope.spawn(|| {
                let worked = begin().and_then(|mut own| {
                    while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                        work(&mut own, item)?;
                    }
                    Ok(())
                });
                if let Err(error) = worked {
                    next.store(items.len(), Ordering::Relaxed);
                    *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    failed.map_or(Ok(()), Err)
}

/// A number from 0 to below 1 that follows from a seed and a place.
pub(super) fn draw(seed: u64, place: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
    let (numerator, denominator) = ((bits(seed, place) >> 11) as f64, (1_u64 << 53) as f64);
    numerator / denominator
}

/// `splitmix64`: 64 bits that follow from a seed and a place.
pub(super) fn bits(seed: u64, place: u64) -> u64 {
    let mut mixed = seed.wrapping_add(place.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

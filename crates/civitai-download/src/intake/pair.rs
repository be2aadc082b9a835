//! Bytes of two files hashed in one go.
//!
//! A core computes two SHA-256 in little more time than one. Where several files arrive at a time, a thread that is
//! about to hash offers its bytes to the others and waits for a moment; whoever comes to hash meanwhile takes both.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use bytes::Bytes;

use crate::digest::Hasher;

/// The place where threads that hash meet. Clones are one place.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pairs(Arc<Place>);

#[derive(Debug, Default)]
struct Place {
    offer: Mutex<Option<Offer>>,
    files: AtomicUsize,
}

/// What a thread waits with.
#[derive(Debug)]
struct Offer {
    by: ThreadId,
    hasher: Box<Hasher>,
    chunks: Vec<Bytes>,
    done: SyncSender<Box<Hasher>>,
}

/// A file whose bytes may be hashed with those of another.
#[derive(Debug)]
pub(super) struct Member(Pairs);

impl Pairs {
    pub(super) fn join(&self) -> Member {
        self.0.files.fetch_add(1, Ordering::Relaxed);
        Member(self.clone())
    }

    fn offer(&self) -> MutexGuard<'_, Option<Offer>> {
        // No critical section can leave it half done.
        self.0.offer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Member {
    /// Feeds `chunks`, together with what another thread offers or takes.
    pub(super) fn feed(&self, mut hasher: Box<Hasher>, chunks: Vec<Bytes>) -> Box<Hasher> {
        if self.0.0.files.load(Ordering::Relaxed) < 2 {
            feed(&mut hasher, &chunks);
            return hasher;
        }
        let mut place = self.0.offer();
        if let Some(mut other) = place.take() {
            drop(place);
            feed_both((&mut hasher, &chunks), (&mut other.hasher, &other.chunks));
            // Who offered it waits for nothing else, unless it panicked.
            let _ = other.done.send(other.hasher);
            return hasher;
        }
        let (done, result) = sync_channel(1);
        *place = Some(Offer {
            by: thread::current().id(),
            hasher,
            chunks,
            done,
        });
        drop(place);
        match result.recv_timeout(PATIENCE) {
            Ok(hasher) => hasher,
            Err(_) => self.take_back(&result),
        }
    }

    /// Feeds what was offered if nobody took it, or waits for whoever did.
    fn take_back(&self, result: &Receiver<Box<Hasher>>) -> Box<Hasher> {
        let mut place = self.0.offer();
        let own = place.take_if(|offer| offer.by == thread::current().id());
        drop(place);
        if let Some(mut offer) = own {
            feed(&mut offer.hasher, &offer.chunks);
            return offer.hasher;
        }
        result
            .recv()
            .expect("who takes an offer answers it, or panics")
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.0.0.files.fetch_sub(1, Ordering::Relaxed);
    }
}

fn feed(hasher: &mut Hasher, chunks: &[Bytes]) {
    for chunk in chunks {
        hasher.update(chunk);
    }
}

/// Feeds two, a stretch of the one with an equal stretch of the other as long as both have bytes.
fn feed_both((a, chunks_a): (&mut Hasher, &[Bytes]), (b, chunks_b): (&mut Hasher, &[Bytes])) {
    let (mut rest_a, mut rest_b) = (chunks_a.iter(), chunks_b.iter());
    let (mut bytes_a, mut bytes_b): (&[u8], &[u8]) = (&[], &[]);
    loop {
        if bytes_a.is_empty() {
            bytes_a = rest_a.next().map_or(&[], |chunk| chunk);
        }
        if bytes_b.is_empty() {
            bytes_b = rest_b.next().map_or(&[], |chunk| chunk);
        }
        let both = bytes_a.len().min(bytes_b.len());
        if both == 0 {
            break;
        }
        let (head_a, tail_a) = bytes_a.split_at(both);
        let (head_b, tail_b) = bytes_b.split_at(both);
        Hasher::update_both((a, head_a), (b, head_b));
        (bytes_a, bytes_b) = (tail_a, tail_b);
    }
    a.update(bytes_a);
    b.update(bytes_b);
    feed(a, rest_a.as_slice());
    feed(b, rest_b.as_slice());
}

/// Longer than hashing a batch takes, so that a core busy with one comes back in time; far shorter than the pause
/// between two batches of a link so slow that nobody is met.
const PATIENCE: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::digest::DigestSet;

    fn hasher(set: DigestSet) -> Box<Hasher> {
        Box::new(Hasher::new(set))
    }

    fn digests(hasher: Box<Hasher>) -> crate::digest::Digests {
        hasher.finish()
    }

    fn alone(set: DigestSet, chunks: &[Bytes]) -> crate::digest::Digests {
        let mut whole = hasher(set);
        whole.update(&chunks.concat());
        digests(whole)
    }

    fn chunks(most: usize) -> impl Strategy<Value = Vec<Bytes>> {
        let chunk = proptest::collection::vec(any::<u8>(), 0..200).prop_map(Bytes::from);
        proptest::collection::vec(chunk, 0..most)
    }

    fn set() -> impl Strategy<Value = DigestSet> {
        prop_oneof![
            Just(DigestSet::SHA256),
            Just(DigestSet::BLAKE3),
            Just(DigestSet::ALL)
        ]
    }

    proptest! {
        #[test]
        fn two_files_that_are_hashed_together_have_their_own_digests(
            (set_a, a) in (set(), chunks(8)),
            (set_b, b) in (set(), chunks(8)),
        ) {
            let pairs = Pairs::default();
            let (member, _other) = (pairs.join(), pairs.join());
            let (done, result) = sync_channel(1);
            // As a thread leaves it that waits.
            *pairs.offer() = Some(Offer {
                by: thread::current().id(),
                hasher: hasher(set_b),
                chunks: b.clone(),
                done,
            });
            let fed = member.feed(hasher(set_a), a.clone());
            prop_assert_eq!(digests(fed), alone(set_a, &a));
            prop_assert_eq!(digests(member.take_back(&result)), alone(set_b, &b));
        }
    }

    #[test]
    fn whoever_meets_whom_every_file_has_its_digest() {
        let pairs = Pairs::default();
        thread::scope(|scope| {
            for file in 0..4_u8 {
                let member = pairs.join();
                scope.spawn(move || {
                    let pieces: Vec<_> = (0..200_usize)
                        .map(|nth| Bytes::from(vec![file; 1000 + nth]))
                        .collect();
                    let fed = pieces
                        .iter()
                        .fold(hasher(DigestSet::SHA256), |hasher, piece| {
                            member.feed(hasher, vec![piece.clone()])
                        });
                    assert_eq!(digests(fed), alone(DigestSet::SHA256, &pieces));
                });
            }
        });
        assert!(pairs.offer().is_none(), "somebody left bytes behind");
        assert_eq!(pairs.0.files.load(Ordering::Relaxed), 0);
    }
}

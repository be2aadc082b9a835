use std::convert::Infallible;
use std::time::Duration;

use civitai_reliability::Backoff;
use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{SeedableRng, TryRng};

/// Always draws the same bits.
struct Constant(u64);

impl TryRng for Constant {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok((self.0 >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.0)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.fill(self.0.to_le_bytes()[0]);
        Ok(())
    }
}

#[test]
fn the_lowest_draw_is_no_pause_and_the_highest_is_the_ceiling() {
    let backoff = Backoff::default();
    for attempt in 0..8 {
        assert_eq!(backoff.delay(attempt, &mut Constant(0)), Duration::ZERO);
        assert_eq!(
            backoff.delay(attempt, &mut Constant(u64::MAX)),
            backoff.ceiling(attempt)
        );
    }
}

#[test]
fn draws_fill_the_whole_interval_evenly() {
    let backoff = Backoff::default();
    let seed = 20;
    println!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let mut quarters = [0_u32; 4];
    for _ in 0..4_000 {
        let delay = backoff.delay(2, &mut rng);
        let quarter = usize::try_from(delay.as_millis() / 1_000).expect("at most four seconds");
        quarters[quarter.min(3)] += 1;
    }
    // One thousand expected each; five standard deviations are 137.
    assert!(
        quarters.iter().all(|n| (863..=1137).contains(n)),
        "{quarters:?}"
    );
}

proptest! {
    #[test]
    fn no_draw_exceeds_the_ceiling_nor_the_cap(
        base in 0..u64::MAX,
        cap in 0..u64::MAX,
        attempt: u32,
        bits: u64,
    ) {
        let backoff = Backoff {
            base: Duration::from_nanos(base),
            cap: Duration::from_nanos(cap),
        };
        let delay = backoff.delay(attempt, &mut Constant(bits));
        prop_assert!(delay <= backoff.ceiling(attempt));
        prop_assert!(backoff.ceiling(attempt) <= backoff.cap);
    }
}

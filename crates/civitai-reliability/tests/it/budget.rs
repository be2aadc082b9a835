use std::time::Duration;

use civitai_reliability::{Backoff, Budget, Exhausted, RetryPolicy};
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::time::advance;

const SECOND: Duration = Duration::from_secs(1);

/// A pause of nothing, so that only the limits decide.
fn at_once() -> RetryPolicy {
    RetryPolicy::default().with_backoff(Backoff {
        base: Duration::ZERO,
        cap: Duration::ZERO,
    })
}

#[tokio::test(start_paused = true)]
async fn grants_exactly_the_configured_retries() {
    let mut budget = Budget::new(at_once().with_retries(3));
    for _ in 0..3 {
        assert_eq!(budget.next(None), Ok(Duration::ZERO));
    }
    assert_eq!(budget.next(None), Err(Exhausted::Retries { retries: 3 }));
    assert_eq!(budget.retries(), 3);
}

#[tokio::test(start_paused = true)]
async fn no_retries_means_one_try() {
    let mut budget = Budget::new(at_once().with_retries(0));
    assert_eq!(budget.next(None), Err(Exhausted::Retries { retries: 0 }));
}

#[tokio::test(start_paused = true)]
async fn pauses_grow_within_the_ceilings_of_the_backoff() {
    let policy = RetryPolicy::default()
        .with_retries(8)
        .with_max_elapsed(Duration::MAX);
    for seed in 0..200 {
        let mut budget = Budget::with_rng(policy, StdRng::seed_from_u64(seed));
        for attempt in 0..8 {
            let pause = budget.next(None).expect("eight retries are allowed");
            assert!(pause <= policy.backoff.ceiling(attempt), "seed {seed}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn equal_seeds_give_equal_pauses() {
    let pauses = |seed| {
        let mut budget = Budget::with_rng(RetryPolicy::default(), StdRng::seed_from_u64(seed));
        [budget.next(None), budget.next(None), budget.next(None)]
    };
    assert_eq!(pauses(7), pauses(7));
    assert_ne!(pauses(7), pauses(8));
}

#[tokio::test(start_paused = true)]
async fn the_servers_wait_is_a_floor() {
    let mut longer = 0;
    for seed in 0..200 {
        let mut budget = Budget::with_rng(RetryPolicy::default(), StdRng::seed_from_u64(seed));
        let wait = budget.next(Some(SECOND / 2)).expect("the wait is allowed");
        assert!((SECOND / 2..=SECOND).contains(&wait), "seed {seed}");
        longer += u32::from(wait > SECOND / 2);
        assert_eq!(budget.next(Some(20 * SECOND)), Ok(20 * SECOND));
    }
    // Half of the pauses are drawn above the floor, and then they count.
    assert!((60..140).contains(&longer), "{longer} of 200");
}

#[tokio::test(start_paused = true)]
async fn a_wait_over_the_limit_is_refused_and_spends_nothing() {
    let mut budget = Budget::new(at_once().with_max_wait(SECOND));
    let refused = Exhausted::Wait {
        asked: 2 * SECOND,
        limit: SECOND,
    };
    assert_eq!(budget.next(Some(2 * SECOND)), Err(refused));
    assert_eq!(
        refused.to_string(),
        "the server asks to wait 2 s, the limit is 1 s"
    );
    assert_eq!(budget.retries(), 0);
    assert_eq!(budget.next(Some(SECOND)), Ok(SECOND));
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_would_end_past_the_wall_clock_is_not_begun() {
    let mut budget = Budget::new(at_once().with_max_elapsed(10 * SECOND));
    advance(8 * SECOND).await;
    let refused = Exhausted::Elapsed {
        elapsed: 8 * SECOND,
        limit: 10 * SECOND,
    };
    assert_eq!(budget.next(Some(3 * SECOND)), Err(refused));
    assert_eq!(budget.next(Some(2 * SECOND)), Ok(2 * SECOND));
    advance(3 * SECOND).await;
    assert!(matches!(budget.next(None), Err(Exhausted::Elapsed { .. })));
}

#[tokio::test(start_paused = true)]
async fn progress_restores_the_retries_and_the_backoff_but_not_the_wall_clock() {
    let policy = RetryPolicy::default()
        .with_retries(2)
        .with_max_elapsed(100 * SECOND)
        .with_backoff(Backoff {
            base: SECOND,
            cap: Duration::from_secs(1 << 20),
        });
    let mut budget = Budget::with_rng(policy, StdRng::seed_from_u64(1));
    for round in 0..10 {
        assert!(
            budget.next(None).is_ok_and(|pause| pause <= SECOND),
            "round {round}"
        );
        assert!(
            budget.next(None).is_ok_and(|pause| pause <= 2 * SECOND),
            "round {round}"
        );
        assert!(matches!(budget.next(None), Err(Exhausted::Retries { .. })));
        budget.progressed();
        advance(9 * SECOND).await;
    }
    assert_eq!(budget.retries(), 20);
    advance(11 * SECOND).await;
    assert!(matches!(budget.next(None), Err(Exhausted::Elapsed { .. })));
}

#[tokio::test(start_paused = true)]
async fn an_unlimited_wall_clock_never_overflows() {
    let policy = at_once()
        .with_retries(u32::MAX)
        .with_max_elapsed(Duration::MAX)
        .with_max_wait(Duration::MAX);
    let mut budget = Budget::new(policy);
    advance(SECOND).await;
    assert_eq!(budget.next(Some(Duration::MAX)), Ok(Duration::MAX));
}

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use civitai_reliability::{Rate, RateConfig};
use tokio::task::{JoinSet, yield_now};
use tokio::time::{Instant, advance, timeout};

const SLOW_ANSWER: Duration = Duration::from_millis(2_001);
const FAST_ANSWER: Duration = Duration::from_millis(499);

fn config(per_second: f64, burst: u32) -> RateConfig {
    let burst = NonZeroU32::new(burst).expect("the test's burst is not zero");
    RateConfig::new(per_second, burst).expect("the test's rate is sound")
}

/// When each of `n` acquisitions in a row succeeded, in milliseconds from now.
async fn times(rate: &Rate, n: usize) -> Vec<u128> {
    let start = Instant::now();
    let mut times = Vec::new();
    for _ in 0..n {
        rate.acquire().await;
        times.push(start.elapsed().as_millis());
    }
    times
}

/// The timer counts whole milliseconds and never fires early.
fn assert_close(times: &[u128], expected: &[u128]) {
    assert_eq!(times.len(), expected.len());
    for (time, expected) in times.iter().zip(expected) {
        assert!((*expected..=expected + 2).contains(time), "{times:?}");
    }
}

fn assert_rate(rate: &Rate, expected: f64) {
    let is = rate.per_second();
    assert!((is - expected).abs() < 1e-9, "rate is {is}, not {expected}");
}

#[tokio::test(start_paused = true)]
async fn a_burst_goes_at_once_and_the_rest_at_the_rate() {
    let rate = Rate::new(RateConfig::default());
    let mut expected = vec![0; 10];
    expected.extend([500, 1_000, 1_500, 2_000]);
    assert_close(&times(&rate, 14).await, &expected);
}

#[tokio::test(start_paused = true)]
async fn a_quiet_time_refills_no_more_than_the_burst() {
    let rate = Rate::new(config(2.0, 3));
    times(&rate, 3).await;
    advance(Duration::from_hours(24)).await;
    assert_close(&times(&rate, 5).await, &[0, 0, 0, 500, 1_000]);
}

#[tokio::test(start_paused = true)]
async fn slow_answers_slow_down_to_the_floor_and_fast_ones_speed_up_to_twice_the_base() {
    let rate = Rate::new(config(2.0, 1));
    rate.observe(SLOW_ANSWER);
    assert_rate(&rate, 1.6);
    rate.observe(FAST_ANSWER);
    assert_rate(&rate, 1.76);
    for between in [500, 1_000, 2_000] {
        rate.observe(Duration::from_millis(between));
    }
    assert_rate(&rate, 1.76);
    for _ in 0..100 {
        rate.observe(SLOW_ANSWER);
    }
    assert_rate(&rate, 0.1);
    for _ in 0..100 {
        rate.observe(FAST_ANSWER);
    }
    assert_rate(&rate, 4.0);
}

#[tokio::test(start_paused = true)]
async fn a_429_halves_the_rate_and_takes_back_the_burst() {
    let rate = Rate::new(RateConfig::default());
    rate.throttled(None);
    assert_rate(&rate, 1.0);
    assert_eq!(rate.held_for(), None);
    assert_close(&times(&rate, 2).await, &[1_000, 2_000]);
    rate.throttled(None);
    assert_rate(&rate, 0.5);
}

#[tokio::test(start_paused = true)]
async fn retry_after_holds_everything_back_then_lets_one_go() {
    let rate = Rate::new(RateConfig::default());
    rate.throttled(Some(Duration::from_secs(30)));
    assert_eq!(rate.held_for(), Some(Duration::from_secs(30)));
    assert_close(&times(&rate, 3).await, &[30_000, 31_000, 32_000]);
    assert_eq!(rate.held_for(), None);
}

#[tokio::test(start_paused = true)]
async fn of_several_waits_the_longest_counts() {
    let rate = Rate::new(RateConfig::default());
    rate.throttled(Some(Duration::from_secs(30)));
    rate.throttled(Some(Duration::from_secs(5)));
    rate.throttled(None);
    assert_eq!(rate.held_for(), Some(Duration::from_secs(30)));
    rate.throttled(Some(Duration::from_secs(40)));
    assert_close(&times(&rate, 1).await, &[40_000]);
}

#[tokio::test(start_paused = true)]
async fn a_429_without_a_wait_leaves_the_end_of_a_longer_wait_as_it_is() {
    let rate = Rate::new(RateConfig::default());
    rate.throttled(Some(Duration::from_secs(30)));
    rate.throttled(None);
    assert_close(&times(&rate, 2).await, &[30_000, 32_000]);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_wait_lets_one_go_however_slow_the_rate_has_become() {
    let rate = Arc::new(Rate::new(config(0.01, 1)));
    for _ in 0..10 {
        rate.throttled(None);
    }
    assert_rate(&rate, 0.0005);
    let start = Instant::now();
    let waiting = tokio::spawn({
        let rate = Arc::clone(&rate);
        async move { rate.acquire().await }
    });
    yield_now().await;
    rate.throttled(Some(Duration::from_secs(5)));
    waiting.await.expect("the task does not panic");
    assert_close(&[start.elapsed().as_millis()], &[5_000]);
}

#[tokio::test(start_paused = true)]
async fn an_endless_retry_after_neither_overflows_nor_lets_anything_pass() {
    let rate = Rate::new(RateConfig::default());
    rate.throttled(Some(Duration::MAX));
    rate.observe(FAST_ANSWER);
    let week = Duration::from_hours(7 * 24);
    assert!(timeout(week, rate.acquire()).await.is_err());
    assert!(rate.held_for() > Some(week));
}

#[tokio::test(start_paused = true)]
async fn a_429_reaches_the_task_that_already_waits() {
    let rate = Arc::new(Rate::new(config(1.0, 1)));
    rate.acquire().await;
    let start = Instant::now();
    let waiting = tokio::spawn({
        let rate = Arc::clone(&rate);
        async move { rate.acquire().await }
    });
    yield_now().await;
    rate.throttled(Some(Duration::from_secs(10)));
    waiting.await.expect("the task does not panic");
    assert_close(&[start.elapsed().as_millis()], &[10_000]);
}

#[tokio::test(start_paused = true)]
async fn a_faster_rate_wakes_the_task_that_already_waits() {
    let rate = Arc::new(Rate::new(config(0.01, 1)));
    rate.acquire().await;
    let start = Instant::now();
    let waiting = tokio::spawn({
        let rate = Arc::clone(&rate);
        async move { rate.acquire().await }
    });
    yield_now().await;
    for _ in 0..10 {
        rate.observe(FAST_ANSWER);
    }
    waiting.await.expect("the task does not panic");
    assert_close(&[start.elapsed().as_millis()], &[50_000]);
}

#[tokio::test(start_paused = true)]
async fn tasks_are_served_in_the_order_in_which_they_came() {
    let rate = Arc::new(Rate::new(config(10.0, 1)));
    rate.acquire().await;
    let served = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = JoinSet::new();
    for task in 0..50 {
        let (rate, served) = (Arc::clone(&rate), Arc::clone(&served));
        tasks.spawn(async move {
            for _ in 0..3 {
                rate.acquire().await;
                served.lock().expect("no task panics").push(task);
            }
        });
        yield_now().await;
    }
    tasks.join_all().await;
    // Whoever was served queues again behind everybody else.
    let turns: Vec<i32> = (0..3).flat_map(|_| 0..50).collect();
    assert_eq!(*served.lock().expect("no task panics"), turns);
}

#[tokio::test(start_paused = true)]
async fn giving_up_a_wait_takes_nothing_and_keeps_the_order_of_the_others() {
    let rate = Arc::new(Rate::new(config(1.0, 1)));
    rate.acquire().await;
    let start = Instant::now();
    let served = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = Vec::new();
    for task in 0..4 {
        let (rate, served) = (Arc::clone(&rate), Arc::clone(&served));
        tasks.push(tokio::spawn(async move {
            rate.acquire().await;
            served
                .lock()
                .expect("no task panics")
                .push((task, start.elapsed().as_secs()));
        }));
        yield_now().await;
    }
    // The head of the queue and one in the middle leave.
    tasks[0].abort();
    tasks[2].abort();
    for (index, task) in tasks.into_iter().enumerate() {
        assert_eq!(task.await.is_err(), index % 2 == 0);
    }
    assert_eq!(*served.lock().expect("no task panics"), [(1, 1), (3, 2)]);
}

#[test]
fn rates_that_pace_nothing_are_refused() {
    let burst = NonZeroU32::MIN;
    for per_second in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-9, 1e9] {
        let refused = RateConfig::new(per_second, burst).expect_err("the rate is absurd");
        assert!(
            refused.to_string().contains("requests a second"),
            "{refused}"
        );
    }
}

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use civitai_reliability::breaker::{Breaker, BreakerConfig, Counts, Permit, Snapshot, State};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::advance;

fn of(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).expect("the test's number is not zero")
}

fn permit(breaker: &Breaker) -> Permit {
    breaker.check().expect("the breaker lets it pass")
}

fn open(breaker: &Breaker) {
    while breaker.snapshot().state == State::Closed {
        permit(breaker).failure();
    }
}

#[tokio::test(start_paused = true)]
async fn opens_at_the_ratio_and_not_before_the_minimum() {
    let breaker = Breaker::default();
    for _ in 0..5 {
        permit(&breaker).success();
    }
    for _ in 0..4 {
        permit(&breaker).failure();
    }
    assert_eq!(breaker.snapshot().state, State::Closed);
    permit(&breaker).failure();
    assert_eq!(breaker.snapshot().state, State::Open);
}

#[tokio::test(start_paused = true)]
async fn one_failure_in_a_hundred_never_opens() {
    let breaker = Breaker::default();
    for n in 0..10_000 {
        if n % 100 == 0 {
            permit(&breaker).failure();
        } else {
            permit(&breaker).success();
        }
    }
    assert_eq!(breaker.snapshot().state, State::Closed);
    assert_eq!(breaker.snapshot().counts.failures, 100);
}

#[tokio::test(start_paused = true)]
async fn old_outcomes_leave_the_window() {
    let config = BreakerConfig::default().with_window(of(4), of(4));
    let breaker = Breaker::new(config);
    permit(&breaker).failure();
    for _ in 0..4 {
        permit(&breaker).success();
    }
    let snapshot = breaker.snapshot();
    assert_eq!((snapshot.window, snapshot.window_failures), (4, 0));
}

#[tokio::test(start_paused = true)]
async fn open_says_when_to_come_back_then_one_probe_decides() {
    let breaker = Breaker::default();
    open(&breaker);
    advance(Duration::from_secs(10)).await;
    let refused = breaker.check().expect_err("it is open");
    assert_eq!(refused.retry_in, Duration::from_secs(20));
    assert_eq!(
        refused.to_string(),
        "the host failed too often, next try in 20.0 s"
    );

    advance(Duration::from_secs(20)).await;
    let probe = permit(&breaker);
    assert_eq!(breaker.snapshot().state, State::HalfOpen);
    let refused = breaker.check().expect_err("one probe is on its way");
    assert_eq!(refused.retry_in, Duration::from_secs(1));
    probe.failure();
    let refused = breaker.check().expect_err("the probe failed");
    assert_eq!(refused.retry_in, Duration::from_secs(30));

    advance(Duration::from_secs(30)).await;
    permit(&breaker).success();
    let snapshot = breaker.snapshot();
    assert_eq!(snapshot.state, State::Closed);
    assert_eq!(snapshot.window, 0);
    assert_eq!((snapshot.counts.opened, snapshot.counts.refused), (2, 3));
}

#[tokio::test(start_paused = true)]
async fn a_dropped_probe_gives_its_place_to_the_next() {
    let breaker = Breaker::default();
    open(&breaker);
    advance(Duration::from_secs(30)).await;
    for _ in 0..3 {
        drop(permit(&breaker));
    }
    assert_eq!(breaker.snapshot().state, State::HalfOpen);
    assert_eq!(breaker.snapshot().counts.abandoned, 3);
    permit(&breaker).success();
    assert_eq!(breaker.snapshot().state, State::Closed);
}

#[tokio::test(start_paused = true)]
async fn an_answer_from_before_the_change_says_nothing_about_now() {
    let breaker = Breaker::default();
    let (early, late) = (permit(&breaker), permit(&breaker));
    open(&breaker);
    advance(Duration::from_secs(30)).await;
    let probe = permit(&breaker);
    early.success();
    assert_eq!(breaker.snapshot().state, State::HalfOpen);
    late.failure();
    assert_eq!(breaker.snapshot().state, State::HalfOpen);
    probe.success();
    assert_eq!(breaker.snapshot().state, State::Closed);
}

#[tokio::test(start_paused = true)]
async fn an_endless_open_phase_and_an_absurd_share_are_tolerated() {
    let config = BreakerConfig::default()
        .with_window(of(2), of(u32::MAX))
        .with_open_at_percent(0)
        .with_open_for(Duration::MAX);
    let breaker = Breaker::new(config);
    permit(&breaker).success();
    permit(&breaker).success();
    assert_eq!(breaker.snapshot().state, State::Closed);
    permit(&breaker).failure();
    assert!(
        breaker
            .check()
            .is_err_and(|open| open.retry_in > Duration::from_hours(9_000))
    );
}

/// What the breaker should do, told by its history alone: everything is derived from lists of what
/// happened, nothing is counted on the way.
struct Model {
    config: BreakerConfig,
    now: u64,
    /// The phases so far, the present one last.
    phases: Vec<ModelPhase>,
    /// Of each permit still out: the phase in which it was given.
    out: BTreeMap<usize, usize>,
    given: usize,
    /// `S`, `F`, `A` or `R`, as it happened.
    log: String,
}

struct ModelPhase {
    state: State,
    since: u64,
    /// Outcomes of this phase's own permits, `S`, `F` or `A`.
    outcomes: String,
}

impl Model {
    fn new(config: BreakerConfig) -> Self {
        let mut model = Self {
            config,
            now: 0,
            phases: Vec::new(),
            out: BTreeMap::new(),
            given: 0,
            log: String::new(),
        };
        model.turn(State::Closed);
        model
    }

    fn turn(&mut self, state: State) {
        self.phases.push(ModelPhase {
            state,
            since: self.now,
            outcomes: String::new(),
        });
    }

    fn phase(&self) -> &ModelPhase {
        self.phases.last().expect("there is a first phase")
    }

    fn open_ms(&self) -> u64 {
        u64::try_from(self.config.open_for.as_millis()).expect("the test's time is short")
    }

    fn pass_time(&mut self, ms: u64) {
        self.now += ms;
    }

    fn catch_up(&mut self) {
        if self.phase().state == State::Open && self.now - self.phase().since >= self.open_ms() {
            self.turn(State::HalfOpen);
        }
    }

    fn check(&mut self) -> Result<usize, u64> {
        self.catch_up();
        let present = self.phases.len() - 1;
        let mine = self.out.values().filter(|&&phase| phase == present).count();
        let refusal = match self.phase().state {
            State::Closed => None,
            State::HalfOpen if mine < self.config.probes.get() as usize => None,
            State::HalfOpen => Some(self.open_ms().min(1_000)),
            State::Open => Some(self.phase().since + self.open_ms() - self.now),
        };
        if let Some(wait) = refusal {
            self.log.push('R');
            return Err(wait);
        }
        self.given += 1;
        self.out.insert(self.given, present);
        Ok(self.given)
    }

    fn conclude(&mut self, id: usize, outcome: char) {
        self.log.push(outcome);
        let phase = self.out.remove(&id).expect("the permit is out");
        if phase != self.phases.len() - 1 {
            return;
        }
        let phase = self.phases.last_mut().expect("there is a first phase");
        phase.outcomes.push(outcome);
        match phase.state {
            State::Closed => {
                let (seen, failed) = self.window();
                let enough = seen >= self.config.minimum.min(self.config.window).get();
                let share = u64::from(failed) * 100;
                let limit = u64::from(self.config.open_at_percent) * u64::from(seen);
                if outcome != 'A' && enough && share >= limit {
                    self.turn(State::Open);
                }
            }
            State::HalfOpen => {
                let successes = phase.outcomes.matches('S').count();
                if outcome == 'F' {
                    self.turn(State::Open);
                } else if successes == self.config.probes.get() as usize {
                    self.turn(State::Closed);
                }
            }
            State::Open => panic!("no permit is given while open"),
        }
    }

    fn window(&self) -> (u32, u32) {
        if self.phase().state != State::Closed {
            return (0, 0);
        }
        let told: Vec<char> = self
            .phase()
            .outcomes
            .chars()
            .filter(|&c| c != 'A')
            .collect();
        let from = told.len().saturating_sub(self.config.window.get() as usize);
        let failed = told[from..].iter().filter(|&&c| c == 'F').count();
        let small = |n| u32::try_from(n).expect("the test's window is small");
        (small(told.len() - from), small(failed))
    }

    fn count(&self, outcome: char) -> u64 {
        self.log.matches(outcome).count() as u64
    }

    fn assert_is(&mut self, snapshot: Snapshot, trace: &str) {
        self.catch_up();
        let opened = self
            .phases
            .iter()
            .filter(|p| p.state == State::Open)
            .count();
        let Counts {
            successes,
            failures,
            abandoned,
            refused,
            opened: counted,
            ..
        } = snapshot.counts;
        assert_eq!(snapshot.state, self.phase().state, "{trace}");
        assert_eq!(
            (snapshot.window, snapshot.window_failures),
            self.window(),
            "{trace}"
        );
        assert_eq!(
            (successes, failures, abandoned, refused, counted),
            (
                self.count('S'),
                self.count('F'),
                self.count('A'),
                self.count('R'),
                opened as u64
            ),
            "{trace}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn equals_the_exact_model_on_random_traces() {
    const TRACES: u64 = 2_000;
    const STEPS: usize = 150;
    let mut reached = BTreeMap::new();
    for seed in 0..TRACES {
        let mut rng = StdRng::seed_from_u64(seed);
        let window = rng.random_range(1..=12);
        let config = BreakerConfig::default()
            .with_window(of(window), of(rng.random_range(1..=window + 2)))
            .with_open_at_percent(rng.random_range(1..=100))
            .with_open_for(Duration::from_millis(rng.random_range(0..=3_000)))
            .with_probes(of(rng.random_range(1..=3)));
        let failing = rng.random_range(0.0..1.0);
        let breaker = Breaker::new(config);
        let mut model = Model::new(config);
        let mut permits: BTreeMap<usize, Permit> = BTreeMap::new();
        for step in 0..STEPS {
            let trace = format!("seed {seed}, step {step}, {config:?}");
            match rng.random_range(0..10) {
                0..4 => match (breaker.check(), model.check()) {
                    (Ok(permit), Ok(id)) => {
                        permits.insert(id, permit);
                    }
                    (Err(open), Err(wait)) => {
                        assert_eq!(open.retry_in, Duration::from_millis(wait), "{trace}");
                    }
                    (is, should) => panic!("{is:?}, not {should:?}: {trace}"),
                },
                4..9 => {
                    let nth = rng.random_range(0..=permits.len());
                    let Some(&id) = permits.keys().nth(nth) else {
                        continue;
                    };
                    let permit = permits.remove(&id).expect("the id is a key");
                    if rng.random_bool(0.1) {
                        drop(permit);
                        model.conclude(id, 'A');
                    } else if rng.random_bool(failing) {
                        permit.failure();
                        model.conclude(id, 'F');
                    } else {
                        permit.success();
                        model.conclude(id, 'S');
                    }
                }
                _ => {
                    let ms = rng.random_range(0..=1_500);
                    advance(Duration::from_millis(ms)).await;
                    model.pass_time(ms);
                }
            }
            // Looking settles what time has changed, so it must not be done at every step.
            if rng.random_bool(0.5) {
                model.assert_is(breaker.snapshot(), &trace);
            }
        }
        model.assert_is(breaker.snapshot(), &format!("seed {seed}, at the end"));
        for phase in &model.phases {
            *reached.entry(format!("{:?}", phase.state)).or_insert(0) += 1;
        }
    }
    println!(
        "{TRACES} traces, seeds 0 to {}, phases entered: {reached:?}",
        TRACES - 1
    );
    // A trace that never leaves the first phase proves nothing.
    assert!(
        reached.values().all(|&n| n > 2_000) && reached.len() == 3,
        "{reached:?}"
    );
}

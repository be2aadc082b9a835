//! The failsafe against a model that remembers every transfer.

use std::time::Duration;

use civitai_reliability::failsafe::{
    Counts, Course, Ended, Failsafe, Limits, Outcome, Requests, Streak, Taken, Why,
};
use proptest::prelude::*;

const NOON: Duration = Duration::from_hours(480_000);

fn after(minutes: u64) -> Duration {
    NOON + Duration::from_secs(minutes * 60)
}

fn ended(at: Duration, taken: Taken, outcome: Outcome) -> Ended {
    Ended {
        at,
        taken,
        outcome,
        requests: Requests::default(),
    }
}

fn many(failsafe: &mut Failsafe, count: usize, taken: Taken, outcome: Outcome) {
    for _ in 0..count {
        failsafe.record(ended(NOON, taken, outcome));
    }
}

#[test]
fn one_bad_file_of_three_changes_nothing() {
    let mut failsafe = Failsafe::default();
    many(&mut failsafe, 1, Taken::Fast, Outcome::TimedOut);
    many(&mut failsafe, 2, Taken::Fast, Outcome::Finished);
    assert_eq!(failsafe.course(NOON), Course::Fast);
}

#[test]
fn three_failures_in_a_row_are_enough_and_last_an_hour() {
    let mut failsafe = Failsafe::default();
    many(&mut failsafe, 2, Taken::Fast, Outcome::Failed);
    assert_eq!(failsafe.course(NOON), Course::Fast);
    many(&mut failsafe, 1, Taken::Fast, Outcome::TimedOut);
    let why = Why::Streak { failures: 3 };
    assert_eq!(failsafe.course(NOON), Course::Sequential { why });
    // What the safe path achieves does not vouch for the fast one.
    many(&mut failsafe, 5, Taken::Sequential, Outcome::Finished);
    assert_eq!(failsafe.course(after(59)), Course::Sequential { why });
    assert_eq!(failsafe.course(after(60)), Course::Fast);
    // An old streak is over: one more failure does not revive it.
    failsafe.record(ended(after(60), Taken::Fast, Outcome::Failed));
    assert_eq!(failsafe.course(after(60)), Course::Fast);
}

#[test]
fn a_success_of_the_fast_path_ends_its_streak() {
    let mut failsafe = Failsafe::default();
    for _ in 0..10 {
        many(&mut failsafe, 2, Taken::Fast, Outcome::Failed);
        many(&mut failsafe, 38, Taken::Fast, Outcome::Finished);
        assert_eq!(
            failsafe.course(NOON),
            Course::Fast,
            "5 % are not more than 5 %"
        );
    }
    many(&mut failsafe, 1, Taken::Fast, Outcome::Failed);
    let why = Why::Errors {
        failed: 21,
        of: 401,
    };
    assert_eq!(failsafe.course(NOON), Course::Sequential { why });
}

#[test]
fn timeouts_are_borne_less_than_errors() {
    let mut failsafe = Failsafe::default();
    many(&mut failsafe, 2, Taken::Fast, Outcome::TimedOut);
    many(&mut failsafe, 197, Taken::Fast, Outcome::Finished);
    let why = Why::Timeouts {
        timed_out: 2,
        of: 199,
    };
    assert_eq!(failsafe.course(NOON), Course::Sequential { why });
    many(&mut failsafe, 1, Taken::Fast, Outcome::Finished);
    assert_eq!(failsafe.course(NOON), Course::Fast);
}

#[test]
fn requests_that_time_out_count_also_where_the_transfer_gets_over_them() {
    let mut failsafe = Failsafe::default();
    let mut transfer = |made, timed_out| {
        let requests = Requests { made, timed_out };
        failsafe.record(Ended {
            requests,
            ..ended(NOON, Taken::Fast, Outcome::Finished)
        });
        failsafe.course(NOON)
    };
    assert_eq!(transfer(15, 2), Course::Fast, "15 say nothing");
    let why = Why::Requests {
        timed_out: 2,
        of: 199,
    };
    assert_eq!(transfer(184, 0), Course::Sequential { why });
    assert_eq!(transfer(1, 0), Course::Fast, "1 % is not more than 1 %");
    let why = Why::Requests {
        timed_out: 3,
        of: 201,
    };
    assert_eq!(transfer(1, 1), Course::Sequential { why });
}

#[test]
fn the_past_of_another_run_counts() {
    let mut first = Failsafe::default();
    many(&mut first, 2, Taken::Fast, Outcome::Failed);
    let mut second = Failsafe::new(Limits::default()).with_past(first.minutes(), first.streak());
    assert_eq!(second, first);
    second.record(ended(after(1), Taken::Fast, Outcome::Failed));
    assert_ne!(second.course(after(1)), Course::Fast);
}

#[test]
fn experiments_end_before_the_fast_path_does() {
    let mut failsafe = Failsafe::default();
    many(&mut failsafe, 2, Taken::Fast, Outcome::Failed);
    let limits = Limits::of_experiments();
    assert_ne!(failsafe.course_within(NOON, &limits), Course::Fast);
    assert_eq!(failsafe.course(NOON), Course::Fast);
}

#[test]
fn no_count_is_too_large() {
    let most = Counts {
        finished: u64::MAX,
        failed: u64::MAX,
        timed_out: u64::MAX,
        requests: Requests {
            made: u64::MAX,
            timed_out: u64::MAX,
        },
    };
    let streak = Streak {
        failures: u32::MAX,
        minute: u64::MAX,
    };
    let past = [(0, most), (28_800_000, most), (u64::MAX, most)];
    let mut failsafe = Failsafe::default().with_past(past, streak);
    failsafe.record(ended(NOON, Taken::Fast, Outcome::Failed));
    assert_ne!(failsafe.course(NOON), Course::Fast);
    assert_eq!(failsafe.course(Duration::MAX), Course::Fast);
}

/// The definition, word by word, over everything that ever happened.
fn model(history: &[Ended], now: Duration, limits: &Limits) -> Course {
    let minute = |at: Duration| at.as_secs() / 60;
    let recent = |at: Duration| minute(at) + 60 > minute(now);
    let hour: Vec<_> = history.iter().filter(|ended| recent(ended.at)).collect();
    let count = |wanted: &[Outcome]| {
        let wanted = hour.iter().filter(|ended| wanted.contains(&ended.outcome));
        wanted.count() as u64
    };
    let mut failures: u32 = 0;
    let mut last = None;
    for ended in history.iter().filter(|ended| ended.taken == Taken::Fast) {
        let broken = last.is_some_and(|last: Duration| minute(last) + 60 <= minute(ended.at));
        failures = match ended.outcome {
            Outcome::Finished => 0,
            _ if broken => 1,
            _ => failures + 1,
        };
        last = Some(ended.at);
    }
    if failures >= limits.streak && last.is_some_and(recent) {
        let why = Why::Streak { failures };
        return Course::Sequential { why };
    }
    let of = hour.len() as u64;
    let (failed, timed_out) = (
        count(&[Outcome::Failed, Outcome::TimedOut]),
        count(&[Outcome::TimedOut]),
    );
    let asked = hour.iter().fold((0, 0), |(made, timed_out), ended| {
        let requests = ended.requests;
        (made + requests.made, timed_out + requests.timed_out)
    });
    let passed = |bad: u64, of: u64, percent: u64| {
        of >= limits.minimum && bad >= limits.repeats && bad * 100 > percent * of
    };
    if passed(failed, of, limits.errors_percent) {
        let why = Why::Errors { failed, of };
        Course::Sequential { why }
    } else if passed(timed_out, of, limits.timeouts_percent) {
        let why = Why::Timeouts { timed_out, of };
        Course::Sequential { why }
    } else if passed(asked.1, asked.0, limits.timeouts_percent) {
        let why = Why::Requests {
            timed_out: asked.1,
            of: asked.0,
        };
        Course::Sequential { why }
    } else {
        Course::Fast
    }
}

fn outcomes() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        30 => Just(Outcome::Finished),
        2 => Just(Outcome::Failed),
        1 => Just(Outcome::TimedOut),
    ]
}

fn requests() -> impl Strategy<Value = Requests> {
    let timed_out = prop_oneof![50 => Just(0), 1 => 0_u64..5];
    (0_u64..20, timed_out).prop_map(|(more, timed_out)| Requests {
        made: timed_out + more,
        timed_out,
    })
}

proptest! {
    /// Whatever happens, with the memory carried over from run to run, the answer is the model's.
    #[test]
    fn equals_the_model(
        steps in prop::collection::vec((0_u64..400, outcomes(), any::<bool>(), requests()), 0..400),
        runs in 1_usize..50,
    ) {
        let limits = Limits::default();
        let mut failsafe = Failsafe::new(limits);
        let mut history = Vec::new();
        let mut now = NOON;
        for (index, (pause, outcome, follows, requests)) in steps.into_iter().enumerate() {
            now += Duration::from_secs(pause);
            let course = failsafe.course(now);
            prop_assert_eq!(course, model(&history, now, &limits));
            let taken = if follows { course.taken() } else { Taken::Fast };
            let ended = Ended {
                requests,
                ..ended(now, taken, outcome)
            };
            failsafe.record(ended);
            history.push(ended);
            if index % runs == 0 {
                let past: Vec<_> = failsafe.minutes().collect();
                failsafe = Failsafe::new(limits).with_past(past, failsafe.streak());
            }
        }
        prop_assert_eq!(failsafe.course(now), model(&history, now, &limits));
    }
}

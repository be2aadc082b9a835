//! Jobs that outlive their processes.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use civitai_download::Mode;
use civitai_download::jobs::{
    Change, Claim, End, Error, ItemState, Jobs, New, Order, Outcome, State, Strategy, Trouble,
};
use civitai_reliability::failsafe::{Course, Ended, Limits, Requests, Taken, Why};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

fn new(links: usize) -> New {
    New {
        name: Some("a shelf".to_owned()),
        strategy: Strategy::Parallel,
        mode: Mode::Efficiency,
        options: "{}".to_owned(),
        links: (0..links).map(|index| format!("model:{index}")).collect(),
    }
}

fn fetched(bytes: u64) -> Outcome {
    Outcome {
        status: "downloaded".to_owned(),
        path: Some(PathBuf::from("/models/x")),
        bytes: Some(bytes),
        trouble: None,
    }
}

fn lost() -> Outcome {
    Outcome {
        status: "failed".to_owned(),
        path: None,
        bytes: None,
        trouble: Some(Trouble {
            kind: "not_found".to_owned(),
            message: "no such model".to_owned(),
            hint: None,
        }),
    }
}

/// Deals with one item as a runner would.
fn deal_with(jobs: &mut Jobs, claim: &Claim, position: u32, outcome: Outcome) -> Option<Order> {
    let state = match outcome.trouble {
        None => ItemState::Completed,
        Some(_) => ItemState::Failed,
    };
    let changes = [
        Change::Begun { position },
        Change::Ended { position, outcome },
        Change::Settled { position, state },
    ];
    claim.record(jobs, &changes).expect("the database works")
}

#[test]
fn a_job_is_found_as_it_was_left() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Jobs::open_if_there(folder.path()).unwrap().is_none());
    let mut jobs = Jobs::open(folder.path()).unwrap();
    let claim = jobs.start(&new(3)).unwrap();
    assert_eq!(deal_with(&mut jobs, &claim, 0, fetched(5)), None);
    assert_eq!(deal_with(&mut jobs, &claim, 1, lost()), None);
    assert_eq!(deal_with(&mut jobs, &claim, 2, fetched(7)), None);
    let id = claim.id().to_string();
    claim.end(&mut jobs, End::Done).unwrap();
    drop(jobs);

    let jobs = Jobs::open_if_there(folder.path()).unwrap().unwrap();
    let job = &jobs.list().unwrap()[0];
    assert_eq!(job.id.as_str(), id);
    assert_eq!(
        (job.state, job.items, job.completed, job.failed, job.bytes),
        (State::Failed, 3, 2, 1, 12)
    );
    assert_eq!(
        (job.strategy, job.mode, job.name.as_deref()),
        (Strategy::Parallel, Mode::Efficiency, Some("a shelf"))
    );
    let items = jobs.items(&id).unwrap();
    let states: Vec<_> = items.iter().map(|item| item.state).collect();
    assert_eq!(
        states,
        [
            ItemState::Completed,
            ItemState::Failed,
            ItemState::Completed
        ]
    );
    assert_eq!(items[1].outcomes, [lost()]);
    assert_eq!(items[0].outcomes, [fetched(5)]);
    assert!(
        !folder.path().join("running").join(&id).exists(),
        "the lock leaves no file"
    );
}

#[test]
fn what_failed_is_tried_again_and_what_is_there_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut jobs = Jobs::open(folder.path()).unwrap();
    let claim = jobs.start(&new(2)).unwrap();
    let id = claim.id().to_string();
    deal_with(&mut jobs, &claim, 0, fetched(5));
    deal_with(&mut jobs, &claim, 1, lost());
    claim.end(&mut jobs, End::Done).unwrap();
    let job = jobs.order(&id, Order::Retry).unwrap();
    assert_eq!(
        (job.state, job.completed, job.failed),
        (State::Pending, 1, 0)
    );
    let claim = jobs.claim_next().unwrap().expect("it waits");
    assert_eq!(claim.id().as_str(), id);
    deal_with(&mut jobs, &claim, 1, fetched(1));
    let job = claim.end(&mut jobs, End::Done).unwrap();
    assert_eq!((job.state, job.bytes), (State::Completed, 6));
    let attempts: Vec<_> = jobs
        .items(&id)
        .unwrap()
        .iter()
        .map(|item| item.attempts)
        .collect();
    assert_eq!(attempts, [1, 2]);
}

#[test]
fn an_order_that_makes_no_sense_is_refused_with_the_state() {
    let folder = tempfile::tempdir().unwrap();
    let mut jobs = Jobs::open(folder.path()).unwrap();
    let id = jobs.add(&new(1)).unwrap().id.to_string();
    let error = jobs.order(&id, Order::Retry).unwrap_err();
    assert_eq!(error.code(), "usage");
    assert_eq!(
        error.to_string(),
        format!("job {id} is pending: there is nothing to retry")
    );
    assert_eq!(jobs.order(&id, Order::Pause).unwrap().state, State::Paused);
    assert_eq!(
        jobs.order(&id, Order::Resume).unwrap().state,
        State::Pending
    );
    assert_eq!(
        jobs.order(&id, Order::Cancel).unwrap().state,
        State::Cancelled
    );
    assert_eq!(jobs.items(&id).unwrap()[0].state, ItemState::Cancelled);
    for unknown in ["zzzzzz", "", "../../x", "1"] {
        let error = jobs.order(unknown, Order::Cancel).unwrap_err();
        assert!(matches!(error, Error::Unknown { .. }), "{error}");
        assert_eq!(error.code(), "not_found");
    }
}

#[test]
fn an_order_reaches_the_runner_and_cancel_outweighs_pause() {
    let folder = tempfile::tempdir().unwrap();
    let mut runner = Jobs::open(folder.path()).unwrap();
    let claim = runner.start(&new(1)).unwrap();
    let id = claim.id().to_string();
    let mut other = Jobs::open(folder.path()).unwrap();
    assert!(
        other.claim_next().unwrap().is_none(),
        "nobody else can have it"
    );
    assert_eq!(
        other.order(&id, Order::Pause).unwrap().state,
        State::Processing
    );
    assert_eq!(claim.wish(&runner).unwrap(), Some(Order::Pause));
    other.order(&id, Order::Cancel).unwrap();
    other.order(&id, Order::Pause).unwrap();
    assert_eq!(claim.wish(&runner).unwrap(), Some(Order::Cancel));
    for order in [Order::Resume, Order::Retry] {
        assert_eq!(other.order(&id, order).unwrap_err().code(), "usage");
    }
    claim.end(&mut runner, End::Cancelled).unwrap();
    assert_eq!(other.job(&id).unwrap().state, State::Cancelled);
}

#[test]
fn a_job_whose_runner_is_gone_goes_where_the_user_wanted_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut jobs = Jobs::open(folder.path()).unwrap();
    for (order, expected) in [
        (None, State::Pending),
        (Some(Order::Pause), State::Paused),
        (Some(Order::Cancel), State::Cancelled),
    ] {
        let claim = jobs.start(&new(1)).unwrap();
        let id = claim.id().to_string();
        claim
            .record(&mut jobs, &[Change::Begun { position: 0 }])
            .unwrap();
        if let Some(order) = order {
            jobs.order(&id, order).unwrap();
        }
        drop(claim);
        let waits = jobs.needs_supervisor().unwrap();
        assert_eq!(jobs.job(&id).unwrap().state, expected);
        assert_eq!(waits, order.is_none());
        let _ = jobs.order(&id, Order::Cancel);
    }
}

#[test]
fn there_is_one_supervisor_and_it_does_not_leave_while_work_waits() {
    let folder = tempfile::tempdir().unwrap();
    let mut jobs = Jobs::open(folder.path()).unwrap();
    assert!(!jobs.needs_supervisor().unwrap(), "nothing waits");
    jobs.add(&new(1)).unwrap();
    assert!(jobs.needs_supervisor().unwrap());
    let first = jobs.supervise().unwrap().expect("nobody else supervises");
    assert!(jobs.supervise().unwrap().is_none());
    assert!(!jobs.needs_supervisor().unwrap());
    let first = jobs.leave(first).unwrap().expect("a job waits");
    let claim = jobs.claim_next().unwrap().expect("it waits");
    claim.end(&mut jobs, End::Cancelled).unwrap();
    assert!(jobs.leave(first).unwrap().is_none());
    assert!(jobs.supervise().unwrap().is_some());
}

#[test]
fn a_sleeping_job_says_until_when() {
    let folder = tempfile::tempdir().unwrap();
    let mut jobs = Jobs::open(folder.path()).unwrap();
    let claim = jobs.start(&new(1)).unwrap();
    let until = SystemTime::UNIX_EPOCH + Duration::from_secs(4_000_000_000);
    let asleep = Change::Asleep { until: Some(until) };
    claim.record(&mut jobs, &[asleep]).unwrap();
    assert_eq!(jobs.list().unwrap()[0].asleep_until, Some(until));
    let job = claim.end(&mut jobs, End::PutBack).unwrap();
    assert_eq!((job.state, job.asleep_until), (State::Pending, None));
}

#[test]
fn the_failsafe_remembers_across_runs() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits::default();
    let at = Duration::from_hours(480_000);
    let failed = Ended {
        at,
        taken: Taken::Fast,
        outcome: civitai_reliability::failsafe::Outcome::Failed,
        requests: Requests {
            made: 9,
            timed_out: 4,
        },
    };
    for _ in 0..3 {
        let mut jobs = Jobs::open(folder.path()).unwrap();
        jobs.remember(limits, &[failed]).unwrap();
    }
    let failsafe = Jobs::open(folder.path()).unwrap().failsafe(limits).unwrap();
    let why = Why::Streak { failures: 3 };
    assert_eq!(failsafe.course(at), Course::Sequential { why });
    let (_, counts) = failsafe.minutes().next().unwrap();
    let requests = Requests {
        made: 27,
        timed_out: 12,
    };
    assert_eq!(counts.requests, requests);
}

#[test]
fn a_database_that_is_none_or_newer_is_named_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.db");
    fs_err::write(
        &path,
        "not a database, but long enough to look at ".repeat(100),
    )
    .unwrap();
    let error = Jobs::open(folder.path()).unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }), "{error:?}");
    assert_eq!(error.code(), "io");
    assert!(fs_err::read_to_string(&path).unwrap().starts_with("not a"));

    fs_err::remove_file(&path).unwrap();
    drop(Jobs::open(folder.path()).unwrap());
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let error = Jobs::open(folder.path()).unwrap_err();
    assert!(matches!(error, Error::Newer { .. }), "{error:?}");
}

#[test]
fn many_first_users_at_once_make_one_database() {
    let folder = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| Jobs::open(folder.path()).unwrap().add(&new(1)).unwrap());
        }
    });
    assert_eq!(Jobs::open(folder.path()).unwrap().list().unwrap().len(), 8);
}

/// A runner in a process of its own: it tells each step, and waits for leave to make the next.
fn run_told(folder: &Path) {
    let mut jobs = Jobs::open(folder).expect("the machine lets tests work");
    let mut leave = std::io::stdin().lines();
    let mut step = || {
        let mut out = std::io::stdout();
        writeln!(out, "step")
            .and_then(|()| out.flush())
            .expect("the machine lets tests work");
        leave.next();
    };
    while let Some(claim) = jobs.claim_next().expect("the machine lets tests work") {
        step();
        let items = jobs
            .items(claim.id().as_str())
            .expect("the machine lets tests work");
        for item in items.iter().filter(|item| !item.state.is_final()) {
            let position = item.position;
            claim
                .record(&mut jobs, &[Change::Begun { position }])
                .expect("the machine lets tests work");
            step();
            let outcome = fetched(1);
            claim
                .record(&mut jobs, &[Change::Ended { position, outcome }])
                .expect("the machine lets tests work");
            step();
            let state = ItemState::Completed;
            claim
                .record(&mut jobs, &[Change::Settled { position, state }])
                .expect("the machine lets tests work");
            step();
        }
        claim
            .end(&mut jobs, End::Done)
            .expect("the machine lets tests work");
        step();
    }
}

/// Not a test of its own: the process that the next test kills.
#[test]
fn runner_to_be_killed() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        run_told(Path::new(&folder));
    }
}

#[test]
fn killed_runners_leave_every_item_to_be_dealt_with_once() {
    let seed = 20;
    println!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let folder = tempfile::tempdir().unwrap();
    let ids: Vec<_> = [4, 1, 3]
        .map(|links| {
            Jobs::open(folder.path())
                .unwrap()
                .add(&new(links))
                .unwrap()
                .id
        })
        .into();
    let mut kills = 0;
    while Jobs::open(folder.path())
        .unwrap()
        .needs_supervisor()
        .unwrap()
    {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "jobs::runner_to_be_killed", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut leave = child.stdin.take().unwrap();
        let steps = rng.random_range(1..10);
        let told = BufReader::new(child.stdout.take().unwrap()).lines();
        let told = told
            .map(Result::unwrap)
            .filter(|line| line.ends_with("step"));
        let mut told_steps = 0;
        for _ in told {
            told_steps += 1;
            if told_steps == steps {
                // It is on its way to the next step, wherever exactly.
                let _ = writeln!(leave);
                child.kill().unwrap();
                kills += 1;
                break;
            }
            writeln!(leave).unwrap();
        }
        child.wait().unwrap();
    }
    assert!(kills > 3, "{kills} kills");
    let jobs = Jobs::open(folder.path()).unwrap();
    for id in ids {
        let job = jobs.job(id.as_str()).unwrap();
        assert_eq!((job.state, job.completed), (State::Completed, job.items));
        for item in jobs.items(id.as_str()).unwrap() {
            assert_eq!(item.state, ItemState::Completed);
            assert_eq!(item.outcomes, [fetched(1)], "{item:?}");
        }
    }
}

const FOLDER: &str = "CIVITAI_TEST_RUNNER_FOLDER";

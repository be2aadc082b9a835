//! What a transfer tells of its requests is what its servers saw.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use civitai_download::{Cause, Connections, Event, Lease, LeaseError, Patience, UrlSource, lease};
use civitai_security::RedactedUrl;
use civitai_sim::fault::{Knob, Offset, Scope};

use crate::world::{MIB, R2, World, run};

fn refusal(code: u16) -> Knob {
    Knob::Status {
        code,
        headers: Vec::new(),
        body: String::new(),
    }
}

impl World {
    fn told(&self) -> Vec<Event> {
        self.events.lock().expect("no listener panics").clone()
    }

    fn count(&self, is: impl Fn(&Event) -> bool) -> usize {
        self.told().iter().filter(|event| is(event)).count()
    }

    /// Requests that reached storage.
    fn seen(&self) -> usize {
        let seen = self.sim.log().summary().requests_to("/{object}");
        usize::try_from(seen).expect("a few")
    }

    fn failures(&self) -> Vec<(Cause, bool)> {
        let failure = |event| match event {
            Event::RequestFailed { cause, retried } => Some((cause, retried)),
            _ => None,
        };
        self.told().into_iter().filter_map(failure).collect()
    }
}

#[tokio::test]
async fn requests_and_bytes_are_those_that_storage_saw() {
    let world = World::new(24 * MIB).await;
    let transfer = world.transfer().connections(Connections::AtMost(4));
    let fetched = run(transfer).await;
    world.assert_done(&fetched);
    let fetched = fetched.expect("it was judged above");
    assert_eq!(world.count(|event| *event == Event::Asked), world.seen());
    let answered = |event: &Event| matches!(event, Event::Answered { status: 206, .. });
    assert_eq!(world.count(answered), world.seen());
    assert_eq!(world.failures(), []);
    assert_eq!(
        world.count(|event| matches!(event, Event::Leased { .. })),
        1
    );
    let told = world.told();
    let mut received = told.iter().rev().filter_map(|event| match event {
        Event::Received { bytes } => Some(*bytes),
        _ => None,
    });
    assert_eq!(received.next(), Some(fetched.fetched_bytes));
}

#[tokio::test]
async fn each_failure_is_told_with_its_cause_and_that_it_is_mended() {
    let world = World::new(24 * MIB).await;
    let offset = Offset::Random;
    let stall = Knob::StallAt {
        offset,
        duration: Duration::from_secs(3),
    };
    for (attempt, knob) in (1..).zip([refusal(500), Knob::FinAt { offset }, stall]) {
        let scope = Scope::storage().attempts(attempt..=attempt);
        world.sim.faults().add(knob.within(scope));
    }
    let mut patience = Patience::default();
    patience.idle = Duration::from_millis(300);
    let transfer = world
        .transfer()
        .connections(Connections::AtMost(2))
        .patience(patience);
    let fetched = run(transfer).await;
    world.assert_done(&fetched);
    let failures = world.failures();
    assert!(failures.iter().all(|(_, retried)| *retried), "{failures:?}");
    for cause in [Cause::Status(500), Cause::Connection, Cause::Timeout] {
        let times = failures.iter().filter(|(told, _)| *told == cause).count();
        assert_eq!(times, 1, "{cause:?} in {failures:?}");
    }
    assert_eq!(world.count(|event| *event == Event::Asked), world.seen());
}

#[tokio::test]
async fn the_failure_that_ends_a_transfer_is_not_said_to_be_mended() {
    let world = World::new(MIB).await;
    world.sim.faults().add(refusal(404));
    run(world.transfer()).await.expect_err("nothing is there");
    assert_eq!(world.failures(), [(Cause::Status(404), false)]);
    world.assert_events();
}

/// Fails once, then signs.
fn unsteady(world: &World) -> Arc<dyn UrlSource> {
    let (asked, sim) = (AtomicUsize::new(0), Arc::clone(&world.sim));
    Arc::new(lease::source_fn(move || {
        let answer = match asked.fetch_add(1, Ordering::SeqCst) {
            0 => Err(LeaseError::transient("not now", None).with_code("timeout")),
            _ => Ok(Lease::new(RedactedUrl::new(
                sim.sign(R2).expect("the file is known"),
            ))),
        };
        async move { answer }
    }))
}

#[tokio::test]
async fn a_lease_that_is_refused_and_one_that_comes_are_told_apart() {
    let world = World::new(MIB).await;
    let fetched = run(world.transfer_from(unsteady(&world))).await;
    world.assert_done(&fetched);
    let leases: Vec<_> = world
        .told()
        .into_iter()
        .filter_map(|event| match event {
            Event::LeaseFailed { code, retried, .. } => Some(Err((code, retried))),
            Event::Leased { .. } => Some(Ok(())),
            _ => None,
        })
        .collect();
    assert_eq!(leases, [Err(("timeout", true)), Ok(())]);
}

//! How many connections a transfer uses, and what becomes of those that do not get on.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use civitai_download::{Connections, Event, Fetched, Mode, Storage, Target, Transfer};
use civitai_sim::fault::{Knob, Offset, Scope};

use crate::world::{MIB, R2, World, quick, run, storage};

/// A server that gives each connection 4 MB a second.
fn held() -> Knob {
    Knob::Throttle {
        bytes_per_second: 4_000_000,
    }
}

/// Fetches the file to its own name through `storage`.
async fn fetch(
    world: &World,
    storage: &Storage,
    name: &str,
    set: impl Fn(Transfer) -> Transfer,
) -> Fetched {
    let path = world.folder.path().join(name);
    let target = Target::new(&path, "civitai:10/100").with_expected(world.expected());
    let transfer = Transfer::new(storage.clone(), world.signing(&[R2]), target).retry(quick());
    let fetched = run(set(transfer)).await.expect("fetched");
    assert!(
        fs_err::read(path).expect("a file") == world.bytes(),
        "the bytes are wrong"
    );
    fetched
}

fn refused(world: &World) -> usize {
    let entries = world.sim.log().entries();
    entries.iter().filter(|entry| entry.status == 503).count()
}

#[tokio::test]
async fn a_stalled_connection_is_replaced_long_before_patience_ends() {
    let world = World::new(24 * MIB).await;
    world.sim.faults().add(
        Knob::StallAt {
            offset: Offset::After(MIB / 2),
            duration: Duration::from_hours(1),
        }
        .within(Scope::storage().attempts(2..=3)),
    );
    world.sim.faults().add(held());
    let result = run(world.transfer().connections(Connections::AtMost(4))).await;
    world.assert_done(&result);
    let fetched = result.expect("checked above");
    // Patience would have ended as a failure that is tried again.
    assert_eq!(fetched.retries, 0, "{fetched:?}");
    world.assert_waste(1.05);
}

#[tokio::test]
async fn the_plain_path_is_one_request() {
    let world = World::new(24 * MIB).await;
    world.sim.faults().add(held());
    let plain = |transfer: Transfer| transfer.mode(Mode::Speed).sequential();
    let fetched = fetch(&world, &storage(), "plain.bin", plain).await;
    assert_eq!(
        (fetched.connections, world.sim.log().entries().len()),
        (1, 1)
    );
    let minimal = |transfer: Transfer| transfer.mode(Mode::Minimal);
    let fetched = fetch(&world, &storage(), "minimal.bin", minimal).await;
    assert_eq!(fetched.connections, 1);
}

/// Fetches, and says how many connections were at work when the first bytes were told.
async fn first_connections(world: &World, storage: &Storage, name: &str) -> usize {
    let seen: Arc<Mutex<Option<usize>>> = Arc::default();
    let listener = Arc::clone(&seen);
    fetch(world, storage, name, move |transfer| {
        let seen = Arc::clone(&listener);
        transfer.events(move |event| {
            if let Event::Progress {
                bytes, connections, ..
            } = event
                && bytes > 0
            {
                seen.lock().expect("no panic").get_or_insert(connections);
            }
        })
    })
    .await;
    let seen = *seen.lock().expect("no panic");
    seen.expect("progress is told")
}

#[tokio::test]
async fn what_paid_for_one_file_is_where_the_next_begins() {
    let world = World::new(48 * MIB).await;
    world.sim.faults().add(held());
    let storage = storage();
    let first = first_connections(&world, &storage, "first.bin").await;
    let second = first_connections(&world, &storage.clone(), "second.bin").await;
    assert!(
        second >= 8 && first < second,
        "{second} connections, {first} the first time"
    );
}

#[tokio::test]
async fn a_limit_is_learnt_once_for_all_files() {
    let world = World::new(24 * MIB).await;
    world.sim.faults().add(held());
    world.sim.faults().add(Knob::RejectParallel {
        limit: 2,
        status: 503,
    });
    let storage = storage();
    let four = |transfer: Transfer| transfer.connections(Connections::AtMost(4));
    fetch(&world, &storage, "first.bin", four).await;
    let learnt = refused(&world);
    assert!(learnt >= 1, "nothing was refused");
    let second = fetch(&world, &storage, "second.bin", four).await;
    assert_eq!(
        refused(&world),
        learnt,
        "what was learnt was asked again: {second:?}"
    );
    assert!(second.connections <= 2, "{second:?}");
}

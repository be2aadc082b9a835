//! What is odd about the storages, by the number it has in the list of the site's quirks.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use civitai_download::lease::source_fn;
use civitai_download::{Connections, ErrorKind, How, LeaseError, Verified};
use civitai_sim::fault::{Expiry, Knob, Offset, Scope};

use crate::world::{B2, MIB, R2, World, chain, run};

#[tokio::test]
async fn quirk_27_an_address_is_asked_for_when_the_transfer_starts_and_again_when_it_is_refused() {
    let world = World::new(24 * MIB).await;
    let transfer = world.transfer();
    assert_eq!(world.leases(), 0, "asked while it was only planned");
    world.sim.faults().add(Knob::ExpireUrl {
        after: Expiry::Bytes(9 * MIB),
        cut: true,
    });
    let result = run(transfer).await;
    world.assert_done(&result);
    assert!(world.leases() >= 2, "{} leases", world.leases());
}

#[tokio::test]
async fn quirk_28_one_address_serves_every_connection_and_every_retry() {
    let world = World::new(40 * MIB).await;
    world.sim.faults().add(
        Knob::ResetAt {
            offset: Offset::After(2 * MIB),
        }
        .within(Scope::storage().times(3)),
    );
    let result = run(world.transfer().connections(Connections::AtMost(4))).await;
    world.assert_done(&result);
    let fetched = result.expect("checked above");
    assert!(world.sim.log().entries().len() > 4, "nothing was retried");
    assert_eq!((fetched.leases, world.leases()), (1, 1));
}

#[tokio::test]
async fn quirk_28_a_used_up_quota_is_not_asked_again_and_keeps_what_is_there() {
    let world = World::new(24 * MIB).await;
    world.sim.faults().add(Knob::ExpireUrl {
        after: Expiry::Bytes(9 * MIB),
        cut: true,
    });
    let asked = Arc::new(AtomicUsize::new(0));
    let (count, signing) = (Arc::clone(&asked), world.signing(&[R2]));
    let source = source_fn(move || {
        let nth = count.fetch_add(1, Ordering::SeqCst);
        let signing = Arc::clone(&signing);
        async move {
            match nth {
                0 => signing.lease().await,
                _ => Err(LeaseError::permanent("the quota is used up").with_code("quota")),
            }
        }
    });
    let error = run(world.transfer_from(Arc::new(source)))
        .await
        .expect_err("no second lease");
    assert_eq!(
        (
            error.code(),
            error.is_transient(),
            asked.load(Ordering::SeqCst)
        ),
        ("quota", false, 2),
        "{}",
        chain(&error)
    );
    assert_eq!(world.names(), LEFT);
    world.sim.faults().clear();
    world.events.lock().expect("no panic").clear();
    let result = run(world.transfer()).await;
    world.assert_done(&result);
    assert_eq!(result.expect("checked above").how, How::Resumed);
}

#[tokio::test]
async fn quirk_29_what_the_storages_say_differs_and_size_and_digest_decide() {
    let world = World::new(24 * MIB).await;
    // The first bytes come from one storage, the rest from the other, which tags and refuses in its own way.
    world.sim.faults().add(Knob::ExpireUrl {
        after: Expiry::Bytes(9 * MIB),
        cut: true,
    });
    let transfer = world
        .transfer_from(world.signing(&[R2, B2]))
        .connections(Connections::AtMost(1));
    let result = run(transfer).await;
    world.assert_done(&result);
    let fetched = result.expect("checked above");
    assert_eq!(
        (fetched.how, fetched.verified, fetched.bytes),
        (How::Downloaded, Verified::Sha256, 24 * MIB)
    );
    assert_eq!(fetched.warnings, [], "the size held, too");
    let entries = world.sim.log().entries();
    let starts: Vec<u64> = entries
        .iter()
        .filter(|entry| entry.status == 206)
        .filter_map(|entry| entry.range.as_deref())
        .filter_map(|range| {
            range
                .strip_prefix("bytes=")?
                .split('-')
                .next()?
                .parse()
                .ok()
        })
        .collect();
    assert!(
        starts.len() >= 2 && starts[1..].iter().all(|start| *start > 0),
        "begun again for another storage's tag: {starts:?}"
    );
    let listeners: std::collections::BTreeSet<String> = entries
        .iter()
        .filter(|entry| entry.status == 206)
        .map(|entry| format!("{:?}", entry.listener))
        .collect();
    assert_eq!(
        listeners.len(),
        2,
        "both storages gave bytes: {listeners:?}"
    );
}

#[tokio::test]
async fn quirk_29_neither_a_tag_nor_a_length_makes_wrong_bytes_right() {
    for file in [R2, B2] {
        let world = World::new(3 * MIB).await;
        // The tag and the length of the right file, over bytes of which one is wrong.
        world.sim.faults().add(Knob::Corrupt {
            offset: Offset::At(MIB),
            xor: 1,
        });
        let error = run(world.transfer_from(world.signing(&[file])))
            .await
            .expect_err("one byte is wrong");
        assert!(
            matches!(error.kind(), ErrorKind::Integrity { .. }),
            "{}",
            chain(&error)
        );
        assert_eq!(world.names(), [".quarantine"]);
    }
}

#[tokio::test]
async fn quirk_30_a_part_that_is_complete_is_finished_without_a_request() {
    let world = World::new(24 * MIB).await;
    // What a kill between the last byte and the name would leave.
    let kept = tempfile::tempdir().expect("a folder");
    let (from, to) = (world.folder.path().to_owned(), kept.path().to_owned());
    let transfer = world.transfer().judge(move |_| {
        for name in LEFT {
            fs_err::copy(from.join(name), to.join(name))?;
        }
        Ok(())
    });
    run(transfer).await.expect("fetched");
    fs_err::remove_file(world.path()).expect("removed");
    for name in LEFT {
        fs_err::copy(kept.path().join(name), world.folder.path().join(name)).expect("copied");
    }
    world.sim.log().clear();
    world.events.lock().expect("no panic").clear();
    // A request for the rest, of which there is none, would be answered so.
    world.sim.faults().add(Knob::Range416);
    let result = run(world.transfer()).await;
    world.assert_done(&result);
    let fetched = result.expect("checked above");
    assert_eq!(
        (fetched.how, fetched.resumed_bytes, fetched.fetched_bytes),
        (How::Resumed, 24 * MIB, 0)
    );
    assert_eq!((fetched.leases, world.sim.log().entries().len()), (0, 0));
}

const LEFT: [&str; 2] = ["model.safetensors.part", "model.safetensors.part.json"];

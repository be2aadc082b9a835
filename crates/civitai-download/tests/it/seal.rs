//! Something else takes the place of what was fetched.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use civitai_download::digest::{DigestSet, Digests, Hasher};
use civitai_download::error::BoxError;
use civitai_download::{Candidate, ErrorKind, Existing, How, Seal, Transfer};
use tokio_util::sync::CancellationToken;

use crate::world::{MIB, World, chain, run};

/// Turns every bit around.
#[derive(Clone, Default)]
struct Turned {
    fails: Arc<Mutex<Option<BoxError>>>,
    stops: Option<CancellationToken>,
}

impl Seal for Turned {
    fn place(&self, target: &Path) -> PathBuf {
        target.with_added_extension("turned")
    }

    fn seal(&self, candidate: &Candidate<'_>, draft: &mut dyn Write) -> Result<(), BoxError> {
        assert!(!candidate.target.exists() && candidate.path.exists());
        if let Some(error) = self.fails.lock().expect("no panic").take() {
            draft.write_all(b"half of it")?;
            return Err(error);
        }
        if let Some(stops) = &self.stops {
            stops.cancel();
        }
        let turned: Vec<u8> = fs_err::read(candidate.path)?.iter().map(|b| !b).collect();
        Ok(draft.write_all(&turned)?)
    }

    fn digests(&self, path: &Path, set: DigestSet) -> Result<Digests, BoxError> {
        let plain: Vec<u8> = fs_err::read(path)?.iter().map(|b| !b).collect();
        let mut hasher = Hasher::new(set);
        hasher.update(&plain);
        Ok(hasher.finish())
    }
}

fn turned(world: &World) -> Transfer {
    world.transfer().seal(Arc::new(Turned::default()))
}

fn assert_alone(world: &World) {
    assert_eq!(world.names(), ["model.safetensors.turned"]);
    let place = world.path().with_added_extension("turned");
    let plain: Vec<u8> = fs_err::read(place)
        .expect("there")
        .iter()
        .map(|b| !b)
        .collect();
    assert!(plain == world.bytes());
}

#[tokio::test]
async fn what_is_made_of_a_file_has_a_name_and_the_file_has_none() {
    for size in [MIB / 2, 16 * MIB] {
        let world = World::new(size).await;
        let recorded = Arc::new(Mutex::new(None));
        let note = Arc::clone(&recorded);
        let transfer = turned(&world).record(move |candidate| {
            let names = (candidate.path.to_owned(), candidate.target.to_owned());
            *note.lock().expect("no panic") = Some((names, candidate.digests.sha256));
            Ok(())
        });
        let fetched = run(transfer).await.expect("fetched");
        let place = world.path().with_added_extension("turned");
        assert_eq!((fetched.how, &fetched.path), (How::Downloaded, &place));
        assert_eq!(fetched.bytes, size);
        assert_eq!(
            *recorded.lock().expect("no panic"),
            Some(((place.clone(), place), Some(world.sha256())))
        );
        assert_alone(&world);
        world.sim.log().clear();
        let again = run(turned(&world)).await.expect("there");
        assert_eq!(again.how, How::Skipped);
        assert_eq!(world.sim.log().entries().len(), 0);
    }
}

#[tokio::test]
async fn whatever_stops_it_the_next_run_ends_it_without_a_request() {
    let errors: [(BoxError, &str); 2] = [
        (
            io::Error::from(io::ErrorKind::StorageFull).into(),
            "no_space",
        ),
        ("the key does not fit".into(), "internal"),
    ];
    for (error, code) in errors {
        let world = World::new(16 * MIB).await;
        let seal = Turned::default();
        *seal.fails.lock().expect("no panic") = Some(error);
        let transfer = world.transfer().seal(Arc::new(seal.clone()));
        let error = run(transfer).await.expect_err("it failed");
        assert_eq!(error.code(), code, "{}", chain(&error));
        let left = ["model.safetensors.part", "model.safetensors.part.json"];
        assert_eq!(world.names(), left);
        world.sim.log().clear();
        let fetched = run(world.transfer().seal(Arc::new(seal)))
            .await
            .expect("made now");
        assert_eq!((fetched.how, fetched.fetched_bytes), (How::Resumed, 0));
        assert_alone(&world);
    }
}

#[tokio::test]
async fn what_could_not_be_recorded_leaves_the_bytes_until_it_is() {
    let world = World::new(2 * MIB).await;
    let calls = Arc::new(AtomicUsize::new(0));
    let record = |fails: bool| {
        let calls = Arc::clone(&calls);
        move |_: &Candidate<'_>| {
            calls.fetch_add(1, Ordering::SeqCst);
            if fails {
                return Err("the catalogue is locked".into());
            }
            Ok(())
        }
    };
    let error = run(turned(&world).record(record(true)))
        .await
        .expect_err("not recorded");
    assert!(matches!(error.kind(), ErrorKind::Record { .. }));
    assert_eq!(
        world.names(),
        [
            "model.safetensors.part",
            "model.safetensors.part.json",
            "model.safetensors.turned"
        ]
    );
    world.sim.log().clear();
    let fetched = run(turned(&world).record(record(false)))
        .await
        .expect("recorded now");
    assert_eq!(fetched.how, How::Skipped);
    assert_eq!(
        (
            calls.load(Ordering::SeqCst),
            world.sim.log().entries().len()
        ),
        (2, 0)
    );
    assert_alone(&world);
}

#[tokio::test]
async fn who_wants_it_no_more_finds_nothing_half_made() {
    let world = World::new(2 * MIB).await;
    let cancel = CancellationToken::new();
    let seal = Turned {
        stops: Some(cancel.clone()),
        ..Turned::default()
    };
    let transfer = world.transfer().seal(Arc::new(seal));
    let error = transfer.run(cancel).await.expect_err("stopped");
    assert_eq!(error.code(), "interrupted", "{}", chain(&error));
    let left = ["model.safetensors.part", "model.safetensors.part.json"];
    assert_eq!(world.names(), left);
}

#[tokio::test]
async fn another_file_in_its_place_is_left_alone_unless_it_may_be_replaced() {
    let world = World::new(MIB).await;
    let place = world.path().with_added_extension("turned");
    fs_err::write(&place, "somebody else's").expect("written");
    let error = run(turned(&world)).await.expect_err("taken");
    assert!(matches!(error.kind(), ErrorKind::Occupied { path } if *path == place));
    assert_eq!(fs_err::read(&place).expect("there"), b"somebody else's");
    run(turned(&world).existing(Existing::Replace))
        .await
        .expect("replaced");
    assert_alone(&world);
}

/// What a kill left of a draft is not in the way.
#[tokio::test]
async fn a_draft_of_an_earlier_run_is_written_over() {
    let world = World::new(MIB).await;
    let draft = world.path().with_file_name(".model.safetensors.turned.new");
    fs_err::write(draft, vec![7; 3 << 20]).expect("written");
    run(turned(&world)).await.expect("fetched");
    assert_alone(&world);
}

//! What lies in quarantine, and how it leaves.

use std::io;
use std::path::Path;

use civitai_download::digest::Digest;
use civitai_download::quarantine::{FOLDER, Kept, Reason};
use civitai_download::{Expected, Refusal, Target, Transfer};

use crate::world::{MIB, R2, World, chain, names, run, storage};

/// A world of which a file has been refused.
async fn refused() -> World {
    let world = World::new(2 * MIB).await;
    let transfer = world
        .transfer()
        .quarantine_root(world.folder.path())
        .judge(|_| Err("it smells".into()));
    run(transfer).await.expect_err("refused");
    world
}

fn only(root: &Path) -> Kept {
    let mut all = Kept::all(root).expect("the quarantine can be read");
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

#[tokio::test]
async fn a_refused_file_is_listed_with_its_reason_and_released_to_its_own_place() {
    let world = refused().await;
    let kept = only(world.folder.path());
    let note = kept.note.as_ref().expect("there is a note");
    let reason = "it smells".to_owned();
    assert_eq!(note.reason, Reason::Refused { reason });
    assert_eq!((note.bytes, kept.bytes), (2 * MIB, 2 * MIB));
    assert_eq!(note.sha256, world.sha256().to_string());
    assert_eq!(kept.destination(), world.path());

    fs_err::write(world.path(), "mine").expect("written");
    let error = kept.release(&world.path()).expect_err("taken");
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    fs_err::remove_file(world.path()).expect("removed");

    kept.release(&kept.destination()).expect("the name is free");
    assert!(fs_err::read(world.path()).expect("there") == world.bytes());
    let name = world.path();
    let name = name.file_name().and_then(|name| name.to_str());
    assert_eq!(world.names(), [name.expect("text")]);
}

#[tokio::test]
async fn nothing_is_left_of_what_was_deleted_nor_of_what_nobody_wants_to_keep() {
    let world = refused().await;
    only(world.folder.path()).delete().expect("deleted");
    assert_eq!(world.names(), [""; 0]);

    let transfer = world.transfer().judge(|_| Err(Refusal::remove("bad")));
    let error = run(transfer).await.expect_err("refused");
    assert_eq!(error.code(), "unsafe_content", "{}", chain(&error));
    assert_eq!(world.names(), [""; 0]);
}

#[tokio::test]
async fn a_note_sends_nothing_out_of_its_tree_and_hides_nothing() {
    let world = World::new(2 * MIB).await;
    let root = world.folder.path();
    let expected = Expected::default().with_sha256(Some(Digest::new([7; 32])));
    let elsewhere = tempfile::tempdir().expect("a folder");
    for name in ["a.bin", "b.bin"] {
        let target = Target::new(elsewhere.path().join(name), "x").with_expected(expected.clone());
        let transfer = Transfer::new(storage(), world.signing(&[R2]), target).quarantine_root(root);
        run(transfer).await.expect_err("the promise does not hold");
    }
    let all = Kept::all(root).expect("readable");
    let places: Vec<_> = all.iter().map(Kept::destination).collect();
    assert_eq!(places, [root.join("a.bin"), root.join("b.bin")]);

    // One note is lost, the other stands in a folder that is not its own.
    let folder = all[0].path.parent().expect("a folder");
    fs_err::remove_file(folder.join("a.bin.json")).expect("removed");
    fs_err::rename(folder, root.join(FOLDER).join("moved")).expect("renamed");
    let all = Kept::all(root).expect("readable");
    let found: Vec<_> = all
        .iter()
        .filter_map(|kept| kept.path.file_name())
        .collect();
    assert_eq!(found, ["a.bin", "b.bin", "b.bin.json"]);
    assert!(all[0].note.is_none() && all[1].note.is_some());
    all[0].delete().expect("deleted");
    assert_eq!(names(&root.join(FOLDER).join("moved")).len(), 2);
}

//! What a transfer does with the disk when the network behaves.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use civitai_download::digest::{Digest, DigestSet, hash_file};
use civitai_download::lease::source_fn;
use civitai_download::{
    ErrorKind, Existing, Expected, How, Target, Transfer, Unproved, Verified, Warning,
};
use civitai_sim::Content;
use civitai_sim::content::Kind;
use civitai_sim::fault::Knob;

use crate::world::{MIB, R2, World, chain, names, quick, run, storage};

#[tokio::test]
async fn a_file_arrives_whole_under_its_name() {
    let world = World::new(40 * MIB).await;
    let result = run(world.transfer()).await;
    world.assert_done(&result);
    let fetched = result.expect("checked above");
    assert_eq!(
        (fetched.how, fetched.verified),
        (How::Downloaded, Verified::Sha256)
    );
    assert_eq!(
        (
            fetched.bytes,
            fetched.leases,
            fetched.retries,
            world.leases()
        ),
        (40 * MIB, 1, 0, 1)
    );
    world.assert_asked_once(&fetched);
    let entries = world.sim.log().entries();
    assert!(
        entries
            .iter()
            .all(|entry| entry.method == "GET" && entry.range.is_some()),
        "{entries:?}"
    );
    assert!(
        entries
            .iter()
            .all(|entry| entry.accept_encoding.as_deref() == Some("identity")),
        "{entries:?}"
    );
    let mode = fs_err::metadata(world.path())
        .expect("there")
        .permissions()
        .mode()
        & 0o777;
    let usual = fs_err::File::create(world.folder.path().join("usual")).expect("created");
    assert_eq!(
        mode,
        usual.metadata().expect("there").permissions().mode() & 0o777
    );
}

#[tokio::test]
async fn a_lease_that_seems_over_is_used_all_the_same() {
    let world = World::new(20 * MIB).await;
    let inner = world.signing(&[R2]);
    let source = source_fn(move || {
        let inner = Arc::clone(&inner);
        async move {
            Ok(inner
                .lease()
                .await?
                .with_expires(Some(SystemTime::UNIX_EPOCH)))
        }
    });
    let result = run(world.transfer_from(Arc::new(source))).await;
    world.assert_done(&result);
    assert_eq!(world.leases(), 1);
}

#[tokio::test]
async fn small_and_empty_files_need_one_request() {
    for len in [0, 1, 1000] {
        let world = World::with_content(Content::new(Kind::Raw, 1, len)).await;
        let result = run(world.transfer()).await;
        world.assert_done(&result);
        assert_eq!(world.sim.log().entries().len(), 1, "{len} bytes");
        // The same when nobody said how long it is.
        fs_err::remove_file(world.path()).expect("removed");
        let expected = Expected::default().with_sha256(Some(world.sha256()));
        let target = Target::new(world.path(), "x").with_expected(expected);
        let fetched = run(Transfer::new(storage(), world.signing(&[R2]), target))
            .await
            .expect("fetched");
        assert_eq!((fetched.bytes, world.sim.log().entries().len()), (len, 2));
    }
}

#[tokio::test]
async fn every_digest_comes_from_the_same_pass() {
    let world = World::new(5 * MIB).await;
    let fetched = run(world.transfer().digests(DigestSet::ALL))
        .await
        .expect("fetched");
    let digests = fetched.digests;
    let wanted = world.content.digests();
    assert_eq!(
        digests.sha256.map(|digest| digest.to_upper_hex()),
        Some(wanted.sha256.clone())
    );
    assert_eq!(
        digests.blake3.map(|digest| digest.to_upper_hex()),
        Some(wanted.blake3.clone())
    );
    assert_eq!(
        digests.crc32.map(|digest| digest.to_upper_hex()),
        Some(wanted.crc32.clone())
    );
    assert_eq!(
        digests.auto_v1.map(|digest| digest.to_upper_hex()),
        wanted.auto_v1
    );
    assert_eq!(
        digests.auto_v2().map(|digest| digest.to_upper_hex()),
        Some(wanted.auto_v2.clone())
    );
    assert_eq!(
        digests,
        hash_file(&world.path(), DigestSet::ALL).expect("hashed")
    );
}

#[tokio::test]
async fn the_right_file_is_left_alone_without_a_request() {
    let world = World::new(MIB).await;
    run(world.transfer()).await.expect("fetched");
    world.sim.log().clear();
    let fetched = run(world.transfer()).await.expect("it is there");
    assert_eq!(
        (fetched.how, fetched.fetched_bytes, fetched.leases),
        (How::Skipped, 0, 0)
    );
    assert_eq!(world.sim.log().entries().len(), 0);
    assert_eq!(world.leases(), 1);
}

#[tokio::test]
async fn another_file_is_never_overwritten_unasked() {
    let world = World::new(MIB).await;
    fs_err::write(world.path(), "mine").expect("written");
    let error = run(world.transfer()).await.expect_err("the name is taken");
    assert!(
        matches!(error.kind(), ErrorKind::Occupied { .. }),
        "{}",
        chain(&error)
    );
    assert_eq!((error.code(), world.leases()), ("io", 0));
    assert_eq!(fs_err::read(world.path()).expect("still there"), b"mine");
    assert_eq!(world.names(), ["model.safetensors"]);
    world.events.lock().expect("no panic").clear();
    let result = run(world.transfer().existing(Existing::Replace)).await;
    world.assert_done(&result);
}

#[tokio::test]
async fn a_file_that_appears_meanwhile_is_not_overwritten() {
    let world = World::new(MIB).await;
    let path = world.path();
    let transfer = world
        .transfer()
        .judge(move |_| Ok(fs_err::write(&path, "mine")?));
    let error = run(transfer).await.expect_err("the name is taken");
    assert!(
        matches!(error.kind(), ErrorKind::Occupied { .. }),
        "{}",
        chain(&error)
    );
    assert_eq!(fs_err::read(world.path()).expect("still there"), b"mine");
}

#[tokio::test]
async fn a_directory_in_the_place_of_the_file_is_a_clear_error() {
    let world = World::new(MIB).await;
    fs_err::create_dir(world.path()).expect("created");
    let error = run(world.transfer())
        .await
        .expect_err("no file can be there");
    assert_eq!(
        (error.code(), world.leases()),
        ("io", 0),
        "{}",
        chain(&error)
    );
    assert_eq!(world.names(), ["model.safetensors"]);
}

#[tokio::test]
async fn nothing_is_asked_for_what_nothing_can_prove() {
    let world = World::new(MIB).await;
    let target = || Target::new(world.path(), "x");
    let error = run(Transfer::new(storage(), world.signing(&[R2]), target()))
        .await
        .expect_err("nothing is promised");
    assert_eq!((error.code(), world.leases()), ("unverified", 0));
    let transfer =
        Transfer::new(storage(), world.signing(&[R2]), target()).unproved(Unproved::Accept);
    let fetched = run(transfer).await.expect("accepted");
    assert_eq!((fetched.verified, fetched.bytes), (Verified::None, MIB));
}

#[tokio::test]
async fn unproved_bytes_must_begin_as_the_name_demands() {
    let world = World::with_content(Content::literal("<html>please log in</html>")).await;
    let target = Target::new(world.path(), "x");
    let transfer =
        Transfer::new(storage(), world.signing(&[R2]), target).unproved(Unproved::Accept);
    let error = run(transfer).await.expect_err("a page");
    assert!(chain(&error).contains("login"), "{}", chain(&error));
    assert_eq!(world.names(), [".quarantine"]);
}

#[tokio::test]
async fn a_wrong_length_is_a_warning_where_a_digest_proves_the_bytes() {
    let world = World::new(3 * MIB).await;
    for promised in [MIB, 9 * MIB] {
        let expected = world.expected().with_bytes(Some(promised));
        let target = Target::new(world.folder.path().join(promised.to_string()), "x")
            .with_expected(expected);
        let fetched = run(Transfer::new(storage(), world.signing(&[R2]), target).retry(quick()))
            .await
            .expect("proved");
        assert!(
            matches!(fetched.warnings[..], [Warning::Size { got, .. }] if got == 3 * MIB),
            "{fetched:?}"
        );
    }
}

#[tokio::test]
async fn wrong_bytes_go_to_quarantine_with_the_reason() {
    let world = World::new(2 * MIB).await;
    let root = tempfile::tempdir_in(world.folder.path()).expect("a folder");
    // The second time brings nothing that was not there.
    for _ in 1..=2 {
        let expected = Expected::default().with_sha256(Some(Digest::new([7; 32])));
        let target = Target::new(world.path(), "civitai:10/100").with_expected(expected);
        let transfer =
            Transfer::new(storage(), world.signing(&[R2]), target).quarantine_root(root.path());
        let error = run(transfer).await.expect_err("the promise does not hold");
        let ErrorKind::Integrity {
            mismatch,
            quarantined,
        } = error.kind()
        else {
            panic!("{}", chain(&error))
        };
        assert_eq!(mismatch.got, world.sha256().to_string());
        assert!(fs_err::read(quarantined).expect("kept") == world.bytes());
        assert!(!world.path().exists());
        let folder = root.path().join(".quarantine").join(&mismatch.got);
        assert_eq!(names(&folder).len(), 2, "{:?}", names(&folder));
        assert_eq!(quarantined.parent(), Some(folder.as_path()));
        let note =
            fs_err::read_to_string(quarantined.with_added_extension("json")).expect("a note");
        assert!(
            note.contains(&mismatch.got) && note.contains("civitai:10/100"),
            "{note}"
        );
    }
    assert_eq!(
        world.names().len(),
        1,
        "no part file is left: {:?}",
        world.names()
    );
}

#[tokio::test]
async fn the_judge_sees_verified_bytes_before_they_have_a_name() {
    let world = World::new(2 * MIB).await;
    let seen = Arc::new(Mutex::new(None));
    let (saw, sha256) = (Arc::clone(&seen), world.sha256());
    let transfer = world.transfer().judge(move |candidate| {
        assert_eq!(candidate.digests.sha256, Some(sha256));
        let there = (candidate.path.exists(), candidate.target.exists());
        *saw.lock().expect("no panic") = Some(there);
        Err("it smells".into())
    });
    let error = run(transfer).await.expect_err("refused");
    assert_eq!(
        (error.code(), chain(&error).contains("it smells")),
        ("unsafe_content", true)
    );
    assert_eq!(*seen.lock().expect("no panic"), Some((true, false)));
    assert_eq!(world.names(), [".quarantine"]);
    world.assert_events();
}

#[tokio::test]
async fn a_judge_that_cannot_work_refuses_nothing() {
    let world = World::new(16 * MIB).await;
    let transfer = world
        .transfer()
        .judge(|_| Err(std::io::Error::from(std::io::ErrorKind::StorageFull).into()));
    let error = run(transfer).await.expect_err("not judged");
    assert_eq!(error.code(), "no_space", "{}", chain(&error));
    assert_eq!(
        world.names(),
        ["model.safetensors.part", "model.safetensors.part.json"]
    );
    let fetched = run(world.transfer()).await.expect("judged by nobody");
    assert_eq!(fetched.fetched_bytes, 0);
}

#[tokio::test]
async fn what_could_not_be_recorded_is_recorded_by_the_next_run_without_a_request() {
    let world = World::new(2 * MIB).await;
    let calls = Arc::new(AtomicUsize::new(0));
    let record = |fails: bool| {
        let calls = Arc::clone(&calls);
        move |candidate: &civitai_download::Candidate<'_>| {
            assert!(candidate.path == candidate.target && candidate.path.exists());
            calls.fetch_add(1, Ordering::SeqCst);
            if fails {
                Err("the catalogue is locked".into())
            } else {
                Ok(())
            }
        }
    };
    let error = run(world.transfer().record(record(true)))
        .await
        .expect_err("not recorded");
    assert!(
        chain(&error).contains("the catalogue is locked"),
        "{}",
        chain(&error)
    );
    assert_eq!(
        world.names(),
        ["model.safetensors", "model.safetensors.part.json"]
    );
    world.sim.log().clear();
    world.events.lock().expect("no panic").clear();
    let result = run(world.transfer().record(record(false))).await;
    world.assert_recovered(&result);
    assert_eq!(
        (
            calls.load(Ordering::SeqCst),
            world.sim.log().entries().len()
        ),
        (2, 0)
    );
    run(world.transfer().record(record(false)))
        .await
        .expect("it is there");
    assert_eq!(
        calls.load(Ordering::SeqCst),
        2,
        "what is recorded is not recorded again"
    );
}

#[tokio::test]
async fn a_file_that_cannot_fit_is_refused_before_any_request() {
    let world = World::new(MIB).await;
    let expected = world.expected().with_bytes(Some(1 << 60));
    let target = Target::new(world.path(), "x").with_expected(expected);
    let error = run(Transfer::new(storage(), world.signing(&[R2]), target))
        .await
        .expect_err("an exbibyte");
    let ErrorKind::NoSpace {
        needed,
        available: Some(available),
        ..
    } = error.kind()
    else {
        panic!("{}", chain(&error))
    };
    assert!(*needed == 1 << 60 && available < needed);
    assert_eq!((error.code(), world.leases()), ("no_space", 0));
    assert_eq!(world.names(), Vec::<String>::new());
}

#[tokio::test]
async fn two_transfers_of_one_target_do_not_meet() {
    let world = World::new(2 * MIB).await;
    let (path, source) = (world.path(), world.signing(&[R2]));
    let expected = world.expected();
    let handle = tokio::runtime::Handle::current();
    let second = Arc::new(Mutex::new(None));
    let result = Arc::clone(&second);
    // While the first is at its judge, its journal is locked.
    let transfer = world.transfer().judge(move |_| {
        let target = Target::new(&path, "civitai:10/100").with_expected(expected.clone());
        let other = Transfer::new(storage(), Arc::clone(&source), target);
        let ended = handle.block_on(run(other));
        *result.lock().expect("no panic") = Some(ended);
        Ok(())
    });
    let first = run(transfer).await;
    world.assert_done(&first);
    let second = second
        .lock()
        .expect("no panic")
        .take()
        .expect("the judge ran");
    let error = second.expect_err("the first has the lock");
    assert!(
        matches!(error.kind(), ErrorKind::Locked { .. }),
        "{}",
        chain(&error)
    );
    assert_eq!(error.code(), "locked");
}

/// A volume of 8 MiB.
struct Small {
    mount: tempfile::TempDir,
}

impl Small {
    /// `None` where this user may not mount one. For root it must work.
    #[expect(clippy::print_stderr, reason = "a skipped test says so")]
    fn mount() -> Option<Self> {
        let mount = tempfile::tempdir().expect("a folder");
        let output = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"])
            .arg(mount.path())
            .output()
            .expect("mount is installed");
        let said = String::from_utf8_lossy(&output.stderr);
        if output.status.success() {
            return Some(Self { mount });
        }
        assert!(
            !rustix::process::geteuid().is_root() || is_confined(),
            "root cannot mount a volume: {said}"
        );
        eprintln!("skipped: a volume cannot be mounted: {said}");
        None
    }
}

/// Root in a container without the capability to mount.
fn is_confined() -> bool {
    const CAP_SYS_ADMIN: u32 = 21;
    let status = fs_err::read_to_string("/proc/self/status").expect("Linux");
    let effective = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .expect("a mask");
    effective >> CAP_SYS_ADMIN & 1 == 0
}

impl Drop for Small {
    fn drop(&mut self) {
        // A mount that stays is removed with its namespace.
        let _ = Command::new("umount")
            .arg("-l")
            .arg(self.mount.path())
            .status();
    }
}

#[tokio::test]
async fn a_disk_that_fills_up_on_the_way_keeps_what_it_has() {
    let Some(small) = Small::mount() else { return };
    let world = World::new(6 * MIB).await;
    // Without a length nothing can be reserved, so the disk is full only when it is.
    world.sim.faults().add(Knob::NoRange);
    world.sim.faults().add(Knob::NoLength);
    let other = small.mount.path().join("other");
    fs_err::write(&other, vec![1; usize::try_from(4 * MIB).expect("small")]).expect("it fits");
    let path = small.mount.path().join("model.safetensors");
    let expected = Expected::default().with_sha256(Some(world.sha256()));
    let target = || Target::new(&path, "x").with_expected(expected.clone());
    let error = run(Transfer::new(storage(), world.signing(&[R2]), target()))
        .await
        .expect_err("it does not fit");
    assert_eq!(error.code(), "no_space", "{}", chain(&error));
    assert_eq!(
        names(small.mount.path()),
        [
            "model.safetensors.part",
            "model.safetensors.part.json",
            "other"
        ]
    );
    fs_err::remove_file(other).expect("removed");
    world.sim.faults().clear();
    let fetched = run(Transfer::new(storage(), world.signing(&[R2]), target()))
        .await
        .expect("it fits now");
    assert_eq!(fetched.how, How::Resumed);
    assert!(fs_err::read(&path).expect("there") == world.bytes());
}

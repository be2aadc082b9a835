//! What a stopped transfer leaves, and how the next one goes on.
//!
//! The kills are real: a second process of this test binary fetches, says on its standard output how far it is, and is
//! ended by SIGKILL.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use civitai_download::{
    Connections, ErrorKind, Event, Expected, How, Obstacle, Redirects, Standing, Target, Transfer,
    Wait,
};
use civitai_sim::fault::{Knob, Offset};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::world::{MIB, R2, World, chain, run, storage};

const LEN: u64 = 48 * MIB;

/// Ends the process with its owner.
struct Killed(Child);

impl Killed {
    /// Starts [`child`] on the world's file. It stops for good at `stop`: `judge` or `record`.
    fn start(world: &World, stop: &str) -> Self {
        let url = world.sim.sign(R2).expect("the file is known");
        let child = Command::new(std::env::current_exe().expect("this binary"))
            .args(["--exact", "resume::child", "--ignored", "--nocapture"])
            .env(CHILD_URL, url.as_str())
            .env(CHILD_PATH, world.path())
            .env(CHILD_SHA256, world.sha256().to_string())
            .env(CHILD_STOP, stop)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the child starts");
        Self(child)
    }

    /// Reads what the child says until `wanted` accepts a line.
    fn wait_for(&mut self, wanted: impl Fn(&str) -> bool) {
        let stdout = self.0.stdout.take().expect("it is piped");
        let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
        assert!(lines.any(|line| wanted(&line)), "the child ended early");
    }

    fn kill(mut self) {
        self.0.kill().expect("it runs");
        self.0.wait().expect("it ends");
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have been killed on purpose.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const CHILD_URL: &str = "CHILD_URL";
const CHILD_PATH: &str = "CHILD_PATH";
const CHILD_SHA256: &str = "CHILD_SHA256";
const CHILD_STOP: &str = "CHILD_STOP";

#[tokio::test]
#[ignore = "the other half of the tests that kill a process"]
async fn child() {
    let Ok(url) = std::env::var(CHILD_URL) else {
        eprintln!("skipped: no parent to fetch for");
        return;
    };
    let variable = |name| std::env::var(name).expect("set by the parent");
    let sha256 = variable(CHILD_SHA256).parse().expect("hex");
    let expected = Expected::default()
        .with_sha256(Some(sha256))
        .with_bytes(Some(LEN));
    let target = Target::new(variable(CHILD_PATH), "civitai:10/100").with_expected(expected);
    let source = Arc::new(Redirects::new(Url::parse(&url).expect("a URL")));
    let stop = variable(CHILD_STOP);
    let say = |line: String| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{line}")
            .and_then(|()| out.flush())
            .expect("the parent listens");
    };
    let stop_at = move |place: &'static str| {
        let stop = stop.clone();
        move || {
            if stop == place {
                say(place.to_owned());
                // Until the kill.
                loop {
                    std::thread::park();
                }
            }
        }
    };
    let (judge, record) = (stop_at("judge"), stop_at("record"));
    let transfer = Transfer::new(storage(), source, target)
        .connections(Connections::AtMost(4))
        .judge(move |_| {
            judge();
            Ok(())
        })
        .record(move |_| {
            record();
            Ok(())
        })
        .events(move |event| {
            if let Event::Progress { bytes, .. } = event {
                say(format!("bytes {bytes}"));
            }
        });
    transfer
        .run(CancellationToken::new())
        .await
        .expect("fetched");
}

fn has_bytes(line: &str, least: u64) -> bool {
    line.strip_prefix("bytes ")
        .and_then(|bytes| bytes.parse().ok())
        .is_some_and(|bytes: u64| bytes >= least)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_transfer_goes_on_where_it_was() {
    let world = World::new(LEN).await;
    stall_after_two_thirds(&world);
    let mut child = Killed::start(&world, "");
    child.wait_for(|line| has_bytes(line, 30 * MIB));
    child.kill();
    assert_eq!(
        world.names(),
        ["model.safetensors.part", "model.safetensors.part.json"]
    );
    world.sim.faults().clear();
    let result = run(world.transfer()).await;
    world.assert_done(&result);
    let fetched = result.expect("checked above");
    assert_eq!(fetched.how, How::Resumed);
    assert!(
        fetched.resumed_bytes >= 30 * MIB && fetched.fetched_bytes <= 18 * MIB,
        "{fetched:?}"
    );
    assert_eq!(
        fetched.resumed_bytes + fetched.fetched_bytes,
        LEN,
        "every byte was fetched once"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_kills_in_a_row_lose_little_and_fake_nothing() {
    let world = World::new(LEN).await;
    world.sim.faults().add(Knob::Throttle {
        bytes_per_second: 24 * MIB,
    });
    for step in 1..=5 {
        let mut child = Killed::start(&world, "");
        child.wait_for(|line| has_bytes(line, step * 7 * MIB));
        child.kill();
        assert!(!world.path().exists());
    }
    world.sim.faults().clear();
    let result = run(world.transfer()).await;
    world.assert_done(&result);
    let fetched = result.expect("checked above");
    assert!(fetched.resumed_bytes >= 35 * MIB, "{fetched:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_after_the_last_byte_it_needs_no_request() {
    let world = World::new(LEN).await;
    let mut child = Killed::start(&world, "judge");
    child.wait_for(|line| line == "judge");
    // While the child lives, its target is its own.
    let error = run(world.transfer())
        .await
        .expect_err("the child has the lock");
    assert!(
        matches!(error.kind(), ErrorKind::Locked { holder, .. } if *holder == Some(child.0.id())),
        "{}",
        chain(&error)
    );
    world.events.lock().expect("no panic").clear();
    child.kill();
    assert!(!world.path().exists());
    world.sim.log().clear();
    let result = run(world.transfer()).await;
    world.assert_done(&result);
    assert_eq!(
        (
            result.expect("checked above").leases,
            world.sim.log().entries().len()
        ),
        (0, 0)
    );
}

/// A transfer that waits, and says on the channel whom it waits for.
fn waiting(world: &World) -> (Transfer, tokio::sync::mpsc::UnboundedReceiver<Option<u32>>) {
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    let events = Arc::clone(&world.events);
    let transfer = world.transfer().wait(Wait::UntilFree).events(move |event| {
        if let Event::Waiting { holder } = event {
            sender.send(holder).expect("the test listens");
        } else {
            events.lock().expect("no panic").push(event);
        }
    });
    (transfer, receiver)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_another_process_is_told_for_whom_and_takes_up_what_it_leaves() {
    let world = World::new(LEN).await;
    let mut child = Killed::start(&world, "judge");
    child.wait_for(|line| line == "judge");
    let (transfer, mut told) = waiting(&world);
    let running = tokio::spawn(run(transfer));
    assert_eq!(told.recv().await, Some(Some(child.0.id())));
    child.kill();
    let result = running.await.expect("no panic");
    world.assert_done(&result);
    assert_eq!(result.expect("checked above").how, How::Resumed);
    assert_eq!(told.recv().await, None, "it is told once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_can_be_given_up() {
    let world = World::new(LEN).await;
    let mut child = Killed::start(&world, "judge");
    child.wait_for(|line| line == "judge");
    let (transfer, mut told) = waiting(&world);
    let cancel = CancellationToken::new();
    let running = tokio::spawn(transfer.run(cancel.clone()));
    assert!(told.recv().await.is_some());
    cancel.cancel();
    let error = running
        .await
        .expect("no panic")
        .expect_err("nobody let it begin");
    assert_eq!(error.code(), "interrupted");
    assert_eq!(
        world.events.lock().expect("no panic").as_slice(),
        [Event::Cancelled]
    );
    child.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_after_the_rename_it_is_recorded_by_the_next_run() {
    let world = World::new(LEN).await;
    let mut child = Killed::start(&world, "record");
    child.wait_for(|line| line == "record");
    child.kill();
    assert_eq!(
        world.names(),
        ["model.safetensors", "model.safetensors.part.json"]
    );
    world.sim.log().clear();
    let recorded = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&recorded);
    let transfer = world.transfer().record(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        Ok(())
    });
    let result = run(transfer).await;
    world.assert_recovered(&result);
    assert_eq!(
        (
            recorded.load(Ordering::SeqCst),
            world.sim.log().entries().len()
        ),
        (1, 0)
    );
}

/// Past 32 MiB, whoever replaces a stalled connection stalls within a MiB: what interrupts comes in the middle.
fn stall_after_two_thirds(world: &World) {
    for offset in 32..LEN / MIB {
        world.sim.faults().add(Knob::StallAt {
            offset: Offset::At(offset * MIB),
            duration: Duration::from_hours(1),
        });
    }
}

#[tokio::test]
async fn a_journal_that_lost_its_text_beside_a_finished_file_is_cleared_away() {
    let world = World::new(MIB).await;
    fs_err::write(world.path(), world.bytes()).expect("written");
    let journal = world.path().with_added_extension("part.json");
    fs_err::write(&journal, []).expect("written");
    let look = world.transfer();
    let standing = tokio::task::spawn_blocking(move || look.look()).await;
    let standing = standing.expect("no panic").expect("it can be seen");
    assert_eq!(standing, Standing::Partial, "there is something left to do");
    let result = run(world.transfer()).await;
    world.assert_recovered(&result);
    assert_eq!(result.expect("checked above").how, How::Skipped);
}

/// Fetches until 24 MiB are there, then cancels.
async fn cancelled(world: &World) {
    stall_after_two_thirds(world);
    let cancel = CancellationToken::new();
    let (token, events) = (cancel.clone(), Arc::clone(&world.events));
    let transfer = world
        .transfer()
        .connections(Connections::AtMost(4))
        .events(move |event| {
            events.lock().expect("no panic").push(event);
            if matches!(event, Event::Progress { bytes, .. } if bytes >= 24 * MIB) {
                token.cancel();
            }
        });
    let error = transfer.run(cancel).await.expect_err("cancelled");
    assert_eq!((error.code(), error.is_transient()), ("interrupted", true));
    world.assert_events();
    assert_eq!(
        world.events.lock().expect("no panic").pop(),
        Some(Event::Cancelled)
    );
    world.events.lock().expect("no panic").clear();
    world.sim.faults().clear();
}

#[tokio::test]
async fn a_cancelled_transfer_keeps_what_it_has() {
    let world = World::new(LEN).await;
    cancelled(&world).await;
    let result = run(world.transfer()).await;
    world.assert_done(&result);
    let fetched = result.expect("checked above");
    assert!(
        fetched.how == How::Resumed && fetched.resumed_bytes >= 24 * MIB,
        "{fetched:?}"
    );
}

#[tokio::test]
async fn a_resumed_transfer_notices_that_the_content_changed_meanwhile() {
    let world = World::new(LEN).await;
    cancelled(&world).await;
    world.sim.faults().add(Knob::EtagChange);
    let result = run(world.transfer()).await;
    world.assert_done(&result);
    assert!(
        result.expect("checked above").fetched_bytes >= LEN,
        "old and new were mixed"
    );
}

#[tokio::test]
async fn another_identity_or_promise_takes_nothing_up() {
    let world = World::new(LEN).await;
    cancelled(&world).await;
    let target = Target::new(world.path(), "civitai:10/101").with_expected(world.expected());
    let transfer = Transfer::new(storage(), world.signing(&[R2]), target);
    let fetched = run(transfer).await.expect("fetched");
    assert_eq!((fetched.how, fetched.bytes), (How::Downloaded, LEN));
    assert_eq!(world.names(), ["model.safetensors"]);
}

#[tokio::test]
async fn a_part_file_without_its_journal_is_not_believed() {
    let world = World::new(MIB).await;
    fs_err::write(
        world.path().with_added_extension("part"),
        vec![0xee; 1 << 20],
    )
    .expect("written");
    let result = run(world.transfer()).await;
    world.assert_done(&result);
    assert_eq!(result.expect("checked above").how, How::Downloaded);
}

#[tokio::test]
async fn a_torn_journal_costs_only_what_it_no_longer_says() {
    let world = World::new(LEN).await;
    let journal = world.path().with_added_extension("part.json");
    for keep in [1.0, 0.9, 0.5, 0.1, 0.0] {
        cancelled(&world).await;
        let text = fs_err::read(&journal).expect("a journal");
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a cut anywhere will do"
        )]
        let cut = (text.len() as f64 * keep) as usize;
        let mut torn = text[..cut].to_vec();
        torn.extend_from_slice(b"{\"wrote\":{\"start\":0,\"end\":503");
        fs_err::write(&journal, if keep == 0.0 { &[][..] } else { &torn }).expect("written");
        let result = run(world.transfer()).await;
        world.assert_done(&result);
        let resumed = result.expect("checked above").resumed_bytes;
        if cut == text.len() {
            assert!(resumed >= 24 * MIB, "the torn line cost whole ones");
        }
        fs_err::remove_file(world.path()).expect("removed");
        world.events.lock().expect("no panic").clear();
    }
}

#[tokio::test]
async fn a_damaged_or_foreign_journal_is_refused_and_nothing_is_lost() {
    let world = World::new(LEN).await;
    cancelled(&world).await;
    let journal = world.path().with_added_extension("part.json");
    let text = fs_err::read_to_string(&journal).expect("a journal");
    let (part, before) = (
        world.path().with_added_extension("part"),
        Mutex::new(Vec::new()),
    );
    *before.lock().expect("no panic") = fs_err::read(&part).expect("a part");
    for damaged in [
        text.replacen("civitai", "Civitai", 1),
        "{\"some\":\"other tool's file\"}\n".to_owned(),
    ] {
        fs_err::write(&journal, &damaged).expect("written");
        let error = run(world.transfer()).await.expect_err("not ours to read");
        assert!(
            matches!(error.kind(), ErrorKind::Journal { .. }),
            "{}",
            chain(&error)
        );
        assert_eq!((error.code(), error.hint().is_some()), ("io", true));
        assert_eq!(fs_err::read_to_string(&journal).expect("kept"), damaged);
    }
    assert!(fs_err::read(&part).expect("kept") == *before.lock().expect("no panic"));
}

#[tokio::test]
async fn dropping_a_transfer_is_no_worse_than_a_kill() {
    let world = World::new(LEN).await;
    stall_after_two_thirds(&world);
    let reached = Arc::new(tokio::sync::Notify::new());
    let notify = Arc::clone(&reached);
    let transfer = world
        .transfer()
        .connections(Connections::AtMost(4))
        .events(move |event| {
            if matches!(event, Event::Progress { bytes, .. } if bytes >= 24 * MIB) {
                notify.notify_one();
            }
        });
    tokio::select! {
        _ = transfer.run(CancellationToken::new()) => panic!("it cannot end"),
        () = reached.notified() => {}
    }
    world.sim.faults().clear();
    let result = loop {
        match run(world.transfer()).await {
            // What was dropped is still being taken apart.
            Err(error) if matches!(error.kind(), ErrorKind::Locked { .. }) => {
                tokio::task::yield_now().await;
            }
            result => break result,
        }
    };
    world.assert_recovered(&result);
    assert!(result.expect("checked above").resumed_bytes >= 24 * MIB);
}

#[tokio::test]
async fn what_is_no_file_is_named_and_left_alone() {
    for suffix in ["", ".part", ".part.json"] {
        let world = World::new(MIB).await;
        let place = world
            .folder
            .path()
            .join(format!("model.safetensors{suffix}"));
        fs_err::create_dir(&place).expect("created");
        fs_err::write(place.join("mine"), "mine").expect("written");
        let error = run(world.transfer()).await.expect_err("there is no room");
        assert!(
            matches!(error.kind(), ErrorKind::InTheWay { path, obstacle: Obstacle::Directory } if *path == place),
            "{}",
            chain(&error)
        );
        assert_eq!((error.code(), error.hint().is_some()), ("io", true));
        assert_eq!(fs_err::read(place.join("mine")).expect("kept"), b"mine");
        assert_eq!(world.leases(), 0, "nothing was asked for");
    }
}

#[tokio::test]
async fn a_link_in_the_place_of_the_part_file_is_not_followed() {
    let world = World::new(LEN).await;
    let part = world.path().with_added_extension("part");
    let aim = world.folder.path().join("aim");
    fs_err::write(&aim, "untouched").expect("written");
    std::os::unix::fs::symlink(&aim, &part).expect("linked");
    let result = run(world.transfer()).await;
    assert!(result.is_ok(), "a link that nobody vouches for is replaced");
    fs_err::remove_file(world.path()).expect("removed");
    // With a journal that vouches for a part file, it is somebody's trick or mistake.
    world.events.lock().expect("no panic").clear();
    cancelled(&world).await;
    fs_err::remove_file(&part).expect("removed");
    std::os::unix::fs::symlink(&aim, &part).expect("linked");
    let error = run(world.transfer()).await.expect_err("not ours");
    assert!(
        matches!(
            error.kind(),
            ErrorKind::InTheWay {
                obstacle: Obstacle::Link,
                ..
            }
        ),
        "{}",
        chain(&error)
    );
    assert_eq!(fs_err::read(&aim).expect("kept"), b"untouched");
}

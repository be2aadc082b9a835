//! Every way in which the simulator's storage can misbehave.

use std::time::Duration;

use civitai_download::{Connections, Error, ErrorKind, Fetched, Page, Patience, Transfer};
use civitai_sim::fault::{Disposition, Expiry, Fault, Knob, Offset, Scope};

use crate::world::{B2, MIB, R2, World, chain, run};

const LEN: u64 = 24 * MIB;

/// A fetch of 24 MiB over four connections from a storage with these faults.
async fn with(faults: Vec<Fault>) -> (World, Result<Fetched, Error>) {
    let world = World::new(LEN).await;
    for fault in faults {
        world.sim.faults().add(fault);
    }
    let result = run(world
        .transfer()
        .connections(Connections::AtMost(4))
        .patience(impatient()))
    .await;
    (world, result)
}

fn impatient() -> Patience {
    let mut patience = Patience::default();
    patience.idle = Duration::from_millis(400);
    patience.headers = Duration::from_millis(1500);
    patience
}

fn always(knob: Knob) -> Vec<Fault> {
    vec![knob.into()]
}

fn once(knob: Knob) -> Vec<Fault> {
    times(1, knob)
}

fn times(count: u64, knob: Knob) -> Vec<Fault> {
    vec![knob.within(Scope::storage().times(count))]
}

fn status(code: u16, headers: &[(&str, &str)], body: &str) -> Knob {
    let headers = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Knob::Status {
        code,
        headers,
        body: body.to_owned(),
    }
}

#[tokio::test]
async fn passing_faults_cost_neither_the_file_nor_many_bytes() {
    let at = |offset| Offset::At(offset);
    let stall = |offset| Knob::StallAt {
        offset,
        duration: Duration::from_secs(3),
    };
    let cases: Vec<(&str, Vec<Fault>)> = vec![
        ("500 twice", times(2, status(500, &[], "oops"))),
        ("502", once(status(502, &[], ""))),
        (
            "503 that asks to wait",
            once(status(503, &[("Retry-After", "0")], "")),
        ),
        ("504", once(status(504, &[], ""))),
        (
            "520",
            once(status(
                520,
                &[("Content-Type", "text/html")],
                "<html>cloudflare</html>",
            )),
        ),
        ("524", once(status(524, &[], ""))),
        (
            "429 with a date",
            once(status(
                429,
                &[("Retry-After", "Wed, 21 Oct 2015 07:28:00 GMT")],
                "",
            )),
        ),
        (
            "429 with garbage",
            once(status(429, &[("Retry-After", "soon")], "")),
        ),
        ("a page once", once(Knob::HtmlInstead)),
        ("gzip once", once(Knob::GzipFile)),
        (
            "resets",
            times(
                6,
                Knob::ResetAt {
                    offset: Offset::Random,
                },
            ),
        ),
        (
            "a reset at the first byte",
            once(Knob::ResetAt { offset: at(0) }),
        ),
        (
            "early ends",
            times(
                6,
                Knob::FinAt {
                    offset: Offset::Random,
                },
            ),
        ),
        ("stalls", times(2, stall(Offset::After(MIB)))),
        (
            "latency",
            always(Knob::Latency {
                duration: Duration::from_millis(30),
            }),
        ),
        (
            "slow headers",
            times(
                2,
                Knob::SlowHeaders {
                    duration: Duration::from_millis(100),
                },
            ),
        ),
        ("a short body", once(Knob::Truncate { bytes: MIB })),
        ("a length too large", once(Knob::WrongLength { by: 1000 })),
        ("a length too small", once(Knob::WrongLength { by: -1000 })),
        ("no length", always(Knob::NoLength)),
        (
            "a range beside the point once",
            once(Knob::RangeOffBy { bytes: 7 }),
        ),
        ("a refused range once", once(Knob::Range416)),
        ("several parts once", once(Knob::MultipartRange)),
        (
            "no file name",
            always(Knob::BadDisposition(Disposition::Traversal)),
        ),
    ];
    for (name, faults) in cases {
        let (world, result) = with(faults).await;
        assert!(
            result.is_ok(),
            "{name}: {}",
            result
                .as_ref()
                .map_or_else(|error| chain(error), |_| String::new())
        );
        world.assert_done(&result);
        assert_eq!(world.leases(), 1, "{name}");
        let hits: u64 = world
            .sim
            .faults()
            .list()
            .iter()
            .map(|standing| standing.hits)
            .sum();
        assert!(hits > 0, "{name} never happened");
    }
}

#[tokio::test]
async fn what_stays_wrong_with_ranges_ends_in_one_stream() {
    for knob in [
        Knob::NoRange,
        Knob::RangeOffBy { bytes: 1 },
        Knob::RangeOffBy { bytes: -1 },
        Knob::Range416,
        Knob::MultipartRange,
    ] {
        let (world, result) = with(always(knob.clone())).await;
        assert!(
            result.is_ok(),
            "{knob:?}: {}",
            result
                .as_ref()
                .map_or_else(|error| chain(error), |_| String::new())
        );
        world.assert_done(&result);
        assert_eq!(result.expect("checked above").connections, 1, "{knob:?}");
    }
}

#[tokio::test]
async fn a_stream_without_ranges_begins_again_after_a_reset() {
    let mut faults = always(Knob::NoRange);
    faults.extend(times(
        2,
        Knob::ResetAt {
            offset: Offset::After(4 * MIB),
        },
    ));
    let (world, result) = with(faults).await;
    world.assert_done(&result);
}

#[tokio::test]
async fn wrong_bytes_never_get_the_name() {
    for knob in [
        Knob::Corrupt {
            offset: Offset::At(5 * MIB),
            xor: 1,
        },
        Knob::SwapFile,
        Knob::Prepend {
            text: "hello".to_owned(),
        },
    ] {
        let (world, result) = with(always(knob.clone())).await;
        match result {
            Ok(_) => assert!(matches!(knob, Knob::SwapFile), "{knob:?} was not noticed"),
            Err(error) => {
                assert_eq!(error.code(), "integrity", "{knob:?}: {}", chain(&error));
                assert_eq!(world.names(), [".quarantine"], "{knob:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_page_that_stays_is_named() {
    let (world, result) = with(always(Knob::HtmlInstead)).await;
    let error = result.expect_err("a page is not a file");
    assert!(
        matches!(error.kind(), ErrorKind::NotAFile { .. }),
        "{}",
        chain(&error)
    );
    assert_eq!(
        world.names(),
        Vec::<String>::new(),
        "nothing worth keeping is kept"
    );
    let (_, result) = with(always(Knob::GzipFile)).await;
    let error = result.expect_err("an encoded file is not the file");
    assert!(
        matches!(
            error.kind(),
            ErrorKind::NotAFile {
                page: Page::Encoded { .. },
                ..
            }
        ),
        "{}",
        chain(&error)
    );
}

#[tokio::test]
async fn replaced_content_is_never_mixed_with_the_old() {
    let world = World::new(LEN).await;
    world
        .sim
        .faults()
        .add(Knob::ContentChange.within(Scope::storage().attempts(3..=u64::MAX)));
    let error = run(world.transfer().connections(Connections::AtMost(4)))
        .await
        .expect_err("other bytes");
    let ErrorKind::Integrity { mismatch, .. } = error.kind() else {
        panic!("{}", chain(&error))
    };
    assert_eq!(
        mismatch.got,
        world
            .content
            .replaced()
            .digests()
            .sha256
            .to_ascii_lowercase(),
        "old and new are mixed"
    );
}

#[tokio::test]
async fn a_new_entity_tag_begins_the_file_again() {
    let world = World::new(LEN).await;
    world
        .sim
        .faults()
        .add(Knob::EtagChange.within(Scope::storage().attempts(3..=u64::MAX)));
    let result = run(world.transfer().connections(Connections::AtMost(4))).await;
    world.assert_done(&result);
    assert!(world.served() > LEN, "nothing was begun again");
}

#[tokio::test]
async fn each_expiry_costs_one_lease() {
    for cut in [false, true] {
        let (world, result) = with(always(Knob::ExpireUrl {
            after: Expiry::Bytes(9 * MIB),
            cut,
        }))
        .await;
        assert!(
            result.is_ok(),
            "cut {cut}: {}",
            result
                .as_ref()
                .map_or_else(|error| chain(error), |_| String::new())
        );
        world.assert_done(&result);
        let leases = world.leases();
        assert!(
            (2..=3).contains(&leases),
            "{leases} leases for 24 MiB at 9 MiB each"
        );
        assert_eq!(result.expect("checked above").leases as usize, leases);
    }
}

#[tokio::test]
async fn the_stores_may_take_turns() {
    let world = World::new(LEN).await;
    world.sim.faults().add(Knob::ExpireUrl {
        after: Expiry::Bytes(7 * MIB),
        cut: true,
    });
    let transfer = world
        .transfer_from(world.signing(&[R2, B2]))
        .connections(Connections::AtMost(4));
    let result = run(transfer).await;
    world.assert_done(&result);
    assert!(world.leases() >= 2);
    world.assert_waste(1.3);
}

#[tokio::test]
async fn addresses_that_are_always_refused_are_given_up() {
    let (world, result) = with(always(status(
        403,
        &[("Content-Type", "text/html")],
        "<html>blocked</html>",
    )))
    .await;
    let error = result.expect_err("no address works");
    assert!(
        matches!(error.kind(), ErrorKind::LeaseRefused { status: 403, .. }),
        "{}",
        chain(&error)
    );
    assert_eq!(error.code(), "storage_outage");
    assert_eq!(world.leases(), 4, "the first and three renewals");
}

#[tokio::test]
async fn permanent_answers_end_it_at_once() {
    for (code, word) in [
        (404, "not_found"),
        (451, "region_blocked"),
        (400, "usage"),
        (405, "server"),
    ] {
        let (world, result) = with(always(status(code, &[], "token=abc no"))).await;
        let error = result.expect_err("a permanent answer");
        assert_eq!(
            (error.code(), error.is_transient()),
            (word, false),
            "{code}"
        );
        assert_eq!(world.sim.log().entries().len(), 1, "{code}");
        assert!(!chain(&error).contains("abc"), "{}", chain(&error));
    }
}

#[tokio::test]
async fn a_server_that_stays_down_uses_up_the_budget() {
    let (world, result) = with(always(status(500, &[], "down"))).await;
    let error = result.expect_err("it is down");
    assert_eq!(
        (error.code(), error.is_transient(), error.retries()),
        ("server", true, 5)
    );
    assert_eq!(world.sim.log().entries().len(), 6);
    let (_, result) = with(always(status(503, &[("Retry-After", "3600")], ""))).await;
    let error = result.expect_err("an hour is too long");
    assert_eq!(
        (error.code(), error.retry_after()),
        ("rate_limited", Some(Duration::from_hours(1)))
    );
}

#[tokio::test]
async fn a_limit_on_connections_is_kept_to() {
    for refusal in [429, 503] {
        let (world, result) = with(always(Knob::RejectParallel {
            limit: 2,
            status: refusal,
        }))
        .await;
        world.assert_done(&result);
        assert_eq!(result.expect("checked above").leases, 1);
        let entries = world.sim.log().entries();
        let refused = entries.iter().filter(|entry| entry.status == refusal);
        // Each connection too many may ask once; what the kernel holds already no longer counts for the server.
        let refused = refused.count();
        assert!(refused <= 4, "{refused} were refused");
        world.assert_waste(1.3);
    }
}

#[tokio::test]
async fn a_slow_drip_is_not_waited_for() {
    let world = World::new(MIB).await;
    world.sim.faults().add(Knob::Throttle {
        bytes_per_second: 2000,
    });
    let mut patience = Patience::default();
    patience.window = Duration::from_millis(300);
    patience.window_bytes = 100_000;
    let mut retry = crate::world::quick();
    retry.retries = 1;
    let error = run(world.transfer().patience(patience).retry(retry))
        .await
        .expect_err("too slow");
    assert!(
        matches!(error.kind(), ErrorKind::Timeout { .. }),
        "{}",
        chain(&error)
    );
    assert_eq!(error.code(), "timeout");
}

/// Everything at once, and still each byte is served about once.
#[tokio::test]
async fn a_get_over_many_faults_is_right_and_wastes_little() {
    // What is on its way when a connection breaks is lost, and on loopback the kernel holds megabytes of it: only a
    // large file shows what the transfer itself wastes.
    let size = 1024 * MIB;
    let world = World::new(size).await;
    let storage = Scope::storage;
    let faults = world.sim.faults();
    faults.add(
        Knob::ResetAt {
            offset: Offset::Random,
        }
        .within(storage().times(4)),
    );
    faults.add(
        Knob::StallAt {
            offset: Offset::Random,
            duration: Duration::from_secs(5),
        }
        .within(storage().attempts(6..=7)),
    );
    faults.add(Knob::ExpireUrl {
        after: Expiry::Bytes(size * 3 / 5),
        cut: false,
    });
    let transfer: Transfer = world
        .transfer_from(world.signing(&[R2, B2]))
        .patience(impatient());
    let result = run(transfer).await;
    world.assert_done(&result);
    let renewals = world
        .sim
        .log()
        .entries()
        .iter()
        .filter(|entry| entry.status == 403 || entry.status == 401)
        .count();
    assert!(renewals >= 1, "nothing expired");
    assert_eq!(world.leases(), 2, "one lease and one for the expiry");
    world.assert_waste(1.05);
}

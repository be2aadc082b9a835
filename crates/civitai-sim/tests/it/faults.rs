//! Every knob, seen on the wire.

mod bodies;
mod json;
mod leases;
mod objects;
mod refusals;

use std::collections::BTreeSet;
use std::time::Duration;

use civitai_sim::fault::{Disposition, Expiry, Knob, Offset, Outage, Scope};

use crate::world::{R2, fetch, start};

#[tokio::test]
async fn a_scope_picks_the_attempts_of_one_file() {
    let sim = start().await;
    let failing = Knob::Status {
        code: 503,
        headers: Vec::new(),
        body: String::new(),
    };
    sim.faults()
        .add(failing.within(Scope::storage().file(R2).attempts(2..=3)));
    let url = sim.sign(R2).unwrap();
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(fetch(&url, &[]).await.status());
    }
    assert_eq!(statuses, [200, 503, 503, 200]);
    assert_eq!(
        fetch(&sim.sign(crate::world::B2).unwrap(), &[])
            .await
            .status(),
        200
    );
    assert_eq!(sim.log().entries()[1].faults, ["status"]);
    assert_eq!(sim.faults().list()[0].hits, 2);
}

#[test]
fn knobs_survive_json() {
    let duration = Duration::from_millis(7);
    let offset = Offset::At(3);
    let knobs = [
        Knob::BackendFlip,
        Knob::BadDisposition(Disposition::Traversal),
        Knob::BadTarget(Outage::DnsFail),
        Knob::ContentChange,
        Knob::Corrupt {
            offset: Offset::Random,
            xor: 255,
        },
        Knob::CursorLoop,
        Knob::DupItems,
        Knob::EmptyPage,
        Knob::EtagChange,
        Knob::ExpireUrl {
            after: Expiry::Elapsed(duration),
            cut: true,
        },
        Knob::FinAt { offset },
        Knob::GzipFile,
        Knob::HostSplit,
        Knob::HtmlInstead,
        Knob::JsonExtraFields,
        Knob::JsonNullEverywhere,
        Knob::JsonTruncated,
        Knob::Latency { duration },
        Knob::MultipartRange,
        Knob::NoLength,
        Knob::NoRange,
        Knob::Prepend {
            text: "x".to_owned(),
        },
        Knob::QuotaAt { resolves: 1 },
        Knob::Range416,
        Knob::RangeOffBy { bytes: -1 },
        Knob::RedirectLogin,
        Knob::RejectParallel {
            limit: 4,
            status: 429,
        },
        Knob::ResetAt {
            offset: Offset::After(9),
        },
        Knob::ResolveFailed { times: 2 },
        Knob::SlowHeaders { duration },
        Knob::StaleCache { duration },
        Knob::StallAt { offset, duration },
        Knob::Status {
            code: 429,
            headers: vec![("Retry-After".to_owned(), "1".to_owned())],
            body: String::new(),
        },
        Knob::SwapFile,
        Knob::Throttle {
            bytes_per_second: 9,
        },
        Knob::TokenRevokedMidway { requests: 3 },
        Knob::Truncate { bytes: 4 },
        Knob::UnknownEnum,
        Knob::WrongLength { by: -5 },
    ];
    let mut names = BTreeSet::new();
    for knob in knobs {
        let value = serde_json::to_value(&knob).unwrap();
        let name = value
            .as_str()
            .or_else(|| value.as_object()?.keys().next().map(String::as_str));
        assert_eq!(name, Some(knob.name()));
        names.insert(knob.name());
        assert_eq!(serde_json::from_value::<Knob>(value).unwrap(), knob);
    }
    assert_eq!(names.len(), 39);
}

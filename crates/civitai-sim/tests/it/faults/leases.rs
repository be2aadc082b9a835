//! Knobs between the site and the storages: tokens, quotas, signed URLs.

use std::time::Duration;

use civitai_sim::Sim;
use civitai_sim::fault::{Expiry, Knob, Outage, Scope};
use url::Url;

use crate::world::{B2, R2, Raw, TOKEN, fetch, start};

async fn resolve(sim: &Sim) -> Raw {
    let url = sim.site_url().join("/api/download/models/10").unwrap();
    fetch(&url, &[("Authorization", &format!("Bearer {TOKEN}"))]).await
}

async fn location(sim: &Sim) -> Url {
    Url::parse(resolve(sim).await.header("location").unwrap()).unwrap()
}

#[tokio::test]
async fn token_revoked_midway_becomes_anonymous() {
    let sim = start().await;
    sim.faults().add(Knob::TokenRevokedMidway { requests: 2 });
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(resolve(&sim).await.status());
    }
    assert_eq!(statuses, [307, 307, 401]);
    let me = sim.site_url().join("/api/v1/me").unwrap();
    assert_eq!(
        fetch(&me, &[("Authorization", &format!("Bearer {TOKEN}"))])
            .await
            .status(),
        401
    );
}

#[tokio::test]
async fn quota_at_refuses_after_so_many_resolves() {
    let sim = start().await;
    sim.faults().add(Knob::QuotaAt { resolves: 2 });
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(resolve(&sim).await.status());
    }
    assert_eq!(statuses, [307, 307, 429, 429]);
}

#[tokio::test]
async fn expire_url_by_bytes_refuses_later_requests_of_that_url_only() {
    let sim = start().await;
    sim.faults().add(Knob::ExpireUrl {
        after: Expiry::Bytes(1000),
        cut: false,
    });
    let url = sim.sign(R2).unwrap();
    assert_eq!(fetch(&url, &[]).await.body.len(), 100_000);
    let refused = fetch(&url, &[("Range", "bytes=5-")]).await;
    assert_eq!(refused.status(), 403);
    assert!(refused.text().contains("ExpiredRequest"));
    sim.clock().advance(Duration::from_secs(1));
    assert_eq!(fetch(&sim.sign(R2).unwrap(), &[]).await.status(), 200);

    let b2 = sim.sign(B2).unwrap();
    fetch(&b2, &[]).await;
    assert_eq!(fetch(&b2, &[]).await.status(), 401);
}

#[tokio::test]
async fn expire_url_may_cut_the_running_transfer() {
    let sim = start().await;
    sim.faults().add(Knob::ExpireUrl {
        after: Expiry::Bytes(1000),
        cut: true,
    });
    let answer = fetch(&sim.sign(R2).unwrap(), &[]).await;
    assert_eq!((answer.status(), answer.body.len()), (200, 1000));

    sim.faults().clear();
    sim.clock().freeze();
    let url = sim.sign(R2).unwrap();
    let after = Duration::from_millis(1500);
    sim.faults().add(Knob::Throttle {
        bytes_per_second: 20_000,
    });
    sim.faults().add(Knob::ExpireUrl {
        after: Expiry::Elapsed(after),
        cut: true,
    });
    let answer = fetch(&url, &[]).await;
    assert!(
        answer.status() == 200 && answer.body.len() < 100_000,
        "{}",
        answer.body.len()
    );
    sim.clock().advance(after);
    assert_eq!(fetch(&url, &[]).await.status(), 403);
}

#[tokio::test]
async fn backend_flip_alternates_the_storages() {
    let sim = start().await;
    sim.faults().add(Knob::BackendFlip);
    let mut ports = Vec::new();
    for _ in 0..3 {
        let url = location(&sim).await;
        assert_eq!(
            fetch(&url, &[]).await.body,
            crate::world::bytes_of(&sim, R2)
        );
        ports.push(url.port());
    }
    let [r2, b2] = sim.storage_urls().each_ref().map(Url::port);
    assert_eq!(ports, [r2, b2, r2]);
}

#[tokio::test]
async fn bad_target_points_where_nobody_answers() {
    let sim = start().await;
    for (outage, scheme) in [
        (Outage::ConnectRefused, "http"),
        (Outage::DnsFail, "http"),
        (Outage::TlsFail, "https"),
    ] {
        sim.faults()
            .add(Knob::BadTarget(outage).within(Scope::site().times(1)));
        let url = location(&sim).await;
        assert_eq!(url.scheme(), scheme);
        if outage == Outage::DnsFail {
            assert_eq!(url.host_str(), Some("storage.invalid"));
        } else {
            let error = reqwest::get(url).await.unwrap_err();
            assert!(error.is_connect(), "{error:?}");
        }
    }
}

//! A simulated site and clients for it.

use std::time::Duration;

use civitai_api::{Builder, Client, RetryPolicy, Secret};
use civitai_reliability::Backoff;
use civitai_sim::Sim;
use civitai_sim::seed::Account;

/// Retries at once, so that no test waits.
pub(crate) fn hurried() -> RetryPolicy {
    let pause = Duration::from_millis(1);
    RetryPolicy::default().with_backoff(Backoff {
        base: pause,
        cap: pause,
    })
}

pub(crate) fn client_of(sim: &Sim) -> Builder {
    client_at(sim.site_url())
}

pub(crate) fn client_at(origin: &url::Url) -> Builder {
    Client::builder(reqwest::ClientBuilder::new())
        .origin(origin.clone())
        .retry(hurried())
}

pub(crate) async fn started() -> Sim {
    Sim::builder()
        .seed(1)
        .ledger(concat!(
            env!("CARGO_TARGET_TMPDIR"),
            "/storage-ledger.jsonl"
        ))
        .start()
        .await
        .expect("loopback")
}

/// Starts the simulator and a client without a token.
pub(crate) async fn anonymous() -> (Sim, Client) {
    let sim = started().await;
    let client = client_of(&sim).build().expect("a client");
    (sim, client)
}

/// Starts the simulator and a client with this user's token.
pub(crate) async fn signed_in(user: Account) -> (Sim, Client) {
    let sim = started().await;
    let client = with_token(&sim, user.token);
    (sim, client)
}

pub(crate) fn with_token(sim: &Sim, token: &str) -> Client {
    client_of(sim)
        .token(Secret::new(token.to_owned()))
        .build()
        .expect("a client")
}

//! A simulated site and clients for it.

use std::time::Duration;

use civitai_api::{Builder, Client};
use civitai_reliability::{Backoff, RetryPolicy};
use civitai_sim::Sim;

/// Retries at once, so that no test waits.
pub(crate) fn hurried() -> RetryPolicy {
    let pause = Duration::from_millis(1);
    RetryPolicy::default().with_backoff(Backoff {
        base: pause,
        cap: pause,
    })
}

pub(crate) fn client_of(sim: &Sim) -> Builder {
    Client::builder(reqwest::ClientBuilder::new())
        .origin(sim.site_url().clone())
        .retry(hurried())
}

/// Starts the simulator and a client without a token.
pub(crate) async fn anonymous() -> (Sim, Client) {
    let sim = Sim::builder().start().await.expect("loopback");
    let client = client_of(&sim).build().expect("a client");
    (sim, client)
}

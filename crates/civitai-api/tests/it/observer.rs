//! What an observer is told is what the site saw.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use civitai_api::{Builder, Client, Observed, Secret};
use civitai_sim::fault::{Knob, Scope};
use civitai_sim::seed::PLAIN;

use crate::requests::{lora, status};
use crate::site::{client_of, started};

/// What was told, owned: path, status, whether the time ran out; or a retry.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Told {
    Request(String, Option<u16>, bool),
    Retry,
}

fn watched(builder: Builder) -> (Client, Arc<Mutex<Vec<Told>>>) {
    let told: Arc<Mutex<Vec<Told>>> = Arc::default();
    let list = Arc::clone(&told);
    let builder = builder.observe(move |observed| {
        let next = match observed {
            Observed::Request {
                path,
                status,
                timed_out,
                ..
            } => Told::Request((*path).to_owned(), *status, *timed_out),
            _ => Told::Retry,
        };
        list.lock().expect("no observer panics").push(next);
    });
    (builder.build().expect("a client"), told)
}

fn told(list: &Mutex<Vec<Told>>) -> Vec<Told> {
    list.lock().expect("no observer panics").clone()
}

#[tokio::test]
async fn every_request_is_told_once_and_a_retry_between_them() {
    let sim = started().await;
    sim.faults()
        .add(status(502, &[], "").within(Scope::site().times(1)));
    let token = Secret::new(PLAIN.token.to_owned());
    let (client, list) = watched(client_of(&sim).token(token));
    client.model(lora()).await.expect("a model");
    let path = format!("/api/v1/models/{}", lora());
    let request = |status| Told::Request(path.clone(), Some(status), false);
    assert_eq!(told(&list), [request(502), Told::Retry, request(200)]);
    assert_eq!(sim.log().entries().len(), 2);
}

#[tokio::test]
async fn a_request_without_an_answer_in_time_is_told_as_such() {
    let sim = started().await;
    let silence = Knob::Latency {
        duration: Duration::from_secs(5),
    };
    sim.faults().add(silence.within(Scope::site().times(1)));
    let timeout = Duration::from_millis(300);
    let (client, list) = watched(client_of(&sim).timeout(timeout));
    client.model(lora()).await.expect("a model");
    let told = told(&list);
    assert!(
        matches!(
            told[..],
            [
                Told::Request(_, None, true),
                Told::Retry,
                Told::Request(_, Some(200), false)
            ]
        ),
        "{told:?}"
    );
}

//! What is odd about how Civitai answers, each oddity by its number; those of single objects are tested elsewhere.

use civitai_api::select::{FileRequest, Variant};
use civitai_api::{Error, FileId, HashKey, VersionId};
use civitai_sim::seed::Case;

use crate::site::{client_of, started, with_token};

mod exchange;
mod listings;
mod lookups;

fn file(case: Case, nth: Option<u32>) -> FileRequest {
    FileRequest {
        version: VersionId::new(case.version(0).into()).expect("an id"),
        file: nth.and_then(|nth| FileId::new(case.file(nth).into())),
        variant: Variant::default(),
    }
}

fn sha256(sim: &civitai_sim::Sim, id: u32) -> HashKey {
    let hashes = sim.state().find_file(id).expect("in the seed").2.hashes();
    let (_, digest) = hashes
        .into_iter()
        .find(|(kind, _)| kind == "SHA256")
        .expect("scanned");
    digest.parse().expect("a digest")
}

/// The exchange's error for a client with this token, or without any.
async fn denied(case: Case, token: Option<&str>) -> Error {
    let sim = started().await;
    let client = match token {
        Some(token) => with_token(&sim, token),
        None => client_of(&sim).build().expect("a client"),
    };
    let error = client
        .exchange(&file(case, None))
        .await
        .expect_err("denied");
    assert_eq!(
        sim.log().entries().len(),
        1,
        "an exchange is asked for once"
    );
    error
}

fn targets(sim: &civitai_sim::Sim) -> Vec<String> {
    sim.log()
        .entries()
        .into_iter()
        .map(|entry| entry.target)
        .collect()
}

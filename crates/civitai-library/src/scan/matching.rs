//! Asking the site which of its files the library has.

use std::time::{Duration, SystemTime};

use civitai_api::version::HashMatch;
use civitai_api::{Client, HashKey, Model, ModelId, Version};
use civitai_download::digest::Digest;

use crate::Library;
use crate::catalogue::{self, Answer, Catalogue};

/// What asking the site has brought.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Matched {
    /// How many contents were asked for.
    pub asked: usize,
    /// How many of them are files of the site.
    pub found: usize,
}

/// Why asking ended early. What was learnt before is in the catalogue.
#[derive(Debug, thiserror::Error)]
pub enum MatchError {
    /// The catalogue failed.
    #[error(transparent)]
    Catalogue(#[from] catalogue::Error),
    /// The site did not answer.
    #[error(transparent)]
    Site(#[from] civitai_api::Error),
}

impl MatchError {
    /// The kind as one word, the same as in the JSON lines of the command line.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Catalogue(error) => error.code(),
            Self::Site(error) => error.code(),
        }
    }
}

/// Asks the site, a thousand digests a request, to which of its files the hashed files of the library belong, and for
/// what it knows of their models. What it does not know is not asked for again for a week.
///
/// Dropping the future loses the answers of at most one request of digests.
pub async fn match_online(client: &Client, library: &Library) -> Result<Matched, MatchError> {
    let now = SystemTime::now();
    let unmatched = with(library, move |catalogue| catalogue.unmatched(now)).await?;
    let mut matched = Matched::default();
    for batch in unmatched.chunks(DIGESTS) {
        let answer = ask(client, library, batch).await?;
        matched.asked += batch.len();
        matched.found += with(library, move |catalogue| {
            catalogue.note_answer(&answer, now, LIFE)
        })
        .await?;
    }
    Ok(matched)
}

async fn ask(
    client: &Client,
    library: &Library,
    digests: &[Digest<32>],
) -> Result<Answer, MatchError> {
    let keys: Vec<HashKey> = digests.iter().filter_map(key).collect();
    let matches = client.version_ids_by_hash(&keys).await?;
    let models = matches.iter().filter_map(|of| of.model_id).collect();
    let unknown = with(library, move |catalogue| catalogue.unknown_models(&models)).await?;
    let models = client.models_by_id(&unknown).await?;
    let versions = rest(client, &keys, &matches, &unknown, &models).await?;
    Ok(Answer {
        asked: digests.to_vec(),
        matches,
        models,
        versions,
    })
}

/// What the site says of versions whose models it does not list, such as those that nobody may search for.
async fn rest(
    client: &Client,
    keys: &[HashKey],
    matches: &[HashMatch],
    unknown: &[ModelId],
    models: &[Model],
) -> Result<Vec<Version>, MatchError> {
    let is_told = |id: ModelId| !unknown.contains(&id) || models.iter().any(|model| model.id == id);
    let untold: Vec<HashKey> = keys
        .iter()
        .filter(|key| {
            let found = HashMatch::candidates(matches, key.as_str());
            !found.is_empty() && !found.iter().any(|of| of.model_id.is_some_and(is_told))
        })
        .cloned()
        .collect();
    Ok(client.versions_by_hash(&untold).await?)
}

/// Works on the catalogue where blocking is allowed.
async fn with<T: Send + 'static>(
    library: &Library,
    work: impl FnOnce(&mut Catalogue) -> Result<T, catalogue::Error> + Send + 'static,
) -> Result<T, catalogue::Error> {
    let library = library.clone();
    let work = tokio::task::spawn_blocking(move || work(&mut library.catalogue()?));
    match work.await {
        Ok(result) => result,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}

/// The digest as the site is asked for it; none for that of an empty file, which would lead to whoever published one.
fn key(digest: &Digest<32>) -> Option<HashKey> {
    digest.to_string().parse().ok()
}

/// Digests of one request: the site takes 10,000, but smaller bodies pass every proxy on the way.
const DIGESTS: usize = 1000;
/// For how long what the site does not know is not asked for again.
const LIFE: Duration = Duration::from_hours(7 * 24);

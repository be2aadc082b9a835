//! What the site has of the models that are not on disk.

use std::collections::{HashMap, HashSet};

use civitai_api::{
    Client, Error, File, HashKey, HashKind, Model, NsfwLevel, Search, Version, VersionId,
};
use futures::{StreamExt as _, TryStreamExt as _};

use super::finding::{Candidate, Finding, Status};
use super::kind::Kind;
use super::{name, score};

/// How far asking the site went.
#[derive(Debug)]
#[non_exhaustive]
pub struct Asked {
    /// Why it ended early; what was not asked for stays as it was.
    pub error: Option<Error>,
    /// How many names were not searched for because there were too many.
    pub skipped: usize,
}

/// Completes what was not found on disk by what the site knows: by version and digest, digests of whole files in bulk,
/// and then by name. A model that the site has stays [`Status::Missing`] with a good first candidate.
///
/// At most 500 names are searched for, a few at a time.
///
/// # Cancel safety
/// Findings that were completed when this is dropped stay completed.
pub async fn ask_site(client: &Client, findings: &mut [&mut Finding]) -> Asked {
    let mut asked = Asked {
        error: None,
        skipped: 0,
    };
    for stage in [Stage::Versions, Stage::Digests, Stage::Names] {
        let result = match stage {
            Stage::Versions => by_version(client, findings).await,
            Stage::Digests => by_digest(client, findings).await,
            Stage::Names => by_name(client, findings, &mut asked.skipped).await,
        };
        if let Err(error) = result {
            asked.error = Some(error);
            break;
        }
    }
    asked
}

enum Stage {
    Versions,
    Digests,
    Names,
}

async fn by_version(client: &Client, findings: &mut [&mut Finding]) -> Result<(), Error> {
    let wanted: HashSet<VersionId> = open(findings)
        .filter_map(|finding| finding.reference.version)
        .collect();
    let mut answers = futures::stream::iter(wanted)
        .map(|id| async move { (id, found(client.version(id).await)) })
        .buffer_unordered(AT_ONCE);
    while let Some((id, version)) = answers.next().await {
        let version = version?;
        for finding in open_mut(findings).filter(|finding| finding.reference.version == Some(id)) {
            match &version {
                Some(version) => finding.settle(version, 1.0),
                None => finding.status = Status::Unknown,
            }
        }
    }
    Ok(())
}

async fn by_digest(client: &Client, findings: &mut [&mut Finding]) -> Result<(), Error> {
    let open = open(findings).filter(|finding| finding.reference.version.is_none());
    let wanted: HashSet<HashKey> = open
        .filter_map(|finding| finding.reference.hash.clone())
        .collect();
    let whole: Vec<HashKey> = wanted
        .iter()
        .filter(|key| key.kinds().contains(&HashKind::Sha256))
        .cloned()
        .collect();
    let mut known: HashSet<HashKey> = HashSet::new();
    if whole.len() > 1 {
        for version in client.versions_by_hash(&whole).await? {
            for key in whole
                .iter()
                .filter(|key| !key.files_of(&version).is_empty())
            {
                known.insert(key.clone());
                settle_digest(findings, key, &version);
            }
        }
    }
    let rest = wanted.into_iter().filter(|key| !known.contains(key));
    let mut answers = futures::stream::iter(rest)
        .map(|key| async move {
            let version = found(client.version_by_hash(&key).await);
            (key, version)
        })
        .buffer_unordered(AT_ONCE);
    while let Some((key, version)) = answers.next().await {
        if let Some(version) = version? {
            settle_digest(findings, &key, &version);
        }
    }
    Ok(())
}

async fn by_name(
    client: &Client,
    findings: &mut [&mut Finding],
    skipped: &mut usize,
) -> Result<(), Error> {
    let mut wanted: Vec<(String, Kind)> = Vec::new();
    let mut seen = HashSet::new();
    for finding in open(findings).filter(|finding| finding.is_unsettled()) {
        if let Some(written) = &finding.reference.name {
            let sought = (written.clone(), finding.reference.kind);
            if seen.insert((name::key(written), finding.reference.kind)) {
                wanted.push(sought);
            }
        }
    }
    *skipped = wanted.len().saturating_sub(MOST_NAMES);
    wanted.truncate(MOST_NAMES);
    let mut answers = futures::stream::iter(wanted)
        .map(|(written, kind)| async move {
            let models = search(client, &written, kind).await;
            (written, kind, models)
        })
        .buffer_unordered(AT_ONCE);
    while let Some((written, kind, models)) = answers.next().await {
        let models = models?;
        let key = name::key(&written);
        let meant = |finding: &&mut Finding| {
            let reference = &finding.reference;
            let is_name = reference.name.as_deref().map(name::key) == Some(key.clone());
            is_name && reference.kind == kind && finding.is_unsettled()
        };
        for finding in open_mut(findings).filter(meant) {
            finding.judge_names(&models);
        }
    }
    for finding in open_mut(findings)
        .filter(|finding| finding.reference.name.is_none() && finding.is_unsettled())
    {
        finding.status = Status::Unknown;
    }
    Ok(())
}

/// Searches by the words of a name, and if these find nothing by the first of them.
async fn search(client: &Client, written: &str, kind: Kind) -> Result<Vec<Model>, Error> {
    let words = score::words(written);
    let mut queries = vec![words.join(" ")];
    if words.len() > 1 {
        queries.extend(
            words
                .into_iter()
                .find(|word| word.chars().count() > SHORTEST),
        );
    }
    for query in queries
        .iter()
        .filter(|query| query.chars().count() >= SHORTEST)
    {
        let mut search = Search::default()
            .with_query(query)
            .with_level(NsfwLevel::XXX)
            .with_limit(MOST_MODELS);
        search.types = kind.model_types().to_vec();
        let models: Vec<Model> = client.search(&search).try_collect().await?;
        if !models.is_empty() {
            return Ok(models);
        }
    }
    Ok(Vec::new())
}

impl Finding {
    fn is_open(&self) -> bool {
        self.status != Status::Present
    }

    /// Says whether neither version nor digest told what is meant.
    fn is_unsettled(&self) -> bool {
        self.is_open() && self.status != Status::Unknown && !self.is_decided(0.0)
    }

    fn settle(&mut self, version: &Version, score: f64) {
        let key = self.reference.hash.as_ref();
        let files = key.map(|key| key.files_of(version)).unwrap_or_default();
        let file = files.first().map(|(file, _)| *file);
        self.suggest([candidate(version, (file, None), score)]);
        if self.status == Status::Unknown {
            self.status = Status::Missing;
        }
    }

    fn judge_names(&mut self, models: &[Model]) {
        let mut found: HashMap<VersionId, Candidate> = HashMap::new();
        let written = self.reference.name.clone().unwrap_or_default();
        for model in models {
            for version in &model.versions {
                let rated = version.files.iter().map(|file| {
                    let known = self.reference.hash.as_ref();
                    let is_same = known.and_then(|key| key.matches(file)).is_some();
                    let by_name =
                        score::of_titles(&written, &file.name, &model.name, &version.name);
                    // The digest that the file names belongs to something else.
                    let is_other = !is_same && known.is_some_and(HashKey::is_conclusive);
                    (if is_other { by_name * 0.6 } else { by_name }, Some(file))
                });
                let by_title = score::of_titles(&written, "", &model.name, &version.name) * 0.9;
                let (best, file) = rated.fold((by_title, None), |best, next| {
                    // Of files of the same name the site's own choice is meant.
                    let is_better =
                        next.0 > best.0 || next.0 >= best.0 && next.1.is_some_and(File::is_primary);
                    if is_better { next } else { best }
                });
                if best >= LEAST {
                    let candidate = Candidate {
                        model: Some(model.id),
                        ..candidate(version, (file, Some(&model.name)), best)
                    };
                    found.insert(version.id, candidate);
                }
            }
        }
        self.suggest(found.into_values());
        let has_any = self
            .candidates
            .iter()
            .any(|candidate| candidate.path.is_none());
        self.status = match self.status {
            Status::Ambiguous => Status::Ambiguous,
            _ if !has_any && self.candidates.is_empty() => Status::Unknown,
            _ if self.is_decided(0.03) => Status::Missing,
            _ if has_any => Status::Ambiguous,
            _ => Status::Unknown,
        };
    }
}

fn settle_digest(findings: &mut [&mut Finding], key: &HashKey, version: &Version) {
    for finding in open_mut(findings).filter(|finding| finding.reference.hash.as_ref() == Some(key))
    {
        if key.is_conclusive() {
            finding.settle(version, 1.0);
            continue;
        }
        // Eight digits are shared by strangers; the name is the second witness.
        let model = version
            .model
            .as_ref()
            .map_or("", |model| model.name.as_str());
        let by_name = finding.reference.name.as_deref().map_or(0.0, |written| {
            let files = version
                .files
                .iter()
                .map(|file| file.name.as_str())
                .chain([""]);
            files.fold(0.0, |best, file| {
                score::of_titles(written, file, model, &version.name).max(best)
            })
        });
        let score = if by_name >= LEAST {
            score::GOOD.max(by_name)
        } else {
            0.7
        };
        finding.settle(version, score);
        if score < score::GOOD {
            finding.status = Status::Ambiguous;
        }
    }
}

fn candidate(
    version: &Version,
    (file, model): (Option<&File>, Option<&str>),
    score: f64,
) -> Candidate {
    let name = version
        .model
        .as_ref()
        .map(|model| model.name.as_str())
        .or(model);
    Candidate {
        path: None,
        model: version.owner(),
        version: Some(version.id),
        file: file
            .filter(|file| !file.is_primary() && version.files.len() > 1)
            .map(|file| file.id),
        title: name.map(|name| format!("{name} – {}", version.name)),
        score,
    }
}

fn open<'f>(findings: &'f [&mut Finding]) -> impl Iterator<Item = &'f Finding> {
    findings
        .iter()
        .map(|finding| &**finding)
        .filter(|finding| finding.is_open())
}

fn open_mut<'f>(findings: &'f mut [&mut Finding]) -> impl Iterator<Item = &'f mut Finding> {
    findings
        .iter_mut()
        .map(|finding| &mut **finding)
        .filter(|finding| finding.is_open())
}

/// That the site has none is an answer.
fn found(answer: Result<Version, Error>) -> Result<Option<Version>, Error> {
    match answer {
        Ok(version) => Ok(Some(version)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

const AT_ONCE: usize = 4;
const MOST_NAMES: usize = 500;
const MOST_MODELS: usize = 10;
/// Shorter words find everything.
const SHORTEST: usize = 3;
/// What is less alike is no suggestion.
const LEAST: f64 = 0.5;

//! From a wish to one exact file: the only part of a project that needs the site.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use civitai_api::link::LinkError;
use civitai_api::model::ModelMode;
use civitai_api::select::{Choice, SelectError, Variant, select};
use civitai_api::{
    Client, File, FileId, Found, HashKind, Link, Model, ModelId, Version, VersionId,
};
use civitai_download::Unproved;
use civitai_security::FileName;
use futures::stream::{self, StreamExt as _};
use url::Url;

use crate::catalogue::{Learnt, Recorder};
use crate::layout::{Layout, LayoutError, Subject};
use crate::licence::{EarlyAccess, Facts, Policy, Refusal};
use crate::lock::{About, Locked};
use crate::manifest::{Base, Pick, Range, Rule, Want};
use crate::path::{InvalidPath, LibraryPath};

/// Finds the files that wishes mean.
#[derive(Clone, Debug)]
pub struct Resolver {
    /// The site.
    pub client: Client,
    /// Its origin, which links to it may name.
    pub origin: Url,
    /// Where files go for which a wish names neither path nor layout.
    pub layout: Layout,
    /// What files must be like.
    pub policy: Policy,
    /// Whether a file may do without any digest.
    pub unproved: Unproved,
    /// Who remembers what the site says on the way, if anybody does.
    pub recorder: Option<Arc<Recorder>>,
}

/// Why a wish led to no file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// Its files were withdrawn for good.
    #[error("model {model} is archived: its files were withdrawn")]
    Archived {
        /// The model.
        model: ModelId,
    },
    /// The layout is none.
    #[error(transparent)]
    Layout(LayoutError),
    /// The link is none.
    #[error(transparent)]
    Link(LinkError),
    /// The link may lead to many files, or to none.
    #[error("{link} does not name one model")]
    Many {
        /// The link.
        link: String,
    },
    /// No version meets the wish.
    #[error("model {model} has no version that is {wanted}")]
    NoVersion {
        /// The model.
        model: ModelId,
        /// What is wanted, as it is written.
        wanted: String,
    },
    /// The site has the version without its model, so there is nothing to choose from.
    #[error("the site does not tell which versions there are beside {version}")]
    NoModel {
        /// The version that the link names.
        version: VersionId,
    },
    /// The layout gives a path that is not safe on every system.
    #[error(transparent)]
    Path(InvalidPath),
    /// The project does not want such files.
    #[error(transparent)]
    Refused(Refusal),
    /// No file of the version meets the wish.
    #[error(transparent)]
    Select(SelectError),
    /// The site did not answer, or not as it should.
    #[error(transparent)]
    Site(civitai_api::Error),
    /// No digest is promised.
    #[error("Civitai promises no digest of {name}")]
    Unverified {
        /// The file.
        name: String,
    },
}

impl ResolveError {
    /// The kind as one word, the same as in the JSON lines of the command line.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Archived { .. } => "archived",
            Self::NoModel { .. } | Self::NoVersion { .. } | Self::Select(_) => "not_found",
            Self::Refused(_) => "policy",
            Self::Site(error) => error.code(),
            Self::Unverified { .. } => "unverified",
            Self::Layout(_) | Self::Link(_) | Self::Many { .. } | Self::Path(_) => "usage",
        }
    }
}

impl Resolver {
    /// Finds the file that a wish means. `before` is what it has led to until now: the base model that is to be kept.
    pub async fn resolve(
        &self,
        want: &Want,
        before: Option<&Locked>,
    ) -> Result<Locked, ResolveError> {
        let link = Link::parse_with(&want.link, Some(&self.origin)).map_err(ResolveError::Link)?;
        let followed = self.client.follow(&link).await;
        let followed = followed.map_err(ResolveError::Site)?;
        let model = followed.owner.map_err(ResolveError::Site)?;
        self.learn(&followed.found, model.as_deref());
        match followed.found {
            Found::Model(model) => {
                let version = self.of_model(&model, None, &want.rule, before)?;
                self.lock(want, Some(&model), version, Linked::default())
            }
            Found::Version {
                version,
                file,
                variant,
            } => {
                let linked = Linked { file, variant };
                let is_other = match &want.rule {
                    Rule::Default => false,
                    Rule::Exactly(id) => *id != version.id,
                    Rule::Latest(_) => true,
                };
                if !is_other {
                    return self.lock(want, model.as_deref(), &version, linked);
                }
                let model = model.ok_or(ResolveError::NoModel {
                    version: version.id,
                })?;
                let chosen = self.of_model(&model, Some(&version), &want.rule, before)?;
                // What the link says of a file holds for its own version.
                self.lock(want, Some(&model), chosen, Linked::default())
            }
            _ => Err(ResolveError::Many {
                link: want.link.clone(),
            }),
        }
    }

    /// Finds the files of several wishes, in their order.
    pub async fn resolve_all<'w>(
        &self,
        wants: impl IntoIterator<Item = (&'w Want, Option<&'w Locked>)>,
    ) -> Vec<Result<Locked, ResolveError>> {
        let wants = wants.into_iter();
        // Collected first: a stream that makes futures of borrowed wishes as it goes is `Send` for no compiler.
        let lookups: Vec<_> = wants
            .map(|(want, before)| self.resolve(want, before))
            .collect();
        stream::iter(lookups).buffered(LOOKUPS).collect().await
    }

    fn learn(&self, found: &Found, owner: Option<&Model>) {
        if let Some(recorder) = &self.recorder {
            for learnt in Learnt::on_the_way(found, owner) {
                recorder.learn(learnt);
            }
        }
    }

    fn of_model<'m>(
        &self,
        model: &'m Model,
        linked: Option<&Version>,
        rule: &Rule,
        before: Option<&Locked>,
    ) -> Result<&'m Version, ResolveError> {
        if model.is_archived() {
            return Err(ResolveError::Archived { model: model.id });
        }
        let skips = self.policy.early_access == EarlyAccess::Skip;
        let is_free = |version: &&Version| !skips || version.gate().is_none();
        let chosen = match rule {
            Rule::Default => {
                let mut versions = model.versions.iter();
                let first = model.versions.first();
                versions.find(is_free).or(first)
            }
            Rule::Exactly(id) => model.versions.iter().find(|version| version.id == *id),
            Rule::Latest(range) => {
                let base = before.and_then(|before| before.about.base.as_ref());
                let base = base
                    .or_else(|| linked?.base_model.as_ref())
                    .or_else(|| model.default_version()?.base_model.as_ref());
                let range = Concrete { range, base };
                let versions = model.versions.iter();
                versions
                    .filter(is_free)
                    .filter(|version| range.holds(version))
                    .max_by_key(|version| (version.published_at, version.id))
            }
        };
        chosen.ok_or_else(|| ResolveError::NoVersion {
            model: model.id,
            wanted: rule.to_string(),
        })
    }

    fn lock(
        &self,
        want: &Want,
        model: Option<&Model>,
        version: &Version,
        linked: Linked,
    ) -> Result<Locked, ResolveError> {
        if let Some(model) = archived(model, version) {
            return Err(ResolveError::Archived { model });
        }
        let file = choose(want, model, version, linked)?;
        let _consent_is_asked_before_the_download = self
            .policy
            .judge(&Facts::of(model, version, file))
            .map_err(ResolveError::Refused)?;
        let digest = |kind| file.hash(kind).and_then(|hex| hex.parse().ok());
        let (sha256, blake3) = (digest(HashKind::Sha256), digest(HashKind::Blake3));
        let is_proved = sha256.is_some() || blake3.is_some();
        if !is_proved && self.unproved == Unproved::Refuse {
            return Err(ResolveError::Unverified {
                name: one_line(file.display_name()),
            });
        }
        Ok(Locked {
            path: self.place(want, model, version, file)?,
            wanted: want.clone(),
            model: model.map(|model| model.id).or_else(|| version.owner()),
            version: version.id,
            file: file.id,
            name: FileName::clean(file.display_name(), &file.id.to_string())
                .as_str()
                .to_owned(),
            bytes: file.bytes(),
            sha256,
            blake3,
            about: about(model, version, file),
        })
    }

    fn place(
        &self,
        want: &Want,
        model: Option<&Model>,
        version: &Version,
        file: &File,
    ) -> Result<LibraryPath, ResolveError> {
        if let Some(path) = &want.path {
            return Ok(path.clone());
        }
        let own: Option<Layout> = want
            .layout
            .as_deref()
            .map(str::parse)
            .transpose()
            .map_err(ResolveError::Layout)?;
        let layout = own.as_ref().unwrap_or(&self.layout);
        let path = layout.place(&Subject::of_file(model, version, file));
        LibraryPath::parse(&path.to_string_lossy()).map_err(ResolveError::Path)
    }
}

/// Gives each new file a path that no other has: where two would take one name, the later is called `STEM.FILEID.EXT`.
///
/// Returns the files that can be locked, and for each that cannot the file whose place it would take: both are the same
/// file of the site, or a path was asked for that is taken.
pub fn arrange(kept: &[Locked], new: Vec<Locked>) -> (Vec<Locked>, Vec<(Locked, LibraryPath)>) {
    let mut taken: HashMap<String, LibraryPath> = kept
        .iter()
        .map(|file| (file.path.collision_key(), file.path.clone()))
        .collect();
    let mut present: HashSet<(VersionId, FileId)> =
        kept.iter().map(|file| (file.version, file.file)).collect();
    let (mut arranged, mut refused) = (Vec::new(), Vec::new());
    for mut file in new {
        let key = (file.version, file.file);
        let mut at = taken.get(&file.path.collision_key());
        if at.is_some() && !present.contains(&key) && file.wanted.path.is_none() {
            let name = FileName::clean(file.path.name(), &file.file.to_string());
            file.path = file.path.with_name(&name.with_id(file.file.into()));
            at = taken.get(&file.path.collision_key());
        }
        if let Some(at) = at {
            refused.push((file, at.clone()));
            continue;
        }
        taken.insert(file.path.collision_key(), file.path.clone());
        present.insert(key);
        arranged.push(file);
    }
    (arranged, refused)
}

/// What the link itself says of the file.
#[derive(Default)]
struct Linked {
    file: Option<FileId>,
    variant: Variant,
}

/// A range with the base model that is to be kept.
struct Concrete<'a> {
    range: &'a Range,
    base: Option<&'a civitai_api::BaseModel>,
}

impl Concrete<'_> {
    fn holds(&self, version: &Version) -> bool {
        let base = match &self.range.base {
            None => true,
            Some(Base::Same) => version.base_model.as_ref() == self.base,
            Some(Base::Named(base)) => version.base_model.as_ref() == Some(base),
        };
        let pattern = self.range.name.as_ref();
        let is_named = pattern.is_none_or(|pattern| pattern.matches(&version.name));
        let is_early = self
            .range
            .before
            .is_none_or(|before| version.published_at.is_some_and(|at| at < before));
        base && is_named && is_early
    }
}

/// The model, if its files were withdrawn.
fn archived(model: Option<&Model>, version: &Version) -> Option<ModelId> {
    let mode = version.model.as_ref().and_then(|model| model.mode.as_ref());
    match model {
        Some(model) if model.is_archived() => Some(model.id),
        _ if mode == Some(&ModelMode::Archived) => version.owner(),
        _ => None,
    }
}

fn choose<'v>(
    want: &Want,
    model: Option<&Model>,
    version: &'v Version,
    linked: Linked,
) -> Result<&'v File, ResolveError> {
    let kind = model
        .and_then(|model| model.kind.as_ref())
        .or_else(|| version.model.as_ref()?.kind.as_ref());
    let choices = match (&want.pick, linked.file) {
        (Pick::Variants(variants), Some(id)) if variants.is_empty() => vec![Choice::File(id)],
        (Pick::Variants(variants), None) if variants.is_empty() => {
            vec![Choice::Best(linked.variant)]
        }
        (pick, _) => pick.choices(),
    };
    let mut first = None;
    for choice in &choices {
        match select(version, choice, kind) {
            Ok(files) => {
                if let Some(file) = files.first() {
                    return Ok(file);
                }
            }
            // What is liked best is the best description of what was looked for.
            Err(error) => first = first.or(Some(error)),
        }
    }
    Err(ResolveError::Select(first.unwrap_or(
        SelectError::NoFiles {
            version: version.id,
        },
    )))
}

fn about(model: Option<&Model>, version: &Version, file: &File) -> About {
    let facts = Facts::of(model, version, file);
    let summary = version.model.as_ref();
    let known = |text: &str| Some(one_line(text)).filter(|text| !text.is_empty());
    let title = model
        .map(|model| model.name.as_str())
        .or_else(|| summary.map(|summary| summary.name.as_str()));
    let creator = model
        .and_then(|model| model.creator.as_ref())
        .or(version.creator.as_ref());
    About {
        model_type: model
            .and_then(|model| model.kind.clone())
            .or_else(|| summary.and_then(|summary| summary.kind.clone())),
        base: version.base_model.clone(),
        title: title.and_then(known),
        version_name: known(&version.name),
        creator: creator.and_then(|creator| known(creator.username.as_deref()?)),
        role: file.kind.clone(),
        format: file.format(),
        real_person: facts.real_person,
        early_access: facts.gate,
        licence: facts.licence,
    }
}

/// A stranger's text, fit for one line of a file and of a terminal.
pub(crate) fn one_line(text: &str) -> String {
    const MOST: usize = 200;
    let visible = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .filter(|c| *c == ' ' || !civitai_api::link::is_hostile(*c));
    let line: String = visible.take(MOST).collect();
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Links looked up at a time: few enough to be polite.
const LOOKUPS: usize = 4;

//! Which files of the library the site has something newer for.
//!
//! "Newer" is a version of the same model, published later, for a base model that the installed one can stand in for,
//! whose file is another one: neither the bytes nor the tensors of anything the library has already. That the page was
//! edited, the version renamed or its order changed is no update. Also one is that the site has replaced the file of the
//! very version that is installed.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::SystemTime;

use civitai_api::select::{Choice, Variant, select};
use civitai_api::{Client, File, HashKind, Model, ModelId, Version, VersionId};

use crate::Library;
use crate::catalogue::{Entry, Origin};
use crate::scan::MatchError;

/// Something newer for a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Update {
    /// The file, below the root.
    pub path: String,
    /// The version that is installed.
    pub version: VersionId,
    /// The version that has the newer file; the same one where its file was replaced.
    pub new_version: VersionId,
    /// Its name.
    pub name: String,
    /// What it is.
    pub reason: Reason,
}

/// What is newer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reason {
    /// A version that was published later.
    NewVersion,
    /// Another file in the version that is installed.
    FileReplaced,
}

impl Reason {
    /// The word for it in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NewVersion => "new_version",
            Self::FileReplaced => "file_replaced",
        }
    }
}

/// For which base models a newer version counts.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Base {
    /// For all that share an ecosystem with the installed one, such as SDXL 1.0 and SDXL Turbo.
    #[default]
    Compatible,
    /// Only for the same.
    Same,
}

/// Asks the site about the models of the library, a hundred a request, keeps what it says, and returns what is newer,
/// by path. Files that are not known to be of the site, or are missing, are passed over, and so are those that `wanted`
/// says no to.
pub async fn updates(
    client: &Client,
    library: &Library,
    base: Base,
    wanted: impl Fn(&Entry) -> bool,
) -> Result<Vec<Update>, MatchError> {
    let at = library.clone();
    let entries = crate::blocking(move || at.catalogue()?.entries()).await?;
    let owned = Owned::of(&entries);
    let mut by_model: BTreeMap<ModelId, Vec<(&Entry, Origin)>> = BTreeMap::new();
    for entry in entries
        .iter()
        .filter(|entry| entry.missing.is_none() && wanted(entry))
    {
        if let Some(origin) = entry.matched.map(|matched| matched.origin)
            && let Some(model) = origin.model
        {
            by_model.entry(model).or_default().push((entry, origin));
        }
    }
    let ids: Vec<ModelId> = by_model.keys().copied().collect();
    let mut found = Vec::new();
    for batch in ids.chunks(MODELS) {
        let models = client.models_by_id(batch).await?;
        for model in &models {
            let installed = by_model.get(&model.id).into_iter().flatten();
            found.extend(
                installed.filter_map(|(entry, origin)| newer(model, entry, *origin, base, &owned)),
            );
        }
        let at = library.clone();
        crate::blocking(move || {
            let mut catalogue = at.catalogue()?;
            let now = SystemTime::now();
            models
                .iter()
                .try_for_each(|model| catalogue.note_model(model, now))
        })
        .await?;
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(found)
}

/// What the library has of the site, wherever it lies.
#[derive(Debug, Default)]
struct Owned {
    versions: BTreeSet<VersionId>,
    contents: HashSet<String>,
}

impl Owned {
    fn of(entries: &[Entry]) -> Self {
        let mut owned = Self::default();
        for entry in entries.iter().filter(|entry| entry.missing.is_none()) {
            owned
                .versions
                .extend(entry.matched.map(|matched| matched.origin.version));
            owned.contents.extend(contents(entry));
        }
        owned
    }

    /// Whether the library has the bytes of a file of the site, or its tensors under another header.
    fn has(&self, file: &File) -> bool {
        let hashes = [HashKind::Sha256, HashKind::AutoV3].into_iter();
        let hashes = hashes.filter_map(|kind| file.hash(kind));
        hashes
            .map(str::to_ascii_lowercase)
            .any(|hash| self.contents.contains(&hash))
    }
}

/// What a file is known by: its bytes, and its tensors if it has any.
fn contents(entry: &Entry) -> Vec<String> {
    let Some(digests) = &entry.digests else {
        return Vec::new();
    };
    let sha256 = digests.sha256.map(|digest| digest.to_string());
    let tensors = digests.auto_v3_short().map(|digest| digest.to_string());
    // The site's AutoV3 of nothing stands for every file that ends with its header.
    let tensors = tensors.filter(|digest| digest != AUTO_V3_OF_NOTHING);
    sha256.into_iter().chain(tensors).collect()
}

fn newer(
    model: &Model,
    entry: &Entry,
    origin: Origin,
    base: Base,
    owned: &Owned,
) -> Option<Update> {
    let installed = model
        .versions
        .iter()
        .find(|version| version.id == origin.version)?;
    let update = |version: &Version, reason| Update {
        path: entry.path.clone(),
        version: origin.version,
        new_version: version.id,
        name: version.name.clone(),
        reason,
    };
    if let Some(version) = newest(model, installed, base) {
        if owned.versions.contains(&version.id) {
            return None;
        }
        if is_novel(model, version, owned) {
            return Some(update(version, Reason::NewVersion));
        }
    }
    let is_listed = origin
        .file
        .is_none_or(|file| installed.files.iter().any(|listed| listed.id == file));
    (!is_listed && is_novel(model, installed, owned))
        .then(|| update(installed, Reason::FileReplaced))
}

/// The version published last among those that could stand in for the installed one.
fn newest<'m>(model: &'m Model, installed: &Version, base: Base) -> Option<&'m Version> {
    let since = installed.published_at?;
    let suits = |version: &Version| match (&version.base_model, &installed.base_model) {
        (Some(one), Some(other)) => match base {
            Base::Compatible => one.is_compatible_with(other),
            Base::Same => one == other,
        },
        (one, other) => one == other,
    };
    let versions = model.versions.iter();
    versions
        .filter(|version| version.published_at.is_some_and(|at| at > since) && suits(version))
        .max_by_key(|version| (version.published_at, version.id))
}

/// Whether the file that one would fetch of a version is none that the library has.
fn is_novel(model: &Model, version: &Version, owned: &Owned) -> bool {
    let choice = Choice::Best(Variant::default());
    select(version, &choice, model.kind.as_ref())
        .is_ok_and(|files| !files.is_empty() && files.iter().all(|file| !owned.has(file)))
}

const MODELS: usize = 100;
const AUTO_V3_OF_NOTHING: &str = "e3b0c44298fc";

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

#[cfg(test)]
mod tests {
    use civitai_api::FileId;
    use civitai_download::digest::Digests;
    use serde_json::{Value, json};

    use super::*;
    use crate::catalogue::{Match, MatchedBy, Stamp};

    const OLD: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const NEW: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    fn version(id: u32, day: u32, base: &str, sha256: &str) -> Value {
        json!({
            "id": id, "name": format!("v{id}"), "baseModel": base,
            "publishedAt": format!("2026-01-{day:02}T00:00:00.000Z"),
            "files": [{
                "id": id * 10, "name": "x.safetensors", "type": "Model", "sizeKB": 1.0, "primary": true,
                "metadata": { "format": "SafeTensor" }, "hashes": { "SHA256": sha256 },
            }],
        })
    }

    fn owned(version: u64, file: u64, sha256: &str) -> Entry {
        let mut digests = Digests::default();
        digests.sha256 = Some(sha256.parse().expect("64 digits"));
        Entry {
            path: format!("{version}.safetensors"),
            stamp: Stamp {
                bytes: 1,
                mtime_ns: 0,
                inode: version,
                device: 1,
            },
            added: SystemTime::UNIX_EPOCH,
            missing: None,
            is_removed: false,
            digests: Some(digests),
            matched: Some(Match {
                origin: Origin {
                    model: ModelId::new(1),
                    version: VersionId::new(version).expect("an id"),
                    file: FileId::new(file),
                },
                by: MatchedBy::Hash,
                is_proved: true,
            }),
            identity: None,
            described: None,
        }
    }

    /// What is newer for the first of the entries.
    fn look(versions: &[Value], entries: &[Entry], base: Base) -> Option<(u32, &'static str)> {
        let model = json!({ "id": 1, "name": "m", "type": "LORA", "modelVersions": versions });
        let model: Model = serde_json::from_value(model).expect("a model");
        let origin = entries[0].matched.expect("it is of the site").origin;
        let update = newer(&model, &entries[0], origin, base, &Owned::of(entries))?;
        Some((update.new_version.get(), update.reason.as_str()))
    }

    #[test]
    fn only_later_versions_for_a_base_model_that_fits_are_newer() {
        let entries = [owned(1, 10, OLD)];
        let of =
            |later: Value, base| look(&[later, version(1, 5, "SDXL 1.0", OLD)], &entries, base);
        let later = version(2, 6, "SDXL 1.0", NEW);
        assert_eq!(of(later, Base::Same), Some((2, "new_version")));
        assert_eq!(of(version(2, 4, "SDXL 1.0", NEW), Base::Compatible), None);
        assert_eq!(of(version(2, 6, "SD 1.5", NEW), Base::Compatible), None);
    }

    #[test]
    fn an_edited_page_and_what_is_owned_elsewhere_are_no_news() {
        let versions = [
            version(2, 6, "SDXL 1.0", NEW),
            version(1, 5, "SDXL 1.0", OLD),
        ];
        let same_bytes = [
            version(2, 6, "SDXL 1.0", OLD),
            version(1, 5, "SDXL 1.0", OLD),
        ];
        let one = owned(1, 10, OLD);
        assert_eq!(
            look(&same_bytes, std::slice::from_ref(&one), Base::Same),
            None
        );
        assert_eq!(
            look(&versions, &[one.clone(), owned(2, 20, NEW)], Base::Same),
            None
        );
        assert_eq!(look(&versions, &[one, owned(9, 90, NEW)], Base::Same), None);
    }

    #[test]
    fn a_replaced_file_is_newer() {
        let versions = [version(1, 5, "SDXL 1.0", NEW)];
        let found = look(&versions, &[owned(1, 11, OLD)], Base::Same);
        assert_eq!(found, Some((1, "file_replaced")));
    }
}

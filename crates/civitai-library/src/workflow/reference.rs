//! A model that a file names.

use std::collections::HashSet;

use civitai_api::link::Target;
use civitai_api::{HashKey, Link, ModelId, VersionId};

use super::kind::Kind;
use super::name;

/// A model that a file names, as it names it.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Reference {
    /// The node that uses it: its id, within subgraphs after those of the nodes around it (`12:4`). Absent where there
    /// are no nodes.
    pub node: Option<String>,
    /// What it is used as.
    pub kind: Kind,
    /// The name, with folders and extension as written, without credentials if it is an address. Absent if the file
    /// says only which version or which digest.
    pub name: Option<String>,
    /// The digest of the model's file.
    pub hash: Option<HashKey>,
    /// The model on the site, if the file names it.
    pub model: Option<ModelId>,
    /// The version on the site, if the file names it.
    pub version: Option<VersionId>,
    /// Where the file says it can be fetched, without credentials. Nothing here goes there.
    pub url: Option<String>,
    /// Whether a run would use it.
    pub activity: Activity,
}

/// Whether a run of the workflow would use a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Activity {
    /// It is used.
    #[default]
    Active,
    /// Its node passes on what it gets, without it.
    Bypassed,
    /// Its node, or its row within a node, is switched off.
    Muted,
}

impl Activity {
    /// Returns the activity in a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Bypassed => "bypassed",
            Self::Muted => "muted",
        }
    }
}

impl Reference {
    /// A reference by the name a tool wrote, which may turn out to be a resource name or an address of the site.
    pub(super) fn named(written: &str, kind: Kind) -> Self {
        let written = written.trim();
        let mut reference = Self {
            kind,
            ..Self::default()
        };
        if !reference.take_link(written) {
            reference.name = Some(name::shown(written));
        }
        reference
    }

    pub(super) fn with_hash(mut self, hash: &str) -> Self {
        // Zeros stand for "could not be computed".
        let is_real = hash
            .bytes()
            .any(|byte| byte.is_ascii_hexdigit() && byte != b'0');
        self.hash = is_real.then(|| digest(hash)).flatten().or(self.hash);
        self
    }

    /// Reads a text that names a version on the site; false if it does not.
    pub(super) fn take_link(&mut self, text: &str) -> bool {
        let is_address = text.contains("://") && text.contains("civitai");
        let is_named = text
            .get(..4)
            .is_some_and(|start| start.eq_ignore_ascii_case("urn:"))
            || text.contains("civitai:");
        let Some(link) = (is_address || is_named)
            .then(|| Link::parse(text).ok())
            .flatten()
        else {
            return false;
        };
        match link.target() {
            Target::Version { model, version, .. }
            | Target::File {
                model,
                version: Some(version),
                ..
            } => {
                self.model = *model;
                self.version = Some(*version);
            }
            Target::Model(model) => self.model = Some(*model),
            _ => return false,
        }
        if let Some(kind) = link.air().and_then(|air| air.kind.as_deref()) {
            self.kind = Kind::of_word(kind).unwrap_or(self.kind);
        }
        true
    }

    /// Says whether there is anything to look for.
    pub(super) fn is_empty(&self) -> bool {
        self.hash.is_none()
            && self.version.is_none()
            && self.model.is_none()
            && self.name.as_deref().is_none_or(name::is_placeholder)
    }

    fn key(&self) -> Option<String> {
        self.name.as_deref().map(name::key)
    }

    /// Takes over what another reference to the same model knows beyond this one.
    fn learn(&mut self, other: Self) {
        if self.kind == Kind::Other {
            self.kind = other.kind;
        }
        self.hash = self.hash.take().or(other.hash);
        self.model = self.model.or(other.model);
        self.version = self.version.or(other.version);
        self.url = self.url.take().or(other.url);
        self.activity = self.activity.min(other.activity);
    }

    /// Says whether two references that come from two descriptions of the same picture mean the same model.
    fn is_same(&self, other: &Self) -> bool {
        let kinds =
            self.kind == other.kind || self.kind == Kind::Other || other.kind == Kind::Other;
        if let (Some(ours), Some(theirs)) = (&self.version, &other.version) {
            return ours == theirs;
        }
        if let (Some(ours), Some(theirs)) = (&self.hash, &other.hash)
            && ours.as_str().len() == theirs.as_str().len()
        {
            return ours == theirs && kinds;
        }
        kinds && self.name.is_some() && self.key() == other.key()
    }
}

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct References {
    found: Vec<Reference>,
    seen: HashSet<Identity>,
}

/// What makes two references of one node the same.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Identity {
    node: Option<String>,
    kind: Kind,
    name: Option<String>,
    hash: Option<HashKey>,
    version: Option<VersionId>,
    activity: Activity,
}

impl References {
    pub(super) fn into_vec(self) -> Vec<Reference> {
        self.found
    }

    /// Adds one description's references. Within it every node keeps its own; what an earlier description told already
    /// is completed.
    pub(super) fn add(&mut self, described: impl IntoIterator<Item = Reference>) {
        let earlier = self.found.len();
        for reference in described {
            if reference.is_empty() || self.found.len() >= MOST {
                continue;
            }
            let known = self.found[..earlier]
                .iter_mut()
                .find(|known| known.is_same(&reference));
            if let Some(known) = known {
                known.learn(reference);
                continue;
            }
            let identity = Identity {
                node: reference.node.clone(),
                kind: reference.kind,
                name: reference.name.clone(),
                hash: reference.hash.clone(),
                version: reference.version,
                activity: reference.activity,
            };
            if self.seen.insert(identity) {
                self.found.push(reference);
            }
        }
    }
}

/// Reads a digest as tools write it: with `0x`, with its kind in front, or bare.
pub(super) fn digest(text: &str) -> Option<HashKey> {
    let text = text.trim();
    let bare = match text.split_once(':') {
        Some((kind, rest))
            if FULL_KINDS
                .iter()
                .any(|full| full.eq_ignore_ascii_case(kind)) =>
        {
            rest
        }
        // Others are of a kind that nobody can look up, or random numbers that look like one.
        Some(_) => return None,
        None => text,
    };
    HashKey::from_metadata(bare).ok()
}

/// The kinds of digests of a whole file, as InvokeAI writes them in front.
const FULL_KINDS: [&str; 4] = ["blake3", "blake3_single", "sha256", "autov3"];

/// The largest real workflows name a few dozen.
const MOST: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_name_is_a_version_and_no_name() {
        let reference = Reference::named("urn:air:flux1:lora:civitai:618692@691639", Kind::Other);
        assert_eq!(reference.name, None);
        assert_eq!(reference.kind, Kind::Lora);
        assert_eq!(reference.version.map(VersionId::get), Some(691_639));
    }

    #[test]
    fn a_token_in_an_address_is_dropped() {
        let reference = Reference::named(
            "https://civitai.com/api/download/models/691639?token=0123456789abcdef",
            Kind::Checkpoint,
        );
        assert!(!format!("{reference:?}").contains("0123456789abcdef"));
        assert_eq!(reference.version.map(VersionId::get), Some(691_639));
    }

    #[test]
    fn digests_that_identify_nothing_are_left_out() {
        for text in [
            "0000000000",
            "random:e52fdbee46a484eb",
            "md5:0123456789ab",
            "e3b0c44298fc",
            "none",
        ] {
            assert_eq!(
                Reference::named("x", Kind::Lora).with_hash(text).hash,
                None,
                "{text}"
            );
        }
        assert!(
            digest("blake3:e52fdbee46a484ebe9b3b20ea0aac0a35a453ab6d0d353da00acfd35ce7a91ed")
                .is_some()
        );
        assert!(digest("0x762fc19032").is_some());
    }

    #[test]
    fn a_second_description_completes_the_first() {
        let mut all = References::default();
        let node = |id: &str| Reference {
            node: Some(id.into()),
            ..Reference::named("a/x.safetensors", Kind::Lora)
        };
        all.add([node("1"), node("2"), node("2")]);
        all.add([Reference::named("X", Kind::Lora).with_hash("0123456789ab")]);
        let all = all.into_vec();
        assert_eq!(all.len(), 2);
        assert!(all[0].hash.is_some() && all[0].node.as_deref() == Some("1"));
    }
}

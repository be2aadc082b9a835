//! Which file of the site a sidecar says it stands beside.

use civitai_api::{FileId, ModelId, VersionId};
use civitai_download::digest::Digest;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Card, Fact, Form};

/// What a sidecar says its model is. It is somebody's word: sidecars are copied, renamed and left behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Claim {
    /// The model.
    pub model: Option<ModelId>,
    /// The version.
    pub version: VersionId,
    /// The file of the version that it is about, where it says so.
    pub file: Option<FileId>,
    /// The files that it lists of the version, with their SHA-256 in lower case where it has them.
    pub files: Vec<(Option<FileId>, Option<String>)>,
    /// The title of the model.
    pub title: Option<String>,
    /// Its type, in Civitai's words.
    pub model_type: Option<String>,
    /// Who published it.
    pub creator: Option<String>,
    /// The name of the version.
    pub version_name: Option<String>,
    /// What it runs on, in Civitai's words.
    pub base_model: Option<String>,
}

/// How a claim stands to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The file has a digest that the sidecar lists, that of this file of the site.
    Agrees(Option<FileId>),
    /// The file has a digest, and the sidecar lists only others.
    Contradicts,
    /// One of the two has no digest.
    Unchecked(Option<FileId>),
}

impl Claim {
    /// Reads what a sidecar says; nothing where it names no version.
    pub fn of(card: &Card) -> Option<Self> {
        let number = |fact| card.fact(fact).and_then(|value| value.as_u64());
        let text = |fact| {
            card.fact(fact)
                .and_then(|value| value.as_str().map(str::to_owned))
        };
        let info = card.document(Form::CivitaiInfo);
        let listed = info.get("files").and_then(Value::as_array);
        let files = listed.into_iter().flatten().take(MOST_FILES).map(|file| {
            let id = file["id"].as_u64().and_then(FileId::new);
            let sha256 = file["hashes"]["SHA256"].as_str();
            let sha256 = sha256.and_then(|hex| hex.parse::<Digest<32>>().ok());
            (id, sha256.map(|digest| digest.to_string()))
        });
        Some(Self {
            model: number(Fact::ModelId).and_then(ModelId::new),
            version: number(Fact::VersionId).and_then(VersionId::new)?,
            file: card.file_id().and_then(FileId::new),
            files: files.collect(),
            title: text(Fact::ModelName),
            model_type: text(Fact::ModelType),
            creator: text(Fact::Creator),
            version_name: text(Fact::VersionName),
            base_model: text(Fact::BaseModel),
        })
    }

    /// Compares the claim with the digest of a file, if that is known.
    pub fn judge(&self, sha256: Option<&Digest<32>>) -> Standing {
        let sole = match self.files.as_slice() {
            [(id, _)] => *id,
            _ => None,
        };
        let unchecked = Standing::Unchecked(self.file.or(sole));
        let Some(sha256) = sha256 else {
            return unchecked;
        };
        let sha256 = sha256.to_string();
        let mut files = self.files.iter();
        if let Some((id, _)) = files.find(|(_, listed)| listed.as_ref() == Some(&sha256)) {
            return Standing::Agrees(*id);
        }
        let is_checked = !self.files.is_empty() && self.files.iter().all(|(_, sha)| sha.is_some());
        if is_checked {
            Standing::Contradicts
        } else {
            unchecked
        }
    }
}

/// No version has as many files; a list that goes on is a stranger's joke.
const MOST_FILES: usize = 1000;

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;

    fn claim(info: Value) -> Option<Claim> {
        let Value::Object(info) = info else {
            return Claim::of(&Card::read(Form::CivitaiInfo, Map::new()));
        };
        Claim::of(&Card::read(Form::CivitaiInfo, info))
    }

    #[test]
    fn a_digest_decides_where_both_have_one() {
        let (one, two) = ("1".repeat(64), "2".repeat(64));
        let told = claim(json!({
            "id": 20, "modelId": 2,
            "files": [{"id": 7, "hashes": {"SHA256": one}}, {"id": 8, "hashes": {"SHA256": two}}],
        }));
        let told = told.expect("it names a version");
        let judge = |hex: &str| told.judge(Some(&hex.parse().expect("a digest")));
        assert_eq!(judge(&two), Standing::Agrees(FileId::new(8)));
        assert_eq!(judge(&"3".repeat(64)), Standing::Contradicts);
        assert_eq!(told.judge(None), Standing::Unchecked(None));
    }

    #[test]
    fn without_a_digest_nothing_is_decided() {
        let told = claim(json!({"id": 20, "files": [{"id": 7}]})).expect("it names a version");
        let any = "3".repeat(64).parse().expect("a digest");
        assert_eq!(told.judge(Some(&any)), Standing::Unchecked(FileId::new(7)));
        assert_eq!(claim(json!({"name": "no version"})), None);
    }
}

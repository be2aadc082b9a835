use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::content::{Content, Digests, Kind};

/// A stored file. Its bytes are made up from [`File::content`] whenever somebody reads them.
#[derive(Debug, Clone)]
pub struct File {
    /// File id.
    pub id: u32,
    /// Stored name, as uploaded. Downloads get a computed one.
    pub name: String,
    /// A name that wins over the computed one.
    pub override_name: Option<String>,
    /// `type` of the API: the file's role, for example `Model` or `Training Data`. Free text.
    pub kind: String,
    /// Only public files are shown and served.
    pub visibility: Visibility,
    /// `None` is a database accident that makes the version endpoint fail.
    pub metadata: Option<FileMetadata>,
    /// What the bytes are.
    pub content: Content,
    /// What the site says the size is, where that is not the truth.
    pub claimed_size_kb: Option<f64>,
    /// Whether the scanner has been here. Without a scan there are no hashes.
    pub scanned_at: Option<Timestamp>,
    /// What the site says instead of the true hash, by hash type; `None` takes a hash away.
    pub claimed_hashes: BTreeMap<String, Option<String>>,
    /// Verdict on the pickles in it.
    pub pickle_scan: ScanResult,
    /// `None` lets the site say what it says about files without pickles.
    pub pickle_message: Option<String>,
    /// Verdict of the virus scanner.
    pub virus_scan: ScanResult,
    /// Words of the virus scanner.
    pub virus_message: Option<String>,
    /// When a newer file took its place.
    pub replaced_at: Option<Timestamp>,
    /// Which storage serves it.
    pub backend: Backend,
}

impl File {
    /// A public, scanned model file on R2 whose kind of bytes follows from the name's extension.
    pub fn new(id: u32, name: &str, bytes: u64) -> Self {
        Self {
            id,
            name: name.to_owned(),
            override_name: None,
            kind: "Model".to_owned(),
            visibility: Visibility::Public,
            metadata: Some(FileMetadata {
                format: Some(format_of(name).to_owned()),
                ..FileMetadata::default()
            }),
            content: Content::new(kind_of(name), u64::from(id), bytes),
            claimed_size_kb: None,
            scanned_at: Some(epoch()),
            claimed_hashes: BTreeMap::new(),
            pickle_scan: ScanResult::Success,
            pickle_message: None,
            virus_scan: ScanResult::Success,
            virus_message: None,
            replaced_at: None,
            backend: Backend::R2,
        }
    }

    /// Sets the role.
    #[must_use]
    pub fn with_kind(mut self, kind: &str) -> Self {
        kind.clone_into(&mut self.kind);
        self
    }

    /// Sets format, size and precision; an empty string leaves a member unknown.
    #[must_use]
    pub fn with_metadata(mut self, format: &str, size: &str, fp: &str) -> Self {
        let known = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        self.metadata = Some(FileMetadata {
            format: known(format),
            size: known(size),
            fp: known(fp),
            ..FileMetadata::default()
        });
        self
    }

    /// Sets the quantisation.
    #[must_use]
    pub fn with_quant(mut self, quant_type: &str) -> Self {
        self.metadata.get_or_insert_default().quant_type = Some(quant_type.to_owned());
        self
    }

    /// Makes the site claim a hash that is not the file's.
    #[must_use]
    pub fn with_claimed_hash(mut self, kind: &str, value: &str) -> Self {
        self.claimed_hashes
            .insert(kind.to_owned(), Some(value.to_owned()));
        self
    }

    /// Gives it the bytes of another file: two uploads of the same thing.
    #[must_use]
    pub fn with_content(mut self, content: Content) -> Self {
        self.content = content;
        self
    }

    /// Sets the storage.
    #[must_use]
    pub fn with_backend(mut self, backend: Backend) -> Self {
        self.backend = backend;
        self
    }

    /// Sets who may see it.
    #[must_use]
    pub fn with_visibility(mut self, visibility: Visibility) -> Self {
        self.visibility = visibility;
        self
    }

    /// The size the site shows, in KiB.
    #[expect(
        clippy::cast_precision_loss,
        reason = "the site's own number is a double"
    )]
    pub fn size_kb(&self) -> f64 {
        self.claimed_size_kb
            .unwrap_or(self.content.len() as f64 / 1024.0)
    }

    /// The hashes the site shows, by type, upper-case, in the site's order. Digests are computed when first asked for.
    pub fn hashes(&self) -> Vec<(String, String)> {
        if self.scanned_at.is_none() {
            return Vec::new();
        }
        let claimed = |kind: &str| self.claimed_hashes.get(kind).cloned();
        let truth = if HASH_KINDS
            .iter()
            .all(|kind| self.claimed_hashes.contains_key(*kind))
        {
            None
        } else {
            Some(self.content.digests())
        };
        let known = HASH_KINDS.into_iter().filter_map(|kind| {
            let value = claimed(kind)
                .unwrap_or_else(|| truth.and_then(|digests| true_hash(digests, kind)))?;
            Some((kind.to_owned(), value))
        });
        let foreign = self
            .claimed_hashes
            .iter()
            .filter(|(kind, _)| !HASH_KINDS.contains(&kind.as_str()))
            .filter_map(|(kind, value)| Some((kind.clone(), value.clone()?)));
        known.chain(foreign).collect()
    }

    /// Whether any of its hashes equals this one, in any case.
    pub fn has_hash(&self, hash: &str) -> bool {
        self.hashes()
            .iter()
            .any(|(_, value)| value.eq_ignore_ascii_case(hash))
    }

    /// Whether others than the owner may have it.
    pub(crate) fn is_public(&self) -> bool {
        self.visibility == Visibility::Public
    }
}

/// What the uploader said about a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileMetadata {
    /// For example `SafeTensor`, `GGUF`, `PickleTensor`.
    pub format: Option<String>,
    /// `full` or `pruned`.
    pub size: Option<String>,
    /// Precision, for example `fp16`.
    pub fp: Option<String>,
    /// For example `Q4_K_M`.
    pub quant_type: Option<String>,
    /// A component without which the model does not run.
    pub is_required: Option<bool>,
}

/// Who may see a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the site's own names; only the last is shown")]
pub enum Visibility {
    Sensitive,
    Private,
    #[default]
    Public,
}

/// Verdict of a scanner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the site's own names say all there is")]
pub enum ScanResult {
    Pending,
    Success,
    Danger,
    Error,
}

impl ScanResult {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Success => "Success",
            Self::Danger => "Danger",
            Self::Error => "Error",
        }
    }
}

/// The storage a file lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// S3 style: signed in the query, quoted strong entity tags.
    R2,
    /// Native B2: an authorization in the query, no entity tag.
    B2,
}

/// The moment at which everything starts unless said otherwise: 2026-07-01T00:00:00Z.
pub(super) fn epoch() -> Timestamp {
    Timestamp::constant(1_782_864_000, 0)
}

fn format_of(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "safetensors" => "SafeTensor",
        "gguf" => "GGUF",
        "ckpt" | "pt" | "bin" | "pth" => "PickleTensor",
        "onnx" => "ONNX",
        _ => "Other",
    }
}

fn kind_of(name: &str) -> Kind {
    // Names that end in dots or spaces, or shout, have the bytes of those that do not.
    let name = name.trim_end_matches(['.', ' ']).to_ascii_lowercase();
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "safetensors" => Kind::SafeTensors,
        "gguf" => Kind::Gguf,
        "ckpt" | "pt" | "bin" | "pth" => Kind::Pickle,
        "zip" => Kind::Zip,
        _ => Kind::Raw,
    }
}

fn true_hash(digests: &Digests, kind: &str) -> Option<String> {
    match kind {
        "AutoV1" => digests.auto_v1.clone(),
        "AutoV2" => Some(digests.auto_v2.clone()),
        "AutoV3" => digests.auto_v3.clone(),
        "BLAKE3" => Some(digests.blake3.clone()),
        "CRC32" => Some(digests.crc32.clone()),
        "SHA256" => Some(digests.sha256.clone()),
        _ => None,
    }
}

const HASH_KINDS: [&str; 6] = ["AutoV1", "AutoV2", "SHA256", "CRC32", "BLAKE3", "AutoV3"];

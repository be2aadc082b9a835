//! What lies under a storage path.

use crate::content::{Content, mix};
use crate::sign::encode;
use crate::state::Backend;

/// A stored file.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    /// The file it is, unless the storage made it itself.
    pub(crate) file: Option<u32>,
    /// The version the file is of, if it is of one.
    pub(crate) version: Option<u32>,
    pub(crate) owner: u32,
    /// Stored name, as uploaded.
    pub(crate) name: String,
    pub(crate) content: Content,
}

impl Object {
    /// The path, percent-encoded, of the object at a backend.
    pub(super) fn path(&self, backend: Backend) -> String {
        let key = encode(&self.key());
        match backend {
            Backend::R2 => format!("/{}/model/{key}", self.owner),
            Backend::B2 => format!("/file/civitai-modelfiles/model/{}/{key}", self.owner),
        }
    }

    pub(super) fn b2_name(&self) -> String {
        format!("model/{}/{}", self.owner, encode(&self.key()))
    }

    pub(super) fn b2_id(&self) -> String {
        format!(
            "4_z{:016x}_f{:016x}_d20260701_m000000_c004",
            mix(4, 0),
            mix(4, self.number())
        )
    }

    fn number(&self) -> u64 {
        u64::from(self.file.unwrap_or_default())
    }

    /// The stored name with four random characters before its extension, as uploads get them.
    fn key(&self) -> String {
        let (stem, extension) = self.name.rsplit_once('.').unwrap_or((&self.name, "bin"));
        let stem: String = stem
            .chars()
            .filter(|&c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
            .take(60)
            .collect();
        let mut draw = mix(36, self.number());
        let mut suffix = String::with_capacity(4);
        for _ in 0..4 {
            let digit = u32::try_from(draw % 36).expect("a digit of base 36");
            suffix.push(
                char::from_digit(digit, 36)
                    .expect("a digit of base 36")
                    .to_ascii_uppercase(),
            );
            draw /= 36;
        }
        // Two files may well share name and suffix; the id keeps their objects apart.
        format!("{stem}-{}.{suffix}.{extension}", self.number())
    }
}

/// A strong entity tag: of one part below 5 MiB, of several above, as multipart uploads have them.
pub(super) fn etag(content: &Content, changed: bool) -> String {
    let fingerprint = content.fingerprint() ^ u64::from(changed);
    let parts = content.len().div_ceil(PART_BYTES);
    let digest = format!("{:016x}{:016x}", mix(fingerprint, 1), mix(fingerprint, 2));
    if parts > 1 {
        format!("\"{digest}-{parts}\"")
    } else {
        format!("\"{digest}\"")
    }
}

const PART_BYTES: u64 = 5 << 20;
pub(super) const LAST_MODIFIED: &str = "Wed, 01 Jul 2026 00:00:00 GMT";
pub(super) const UPLOADED_MS: &str = "1782864000000";

//! The files beside a model that describe it, in the forms of five tools.
//!
//! A [`Card`] is what is known of one file from any of them. Each form has a table of fields (`table.rs`): which [`Fact`]
//! stands where, and how it is spelled there. Translating reads one form and writes another, and loses nothing:
//!
//! * A field that both forms have stands in its own place in both.
//! * What the target has no place for travels under the key [`CARRIED`], which other tools keep or ignore: every sidecar that
//!   was read, as it was. Writing that form again gives it back to the letter.
//! * A field that was changed in the translation since (a user sets another weight in A1111) is changed in the original too;
//!   that is seen by comparing it with what the original would have made it.
//! * What is unknown, or not of the expected type, is never touched; what is absent never replaces what is known.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

mod beside;
mod card;
mod claim;
mod coding;
mod compact;
mod fact;
mod picture;
mod table;
mod write;

pub use beside::{Beside, Part, owner};
pub use card::{CARRIED, Card};
pub use claim::{Claim, Standing};
pub use compact::Compact;
pub use fact::Fact;
pub use picture::Picture;
pub use write::{Written, describe, path};
pub(crate) use write::{located, stem_of, text, with_suffix};

/// A form that a tool reads or writes beside a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Form {
    /// `STEM.civitai.info`: the answer of `/model-versions`, as Civitai Helper keeps it.
    CivitaiInfo,
    /// `STEM.json`: what A1111 and Forge show on a card and put into a prompt.
    A1111,
    /// `STEM.cm-info.json` of StabilityMatrix.
    CmInfo,
    /// `STEM.metadata.json` of LoRA Manager.
    MetadataJson,
    /// `STEM.swarm.json` of SwarmUI.
    Swarm,
}

impl Form {
    /// Every form.
    pub const ALL: [Self; 5] = [
        Self::CivitaiInfo,
        Self::A1111,
        Self::CmInfo,
        Self::MetadataJson,
        Self::Swarm,
    ];

    /// Returns the name by which users choose it.
    pub fn name(self) -> &'static str {
        match self {
            Self::CivitaiInfo => "civitai-info",
            Self::A1111 => "a1111",
            Self::CmInfo => "cm-info",
            Self::MetadataJson => "metadata-json",
            Self::Swarm => "swarm",
        }
    }

    /// Returns the form of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|form| form.name() == name)
    }

    /// Returns what follows the stem of the model in the name of the sidecar.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::CivitaiInfo => ".civitai.info",
            Self::A1111 => ".json",
            Self::CmInfo => ".cm-info.json",
            Self::MetadataJson => ".metadata.json",
            Self::Swarm => ".swarm.json",
        }
    }
}

/// Reads a sidecar.
///
/// # Errors
/// Says why the file is none: it cannot be opened, is longer than any sidecar, or is not a JSON object. Such a file is a user's
/// own affair and must not be overwritten.
pub fn read(path: &Path) -> Result<Map<String, Value>, SidecarError> {
    use io::Read as _;
    let fault = |fault| SidecarError {
        path: path.to_owned(),
        fault,
    };
    let file = fs_err::File::open(path).map_err(|error| fault(Fault::Io(error)))?;
    let mut text = Vec::new();
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut text)
        .map_err(|error| fault(Fault::Io(error)))?;
    if text.len() as u64 > MAX_BYTES {
        return Err(fault(Fault::TooLong));
    }
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    match serde_json::from_slice(text) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(fault(Fault::NoObject)),
        Err(error) => Err(fault(Fault::Json(error))),
    }
}

/// A sidecar that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{} is no sidecar", path.display())]
pub struct SidecarError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    #[source]
    pub fault: Fault,
}

/// What is wrong with a sidecar.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// It cannot be read.
    #[error(transparent)]
    Io(io::Error),
    /// It is not JSON; the parser names line and column.
    #[error("it is not JSON: {0}")]
    Json(serde_json::Error),
    /// It is JSON, but not an object.
    #[error("it is not a JSON object")]
    NoObject,
    /// It is longer than any sidecar.
    #[error("it is longer than 16 MiB")]
    TooLong,
}

const MAX_BYTES: u64 = 16 << 20;

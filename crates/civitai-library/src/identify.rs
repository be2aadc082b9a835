//! What a model file is, told by its header alone.
//!
//! Nothing is loaded, decompressed at length, or executed: at most [`READ_BUDGET`] bytes are read, sizes are checked
//! before anything is allocated for them, and a pickle is parsed as data. Tensor names and shapes are compared with a
//! table ([`Table`]) of the layouts of known architectures; what the table does not know may be known to a second one of
//! the same form, which [`Learned`] fills from files whose truth is known by their hash. `docs/identify.md` describes the
//! tables, the sums and how the confidence was calibrated.

use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

use civitai_api::{BaseModel, ModelType};

mod adapter;
mod archive;
mod calibration;
mod embedding;
mod folder;
mod gguf;
mod header;
mod kind;
mod learn;
mod metadata;
mod name;
mod onnx;
mod part;
mod pickle;
mod precision;
#[cfg(test)]
mod reliability;
mod safetensors;
mod score;
mod table;
mod verdict;

pub use self::header::{Header, READ_BUDGET, Tensor};
pub use self::kind::{Family, Format};
pub use self::learn::{Learned, Lesson, MOST_MODULES, Observation, Truth};
pub use self::table::{Table, TableError};

/// What a file is, as far as its header says.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Identity {
    /// How the file is written.
    pub format: Format,
    /// What kind of model it is; `None` where nothing was recognised.
    pub model_type: Option<ModelType>,
    /// A finer word than the type has, such as `ip-adapter`, `control lora` or `lokr`.
    pub kind: Option<Box<str>>,
    /// What it was made for; `None` where two base models share one layout.
    pub base_model: Option<BaseModel>,
    /// The line of models it belongs to; `None` where the header does not say.
    pub family: Option<Family>,
    /// How sure the type and the family are, from 0 to 1: of the answers with 0.9, nine in ten are right.
    pub confidence: f64,
    /// What was seen, one finding a line, the weightiest first.
    pub evidence: Vec<String>,
    /// The number format of most bytes, in Civitai's words: `fp16`, `bf16`, `fp8_scaled`, `nf4`, `Q4_K_M` …
    pub precision: Option<Box<str>>,
    /// The rank most layers of an adapter have.
    pub rank: Option<u64>,
    /// Words that the training metadata says call the effect up, at most [`MOST_TRIGGER_WORDS`].
    pub trigger_words: Vec<String>,
    /// How many tensors the header names.
    pub tensors: usize,
}

/// More trigger words than these are a list of tags, not a trigger.
pub const MOST_TRIGGER_WORDS: usize = 12;

/// Why a file could not be identified. A file that is merely not recognised is no error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file system refused.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file begins like a format that it then breaks.
    #[error("{} is not a sound {format} file", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What it began as.
        format: Format,
        /// What is wrong, and where.
        source: Flaw,
    },
}

/// What is wrong with a header, and at which byte or entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Flaw {
    /// The file ends before something that it announced.
    #[error("the file ends at byte {at}, inside {what}")]
    Ends {
        /// What was being read.
        what: &'static str,
        /// Where the file ends.
        at: u64,
    },
    /// A length or count that the file cannot hold.
    #[error("{what} claims {claimed} where at most {most} can be")]
    TooLarge {
        /// What claims it.
        what: &'static str,
        /// What it claims.
        claimed: u64,
        /// What the file or this reader allows.
        most: u64,
    },
    /// Text that is not the JSON it should be.
    #[error("the {what} is not the JSON it should be, line {line} column {column}")]
    Json {
        /// Which text.
        what: &'static str,
        /// Line of the text, from 1.
        line: usize,
        /// Column of the line, from 1.
        column: usize,
    },
    /// A value that the format does not have.
    #[error("{what} has the value {value}, which the format does not know")]
    Value {
        /// What has it.
        what: &'static str,
        /// The value.
        value: u64,
    },
    /// A pickle that takes more from its stack than it put there, or never ends.
    #[error("the pickle does not add up at byte {at} of its stream")]
    Pickle {
        /// Offset in the stream.
        at: u64,
    },
}

/// Says what the file or folder at `path` is, with the built-in table.
///
/// # Errors
/// [`Error::Io`] where the system refuses, [`Error::Malformed`] where the file breaks the format it begins as.
pub fn identify(path: &Path) -> Result<Identity, Error> {
    identify_with(path, &Learned::default())
}

/// Says what the file or folder at `path` is; `learned` is asked beside the built-in table.
///
/// # Errors
/// As [`identify`].
pub fn identify_with(path: &Path, learned: &Learned) -> Result<Identity, Error> {
    let mut header = Header::read(path)?;
    header.set_name_hint(path);
    Ok(verdict::judge(&header, learned))
}

/// Says what a file is that is not on the disk as it is: encrypted, or in another file. `path` is what it would be called.
///
/// # Errors
/// As [`identify`].
pub fn identify_content(
    path: &Path,
    content: impl Read + Seek + 'static,
    learned: &Learned,
) -> Result<Identity, Error> {
    let mut header = Header::read_content(path, Box::new(content))?;
    header.set_name_hint(path);
    Ok(verdict::judge(&header, learned))
}

/// Says what a header is, however it was come by.
pub fn identify_header(header: &Header, learned: &Learned) -> Identity {
    verdict::judge(header, learned)
}

//! Reading a file to see whether it still is what it was, and where it is not.

use std::io::{self, BufReader};
use std::ops::{ControlFlow, Range};
use std::path::Path;

use civitai_download::digest::{DigestSet, Digests, hash_files};
use civitai_download::error::BoxError;
use civitai_download::tree::{Piece, Survey, SurveyError, survey};
use civitai_security::crypt::FileError;
use fs_err::File;

use crate::catalogue::Entry;
use crate::sealing::{self, Keys};
use crate::trees::Trees;

/// What reading a file found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Finding {
    /// Every byte is what it was.
    Whole,
    /// It is not what it was.
    Damaged(Damage),
    /// It is not there.
    Missing,
    /// It was never hashed, or is encrypted and was not to be opened, so nothing can be said.
    Unknown,
}

/// How a file is not what it was.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Damage {
    /// How long it was.
    pub bytes: u64,
    /// Where it is damaged; absent where no hash tree tells.
    pub located: Option<Located>,
}

/// Where a file is damaged.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Located {
    /// What is wrong or missing, each with the proof of what belongs there.
    pub pieces: Vec<Piece>,
    /// The same as ranges of bytes, neighbours joined, with what is beyond the end the file should have.
    pub ranges: Vec<Range<u64>>,
}

impl Located {
    /// How many bytes have to come from elsewhere.
    pub fn bytes(&self) -> u64 {
        let lengths = self
            .pieces
            .iter()
            .map(|piece| piece.range.end - piece.range.start);
        lengths.sum()
    }
}

/// Why a file could not be judged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeepError {
    /// The encrypted file cannot be opened, as who has the keys says.
    #[error("the encrypted file cannot be opened")]
    Closed(#[source] BoxError),
    /// The file or its tree cannot be read, or a new tree cannot be kept.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The caller wanted to stop.
    #[error("stopped")]
    Stopped,
}

/// Reads a file of the library below `root` and judges it by its hash tree, or by its digests where it has none. A whole
/// file gets the tree that it lacks. Of an encrypted one [nothing can be said](deep_sealed) without keys. Blocks.
///
/// `before` is called before so many bytes are read: it may sleep to keep to a budget, and ends the reading when it
/// breaks.
pub fn deep(
    root: &Path,
    entry: &Entry,
    trees: &Trees,
    before: &(dyn Fn(u64) -> ControlFlow<()> + Sync),
) -> Result<Finding, DeepError> {
    let Some(known) = &entry.digests else {
        return Ok(Finding::Unknown);
    };
    if entry.is_sealed() {
        return Ok(Finding::Unknown);
    }
    let path = root.join(&entry.path);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Finding::Missing),
        Err(error) => return Err(error.into()),
    };
    let Some(survey) = by_tree(&file, known, trees, before)? else {
        return by_digests(&path, known, trees, before);
    };
    if survey.is_whole() {
        return if survey.is_tree_whole {
            Ok(Finding::Whole)
        } else {
            // Its tree is not: the second reading makes another.
            by_digests(&path, known, trees, before)
        };
    }
    let located = Located {
        ranges: survey.ranges(),
        pieces: survey.damaged,
    };
    Ok(Finding::Damaged(Damage {
        bytes: survey.bytes,
        located: Some(located),
    }))
}

/// Reads what is in an encrypted file of the library below `root` and compares it with what it was. Blocks.
///
/// `before` as in [`deep`].
///
/// # Errors
/// [`DeepError::Closed`] where the keys cannot be had. A container that they do not open is damaged: which of both it is
/// cannot be told.
pub fn deep_sealed(
    root: &Path,
    entry: &Entry,
    keys: &dyn Keys,
    before: &(dyn Fn(u64) -> ControlFlow<()> + Sync),
) -> Result<Finding, DeepError> {
    let Some(known) = entry
        .digests
        .as_ref()
        .filter(|known| known.sha256.is_some())
    else {
        return Ok(Finding::Unknown);
    };
    let path = root.join(&entry.path);
    if !path.try_exists()? {
        return Ok(Finding::Missing);
    }
    let mut is_stopped = false;
    let read = sealing::hash(&path, keys, DigestSet::SHA256, &mut |bytes| {
        is_stopped = before(bytes).is_break();
        if is_stopped {
            return Err(io::Error::other("stopped"));
        }
        Ok(())
    });
    let holds = match read {
        _ if is_stopped => return Err(DeepError::Stopped),
        Ok(found) => known.sha256 == found.sha256,
        Err(source) => match source.downcast_ref::<FileError>() {
            Some(FileError::Crypt { source, .. }) if source.is_refused() => false,
            _ => return Err(DeepError::Closed(source)),
        },
    };
    if holds {
        return Ok(Finding::Whole);
    }
    let (bytes, located) = (known.bytes, None);
    Ok(Finding::Damaged(Damage { bytes, located }))
}

/// None where there is no tree that can be used.
fn by_tree(
    file: &File,
    known: &Digests,
    trees: &Trees,
    before: &dyn Fn(u64) -> ControlFlow<()>,
) -> Result<Option<Survey>, DeepError> {
    let Some(root) = known.blake3 else {
        return Ok(None);
    };
    let Some(tree) = trees.open(&root)? else {
        return Ok(None);
    };
    match survey(file, BufReader::new(tree), (root, known.bytes), before) {
        Ok(survey) => Ok(Some(survey)),
        Err(SurveyError::Stopped) => Err(DeepError::Stopped),
        Err(SurveyError::File(error)) => Err(error.into()),
        Err(error) => {
            tracing::warn!(path = %trees.path(&root).display(), %error, "a hash tree cannot be used");
            Ok(None)
        }
    }
}

fn by_digests(
    path: &Path,
    known: &Digests,
    trees: &Trees,
    before: &(dyn Fn(u64) -> ControlFlow<()> + Sync),
) -> Result<Finding, DeepError> {
    let mut result = None;
    let set = DigestSet::TREE | proof(known);
    hash_files(&[path], set, before, |_, digests| result = Some(digests));
    let found = result.ok_or(DeepError::Stopped)??;
    let holds = match (known.sha256, known.blake3, known.crc32) {
        (Some(_), ..) => known.sha256 == found.sha256,
        (None, Some(_), _) => known.blake3 == found.blake3,
        (None, None, Some(_)) => known.crc32 == found.crc32,
        (None, None, None) => return Ok(Finding::Unknown),
    };
    if !holds {
        let (bytes, located) = (known.bytes, None);
        return Ok(Finding::Damaged(Damage { bytes, located }));
    }
    if let Some(tree) = &found.tree
        && known.blake3 == Some(tree.root())
    {
        // If there is one, it could not be used.
        trees.replace(tree)?;
    }
    Ok(Finding::Whole)
}

/// The cheapest digest that proves what the strongest one known does.
fn proof(known: &Digests) -> DigestSet {
    if known.sha256.is_some() {
        DigestSet::SHA256
    } else if known.blake3.is_some() {
        DigestSet::BLAKE3
    } else {
        DigestSet::CRC32
    }
}

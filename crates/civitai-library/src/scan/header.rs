//! Reading what files say of themselves.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use crate::catalogue::{Catalogue, Error, Identity, Stamp, Unhashed};
use crate::identify::{self, Learned};

/// A header that the system did not let read. The next scan tries again.
#[derive(Debug)]
pub struct Unread {
    /// The file, below the root.
    pub path: String,
    /// Why.
    pub source: identify::Error,
}

/// Reads the headers of `files`, a few megabytes of each at most, and notes what they say by what is built in and what was
/// learned. Blocks until all is done, or
/// until `stop` is set. A file that breaks its format is noted as one of which nothing can be said.
pub fn identify(
    catalogue: &mut Catalogue,
    files: Vec<Unhashed>,
    stop: &AtomicBool,
) -> Result<Vec<Unread>, Error> {
    let mut unread = Vec::new();
    if files.is_empty() {
        return Ok(unread);
    }
    let learned = Learned::new(catalogue.learned()?);
    let mut files = files.into_iter().peekable();
    while files.peek().is_some() && !stop.load(Ordering::Relaxed) {
        let mut noted = Vec::new();
        for file in files.by_ref().take(AT_ONCE) {
            let path = catalogue.root().join(&file.path);
            let read = identify::identify_with(&path, &learned);
            let is_same = fs_err::metadata(&path)
                .is_ok_and(|metadata| Stamp::of(&metadata).is_same(&file.stamp));
            match read {
                Ok(identity) if is_same => noted.push((file, kept(&identity))),
                Err(source @ identify::Error::Malformed { .. }) if is_same => {
                    noted.push((file, broken(&source)));
                }
                // It changed while it was read: the next scan finds it again.
                Ok(_) | Err(identify::Error::Malformed { .. }) => {}
                Err(source) => unread.push(Unread {
                    path: file.path,
                    source,
                }),
            }
        }
        catalogue.note_identities(&noted, SystemTime::now())?;
    }
    Ok(unread)
}

pub(super) fn kept(identity: &identify::Identity) -> Identity {
    Identity {
        format: identity.format.to_string(),
        model_type: identity.model_type.as_ref().map(ToString::to_string),
        base_model: identity.base_model.as_ref().map(ToString::to_string),
        family: identity.family.map(|family| family.to_string()),
        confidence: identity.confidence,
        evidence: identity.evidence.clone(),
    }
}

pub(super) fn broken(source: &identify::Error) -> Identity {
    Identity {
        format: "unknown".to_owned(),
        model_type: None,
        base_model: None,
        family: None,
        confidence: 0.0,
        evidence: vec![source.to_string()],
    }
}

/// Each write costs a flush, a kill at most this much work.
const AT_ONCE: usize = 256;

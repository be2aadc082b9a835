//! What sidecars say of the files that they stand beside.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use crate::catalogue::{Catalogue, Error};
use crate::sidecar::{Card, Claim, SidecarError, read};

/// What reading sidecars has brought.
#[derive(Debug, Default)]
pub struct Beside {
    /// How many files are known by a sidecar alone.
    pub known: usize,
    /// Sidecars that cannot be read. They are told once, and again when they change.
    pub broken: Vec<SidecarError>,
}

/// Reads the sidecars that were not read since they changed, and takes files whose content nobody knows for what they
/// say, unless digests contradict. To be called when the site was asked, which knows better. Blocks until all is done, or
/// until `stop` is set.
pub fn ask_sidecars(catalogue: &mut Catalogue, stop: &AtomicBool) -> Result<Beside, Error> {
    let mut beside = Beside::default();
    let mut unread = catalogue.unread_sidecars()?.into_iter().peekable();
    while unread.peek().is_some() && !stop.load(Ordering::Relaxed) {
        let mut told = Vec::new();
        for sidecar in unread.by_ref().take(AT_ONCE) {
            let path = catalogue.root().join(&sidecar.path);
            let claim = match read(&path) {
                Ok(document) => Claim::of(&Card::read(sidecar.form, document)),
                Err(error) => {
                    beside.broken.push(error);
                    None
                }
            };
            told.push((sidecar, claim));
        }
        catalogue.note_claims(&told, SystemTime::now())?;
    }
    beside.known = catalogue.match_by_claims()?;
    Ok(beside)
}

/// Each write costs a flush, a kill at most this much work.
const AT_ONCE: usize = 256;

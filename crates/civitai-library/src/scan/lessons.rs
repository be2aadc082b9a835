//! Learning what headers look like from files of which the site says what they are.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use crate::catalogue::{Catalogue, Error, Stamp};
use crate::identify::{Header, Learned};

/// Reads the headers of files whose truth is known by their digests, each content once, and adds what they have in common
/// to what was learned. Returns how many taught something; the headers of files that nobody recognised are read again then.
/// Blocks until all is done, or until `stop` is set.
pub fn learn(catalogue: &mut Catalogue, stop: &AtomicBool) -> Result<usize, Error> {
    let mut pupils = catalogue.pupils()?.into_iter().peekable();
    if pupils.peek().is_none() {
        return Ok(0);
    }
    let mut learned = Learned::new(catalogue.learned()?);
    let mut count = 0;
    while pupils.peek().is_some() && !stop.load(Ordering::Relaxed) {
        let mut taught = Vec::new();
        for pupil in pupils.by_ref().take(AT_ONCE) {
            let path = catalogue.root().join(&pupil.file.path);
            let header = Header::read(&path);
            let is_same = fs_err::metadata(&path)
                .is_ok_and(|metadata| Stamp::of(&metadata).is_same(&pupil.file.stamp));
            if !is_same {
                // The next scan finds out what it is now.
                continue;
            }
            // What cannot be read or names no tensors teaches nothing, and was told when it was identified.
            let header = header.ok().filter(|header| !header.tensors.is_empty());
            let lesson = header.map(|header| learned.observe(&header, &pupil.truth));
            count += usize::from(lesson.is_some());
            taught.push((pupil.sha256, lesson));
        }
        catalogue.note_lessons(&taught, SystemTime::now())?;
    }
    if count > 0 {
        catalogue.forget_unrecognised()?;
    }
    Ok(count)
}

/// Each write costs a flush, a kill at most this much work.
const AT_ONCE: usize = 256;

use std::path::Path;

use civitai_api::{File, FileId, Model, Version};
use serde_json::Value;

use super::SiteScan;
use crate::catalogue::{Catalogue, Entry, Error, Stamp, Subject};

impl SiteScan {
    /// What they said of the file at `path`, an absolute one without links; `None` where the catalogue does not know which
    /// file of the site it is, or it has changed since it was looked at. Blocks.
    pub fn known(catalogue: &Catalogue, path: &Path) -> Result<Option<Self>, Error> {
        let Some(entry) = unchanged(catalogue, path)? else {
            return Ok(None);
        };
        let Some((origin, id)) = entry
            .matched
            .and_then(|matched| Some((matched.origin, matched.origin.file?)))
        else {
            return Ok(None);
        };
        let model = origin.model.map(Subject::Model);
        for subject in [Some(Subject::Version(origin.version)), model]
            .into_iter()
            .flatten()
        {
            let said = catalogue
                .last_known(subject)?
                .and_then(|body| file_of(subject, body, id))
                .and_then(|file| Self::of(&file));
            if said.is_some() {
                return Ok(said);
            }
        }
        Ok(None)
    }
}

fn unchanged(catalogue: &Catalogue, path: &Path) -> Result<Option<Entry>, Error> {
    let Some(below) = path
        .strip_prefix(catalogue.root())
        .ok()
        .and_then(Path::to_str)
    else {
        return Ok(None);
    };
    let Ok(metadata) = fs_err::metadata(path) else {
        return Ok(None);
    };
    let stamp = Stamp::of(&metadata);
    let entry = catalogue.entry(below)?;
    Ok(entry.filter(|entry| entry.stamp.is_same(&stamp)))
}

/// The file in an answer of the site. An answer of another shape names none.
fn file_of(subject: Subject, body: Value, id: FileId) -> Option<File> {
    let versions = match subject {
        Subject::Model(_) => serde_json::from_value::<Model>(body).ok()?.versions,
        Subject::Version(_) => vec![serde_json::from_value::<Version>(body).ok()?],
    };
    let mut files = versions.into_iter().flat_map(|version| version.files);
    files.find(|file| file.id == id)
}

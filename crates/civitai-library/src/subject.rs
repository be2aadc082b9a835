//! What is known of a file of the library: enough to choose its place and to describe it.

use std::path::{Component, Path, PathBuf};

use civitai_api::{BaseModel, FileId, FileType, Model, ModelId, ModelType, Version, VersionId};
use civitai_security::FileName;

use crate::catalogue::{self, Catalogue, Entry};
use crate::layout::Subject;
use crate::library::Library;
use crate::sidecar::{Beside, Card, Fact, Form, SidecarError, read};

impl Library {
    /// Returns which file of the library a user means: by its path below the root, or below `here`, or whole.
    ///
    /// Nothing for what is outside of the library. That the file is there is not said.
    pub fn locate(&self, given: &Path, here: &Path) -> Option<String> {
        let below_root = self.root.join(given);
        let is_there = |path: &Path| path.symlink_metadata().is_ok();
        let below_here = here.join(given);
        let path = if is_there(&below_root) || !is_there(&below_here) {
            below_root
        } else {
            below_here
        };
        self.relative(&path)
            .filter(|_| !path.components().any(|part| part == Component::ParentDir))
            .or_else(|| self.relative(&resolved(&path)?))
            .or_else(|| {
                let root = fs_err::canonicalize(&self.root).ok()?;
                let below = resolved(&path)?.strip_prefix(root).ok()?.to_owned();
                self.relative(&self.root.join(below))
            })
    }

    /// Returns what is known of a file from the files beside it and from the catalogue.
    pub fn subject(
        &self,
        path: &str,
        catalogue: Option<&Catalogue>,
    ) -> Result<Subject, catalogue::Error> {
        let entry = match catalogue {
            Some(catalogue) => catalogue.entry(path)?,
            None => None,
        };
        let (card, _) = self.card(path, entry.as_ref(), catalogue)?;
        let name = path.rsplit('/').next().unwrap_or(path);
        Ok(subject(
            FileName::clean(name, "file"),
            card.as_ref(),
            entry.as_ref(),
        ))
    }

    /// Returns what the sidecars of a file tell, or else what the site last said of it; and the sidecars that cannot be read.
    pub(crate) fn card(
        &self,
        path: &str,
        entry: Option<&Entry>,
        catalogue: Option<&Catalogue>,
    ) -> Result<(Option<Card>, Vec<SidecarError>), catalogue::Error> {
        // A folder that is gone has no sidecars.
        let beside = Beside::of(&self.root.join(path)).unwrap_or_default();
        let (mut card, mut broken) = (None::<Card>, Vec::new());
        for form in Form::ALL {
            match beside.sidecar(form).map(read) {
                None => {}
                Some(Ok(document)) => {
                    let told = Card::read(form, document);
                    match &mut card {
                        Some(card) => card.absorb(told),
                        None => card = Some(told),
                    }
                }
                Some(Err(error)) => broken.push(error),
            }
        }
        if card.is_none()
            && let (Some(entry), Some(catalogue)) = (entry, catalogue)
        {
            card = archived(entry, catalogue)?;
        }
        Ok((card, broken))
    }
}

/// What the site said of a file when it was last asked.
fn archived(entry: &Entry, catalogue: &Catalogue) -> Result<Option<Card>, catalogue::Error> {
    let Some(origin) = entry.matched.map(|matched| matched.origin) else {
        return Ok(None);
    };
    let model = match origin.model {
        Some(id) => catalogue.last_known(catalogue::Subject::Model(id))?,
        None => None,
    };
    let model: Option<Model> = model.and_then(|body| serde_json::from_value(body).ok());
    let asked = catalogue.last_known(catalogue::Subject::Version(origin.version))?;
    let alone = asked.and_then(|body| serde_json::from_value::<Version>(body).ok());
    // Of a version that was only ever seen within its model, the model tells.
    let within = || {
        let mut versions = model.iter().flat_map(|model| &model.versions);
        versions
            .find(|version| version.id == origin.version)
            .cloned()
    };
    let Some(version) = alone.or_else(within) else {
        return Ok(None);
    };
    let file = origin
        .file
        .or_else(|| version.files.first().map(|file| file.id));
    Ok(file.map(|file| Card::of_file(model.as_ref(), &version, file)))
}

fn subject(name: FileName, card: Option<&Card>, entry: Option<&Entry>) -> Subject {
    let mut subject = Subject::named(name);
    let origin = entry
        .and_then(|entry| entry.matched)
        .map(|matched| matched.origin);
    let header = entry.and_then(|entry| entry.identity.as_ref());
    let fact = |fact| card.and_then(|card| card.fact(fact));
    let text = |wanted| fact(wanted).and_then(|value| value.as_str().map(str::to_owned));
    let number = |wanted| fact(wanted).and_then(|value| value.as_u64());
    subject.header = header
        .and_then(|header| header.model_type.as_deref())
        .map(ModelType::from);
    subject.kind = text(Fact::ModelType).map(|kind| ModelType::from(kind.as_str()));
    subject.role = text(Fact::FileType).map(|role| FileType::from(role.as_str()));
    subject.base_model = text(Fact::BaseModel)
        .or_else(|| header.and_then(|header| header.base_model.clone()))
        .map(|base| BaseModel::from(base.as_str()));
    subject.creator = text(Fact::Creator);
    subject.model = text(Fact::ModelName).or_else(|| text(Fact::Title));
    subject.version = text(Fact::VersionName);
    subject.first_tag =
        fact(Fact::Tags).and_then(|tags| tags.as_array()?.first()?.as_str().map(str::to_owned));
    subject.model_id = origin
        .and_then(|origin| origin.model)
        .or_else(|| number(Fact::ModelId).and_then(ModelId::new));
    subject.version_id = origin
        .map(|origin| origin.version)
        .or_else(|| number(Fact::VersionId).and_then(VersionId::new));
    subject.file_id = origin
        .and_then(|origin| origin.file)
        .or_else(|| number(Fact::FileId).and_then(FileId::new));
    subject
}

/// The path without `..` and links on the way; its last part stays as it is.
fn resolved(path: &Path) -> Option<PathBuf> {
    let folder = fs_err::canonicalize(path.parent()?).ok()?;
    Some(folder.join(path.file_name()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Layout;

    #[test]
    fn a_file_is_found_by_each_way_to_name_it() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let root = dir.path().join("models");
        fs_err::create_dir_all(root.join("loras")).expect("made");
        fs_err::write(root.join("loras/a.pt"), "").expect("written");
        let library = Library {
            root: root.clone(),
            data_dir: dir.path().join("data"),
            layout: Layout::default(),
        };
        let locate = |given: &str, here: &Path| library.locate(Path::new(given), here);
        let expected = Some("loras/a.pt".to_owned());
        assert_eq!(locate("loras/a.pt", dir.path()), expected);
        assert_eq!(locate("models/loras/a.pt", dir.path()), expected);
        assert_eq!(locate("a.pt", &root.join("loras")), expected);
        assert_eq!(locate("../models/loras/a.pt", &root), expected);
        assert_eq!(
            locate(&format!("{}/loras/a.pt", root.display()), dir.path()),
            expected
        );
        assert_eq!(locate("/etc/passwd", dir.path()), None);
        assert_eq!(locate("../outside", dir.path()), None);
    }

    #[test]
    fn sidecars_tell_what_a_file_is() {
        let card = Card::read(
            Form::CivitaiInfo,
            serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(
                r#"{"id": 2, "modelId": 1, "name": "v1", "baseModel": "SDXL 1.0",
                    "model": {"name": "Rain", "type": "LORA", "tags": ["x"]},
                    "files": [{"id": 3, "type": "Model"}]}"#,
            )
            .expect("JSON"),
        );
        let known = subject(FileName::clean("rain.pt", "x"), Some(&card), None);
        assert_eq!(known.kind, Some(ModelType::Lora));
        assert_eq!(known.file_id, FileId::new(3));
        assert_eq!(known.first_tag.as_deref(), Some("x"));
    }
}

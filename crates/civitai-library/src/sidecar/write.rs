//! Sidecars on the disk.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use civitai_download::disk;
use serde_json::{Map, Value, json};

use super::{Beside, Card, Fact, Fault, Form, SidecarError, read};
use crate::sealing::plain_name;

/// What writing sidecars came to.
#[derive(Debug, Default)]
pub struct Written {
    /// The sidecars that are new or say something new.
    pub paths: Vec<PathBuf>,
    /// Those that were left alone because they cannot be read, or could not be written.
    pub problems: Vec<SidecarError>,
}

/// Writes what Civitai tells of a model beside it, in some forms. Blocks.
///
/// A sidecar that is there is kept: what Civitai tells anew replaces the old in `.civitai.info`; in the other forms, which
/// users write in too, only what is empty is filled. A `.civitai.info` of another version is replaced, unless another
/// model of the same stem may have it. One that cannot be read is not touched.
pub fn describe(model: &Path, card: &Card, forms: &[Form]) -> io::Result<Written> {
    let beside = Beside::of(model)?;
    let card = located(card.clone(), model, &beside)?;
    let mut written = Written::default();
    for form in forms {
        let path = path(model, *form);
        match one(&path, *form, &card, !beside.twins.is_empty()) {
            Ok(true) => written.paths.push(path),
            Ok(false) => {}
            Err(fault) => written.problems.push(SidecarError { path, fault }),
        }
    }
    Ok(written)
}

/// Returns where the sidecar of a form stands.
pub fn path(model: &Path, form: Form) -> PathBuf {
    with_suffix(model, form.suffix())
}

/// Returns the path of a file beside a model that has its stem and this suffix.
pub(crate) fn with_suffix(model: &Path, suffix: &str) -> PathBuf {
    let mut name = stem_of(model);
    name.push(suffix);
    model.with_file_name(name)
}

/// The name of a model without its extension, and without that of an encrypted file.
pub(crate) fn stem_of(model: &Path) -> OsString {
    let name = model.file_name().unwrap_or_default();
    let plain = name.to_str().map(|name| Path::new(plain_name(name)));
    let plain = plain.unwrap_or(Path::new(name));
    plain.file_stem().unwrap_or_default().to_owned()
}

/// The text of a sidecar.
pub(crate) fn text(document: &Map<String, Value>) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(document).expect("JSON has a text");
    text.push(b'\n');
    text
}

/// Adds where a model is.
pub(crate) fn located(card: Card, model: &Path, beside: &Beside) -> io::Result<Card> {
    let metadata = fs_err::metadata(model)?;
    let modified = metadata.modified()?.duration_since(UNIX_EPOCH);
    let place = std::path::absolute(model)?;
    let mut card = card
        .with(Fact::Bytes, metadata.len())
        .with(
            Fact::Modified,
            json!(modified.map_or(0.0, |since| since.as_secs_f64())),
        )
        .with(Fact::Path, place.to_string_lossy());
    let stem = stem_of(model);
    if !stem.is_empty() {
        card = card.with(Fact::Stem, stem.to_string_lossy());
    }
    if let Some(preview) = beside.preview() {
        let preview = std::path::absolute(preview)?;
        card = card.with(Fact::Preview, preview.to_string_lossy());
    }
    Ok(card)
}

fn one(path: &Path, form: Form, card: &Card, has_twins: bool) -> Result<bool, Fault> {
    let old = match read(path) {
        Ok(old) => Some(old),
        Err(SidecarError {
            fault: Fault::Io(error),
            ..
        }) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error.fault),
    };
    let document = match &old {
        None => card.document(form),
        Some(old) => {
            let mut own = Card::read(form, old.clone());
            let is_about = own.fact(Fact::VersionId) == card.fact(Fact::VersionId);
            match form {
                Form::CivitaiInfo if is_about => {
                    own.refresh(card.clone());
                    own.document(form)
                }
                Form::CivitaiInfo if has_twins => return Ok(false),
                Form::CivitaiInfo => card.document(form),
                _ => {
                    own.absorb(card.clone());
                    own.completed(form)
                }
            }
        }
    };
    if old.as_ref() == Some(&document) {
        return Ok(false);
    }
    disk::replace(path, &text(&document)).map_err(Fault::Io)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(map) => map,
            other => panic!("{other} is no object"),
        }
    }

    fn model() -> (tempfile::TempDir, PathBuf, Card) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let model = dir.path().join("rain.v1.safetensors");
        fs_err::write(&model, "weights").expect("written");
        let info = json!({ "id": 2, "modelId": 1, "name": "v1", "baseModel": "SD 1.5", "trainedWords": ["rain"] });
        (dir, model, Card::read(Form::CivitaiInfo, object(info)))
    }

    #[test]
    fn what_is_there_is_completed_and_what_is_whole_is_left_alone() {
        let (dir, model, card) = model();
        let mine = dir.path().join("rain.v1.json");
        fs_err::write(&mine, r#"{"preferred weight": 0.6}"#).expect("written");
        let forms = [Form::CivitaiInfo, Form::A1111, Form::MetadataJson];
        let written = describe(&model, &card, &forms).expect("described");
        assert_eq!((written.paths.len(), written.problems.len()), (3, 0));
        let mine = read(&mine).expect("a sidecar");
        assert_eq!(mine["preferred weight"], json!(0.6));
        assert_eq!(mine["activation text"], json!("rain"));
        let metadata = read(&path(&model, Form::MetadataJson)).expect("a sidecar");
        assert_eq!(
            (&metadata["file_name"], &metadata["size"]),
            (&json!("rain.v1"), &json!(7))
        );
        let again = describe(&model, &card, &forms).expect("described");
        assert!(again.paths.is_empty(), "{again:?}");
    }

    #[test]
    fn a_sidecar_that_cannot_be_read_is_named_and_not_overwritten() {
        let (_dir, model, card) = model();
        let broken = path(&model, Form::CivitaiInfo);
        fs_err::write(&broken, "{ \"id\": ").expect("written");
        let written = describe(&model, &card, &[Form::CivitaiInfo]).expect("described");
        assert_eq!(written.problems.len(), 1);
        assert_eq!(written.problems[0].path, broken);
        assert_eq!(
            fs_err::read_to_string(&broken).expect("there"),
            "{ \"id\": "
        );
    }

    #[test]
    fn twins_do_not_take_the_answer_from_each_other() {
        let (dir, model, card) = model();
        let info = path(&model, Form::CivitaiInfo);
        fs_err::write(&info, r#"{"id": 9}"#).expect("written");
        fs_err::write(dir.path().join("rain.v1.ckpt"), "").expect("written");
        let written = describe(&model, &card, &[Form::CivitaiInfo]).expect("described");
        assert!(written.paths.is_empty());
        fs_err::remove_file(dir.path().join("rain.v1.ckpt")).expect("removed");
        let written = describe(&model, &card, &[Form::CivitaiInfo]).expect("described");
        assert_eq!(written.paths, [info]);
    }
}

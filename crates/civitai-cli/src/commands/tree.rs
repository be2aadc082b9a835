//! `tree`: what the lock pins, folder by folder.

use std::collections::BTreeMap;

use civitai_api::{BaseModel, ModelId, ModelType};
use civitai_library::lock::Locked;
use serde_json::json;

use crate::args::TreeArgs;
use crate::commands::{library, project};
use crate::exit::Exit;
use crate::printer::{BOLD, RESET};
use crate::session::{Outcome, Session};
use crate::text::{Label, size};

pub(crate) fn run(TreeArgs {}: TreeArgs, session: &Session) -> Outcome {
    let found = project::find(session)?;
    let lock = project::lock(&found)?;
    let root = library::of(session)?.root;
    let is_there = |file: &Locked| root.join(&file.path).is_file();
    let printer = &session.printer;
    if printer.is_json() {
        for file in lock.files() {
            let about = &file.about;
            let line = json!({
                "path": file.path.as_str(),
                "bytes": file.bytes,
                "sha256": file.sha256.map(|digest| digest.to_string()),
                "modelId": file.model.map(ModelId::get),
                "versionId": file.version.get(),
                "fileId": file.file.get(),
                "modelType": about.model_type.as_ref().map(ModelType::as_str),
                "baseModel": about.base.as_ref().map(BaseModel::as_str),
                "link": file.wanted.link,
                "present": is_there(file),
            });
            printer.record("entry", &line)?;
        }
        let bytes: u64 = lock.files().iter().filter_map(|file| file.bytes).sum();
        let line = json!({ "count": lock.files().len(), "bytes": bytes });
        printer.record("summary", &line)?;
        return Ok(Exit::Done);
    }
    let mut folders: BTreeMap<&str, Vec<&Locked>> = BTreeMap::new();
    for file in lock.files() {
        folders.entry(file.path.folder()).or_default().push(file);
    }
    for (folder, files) in folders {
        printer.data(&format!("{BOLD}{folder}/{RESET}"))?;
        let last = files.len();
        for (index, file) in files.into_iter().enumerate() {
            let branch = if index + 1 == last {
                "└─"
            } else {
                "├─"
            };
            let mut facts: Vec<String> = file.bytes.map(size).into_iter().collect();
            facts.extend(file.about.base.as_ref().map(ToString::to_string));
            facts.push(file.wanted.link.clone());
            if !is_there(file) {
                facts.push(Label::Missing.say(printer.lang()).to_owned());
            }
            printer.data(&format!(
                "{branch} {}  {}",
                file.path.name(),
                facts.join(" · ")
            ))?;
        }
    }
    Ok(Exit::Done)
}

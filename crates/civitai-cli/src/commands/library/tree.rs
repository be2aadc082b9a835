//! `library tree`: where the models stand, where a layout would put them, and a second tree over them.

use std::path::{Path, PathBuf};

use civitai_download::disk;
use civitai_library::Library;
use civitai_library::layout::extra_paths;
use civitai_library::link::{How, LinkError};
use civitai_library::operation::{Error, Placement};
use serde_json::json;

use super::operation::failure;
use super::{blocking, of};
use crate::args::operation::TreeArgs;
use crate::exit::{Exit, Kind};
use crate::failure::Failure;
use crate::printer::{Printer, Unwritable, printable};
use crate::session::{Outcome, Session};
use crate::text::{Message, Place};

pub(super) async fn run(args: TreeArgs, session: &Session) -> Outcome {
    let here = &session.settings.layers.surroundings().directory;
    if let Some(file) = &args.extra_model_paths {
        return tell_comfy(&here.join(file), args.show.dry_run, session).await;
    }
    let library = of(session)?;
    let placements = blocking(session, move || library.placements(&library.layout))
        .await?
        .map_err(failure)?;
    match &args.link_to {
        Some(tree) if !args.show.dry_run => plant(placements, here.join(tree), session).await,
        _ => {
            draw(&placements, session)?;
            Ok(Exit::Done)
        }
    }
}

/// Shows the tree of the layout. What stands elsewhere now has its present path behind it.
fn draw(placements: &[Placement], session: &Session) -> Result<(), Unwritable> {
    let printer = &session.printer;
    let layout = &session.settings.layout;
    let moved = placements
        .iter()
        .filter(|placement| placement.path != placement.target)
        .count();
    if printer.is_json() {
        for placement in placements {
            let line = json!({ "path": placement.path, "target": placement.target });
            printer.record("placement", &line)?;
        }
        let line =
            json!({ "count": placements.len(), "moved": moved, "layout": layout.to_string() });
        return printer.record("summary", &line);
    }
    let mut sorted: Vec<_> = placements.iter().collect();
    sorted.sort_by_key(|placement| placement.target.split('/').collect::<Vec<_>>());
    let mut open: Vec<&str> = Vec::new();
    for placement in sorted {
        let mut parts: Vec<_> = placement.target.split('/').collect();
        let name = parts.pop().unwrap_or_default();
        let shared = open.iter().zip(&parts).take_while(|(a, b)| a == b).count();
        for (depth, folder) in parts.iter().enumerate().skip(shared) {
            printer.data(&format!("{}{}/", INDENT.repeat(depth), printable(folder)))?;
        }
        let indent = INDENT.repeat(parts.len());
        let name = printable(name);
        if placement.path == placement.target {
            printer.data(&format!("{indent}{name}"))?;
        } else {
            printer.data(&format!(
                "{indent}{name}  <- {}",
                printable(&placement.path)
            ))?;
        }
        open = parts;
    }
    printer.say(&Message::Place(Place::Tree {
        files: placements.len(),
        moved,
        layout: layout.to_string(),
    }));
    Ok(())
}

/// Builds the tree of the layout elsewhere.
async fn plant(placements: Vec<Placement>, tree: PathBuf, session: &Session) -> Outcome {
    let printer = &session.printer;
    let mut exits = Vec::with_capacity(placements.len());
    for placement in placements {
        let (library, to, one) = (of(session)?, tree.clone(), placement.clone());
        let linked = blocking(session, move || library.link_into(&to, &one)).await?;
        match linked {
            Ok(how) => {
                linked_line(&placement, how, printer)?;
                exits.push(Exit::Done);
            }
            Err(error) => {
                let refused = unlinked(&error);
                exits.push(refused.exit());
                if printer.is_json() {
                    let line = json!({
                        "path": placement.path,
                        "target": placement.target,
                        "status": "failed",
                        "error": refused.to_json(printer.lang()),
                    });
                    printer.record("link", &line)?;
                }
                printer.fail_item(&placement.target, &refused);
            }
        }
    }
    if printer.is_json() {
        let failed = exits.iter().filter(|exit| **exit != Exit::Done).count();
        let line = json!({ "count": exits.len() - failed, "failed": failed });
        printer.record("summary", &line)?;
    }
    Ok(Exit::of_items(&exits))
}

fn linked_line(
    placement: &Placement,
    how: Option<How>,
    printer: &Printer,
) -> Result<(), Unwritable> {
    let how = match how {
        None => "there",
        Some(How::Hard) => "hard",
        Some(How::Reflink) => "reflink",
        Some(_) => "symbolic",
    };
    if printer.is_json() {
        let line = json!({
            "path": placement.path,
            "target": placement.target,
            "status": "linked",
            "how": how,
        });
        return printer.record("link", &line);
    }
    printer.data(&format!("{how:<8} {}", printable(&placement.target)))
}

fn unlinked(error: &LinkError) -> Failure {
    let kind = match error {
        LinkError::Io(error) => return Failure::io(error),
        _ => Kind::Io,
    };
    Failure::library(kind, error)
}

/// Writes the library into ComfyUI's file, or shows what would be written.
async fn tell_comfy(file: &Path, dry_run: bool, session: &Session) -> Outcome {
    let (library, path) = (of(session)?, file.to_owned());
    let write = move || block(&library, &path, dry_run);
    let text = blocking(session, write).await??;
    let printer = &session.printer;
    if printer.is_json() {
        let line = json!({ "path": file.to_string_lossy(), "written": !dry_run, "text": text });
        printer.record("extraModelPaths", &line)?;
    } else if dry_run {
        printer.data(text.trim_end())?;
    } else {
        let path = file.to_owned();
        printer.say(&Message::Place(Place::ComfyTold { path }));
    }
    Ok(Exit::Done)
}

fn block(library: &Library, path: &Path, dry_run: bool) -> Result<String, Failure> {
    let old = match fs_err::read_to_string(path) {
        Ok(old) => old,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(Failure::io(&error)),
    };
    let new = extra_paths::with_tree(&old, BLOCK, &library.layout, &library.root);
    let new = new.map_err(|error| {
        let problem = error.to_string();
        let path = path.to_owned();
        Failure::usage(Message::Place(Place::SidecarLeft { path, problem }))
    })?;
    if !dry_run && new != old {
        disk::replace(path, new.as_bytes()).map_err(|error| failure(Error::Io(error)))?;
    }
    Ok(new)
}

const BLOCK: &str = "civitai-dl";
const INDENT: &str = "  ";

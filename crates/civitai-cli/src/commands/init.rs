//! `init`: a directory becomes a project.

use civitai_library::project::Project;

use crate::args::InitArgs;
use crate::commands::project::unreadable;
use crate::exit::Exit;
use crate::session::{Outcome, Session};
use crate::text::{self, Message};

pub(crate) fn run(args: InitArgs, session: &Session) -> Outcome {
    let here = &session.settings.layers.surroundings().directory;
    let directory = args
        .directory
        .map_or_else(|| here.clone(), |directory| here.join(directory));
    let project = Project::init(&directory).map_err(|error| unreadable(&error))?;
    let path = project.manifest_path();
    if session.printer.is_json() {
        let line = serde_json::json!({ "path": path.to_string_lossy() });
        session.printer.record("project", &line)?;
    } else {
        let message = Message::Project(text::Project::Made { path });
        session.printer.say(&message);
    }
    Ok(Exit::Done)
}

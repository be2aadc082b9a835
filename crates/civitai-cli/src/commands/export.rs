//! `export`: what the lock pins, in the form of another tool.

use civitai_download::disk;
use civitai_library::lock::export::{Form, Setting};

use crate::args::ExportArgs;
use crate::commands::project;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::{Outcome, Session};
use crate::settings::Bad;
use crate::text::{self, Message, nearest};

pub(crate) fn run(args: &ExportArgs, session: &Session) -> Outcome {
    let form: Form = args.format.parse().map_err(|_| {
        Failure::usage(Message::BadSetting {
            place: "--format".to_owned(),
            problem: Bad::NotOneOf {
                text: args.format.clone(),
                known: Form::NAMES,
                nearest: nearest(&args.format, Form::NAMES.iter().copied()),
            },
        })
    })?;
    let found = project::find(session)?;
    let lock = project::lock(&found)?;
    let setting = Setting {
        site: &session.settings.base_url,
        version: env!("CARGO_PKG_VERSION"),
    };
    let text = lock.export(form, &setting);
    let printer = &session.printer;
    match &args.output {
        None => printer.data(text.trim_end_matches('\n'))?,
        Some(path) => {
            let path = session.settings.layers.surroundings().directory.join(path);
            disk::replace(&path, text.as_bytes()).map_err(|error| Failure::io(&error))?;
            printer.say(&Message::Project(text::Project::Exported { path }));
        }
    }
    Ok(Exit::Done)
}

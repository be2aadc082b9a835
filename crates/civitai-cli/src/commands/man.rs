//! `man`: the manual page, or one page a verb into a directory.

use std::path::Path;

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use fs_err as fs;
use serde_json::json;

use crate::args::{Cli, ManArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::session::Outcome;

pub(crate) fn run(args: &ManArgs, printer: &Printer) -> Outcome {
    let mut command = Cli::command();
    command.build();
    if let Some(directory) = &args.to {
        fs::create_dir_all(directory).map_err(|error| Failure::io(&error))?;
        return write_pages(&command, "civitai-dl", directory, printer);
    }
    let page = page(&command, "civitai-dl")?;
    if printer.is_json() {
        printer.record("man", &json!({ "page": page }))?;
    } else {
        printer.data(page.trim_end())?;
    }
    Ok(Exit::Done)
}

fn write_pages(command: &Command, name: &str, directory: &Path, printer: &Printer) -> Outcome {
    let path = directory.join(format!("{name}.1"));
    fs::write(&path, page(command, name)?).map_err(|error| Failure::io(&error))?;
    if printer.is_json() {
        printer.record("man", &json!({ "path": path }))?;
    } else {
        printer.data(&path.display().to_string())?;
    }
    for sub in command
        .get_subcommands()
        .filter(|sub| sub.get_name() != "help" && !sub.is_hide_set())
    {
        write_pages(
            sub,
            &format!("{name}-{}", sub.get_name()),
            directory,
            printer,
        )?;
    }
    Ok(Exit::Done)
}

fn page(command: &Command, name: &str) -> Result<String, Failure> {
    let mut page = Vec::new();
    let command = command.clone().display_name(name.to_owned());
    Man::new(command)
        .render(&mut page)
        .map_err(|error| Failure::io(&error))?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}

//! `completions`.

use clap::CommandFactory as _;

use crate::args::{Cli, CompletionsArgs};
use crate::exit::Exit;
use crate::printer::Printer;
use crate::session::Outcome;

pub(crate) fn run(args: &CompletionsArgs, printer: &Printer) -> Outcome {
    let mut command = Cli::command();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "civitai-dl", &mut script);
    let script = String::from_utf8_lossy(&script);
    if printer.is_json() {
        let shell = args.shell.to_string();
        printer.record(
            "completions",
            &serde_json::json!({ "shell": shell, "script": script }),
        )?;
    } else {
        printer.data(script.trim_end())?;
    }
    Ok(Exit::Done)
}

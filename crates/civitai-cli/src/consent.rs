//! The question that comes before a model of a real person.

use std::io::{self, BufRead as _, IsTerminal as _};

use crate::exit::Kind;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::text::{self, Hint, Message};

/// Asks whether models that depict real persons may be fetched; nobody who could answer means no.
pub(crate) fn ask(titles: Vec<String>, printer: &Printer) -> Result<bool, Failure> {
    if printer.is_json() || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Ok(false);
    }
    printer.prompt(&Message::Project(text::Project::AskConsent { titles }));
    let mut answer = String::new();
    io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(|error| Failure::io(&error))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes" | "はい"))
}

/// The failure of a file that nobody consented to.
pub(crate) fn missing() -> Failure {
    Failure::new(
        Kind::Policy,
        Message::Project(text::Project::ConsentMissing),
    )
    .with_hint(Hint::Project(text::Project::GiveConsent))
}

//! Where output goes: data to standard output, everything else to standard error.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::OnceLock;

use anstream::{AutoStream, ColorChoice};
use indicatif::MultiProgress;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::exit::Exit;
use crate::failure::{Failure, io_kind};
use crate::settings::{Voice, When};
use crate::text::{Label, Lang, Message};

/// Standard output cannot be written to any more. Whether that is a failure, [`Printer::lost`] knows.
#[derive(Debug)]
pub(crate) struct Unwritable;

/// How standard output came to an end.
#[derive(Debug)]
enum End {
    /// The reader has seen enough, which is no failure.
    Closed,
    Broken(Failure),
}

/// The one way to the terminal.
#[derive(Debug)]
pub(crate) struct Printer {
    lang: Lang,
    json: bool,
    quiet: bool,
    verbosity: u8,
    stdout_color: ColorChoice,
    stderr_color: ColorChoice,
    bars: MultiProgress,
    end: OnceLock<End>,
}

impl Printer {
    pub(crate) fn new(voice: Voice, json: bool, quiet: bool, verbosity: u8) -> Self {
        let choice = |auto: ColorChoice| match voice.color {
            When::Auto => auto,
            When::Always => ColorChoice::Always,
            When::Never => ColorChoice::Never,
        };
        Self {
            lang: voice.lang,
            json,
            quiet,
            verbosity,
            stdout_color: choice(AutoStream::choice(&io::stdout())),
            stderr_color: choice(AutoStream::choice(&io::stderr())),
            bars: MultiProgress::new(),
            end: OnceLock::new(),
        }
    }

    pub(crate) fn lang(&self) -> Lang {
        self.lang
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    pub(crate) fn verbosity(&self) -> u8 {
        self.verbosity
    }

    /// Whether bars may be drawn: only for people who watch.
    pub(crate) fn draws_bars(&self) -> bool {
        !self.quiet && !self.json && io::stderr().is_terminal()
    }

    pub(crate) fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    pub(crate) fn stderr_color(&self) -> ColorChoice {
        self.stderr_color
    }

    /// Prints text as data, followed by a line break. After the first failure nothing is tried any more.
    pub(crate) fn data(&self, text: &str) -> Result<(), Unwritable> {
        if self.end.get().is_some() {
            return Err(Unwritable);
        }
        let write = || {
            let mut out = AutoStream::new(io::stdout().lock(), self.stdout_color);
            out.write_all(text.as_bytes())?;
            out.write_all(b"\n")?;
            out.flush()
        };
        self.bars.suspend(write).map_err(|error| {
            self.end.get_or_init(|| End::of(&error));
            Unwritable
        })
    }

    /// Why data is missing from standard output, unless its reader chose to go.
    pub(crate) fn lost(&self) -> Option<&Failure> {
        match self.end.get()? {
            End::Closed => None,
            End::Broken(failure) => Some(failure),
        }
    }

    /// Prints one JSON line of the given type. A value that is no object stands under `value`.
    pub(crate) fn record(&self, kind: &str, value: &impl Serialize) -> Result<(), Unwritable> {
        let mut line = Map::new();
        line.insert("type".into(), json!(kind));
        line.insert("schema".into(), json!(SCHEMA));
        match serde_json::to_value(value)
            .expect("our records have text keys and no failing serializer")
        {
            Value::Object(fields) => line.extend(fields),
            other => {
                line.insert("value".into(), other);
            }
        }
        self.data(&Value::Object(line).to_string())
    }

    /// Prints JSON lines of the given type for objects, many in one go: a line by itself costs a system call.
    pub(crate) fn records<T: Serialize>(
        &self,
        kind: &str,
        objects: impl IntoIterator<Item = T>,
    ) -> Result<(), Unwritable> {
        let head = format!(r#"{{"type":{},"schema":{SCHEMA},"#, json!(kind));
        let mut text = String::new();
        for object in objects {
            if text.len() > BATCH {
                self.data(&text)?;
                text.clear();
            }
            let object = serde_json::to_string(&object)
                .expect("our records have text keys and no failing serializer");
            let fields = object.strip_prefix('{').expect("lines are made of objects");
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(&head);
            text.push_str(fields);
        }
        if text.is_empty() {
            return Ok(());
        }
        self.data(&text)
    }

    /// The last line of a verb that was given several items. A single item is its own sum.
    pub(crate) fn sum(&self, outcomes: &[Exit]) -> Result<(), Unwritable> {
        if !self.json || outcomes.len() < 2 {
            return Ok(());
        }
        let failed = outcomes.iter().filter(|exit| **exit != Exit::Done).count();
        let line = json!({ "count": outcomes.len() - failed, "failed": failed });
        self.record("summary", &line)
    }

    /// Says something on standard error, unless told to be quiet.
    pub(crate) fn say(&self, message: &Message) {
        if !self.quiet {
            self.line(&message.say(self.lang));
        }
    }

    /// Shows text on standard error, unless told to be quiet.
    pub(crate) fn aside(&self, text: &str) {
        if !self.quiet {
            self.line(text);
        }
    }

    /// Says something only to those who asked for more with `-v`.
    pub(crate) fn detail(&self, message: &Message) {
        if self.verbosity > 0 {
            self.line(&message.say(self.lang));
        }
    }

    /// Asks something on standard error and leaves the cursor behind it.
    pub(crate) fn prompt(&self, message: &Message) {
        // Without standard error there is nobody to ask; the answer may still come.
        let _ = io::stderr()
            .lock()
            .write_all(message.say(self.lang).as_bytes());
    }

    pub(crate) fn warn(&self, message: &Message) {
        let label = Label::Warning.say(self.lang);
        self.line(&format!(
            "{YELLOW}{label}:{RESET} {}",
            message.say(self.lang)
        ));
    }

    /// Tells a failure and its hint to people; JSON readers get it from [`Self::record`].
    pub(crate) fn fail(&self, failure: &Failure) {
        self.fail_told(
            None,
            &failure.message(self.lang),
            failure.hint(self.lang).as_deref(),
        );
    }

    /// The same for one of several items.
    pub(crate) fn fail_item(&self, item: &str, failure: &Failure) {
        let (message, hint) = (failure.message(self.lang), failure.hint(self.lang));
        self.fail_told(Some(item), &message, hint.as_deref());
    }

    /// The same for words that another run has found.
    pub(crate) fn fail_told(&self, item: Option<&str>, message: &str, hint: Option<&str>) {
        let label = Label::Error.say(self.lang);
        match item {
            Some(item) => self.line(&format!("{RED}{label}:{RESET} {item}: {message}")),
            None => self.line(&format!("{RED}{label}:{RESET} {message}")),
        }
        if let Some(hint) = hint {
            self.line(&format!(
                "{CYAN}{}:{RESET} {hint}",
                Label::Hint.say(self.lang)
            ));
        }
    }

    /// The last word of a run that failed as a whole.
    pub(crate) fn fail_run(&self, failure: &Failure) {
        self.fail(failure);
        if self.json {
            self.record_failure(failure);
        }
    }

    /// The line of a failure that belongs to no item.
    pub(crate) fn record_failure(&self, failure: &Failure) {
        let error = json!({ "error": failure.to_json(self.lang) });
        // Nobody is left to tell if this cannot be written either.
        let _ = self.record("error", &error);
    }

    fn line(&self, text: &str) {
        // A standard error that is gone is no reason to stop the work.
        let _ = self.bars.suspend(|| {
            let mut err = AutoStream::new(io::stderr().lock(), self.stderr_color);
            writeln!(err, "{}", printable(text))
        });
    }
}

impl End {
    fn of(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::Closed;
        }
        let problem = error.to_string();
        Self::Broken(Failure::new(
            io_kind(error),
            Message::OutputLost { problem },
        ))
    }
}

/// Text from outside may carry terminal commands, or be written to look like another; only our own colours pass.
pub(crate) fn printable(text: &str) -> String {
    let own = [RED, YELLOW, GREEN, CYAN, BOLD, RESET];
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some(color) = own.iter().find(|color| rest.starts_with(**color)) {
            clean.push_str(color);
            rest = &rest[color.len()..];
            continue;
        }
        let is_kept = matches!(first, '\n' | '\t') || !first.is_control() && !deceives(first);
        clean.push(if is_kept { first } else { '\u{fffd}' });
        rest = &rest[first.len_utf8()..];
    }
    clean
}

/// Whether a character reorders its neighbours, or hides between them. Joiners stay: scripts and emoji need them.
fn deceives(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200b}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

pub(crate) const RED: &str = "\x1b[1;31m";
pub(crate) const YELLOW: &str = "\x1b[1;33m";
pub(crate) const GREEN: &str = "\x1b[1;32m";
pub(crate) const CYAN: &str = "\x1b[1;36m";
pub(crate) const BOLD: &str = "\x1b[1m";
pub(crate) const RESET: &str = "\x1b[0m";

/// As much as a pipe holds.
const BATCH: usize = 64 << 10;

/// Version of the JSON lines. It grows only when a field changes its meaning.
const SCHEMA: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_commands_of_others_are_defused() {
        assert_eq!(
            printable("a\x1b]0;title\x07b"),
            "a\u{fffd}]0;title\u{fffd}b"
        );
        assert_eq!(
            printable("gpj\u{202e}.exe\u{200b}"),
            "gpj\u{fffd}.exe\u{fffd}"
        );
        assert_eq!(
            printable("👩\u{200d}🎨 ❤\u{fe0f}"),
            "👩\u{200d}🎨 ❤\u{fe0f}"
        );
        assert_eq!(
            printable(&format!("{RED}x{RESET}")),
            format!("{RED}x{RESET}")
        );
    }
}

//! Passphrases: from files, from a descriptor, or typed without echo; never from the command line.

use std::io::{self, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use civitai_security::Secret;
use civitai_security::crypt::store::Ask;
use fs_err as fs;

use crate::args::PassphraseArgs;
use crate::exit::Kind;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::session::Session;
use crate::settings::token;
use crate::silence::Silence;
use crate::text::{self, Hint, Message};

/// Where the passphrases of a run come from.
#[derive(Clone, Debug)]
pub(crate) struct Passphrases {
    printer: Arc<Printer>,
    given: Vec<Secret>,
    asks: bool,
}

impl Passphrases {
    /// Reads those that stand in files. Without any, and at a terminal, the user will be asked.
    pub(crate) fn read(args: &PassphraseArgs, session: &Session) -> Result<Self, Failure> {
        let mut given = Vec::new();
        let here = &session.settings.layers.surroundings().directory;
        let descriptor = args
            .passphrase_fd
            .map(|number| PathBuf::from(format!("/dev/fd/{number}")));
        let files = args.passphrase_file.iter().map(|path| here.join(path));
        for path in files.chain(descriptor) {
            if path.is_file() && token::is_open_to_others(&path) {
                session
                    .printer
                    .warn(&Message::SecretFileIsOpen { path: path.clone() });
            }
            given.extend(lines(&path)?);
        }
        let has_files = args.passphrase_fd.is_some() || !args.passphrase_file.is_empty();
        Ok(Self {
            printer: Arc::clone(&session.printer),
            given,
            asks: !has_files && io::stdin().is_terminal() && io::stderr().is_terminal(),
        })
    }

    /// Whether the user will be asked.
    pub(crate) fn asks(&self) -> bool {
        self.asks
    }

    /// Keeps the terminal from showing what is typed, if something will be. Held by the side that an interruption ends, so
    /// that the echo comes back.
    pub(crate) fn silence(&self) -> Result<Option<Silence>, Failure> {
        if !self.asks {
            return Ok(None);
        }
        Silence::start()
            .map(Some)
            .map_err(|error| Failure::io(&error))
    }

    /// The answer to the store's question: the next that was given, or what is typed.
    pub(crate) fn answer(&self, ask: &Ask) -> Option<Secret> {
        if !self.asks {
            return self.given(ask);
        }
        if ask.attempt > 0 {
            self.say(text::Keys::WrongPassphrase);
        }
        if ask.attempt >= TRIES {
            return None;
        }
        self.typed(text::Keys::AskPassphrase {
            key: Box::new(ask.key.clone()),
        })
        .ok()
    }

    /// The next that was given, and nobody is asked.
    pub(crate) fn given(&self, ask: &Ask) -> Option<Secret> {
        let attempt = usize::try_from(ask.attempt).ok()?;
        self.given.get(attempt).cloned()
    }

    /// Those that were given, or the one that is typed, for a file that another program may have written.
    pub(crate) fn of_file(&self, path: &Path) -> Result<Vec<Secret>, Failure> {
        if self.asks {
            let path = path.to_owned();
            return Ok(vec![self.typed(text::Keys::AskFilePassphrase { path })?]);
        }
        if self.given.is_empty() {
            return Err(missing());
        }
        Ok(self.given.clone())
    }

    /// A passphrase to put something under: the first that was given, or typed twice.
    pub(crate) fn choose(&self, what: &'static str) -> Result<Secret, Failure> {
        let chosen = if self.asks {
            self.typed_twice(what)?
        } else {
            self.given.first().cloned().ok_or_else(missing)?
        };
        if chosen.expose().is_empty() {
            return Err(Failure::usage(Message::Keys(text::Keys::EmptyPassphrase)));
        }
        if chosen.expose().chars().count() < ADVISED {
            self.printer
                .warn(&Message::Keys(text::Keys::ShortPassphrase));
        }
        Ok(chosen)
    }

    fn typed_twice(&self, what: &'static str) -> Result<Secret, Failure> {
        for _ in 0..TRIES {
            let chosen = self.typed(text::Keys::ChoosePassphrase { what })?;
            if chosen.expose().is_empty() {
                return Ok(chosen);
            }
            let again = self.typed(text::Keys::RepeatPassphrase)?;
            if chosen.expose() == again.expose() {
                return Ok(chosen);
            }
            self.say(text::Keys::PassphrasesDiffer);
        }
        Err(missing())
    }

    fn typed(&self, question: text::Keys) -> Result<Secret, Failure> {
        self.printer.prompt(&Message::Keys(question));
        let line = typed_line();
        self.printer.prompt(&Message::LineEnd);
        line
    }

    fn say(&self, sentence: text::Keys) {
        self.printer.say(&Message::Keys(sentence));
    }
}

/// One line of the keyboard, without its end.
pub(crate) fn typed_line() -> Result<Secret, Failure> {
    let mut line = String::with_capacity(LINE);
    io::stdin()
        .read_line(&mut line)
        .map_err(|error| Failure::io(&error))?;
    line.truncate(line.trim_end_matches(['\r', '\n']).len());
    Ok(Secret::new(line))
}

/// The lines of a file that hold something.
fn lines(path: &Path) -> Result<Vec<Secret>, Failure> {
    let text = read_secret(path)?;
    let lines = text.expose().lines().filter(|line| !line.is_empty());
    let found: Vec<_> = lines.map(|line| Secret::new(line.to_owned())).collect();
    if found.is_empty() {
        return Err(Failure::usage(Message::Keys(text::Keys::NothingInFile {
            path: path.to_owned(),
        })));
    }
    Ok(found)
}

/// The text of a file that holds a secret; `-` is standard input.
pub(crate) fn read_secret(path: &Path) -> Result<Secret, Failure> {
    let usage = |error: io::Error| Failure::usage_io(&error);
    let mut text = String::with_capacity(LONGEST);
    if path == Path::new("-") {
        let mut from = io::stdin().lock().take(LONGEST as u64);
        from.read_to_string(&mut text).map_err(usage)?;
    } else {
        let file = fs::File::open(path).map_err(usage)?;
        file.take(LONGEST as u64)
            .read_to_string(&mut text)
            .map_err(usage)?;
    }
    Ok(Secret::new(text))
}

fn missing() -> Failure {
    Failure::new(Kind::NoAccess, Message::Keys(text::Keys::NoPassphrase))
        .with_hint(Hint::Keys(text::Keys::GivePassphrase))
}

/// How often somebody may mistype.
const TRIES: u32 = 3;
/// Shorter ones are found by guessing, however slow a guess is made.
const ADVISED: usize = 12;
const LINE: usize = 1024;
/// No file of passphrases, words or keys is longer.
const LONGEST: usize = 64 * 1024;

//! A failure as the user meets it: one word, one sentence, at most one hint.

use std::error::Error as StdError;
use std::io;
use std::path::Path;

use civitai_api::UnknownName;
use civitai_security::redact_causes;
use serde_json::{Map, Value, json};

use crate::exit::{Exit, Kind};
use crate::text::{Guard, Hint, Lang, Message};

/// Why a verb, or one of its items, did not do what was asked.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    detail: Detail,
    hint: Option<Box<Hint>>,
}

/// Our own sentences exist in both languages; what a library says is English and gets a translated headline.
#[derive(Clone, Debug)]
enum Detail {
    Own(Box<Message>),
    Library(String),
}

impl Failure {
    pub(crate) fn new(kind: Kind, message: Message) -> Self {
        Self {
            kind,
            detail: Detail::Own(Box::new(message)),
            hint: Hint::for_kind(kind).map(Box::new),
        }
    }

    pub(crate) fn usage(message: Message) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// A flag's value that is none of its choices.
    pub(crate) fn choice(flag: &str, choice: UnknownName) -> Self {
        Self::usage(Message::BadChoice {
            flag: flag.to_owned(),
            choice,
        })
    }

    pub(crate) fn interrupted() -> Self {
        Self::new(Kind::Interrupted, Message::Interrupted)
    }

    /// Takes over an error of a library with every cause it names. Values that look like credentials are masked,
    /// whoever wrote them.
    pub(crate) fn library(kind: Kind, error: &(dyn StdError + 'static)) -> Self {
        Self {
            kind,
            detail: Detail::Library(redact_causes(error)),
            hint: Hint::for_kind(kind).map(Box::new),
        }
    }

    /// Judges an error of the file system by its kind; `fs_err` has put the path into the text.
    pub(crate) fn io(error: &io::Error) -> Self {
        Self::library(io_kind(error), error)
    }

    /// The same for a file the user named: that it is missing is a mistake in the command.
    pub(crate) fn usage_io(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::IsADirectory | io::ErrorKind::InvalidData => {
                Self::library(Kind::Usage, error)
            }
            _ => Self::io(error),
        }
    }

    /// The same where the path that was named is at hand.
    pub(crate) fn named(path: &Path, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => {
                let path = path.to_owned();
                Self::usage(Message::Guard(Guard::NoFile { path }))
            }
            _ => Self::usage_io(error),
        }
    }

    pub(crate) fn with_hint(mut self, hint: Hint) -> Self {
        self.hint = Some(Box::new(hint));
        self
    }

    pub(crate) fn exit(&self) -> Exit {
        self.kind.exit()
    }

    pub(crate) fn message(&self, lang: Lang) -> String {
        match &self.detail {
            Detail::Own(message) => message.say(lang),
            Detail::Library(text) => match lang.headline(self.kind) {
                Some(headline) => format!("{headline}: {text}"),
                None => text.clone(),
            },
        }
    }

    pub(crate) fn hint(&self, lang: Lang) -> Option<String> {
        self.hint.as_ref().map(|hint| hint.say(lang))
    }

    /// The `error` object of the JSON lines.
    pub(crate) fn to_json(&self, lang: Lang) -> Map<String, Value> {
        let mut object = Map::new();
        object.insert("code".into(), json!(self.exit().code()));
        object.insert("kind".into(), json!(self.kind));
        object.insert("message".into(), json!(self.message(lang)));
        object.insert("hint".into(), json!(self.hint(lang)));
        object
    }
}

/// What an error of the operating system is in our words.
pub(crate) fn io_kind(error: &io::Error) -> Kind {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            Kind::NoSpace
        }
        io::ErrorKind::WouldBlock | io::ErrorKind::ResourceBusy => Kind::Locked,
        _ => Kind::Io,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_and_a_missing_file_are_told_apart() {
        let full = Failure::io(&io::Error::from(io::ErrorKind::StorageFull));
        let missing = Failure::io(&io::Error::from(io::ErrorKind::NotFound));
        assert_eq!((full.kind, missing.kind), (Kind::NoSpace, Kind::Io));
    }

    #[test]
    fn japanese_puts_a_translated_headline_before_the_library_text() {
        let failure = Failure::io(&io::Error::other("disk on fire"));
        assert_eq!(failure.message(Lang::En), "disk on fire");
        let japanese = failure.message(Lang::Ja);
        assert!(
            japanese.ends_with(": disk on fire") && japanese.len() > "disk on fire".len() + 2,
            "{japanese}"
        );
    }
}

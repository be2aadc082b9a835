//! The links of a command line: written out, or one a line in `@FILE` or on standard input (`-`).

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use civitai_api::Link;
use civitai_api::link::LinkError;
use civitai_security::{redact_causes, redact_text};
use fs_err as fs;
use url::Url;

use crate::failure::Failure;
use crate::text::{Hint, Lang, Message};

/// One link as it was given, and what it means or why it means nothing.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The text, without any token in it.
    pub(crate) text: String,
    pub(crate) link: Result<Link, Failure>,
}

/// Reads every link in order. What is wrong with one of them stands in its place; the others are not touched by it.
pub(crate) fn expand(words: &[String], origin: &Url, lang: Lang) -> Vec<Entry> {
    words
        .iter()
        .flat_map(|word| match word.strip_prefix('@') {
            Some(path) => of_list(word, read_file(Path::new(path)), origin, lang),
            None if word == "-" => of_list(word, read_stdin(), origin, lang),
            None => vec![of_link(word, origin)],
        })
        .collect()
}

/// Reads one link that is written out.
pub(crate) fn of_link(text: &str, origin: &Url) -> Entry {
    match Link::parse_with(text, Some(origin)) {
        Ok(link) => Entry {
            text: link.input().to_owned(),
            link: Ok(link),
        },
        Err(error) => {
            let failure = no_link(text, &error);
            Entry {
                text: redact_text(text).into_owned(),
                link: Err(failure),
            }
        }
    }
}

/// Why `text` is no link, told once: that it has no form of link at all is what the sentence says by itself.
pub(crate) fn no_link(text: &str, error: &LinkError) -> Failure {
    let link = redact_text(text).into_owned();
    let (problem, hint) = match error {
        LinkError::Unrecognised { nearest, .. } => {
            let meant = nearest.map(|form| Hint::DidYouMean(form.to_owned()));
            (None, meant.unwrap_or(Hint::LinkForms))
        }
        other => (Some(redact_causes(other)), Hint::LinkForms),
    };
    Failure::usage(Message::BadLink { link, problem }).with_hint(hint)
}

fn of_list(word: &str, text: Result<String, Failure>, origin: &Url, lang: Lang) -> Vec<Entry> {
    let text = match text {
        Ok(text) => text,
        Err(failure) => {
            return vec![Entry {
                text: word.to_owned(),
                link: Err(failure),
            }];
        }
    };
    let lines = text
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.trim()));
    lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(number, line)| {
            let mut entry = of_link(without_comment(line), origin);
            if let Err(failure) = &entry.link {
                let list = word.trim_start_matches('@').to_owned();
                let message = Message::BadLine {
                    list,
                    line: number,
                    problem: failure.message(lang),
                };
                entry.link = Err(Failure::usage(message).with_hint(Hint::LinkForms));
            }
            entry
        })
        .collect()
}

/// Cuts a comment off; a `#` inside a word is the fragment of an address.
pub(crate) fn without_comment(line: &str) -> &str {
    let end = line
        .match_indices('#')
        .map(|(index, _)| index)
        .find(|index| line[..*index].ends_with([' ', '\t']));
    end.map_or(line, |end| line[..end].trim_end())
}

fn read_file(path: &Path) -> Result<String, Failure> {
    let file = fs::File::open(path).map_err(|error| Failure::usage_io(&error))?;
    read_list(file, path.to_owned())
}

fn read_stdin() -> Result<String, Failure> {
    read_list(io::stdin(), PathBuf::from("-"))
}

/// Reads a list, with or without the mark that some editors put before UTF-8.
fn read_list(from: impl io::Read, path: PathBuf) -> Result<String, Failure> {
    let mut text = String::new();
    match from.take(LONGEST_LIST).read_to_string(&mut text) {
        Ok(_) => Ok(text
            .strip_prefix('\u{feff}')
            .map(str::to_owned)
            .unwrap_or(text)),
        Err(error) => Err(Failure::usage(Message::ListMissing {
            path,
            problem: error.to_string(),
        })),
    }
}

/// About a million links.
const LONGEST_LIST: u64 = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_hash_after_space_begins_a_comment() {
        assert_eq!(without_comment("12 # twelve"), "12");
        assert_eq!(
            without_comment("https://civitai.com/models/1#top"),
            "https://civitai.com/models/1#top"
        );
        assert_eq!(without_comment("12"), "12");
    }
}

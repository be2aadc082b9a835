//! Recipients and identities of `age`, which are in files of a line each.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use civitai_security::crypt::{AgeIdentity, AgeKey, AgeRecipient, is_age};
use fs_err::File;

use super::here;
use crate::args::AgeArgs;
use crate::failure::Failure;
use crate::passphrase::read_secret;
use crate::session::Session;
use crate::text::Message;

/// Whom age files are for; nothing where none are to be written.
pub(super) enum Recipients {
    Keys(Vec<AgeRecipient>),
    Passphrase,
}

impl Recipients {
    pub(super) fn of(args: &AgeArgs, session: &Session) -> Result<Option<Self>, Failure> {
        if args.age_passphrase {
            return Ok(Some(Self::Passphrase));
        }
        let mut keys = Vec::new();
        for text in &args.age_recipient {
            keys.push(parse("--age-recipient", text, None)?);
        }
        for path in &args.age_recipients_file {
            let path = here(path, session);
            let text = read_secret(&path)?;
            for line in lines(text.expose()) {
                keys.push(parse("--age-recipients-file", line, Some(&path))?);
            }
        }
        Ok((!keys.is_empty()).then_some(Self::Keys(keys)))
    }
}

/// The secrets in identity files.
pub(super) fn identities(paths: &[PathBuf], session: &Session) -> Result<Vec<AgeKey>, Failure> {
    let mut keys = Vec::new();
    for path in paths {
        let path = here(path, session);
        let text = read_secret(&path)?;
        for line in lines(text.expose()) {
            let identity: AgeIdentity = parse("--identity", line, Some(&path))?;
            keys.push(AgeKey::Identity(identity));
        }
    }
    Ok(keys)
}

/// Whether a file is an age file; what cannot be read says so to who reads it.
pub(super) fn is_age_file(path: &Path) -> bool {
    let mut beginning = Vec::new();
    let read = File::open(path).and_then(|file| file.take(HEAD).read_to_end(&mut beginning));
    path.is_file() && read.is_ok() && is_age(&beginning)
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Reads a key. What is wrong with it is told without it.
fn parse<T>(flag: &str, text: &str, path: Option<&Path>) -> Result<T, Failure>
where
    T: FromStr<Err: std::fmt::Display>,
{
    text.parse().map_err(|error: T::Err| {
        let problem = match path {
            Some(path) => format!("{}: {error}", path.display()),
            None => error.to_string(),
        };
        let flag = flag.to_owned();
        Failure::usage(Message::BadFlag { flag, problem })
    })
}

/// More than the first line of an age file, and of the armor around it.
const HEAD: u64 = 256;

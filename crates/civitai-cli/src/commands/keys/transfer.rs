//! `keys backup`, `restore`, `import`, `export-public`: keys leave the store and come back.

use std::io::Write as _;
use std::path::Path;

use civitai_security::Secret;
use civitai_security::crypt::WrappingKind;
use civitai_security::crypt::phrase::Phrase;
use civitai_security::crypt::store::{Restored, StoreError};
use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt as _;
use serde_json::json;

use super::{DONE, create, failure, from_here, named_or_master, tell, with_store};
use crate::args::{ExportPublicArgs, KeyBackupArgs, KeyImportArgs, KeyRestoreArgs, WordsKind};
use crate::commands::library::blocking;
use crate::failure::Failure;
use crate::passphrase::{Passphrases, read_secret, typed_line};
use crate::session::{Outcome, Session};
use crate::text::{self, Hint, Message};
use crate::vault;

/// A key that leaves: words to write down, or a file under a passphrase.
enum Backup {
    Words(Phrase),
    File(Vec<u8>),
}

pub(super) async fn backup(args: KeyBackupArgs, session: &Session) -> Outcome {
    let store = vault::open(session)?;
    let key = named_or_master(&store, args.id.as_deref()).map_err(|error| failure(&error))?;
    drop(store);
    let (id, is_pair) = (key.id, key.bits.is_some());
    if is_pair && args.output.is_none() {
        return Err(Failure::usage(Message::Keys(text::Keys::PairNeedsFile)).into());
    }
    let passphrases = Passphrases::read(&args.passphrase, session)?;
    let silence = passphrases.silence()?;
    let backup = with_store(session, move |store| {
        if is_pair {
            // Already under its passphrase.
            return Ok(Backup::File(store.backup_file(id)?.to_vec()));
        }
        let phrase = store.backup_phrase(id, &mut |ask| passphrases.answer(ask))?;
        Ok(Backup::Words(phrase))
    });
    let backup = backup.await?;
    drop(silence);
    let printer = &session.printer;
    if let Some(path) = args.output {
        let path = from_here(&path, session);
        match &backup {
            Backup::Words(phrase) => write_private(&path, grid(phrase).expose().as_bytes())?,
            Backup::File(bytes) => write_private(&path, bytes)?,
        }
        tell(printer, &key, text::Keys::BackedUp { path })?;
        return DONE;
    }
    if let Backup::Words(phrase) = &backup {
        if printer.is_json() {
            let words = phrase.words();
            let words: Vec<&str> = words.expose().split(' ').collect();
            printer.record("phrase", &json!({ "id": id.to_string(), "words": words }))?;
        } else {
            printer.data(grid(phrase).expose())?;
            printer.say(&Message::Keys(text::Keys::WriteDown));
        }
    }
    DONE
}

/// The words in four columns, with their numbers.
fn grid(phrase: &Phrase) -> Secret {
    let words = phrase.words();
    let words: Vec<&str> = words.expose().split(' ').collect();
    // Room for all, so that growing leaves no copies.
    let mut text = String::with_capacity(words.len() * 16);
    for (index, word) in words.iter().enumerate() {
        let number = format!("{:>2}. ", index + 1);
        text.push_str(&number);
        text.push_str(word);
        if (index + 1) % COLUMNS == 0 {
            text.push('\n');
        } else {
            text.extend(std::iter::repeat_n(' ', WIDTH.saturating_sub(word.len())));
        }
    }
    text.truncate(text.trim_end().len());
    Secret::new(text)
}

pub(super) async fn restore(args: KeyRestoreArgs, session: &Session) -> Outcome {
    let path = args.file.as_deref().map(|path| from_here(path, session));
    let text = match &path {
        Some(path) => read_secret(path)?,
        None => typed_words(session).await?,
    };
    let restored = if text.expose().trim_start().starts_with('{') {
        let passphrases = Passphrases::read(&args.passphrase, session)?;
        let silence = passphrases.silence()?;
        let path = path.unwrap_or_default();
        let restored = with_store(session, move |store| {
            let mut ask = |ask: &_| passphrases.answer(ask);
            store.restore_file(text.expose().as_bytes(), &path, &mut ask)
        });
        let restored = restored.await?;
        drop(silence);
        restored
    } else {
        restore_words(&text, args, session).await?
    };
    tell_restored(&restored, session)
}

async fn restore_words(
    text: &Secret,
    args: KeyRestoreArgs,
    session: &Session,
) -> Result<Restored, Failure> {
    let phrase = Phrase::parse(text).map_err(|problem| failure(&StoreError::from(problem)))?;
    let (kind, passphrase) = match args.kind {
        WordsKind::Machine => (WrappingKind::Machine, None),
        WordsKind::Master => {
            let passphrase = create::choose(&args.passphrase, session, "master").await?;
            (WrappingKind::Master, Some(passphrase))
        }
    };
    let restored = with_store(session, move |store| {
        store.restore_phrase(&phrase, kind, passphrase.as_ref())
    });
    restored.await
}

fn tell_restored(restored: &Restored, session: &Session) -> Outcome {
    let key = Box::new(restored.key.clone());
    let sentence = if restored.was_known {
        text::Keys::KnownBefore { key }
    } else {
        text::Keys::Made { key }
    };
    tell(&session.printer, &restored.key, sentence)?;
    DONE
}

/// The words, typed on one line.
async fn typed_words(session: &Session) -> Result<Secret, Failure> {
    session.printer.prompt(&Message::Keys(text::Keys::AskWords));
    let silence = crate::silence::Silence::start().map_err(|error| Failure::io(&error))?;
    let words = blocking(session, typed_line).await?;
    drop(silence);
    session.printer.prompt(&Message::LineEnd);
    words
}

pub(super) async fn import(args: KeyImportArgs, session: &Session) -> Outcome {
    let text = read_secret(&from_here(&args.file, session))?;
    // A public key has nothing to put under a passphrase.
    let is_private = text.expose().contains("PRIVATE KEY");
    let passphrase = if is_private && !args.no_passphrase {
        Some(create::choose(&args.passphrase, session, "pair").await?)
    } else {
        None
    };
    let imported = with_store(session, move |store| {
        store.import(&text, args.name, passphrase.as_ref())
    });
    tell_restored(&imported.await?, session)
}

pub(super) fn export_public(args: &ExportPublicArgs, session: &Session) -> Outcome {
    let store = vault::open(session)?;
    let found = store.find(&args.id);
    let pem = found.and_then(|key| Ok((store.export_public(key.id)?, key)));
    let (pem, key) = pem.map_err(|error| failure(&error))?;
    let printer = &session.printer;
    if let Some(path) = &args.output {
        let path = from_here(path, session);
        fs::write(&path, &pem).map_err(|error| Failure::io(&error))?;
        tell(printer, &key, text::Keys::Exported { path })?;
    } else if printer.is_json() {
        let line = json!({ "id": key.id.to_string(), "kind": key.kind_word(), "pem": pem });
        printer.record("public_key", &line)?;
    } else {
        printer.data(pem.trim_end())?;
    }
    DONE
}

/// Writes what only its owner may read. What is there already stays.
fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let write = || {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(bytes)?;
        file.write_all(b"\n")?;
        file.sync_all()
    };
    write().map_err(|error: std::io::Error| {
        let failure = Failure::io(&error);
        match error.kind() {
            std::io::ErrorKind::AlreadyExists => failure.with_hint(Hint::MoveAway),
            _ => failure,
        }
    })
}

const COLUMNS: usize = 4;
/// The longest words have eight letters.
const WIDTH: usize = 10;

//! `keys rotate`.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use civitai_security::Secret;
use civitai_security::crypt::CryptError;
use civitai_security::crypt::rotate::{
    FileError, Outcome as Turn, Root, Rotation, Successor, Sum, Wish,
};
use civitai_security::crypt::store::{Ask, Key, Store, StoreError};
use serde_json::json;

use super::{failure, from_here, named_or_master, tell, with_store};
use crate::args::RotateArgs;
use crate::commands::library;
use crate::exit::{Exit, Kind};
use crate::failure::{Failure, io_kind};
use crate::passphrase::Passphrases;
use crate::printer::Printer;
use crate::session::{Outcome, Session};
use crate::text::{self, Hint, Message};

pub(super) async fn run(args: RotateArgs, session: &Session) -> Outcome {
    let passphrases = Passphrases::read(&args.passphrase, session)?;
    let silence = passphrases.silence()?;
    let places = Places::read(&args.places, session)?;
    let mut told = Told::new(session);
    let cancel = session.cancel.clone();
    let rotated = with_store(session, move |store| {
        let mut ask = |ask: &Ask| passphrases.answer(ask);
        let rotation = begin(store, &args, places, &mut ask, &told)?;
        let sum = rotation.run(&mut ask, &mut |path, turn| {
            told.turn(path, turn);
            if cancel.is_cancelled() {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        Ok((sum?, told.exits, told.rewrapped))
    });
    let rotated = rotated.await;
    drop(silence);
    let (sum, exits, rewrapped) = rotated?;
    tell_sum(sum, &session.printer)?;
    note(rewrapped, session).await?;
    if !sum.is_finished {
        return Err(Failure::interrupted().into());
    }
    Ok(Exit::of_items(&exits))
}

/// Has the catalogue know files with their new headers. If it cannot, the next scan reads them again.
pub(super) async fn note(files: Vec<PathBuf>, session: &Session) -> Result<(), Failure> {
    let library = library::of(session)?;
    let note = move || match library.catalogue_if_there()? {
        Some(mut catalogue) => catalogue.note_rewrapped(&files),
        None => Ok(()),
    };
    // Also of what was interrupted.
    if let Ok(Err(error)) = tokio::task::spawn_blocking(note).await {
        session.printer.fail(&library::failure(&error));
    }
    Ok(())
}

/// Goes on with what was interrupted, else begins.
fn begin<'a>(
    store: &'a mut Store,
    args: &RotateArgs,
    places: Places,
    ask: &mut dyn FnMut(&Ask) -> Option<Secret>,
    told: &Told,
) -> Result<Rotation<'a>, StoreError> {
    if let Some(unfinished) = store.unfinished_rotation()? {
        let (from, to) = (unfinished.from, unfinished.to);
        if let Some(id) = args.key.as_deref() {
            let key = named_or_master(store, Some(id))?;
            if key.id != to && !from.contains(&key.id) {
                return Err(StoreError::Unfinished { to });
            }
        }
        told.printer.say(&Message::Keys(text::Keys::GoesOn));
        let rotation = Rotation::resume(store, places.named)?;
        return rotation.ok_or(StoreError::Unfinished { to });
    }
    let old = named_or_master(store, args.key.as_deref())?;
    let successor = if args.files_only {
        Successor::Active
    } else {
        Successor::New
    };
    let wish = Wish {
        old: old.id,
        successor,
        roots: places.all(store)?,
    };
    let rotation = Rotation::begin(store, &wish, ask)?;
    told.key(&rotation.to()?);
    Ok(rotation)
}

/// Where files are looked for.
pub(super) struct Places {
    /// What the user named.
    named: Vec<Root>,
    /// The library, if there is one.
    library: Option<Root>,
}

impl Places {
    pub(super) fn read(places: &[PathBuf], session: &Session) -> Result<Self, Failure> {
        let named = places.iter().map(|path| from_here(path, session));
        let library = library::of(session)?.root;
        Ok(Self {
            named: named.map(Root::Tree).collect(),
            library: library.is_dir().then_some(Root::Tree(library)),
        })
    }

    /// What was named; else the library, and wherever files were encrypted.
    pub(super) fn all(self, store: &Store) -> Result<Vec<Root>, StoreError> {
        if !self.named.is_empty() {
            return Ok(self.named);
        }
        let remembered = store.remembered()?.into_iter().map(Root::Folder);
        Ok(self.library.into_iter().chain(remembered).collect())
    }
}

/// What has been told, and how it went.
struct Told {
    printer: Arc<Printer>,
    exits: Vec<Exit>,
    /// Files that have the new key by now.
    rewrapped: Vec<PathBuf>,
}

impl Told {
    fn new(session: &Session) -> Self {
        Self {
            printer: Arc::clone(&session.printer),
            exits: Vec::new(),
            rewrapped: Vec::new(),
        }
    }

    fn key(&self, key: &Key) {
        let made = text::Keys::Made {
            key: Box::new(key.clone()),
        };
        // A reader who has gone is no reason to stop in the middle.
        let _ = tell(&self.printer, key, made);
    }

    fn turn(&mut self, path: &Path, turn: &Turn) {
        let (status, failure) = match turn {
            Turn::Rewrapped => ("rewrapped", None),
            Turn::Already => ("already", None),
            Turn::Failed(error) => ("failed", Some(file_failure(error))),
            _ => return,
        };
        let exit = failure.as_ref().map_or(Exit::Done, Failure::exit);
        self.exits.push(exit);
        if failure.is_none() {
            self.rewrapped.push(path.to_owned());
        }
        let shown = path.display().to_string();
        if let Some(failure) = &failure {
            self.printer.fail_item(&shown, failure);
        }
        if self.printer.is_json() {
            let error = failure.map(|failure| failure.to_json(self.printer.lang()));
            let line = json!({ "path": shown, "status": status, "error": error });
            let _ = self.printer.record("rewrapped", &line);
        } else if status == "rewrapped" {
            let path = path.to_owned();
            self.printer
                .detail(&Message::Keys(text::Keys::Rewrapped { path }));
        }
    }
}

fn tell_sum(sum: Sum, printer: &Printer) -> Result<(), crate::printer::Unwritable> {
    if printer.is_json() {
        let line = json!({
            "rewrapped": sum.rewrapped,
            "already": sum.already,
            "failed": sum.failed,
            "others": sum.others,
            "finished": sum.is_finished,
        });
        return printer.record("summary", &line);
    }
    printer.say(&Message::Keys(text::Keys::Rotated {
        rewrapped: sum.rewrapped,
        already: sum.already,
        failed: sum.failed,
    }));
    Ok(())
}

/// Why a file was left as it was, in the user's terms.
fn file_failure(error: &FileError) -> Failure {
    match error {
        FileError::Store(error) => failure(error),
        FileError::Crypt(error) => crypt_failure(error),
        error => Failure::library(Kind::Internal, error),
    }
}

/// An error of a container in the user's terms.
fn crypt_failure(error: &CryptError) -> Failure {
    let kind = match error {
        CryptError::Io(error) => io_kind(error),
        CryptError::FutureVersion { .. } | CryptError::NotContainer => Kind::Unsupported,
        CryptError::NoKey { .. } => Kind::NoAccess,
        CryptError::Refused => Kind::Integrity,
        _ => Kind::Internal,
    };
    let failure = Failure::library(kind, error);
    match kind {
        Kind::NoAccess => failure.with_hint(Hint::Keys(text::Keys::HowToMake)),
        _ => failure,
    }
}

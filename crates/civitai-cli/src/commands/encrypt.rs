//! `encrypt` and `decrypt`.

use std::ffi::OsStr;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use civitai_security::crypt::{
    Decrypted, Level, Recipe, Recipient, decrypt_file, encrypt_file, peek,
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::library::bar::Bar;
use crate::args::{DecryptArgs, EncryptArgs};
use crate::containers::{self, Containers};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::Unwritable;
use crate::session::{Outcome, Session};
use crate::text::{Keys, Message};

pub(crate) async fn encrypt(args: EncryptArgs, session: &Session) -> Outcome {
    let level = Level::from(args.level);
    let containers = Arc::new(Containers::new(&args.passphrase, session)?);
    let recipients = containers.recipients(level, session).await?;
    let recipients: Arc<[Recipient]> = recipients.into();
    let folder = args.to.map(|folder| here(&folder, session));
    let mut outcomes = Vec::new();
    for path in args.files {
        let source = here(&path, session);
        let output = placed(&sealed_name(&source), folder.as_deref());
        let mut progress = Progress::of(&source, session);
        let (containers, recipients) = (Arc::clone(&containers), Arc::clone(&recipients));
        let target = output.clone();
        let result = finished(move || {
            let mut told = |done| progress.tell(done);
            make_folder_of(&target)?;
            encrypt_file(
                &source,
                &target,
                &Recipe::new(level, &recipients),
                &mut told,
            )
            .map_err(|error| containers::failure(&error))?;
            containers.remember(&target)
        });
        let told = result.await.map(|()| Told {
            record: "encrypted",
            sentence: Keys::Encrypted {
                path: output.clone(),
                level,
            },
            output,
            level,
        });
        outcomes.push(tell(&path, told, session)?);
        if session.cancel.is_cancelled() {
            break;
        }
    }
    session.printer.sum(&outcomes)?;
    Ok(Exit::of_items(&outcomes))
}

pub(crate) async fn decrypt(args: DecryptArgs, session: &Session) -> Outcome {
    if args.output.is_some() && args.files.len() > 1 {
        return Err(Failure::usage(Message::Keys(Keys::OneOutput)).into());
    }
    let sources: Vec<PathBuf> = args.files.iter().map(|path| here(path, session)).collect();
    let containers = Arc::new(Containers::new(&args.passphrase, session)?);
    containers.prepare(&sources, session).await?;
    let folder = args.to.map(|folder| here(&folder, session));
    let output = args.output.map(|path| here(&path, session));
    let mut outcomes = Vec::new();
    for (path, source) in args.files.iter().zip(sources) {
        let named = output
            .clone()
            .or_else(|| Some(placed(&plain_name(&source)?, folder.as_deref())));
        let told = match named {
            Some(output) => {
                let mut progress = Progress::of(&source, session);
                let containers = Arc::clone(&containers);
                let target = output.clone();
                let result = finished(move || {
                    open(&containers, &source, &target, &mut |done| {
                        progress.tell(done)
                    })
                });
                result.await.map(|(level, sentence)| Told {
                    record: "decrypted",
                    sentence,
                    output,
                    level,
                })
            }
            None => Err(Failure::usage(Message::Keys(Keys::NotNamedCke {
                path: source,
            }))),
        };
        outcomes.push(tell(path, told, session)?);
        if session.cancel.is_cancelled() {
            break;
        }
    }
    session.printer.sum(&outcomes)?;
    Ok(Exit::of_items(&outcomes))
}

fn open(
    containers: &Containers,
    source: &Path,
    target: &Path,
    told: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<(Level, Keys), Failure> {
    let keys = containers.keys_for(source)?;
    make_folder_of(target)?;
    let decrypted =
        decrypt_file(source, target, &keys, told).map_err(|error| containers::failure(&error))?;
    let mut file = fs_err::File::open(source).map_err(|error| Failure::usage_io(&error))?;
    let level = peek(&mut file)
        .map_err(|error| Failure::io(&error.into()))?
        .level;
    let path = target.to_owned();
    let sentence = match decrypted {
        Decrypted::Written => Keys::Decrypted { path },
        Decrypted::Same => Keys::DecryptedBefore { path },
    };
    Ok((level, sentence))
}

/// Makes the folder that `--to` or `-o` names, as `get --to` does.
fn make_folder_of(target: &Path) -> Result<(), Failure> {
    match target.parent() {
        Some(folder) => fs_err::create_dir_all(folder).map_err(|error| Failure::io(&error)),
        None => Ok(()),
    }
}

/// What is said of a file.
struct Told {
    record: &'static str,
    sentence: Keys,
    output: PathBuf,
    level: Level,
}

fn tell(path: &Path, told: Result<Told, Failure>, session: &Session) -> Result<Exit, Unwritable> {
    let printer = &session.printer;
    let told = match told {
        Ok(told) => told,
        Err(failure) => {
            printer.fail_run(&failure);
            return Ok(failure.exit());
        }
    };
    if printer.is_json() {
        let line = json!({
            "path": path.to_string_lossy(),
            "output": told.output.to_string_lossy(),
            "level": told.level.as_str(),
        });
        printer.record(told.record, &line)?;
    } else {
        printer.say(&Message::Keys(told.sentence));
    }
    Ok(Exit::Done)
}

/// Runs work that ends by itself when the user wants to stop: waiting for that leaves no half a file behind.
async fn finished<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}

/// A bar for one file, and its end when the user wants to stop.
struct Progress {
    bar: Bar,
    name: String,
    done: u64,
    cancel: CancellationToken,
}

impl Progress {
    fn of(source: &Path, session: &Session) -> Self {
        // What cannot be asked for its size says why when it is opened.
        let total = fs_err::metadata(source).map_or(0, |file| file.len());
        Self {
            bar: Bar::new(&session.printer, total),
            name: source.to_string_lossy().into_owned(),
            done: 0,
            cancel: session.cancel.clone(),
        }
    }

    fn tell(&mut self, done: u64) -> ControlFlow<()> {
        self.bar.advance(&self.name, done - self.done);
        self.done = done;
        if self.cancel.is_cancelled() {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

/// `FILE.cke` for `FILE`.
pub(crate) fn sealed_name(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".cke");
    name.into()
}

/// `FILE` for `FILE.cke`.
fn plain_name(path: &Path) -> Option<PathBuf> {
    let is_sealed = path.extension() == Some(OsStr::new("cke"));
    is_sealed.then(|| path.with_extension(""))
}

fn placed(path: &Path, folder: Option<&Path>) -> PathBuf {
    match (folder, path.file_name()) {
        (Some(folder), Some(name)) => folder.join(name),
        _ => path.to_owned(),
    }
}

fn here(path: &Path, session: &Session) -> PathBuf {
    session.settings.layers.surroundings().directory.join(path)
}

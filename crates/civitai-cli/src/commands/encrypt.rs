//! `encrypt` and `decrypt`.

mod age;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use civitai_library::sealing::sealed_path;
use civitai_security::Secret;
use civitai_security::crypt::{
    AgeKey, AgeRecipient, AgeTo, Decrypted, Form, Level, Origin, Recipe, Recipient, Unlocked,
    extract_file, peek, translate_file,
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use self::age::{Recipients, is_age_file};
use super::library::bar::Bar;
use crate::args::{DecryptArgs, EncryptArgs};
use crate::containers::{self, Containers, is_encrypted};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::Unwritable;
use crate::session::{Outcome, Session};
use crate::text::{Keys, Message};

pub(crate) async fn encrypt(args: EncryptArgs, session: &Session) -> Outcome {
    let containers = Arc::new(Containers::new(&args.passphrase, session)?);
    let level = Level::from(args.level);
    let to = match Recipients::of(&args.age, session)? {
        None => To::Level(level, containers.recipients(level, session).await?),
        Some(Recipients::Keys(keys)) => To::Age(keys),
        Some(Recipients::Passphrase) => To::AgePassphrase(containers.choose(session).await?),
    };
    let to = Arc::new(to);
    let sources: Vec<PathBuf> = args.files.iter().map(|path| here(path, session)).collect();
    let opener = Arc::new(Opener::new(&args.age.identity, containers, session)?);
    opener.prepare(&sources, session).await?;
    let folder = args.to.map(|folder| here(&folder, session));
    // A rotation of keys has nothing to do with files for people of age.
    let is_container = args.age.is_none();
    let mut outcomes = Vec::new();
    for (path, source) in args.files.iter().zip(sources) {
        let plain = plain_name(&source).filter(|_| Opener::opens(&source));
        let output = to.named(plain.as_deref().unwrap_or(&source));
        let output = placed(&output, folder.as_deref());
        let mut progress = Progress::of(&source, session);
        let (opener, to) = (Arc::clone(&opener), Arc::clone(&to));
        let target = output.clone();
        let result = finished(move || {
            let mut told = |done| progress.tell(done);
            let content = opener.open(&source)?;
            make_folder_of(&target)?;
            to.write((&source, content.origin()), &target, &mut told)?;
            if is_container {
                opener.containers.remember(&target)?;
            }
            Ok(to.sentence(target))
        });
        let told = result.await.map(|sentence| Told {
            record: "encrypted",
            level: is_container.then_some(level),
            sentence,
            output,
        });
        outcomes.push(tell(path, told, session)?);
        if session.cancel.is_cancelled() {
            break;
        }
    }
    session.printer.sum(&outcomes)?;
    Ok(Exit::of_items(&outcomes))
}

/// What files are encrypted to.
enum To {
    Level(Level, Vec<Recipient>),
    Age(Vec<AgeRecipient>),
    AgePassphrase(Secret),
}

impl To {
    fn named(&self, plain: &Path) -> PathBuf {
        match self {
            Self::Level(..) => sealed_path(plain),
            Self::Age(_) | Self::AgePassphrase(_) => plain.with_added_extension(AGE),
        }
    }

    fn write(
        &self,
        source: (&Path, Origin<'_>),
        target: &Path,
        told: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        let written = match self {
            Self::Level(level, recipients) => {
                let recipe = Recipe::new(*level, recipients);
                translate_file(source, target, &Form::Container(&recipe), told)
            }
            Self::Age(recipients) => {
                let to = AgeTo::Recipients(recipients);
                translate_file(source, target, &Form::Age(&to), told)
            }
            Self::AgePassphrase(passphrase) => {
                let to = AgeTo::Passphrase(passphrase);
                translate_file(source, target, &Form::Age(&to), told)
            }
        };
        written
            .map(|_| ())
            .map_err(|error| containers::failure(&error))
    }

    fn sentence(&self, path: PathBuf) -> Keys {
        match *self {
            Self::Level(level, _) => Keys::Encrypted { path, level },
            Self::Age(_) | Self::AgePassphrase(_) => Keys::EncryptedAge { path },
        }
    }
}

pub(crate) async fn decrypt(args: DecryptArgs, session: &Session) -> Outcome {
    if args.output.is_some() && args.files.len() > 1 {
        return Err(Failure::usage(Message::Keys(Keys::OneOutput)).into());
    }
    let sources: Vec<PathBuf> = args.files.iter().map(|path| here(path, session)).collect();
    let containers = Arc::new(Containers::new(&args.passphrase, session)?);
    let opener = Arc::new(Opener::new(&args.identity, containers, session)?);
    opener.prepare(&sources, session).await?;
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
                let opener = Arc::clone(&opener);
                let target = output.clone();
                let result = finished(move || {
                    open(&opener, &source, &target, &mut |done| progress.tell(done))
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
    opener: &Opener,
    source: &Path,
    target: &Path,
    told: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<(Option<Level>, Keys), Failure> {
    let content = match opener.open(source)? {
        // It says why it is none.
        Opened::Plain => Opened::Container(opener.containers.keys_for(source)?),
        content => content,
    };
    make_folder_of(target)?;
    let decrypted = extract_file((source, content.origin()), target, told)
        .map_err(|error| containers::failure(&error))?;
    let level = match content {
        Opened::Container(_) => {
            let mut file = fs_err::File::open(source).map_err(|error| Failure::usage_io(&error))?;
            let peek = peek(&mut file).map_err(|error| Failure::io(&error.into()))?;
            Some(peek.level)
        }
        _ => None,
    };
    let path = target.to_owned();
    let sentence = match decrypted {
        Decrypted::Written => Keys::Decrypted { path },
        Decrypted::Same => Keys::DecryptedBefore { path },
    };
    Ok((level, sentence))
}

/// With what files that are encrypted are opened.
struct Opener {
    containers: Arc<Containers>,
    /// For age files: identities, and passphrases once such a file was seen.
    age: OnceLock<Vec<AgeKey>>,
}

impl Opener {
    fn new(
        identities: &[PathBuf],
        containers: Arc<Containers>,
        session: &Session,
    ) -> Result<Self, Failure> {
        let age = OnceLock::new();
        let identities = age::identities(identities, session)?;
        if !identities.is_empty() {
            age.get_or_init(|| identities);
        }
        Ok(Self { containers, age })
    }

    /// Whether a file is one that is encrypted.
    fn opens(path: &Path) -> bool {
        is_encrypted(path) || is_age_file(path)
    }

    /// Has the keys at hand before anything is done.
    async fn prepare(&self, sources: &[PathBuf], session: &Session) -> Result<(), Failure> {
        let sealed = sources.iter().filter(|path| is_encrypted(path));
        let sealed: Vec<_> = sealed.cloned().collect();
        self.containers.prepare(&sealed, session).await?;
        if self.age.get().is_none()
            && let Some(first) = sources.iter().find(|path| is_age_file(path))
        {
            let passphrases = self.containers.passphrases_of(first, session).await?;
            let keys = passphrases.into_iter().map(AgeKey::Passphrase).collect();
            self.age.get_or_init(|| keys);
        }
        Ok(())
    }

    fn open(&self, path: &Path) -> Result<Opened<'_>, Failure> {
        fs_err::metadata(path).map_err(|error| Failure::named(path, &error))?;
        Ok(if is_encrypted(path) {
            Opened::Container(self.containers.keys_for(path)?)
        } else if is_age_file(path) {
            Opened::Age(self.age.get().map_or(&[], Vec::as_slice))
        } else {
            Opened::Plain
        })
    }
}

/// How one file is to be read.
enum Opened<'a> {
    Plain,
    Container(Arc<Unlocked>),
    Age(&'a [AgeKey]),
}

impl Opened<'_> {
    fn origin(&self) -> Origin<'_> {
        match self {
            Self::Plain => Origin::Plain,
            Self::Container(keys) => Origin::Container(keys),
            Self::Age(keys) => Origin::Age(keys),
        }
    }
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
    /// That of a container.
    level: Option<Level>,
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
            "level": told.level.map(Level::as_str),
            "format": if told.level.is_some() { "cke" } else { AGE },
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

/// `FILE` for `FILE.cke` and `FILE.age`.
fn plain_name(path: &Path) -> Option<PathBuf> {
    let extension = path.extension()?.to_str()?;
    ["cke", AGE]
        .contains(&extension)
        .then(|| path.with_extension(""))
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

/// The extension of an age file.
const AGE: &str = "age";

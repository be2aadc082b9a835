//! From arguments to an exit code.

use std::ffi::OsString;
use std::future::Future;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::Arc;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory as _, FromArgMatches as _};
use tokio_util::sync::CancellationToken;

use crate::args::{Cli, Global, Verb};
use crate::commands;
use crate::emergency::Emergency;
use crate::exit::{Exit, Kind};
use crate::failure::Failure;
use crate::interrupt;
use crate::logs;
use crate::memory;
use crate::monitor::Monitor;
use crate::printer::Printer;
use crate::private;
use crate::session::{Outcome, Session, Stop};
use crate::settings::{Layers, Settings, Surroundings, Voice, When};
use crate::text::{self, Hint, Lang, Message, misuse, translate_help};

/// Runs the program. Nothing below ends the process, except a second Ctrl-C.
pub(crate) fn run(words: Vec<OsString>) -> Exit {
    keep_memory_private();
    memory::keep_buffers();
    panic::set_hook(Box::new(tell_of_panic));
    // The hook has told everything; what is left is the code.
    panic::catch_unwind(AssertUnwindSafe(|| run_words(words))).unwrap_or(Exit::Unexpected)
}

fn run_words(words: Vec<OsString>) -> Exit {
    let surroundings = Surroundings::of_process();
    let early = Early::read(&words, &surroundings);
    let command = translate_help(Cli::command(), early.voice.lang);
    let cli = command
        .try_get_matches_from(words)
        .and_then(|matches| Cli::from_arg_matches(&matches));
    match cli {
        Ok(cli) => run_verb(cli, surroundings),
        Err(error) => early.refuse(&error),
    }
}

fn run_verb(cli: Cli, surroundings: Surroundings) -> Exit {
    let Cli { global, verb } = cli;
    let bare = Layers::without_files(&global, surroundings);
    let layers = bare.with_files();
    let voice = layers
        .as_ref()
        .map_or_else(|_| Voice::read(&bare), Voice::read);
    let printer = |voice| {
        Arc::new(Printer::new(
            voice,
            global.json,
            global.quiet,
            global.verbose,
        ))
    };
    let (voice, complaint) = match voice {
        Ok(voice) => (voice, None),
        Err(failure) => (Voice::plain(), Some(failure)),
    };
    let printer = printer(voice);
    let outcome = match complaint {
        Some(failure) => Err(failure.into()),
        None => refuse_token(&global).map_err(Stop::from).and_then(|()| {
            logs::start(&printer);
            dispatch(verb, bare, layers, &printer)
        }),
    };
    let exit = match outcome {
        Ok(exit) => exit,
        Err(Stop::Unwritable) => Exit::Done,
        Err(Stop::Failed(failure)) => {
            printer.fail_run(&failure);
            failure.exit()
        }
    };
    match printer.lost() {
        Some(failure) => {
            printer.fail(failure);
            if exit == Exit::Done {
                failure.exit()
            } else {
                exit
            }
        }
        None => exit,
    }
}

pub(crate) fn refuse_token(global: &Global) -> Result<(), Failure> {
    match global.token {
        Some(_) => Err(Failure::usage(Message::TokenFlag).with_hint(Hint::KeepTokenOff)),
        None => Ok(()),
    }
}

/// Verbs that mend the files of settings must run while those are broken; all others get settings that were read.
fn dispatch(
    verb: Verb,
    bare: Layers,
    layers: Result<Layers, Failure>,
    printer: &Arc<Printer>,
) -> Outcome {
    let session = |settings| Session::new(settings, Arc::clone(printer), CancellationToken::new());
    match verb {
        Verb::Completions(args) => commands::completions::run(&args, printer),
        Verb::Man(args) => commands::man::run(&args, printer),
        Verb::Config(args) => commands::config::run(args.action, &bare, layers, printer),
        Verb::Doctor(args) => {
            let (settings, complaint) = match layers.and_then(Settings::read) {
                Ok(settings) => (settings, None),
                Err(failure) => (Settings::read(bare)?, Some(failure)),
            };
            let session = Session {
                emergency: Emergency::ignored(),
                ..session(settings)
            };
            with_runtime(&session, commands::doctor::run(args, &session, complaint))
        }
        verb => run_with(verb, &session(Settings::read(layers?)?)),
    }
}

fn run_with(verb: Verb, session: &Session) -> Outcome {
    session.emergency.refuse()?;
    let data = &session.settings.data_dir;
    let was_there = data.exists();
    let keep = || private::keep(data).map_err(|error| Failure::io(&error));
    if was_there && keep()? {
        let path = data.clone();
        let message = Message::Keys(text::Keys::WasOpenToWrite { path });
        session.printer.warn(&message);
    }
    let outcome = run_in(verb, session);
    if !was_there {
        keep()?;
    }
    outcome
}

/// Runs a verb with a data directory that is its owner's.
fn run_in(verb: Verb, session: &Session) -> Outcome {
    match verb {
        Verb::Add(args) => with_runtime(session, commands::add::run(*args, session)),
        Verb::Bench(args) => with_runtime(session, commands::bench::run(args, session)),
        Verb::Bulk(args) => with_runtime(session, commands::bulk::run(args.action, session)),
        Verb::Decrypt(args) => with_runtime(session, commands::encrypt::decrypt(args, session)),
        Verb::Demo => with_runtime(session, commands::demo::run(session)),
        Verb::Encrypt(args) => with_runtime(session, commands::encrypt::encrypt(args, session)),
        Verb::Export(args) => commands::export::run(&args, session),
        Verb::Fetch(args) => with_runtime(session, commands::fetch::run(args, session)),
        Verb::FromWorkflow(args) => {
            with_runtime(session, commands::from_workflow::run(args, session))
        }
        Verb::Get(args) => with_runtime(session, commands::get::run(args, session)),
        Verb::Hash(args) => with_runtime(session, commands::hash::run(args, session)),
        Verb::Identify(args) => with_runtime(session, commands::identify::run(args, session)),
        Verb::Init(args) => commands::init::run(args, session),
        Verb::Info(args) => with_runtime(session, commands::info::run(args, session)),
        Verb::Keys(args) => with_runtime(session, commands::keys::run(args.action, session)),
        Verb::Library(args) => with_runtime(session, commands::library::run(args.action, session)),
        Verb::Lock(args) => with_runtime(session, commands::lock::run(args, session)),
        Verb::Login(args) => with_runtime(session, commands::login::login(args, session)),
        Verb::Logout => commands::login::logout(session),
        Verb::Quarantine(args) => {
            with_runtime(session, commands::quarantine::run(args.action, session))
        }
        Verb::Remove(args) => commands::remove::run(&args, session),
        Verb::Resolve(args) => with_runtime(session, commands::resolve::run(&args, session)),
        Verb::Scan(args) => with_runtime(session, commands::scan::run(args, session)),
        Verb::Search(args) => with_runtime(session, commands::search::run(*args, session)),
        Verb::Sim(args) => with_runtime(session, commands::sim::run(args, session)),
        Verb::Sync(args) => with_runtime(session, commands::sync::run(args, session)),
        Verb::Tree(args) => commands::tree::run(args, session),
        Verb::Upgrade(args) => with_runtime(session, commands::upgrade::run(args, session)),
        Verb::Whoami => with_runtime(session, commands::login::whoami(session)),
        Verb::Completions(_) | Verb::Config(_) | Verb::Doctor(_) | Verb::Man(_) => {
            unreachable!("these were run before the settings were judged")
        }
    }
}

/// Runs a verb that waits for the network or for long reads, and stops it when the user says so.
fn with_runtime(session: &Session, verb: impl Future<Output = Outcome>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::io(&error))?;
    let outcome = runtime.block_on(async {
        let watch = tokio::spawn(interrupt::watch(
            session.cancel.clone(),
            Arc::clone(&session.printer),
        ));
        let (emergency, cancel) = (session.emergency.clone(), session.cancel.clone());
        let guard = tokio::spawn(emergency.watch(cancel, Arc::clone(&session.printer)));
        let outcome = tokio::select! {
            outcome = verb => outcome,
            () = overdue(&session.cancel) => Err(Failure::interrupted().into()),
            () = report(session.monitor.as_deref()) => unreachable!("it never ends by itself"),
        };
        session.end_monitor();
        watch.abort();
        guard.abort();
        match (outcome, session.emergency.found()) {
            // What ends well when it is told to end has still been stopped.
            (Ok(_), Some(_)) => Ok(Exit::Interrupted),
            (outcome, _) => outcome,
        }
    });
    // A thread that is still reading a file must not hold the process back.
    runtime.shutdown_background();
    outcome
}

async fn overdue(cancel: &CancellationToken) {
    cancel.cancelled().await;
    tokio::time::sleep(interrupt::GRACE).await;
}

async fn report(monitor: Option<&Monitor>) {
    match monitor {
        Some(monitor) => monitor.run().await,
        None => std::future::pending().await,
    }
}

/// What is known before the arguments are: enough to refuse them in the right form and language.
struct Early {
    voice: Voice,
    json: bool,
}

impl Early {
    fn read(words: &[OsString], surroundings: &Surroundings) -> Self {
        let texts: Vec<_> = words
            .iter()
            .map_while(|word| word.to_str())
            .take_while(|word| *word != "--")
            .collect();
        let flag = |name: &str| {
            texts
                .iter()
                .enumerate()
                .find_map(|(index, text)| match text.strip_prefix(name)? {
                    "" => texts.get(index + 1).copied(),
                    rest => rest.strip_prefix('='),
                })
        };
        let lang = flag("--lang")
            .and_then(Lang::of_tag)
            .unwrap_or_else(|| Lang::of_locale(|name| surroundings.variable(name)));
        let color = match flag("--color") {
            Some("always") => When::Always,
            Some("never") => When::Never,
            _ => When::Auto,
        };
        Self {
            voice: Voice { lang, color },
            json: texts.contains(&"--json"),
        }
    }

    /// Help and version are answers; everything else clap says is a refusal.
    fn refuse(&self, error: &clap::Error) -> Exit {
        if matches!(
            error.kind(),
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
        ) {
            return match error.print() {
                Err(unwritten) if unwritten.kind() != std::io::ErrorKind::BrokenPipe => {
                    Failure::io(&unwritten).exit()
                }
                _ => Exit::Done,
            };
        }
        let text = complaint(error, self.voice.lang);
        let message = Message::BadArguments { text };
        let failure = Failure::usage(message).with_hint(match suggestion(error) {
            Some(word) => Hint::DidYouMean(word),
            None => Hint::Kind(Kind::Usage),
        });
        let printer = Printer::new(self.voice, self.json, true, 0);
        if self.json {
            printer.record_failure(&failure);
        }
        let has_text = error.kind() != ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
        if self.voice.lang == Lang::Ja && has_text {
            printer.fail(&failure);
        } else {
            // The code tells what the text could not, if standard error is gone.
            let _ = error.print();
        }
        Exit::Usage
    }
}

/// What is wrong with a command line, in one line.
pub(crate) fn complaint(error: &clap::Error, lang: Lang) -> String {
    match lang {
        Lang::En => first_line(error),
        Lang::Ja => misuse(error),
    }
}

fn first_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

fn suggestion(error: &clap::Error) -> Option<String> {
    [
        ContextKind::SuggestedArg,
        ContextKind::SuggestedSubcommand,
        ContextKind::SuggestedValue,
    ]
    .into_iter()
    .find_map(|kind| error.get(kind))
    .and_then(|value| match value {
        // The likeliest comes last.
        ContextValue::Strings(all) => all.last().cloned(),
        value => Some(value.to_string()),
    })
}

/// No other process of this user, and no core dump, may read the token out of our memory.
fn keep_memory_private() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::set_dumpable_behavior;
        use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, setrlimit};
        // A kernel that refuses leaves us where every other program is.
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
        // Also for a program that dumps are piped to, and for children that may be dumped again.
        let maximum = getrlimit(Resource::Core).maximum;
        let none = Rlimit {
            current: Some(0),
            maximum,
        };
        let _ = setrlimit(Resource::Core, none);
    }
}

/// Tells of a bug.
fn tell_of_panic(info: &PanicHookInfo<'_>) {
    let json = std::env::args_os().any(|word| word == "--json");
    Printer::new(Voice::plain(), json, false, 0).fail_run(&crashed(info));
}

/// A bug without a backtrace's arguments, and with everything that looks like a credential masked.
fn crashed(info: &PanicHookInfo<'_>) -> Failure {
    let message = info.payload_as_str().unwrap_or("unknown");
    let message = civitai_security::redact_text(message).into_owned();
    let place = info
        .location()
        .map_or_else(|| "?".to_owned(), ToString::to_string);
    Failure::new(Kind::Internal, Message::Crashed { message, place })
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use civitai_security::{RedactedUrl, Secret};

    use super::*;

    #[test]
    fn a_panic_with_the_token_in_scope_tells_nothing_of_it() {
        const CANARY: &str = "ca9a2f7e57ca9a2f7e57ca9a2f7e57ca";
        static TOLD: Mutex<Option<Failure>> = Mutex::new(None);
        panic::set_hook(Box::new(|info| {
            *TOLD.lock().unwrap_or_else(PoisonError::into_inner) = Some(crashed(info));
        }));
        let fell = std::thread::spawn(|| {
            let token = Secret::new(CANARY.to_owned());
            let url = format!("https://civitai.com/api/download/models/1?token={CANARY}");
            let url = RedactedUrl::new(url.parse().expect("a URL"));
            panic!("{token:?} {url} {url:?} Authorization: Bearer {CANARY}");
        });
        fell.join().expect_err("it panics");
        let _ = panic::take_hook();
        let told = TOLD.lock().unwrap_or_else(PoisonError::into_inner).take();
        let told = told.expect("the hook was called");
        for lang in [Lang::En, Lang::Ja] {
            let text = format!("{:?} {}", told.to_json(lang), told.message(lang));
            assert!(text.contains("/api/download/models/1"), "{text}");
            assert!(!text.contains(CANARY), "{text}");
        }
    }
}

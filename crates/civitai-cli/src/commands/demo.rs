//! `demo`: the main job on a simulator of its own, through the code of the verbs.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use civitai_sim::fault::{Expiry, Knob, Offset, Scope};
use civitai_sim::{Sim, seed};
use clap::Parser as _;
use tokio_util::sync::CancellationToken;

use crate::args::{Cli, Verb};
use crate::commands;
use crate::exit::{Exit, Kind};
use crate::failure::Failure;
use crate::session::{Outcome, Session};
use crate::settings::{Layers, Settings};
use crate::text::Message;

pub(crate) async fn run(session: &Session) -> Outcome {
    let sim = Sim::builder()
        .seed(1)
        .start()
        .await
        .map_err(|error| Failure::io(&error))?;
    let folder = tempfile::Builder::new()
        .prefix("civitai-dl-demo-")
        .tempdir()
        .map_err(|error| Failure::io(&error))?;
    let outcome = play(&sim, folder.path(), session).await;
    sim.shutdown().await;
    folder.close().map_err(|error| Failure::io(&error))?;
    outcome
}

async fn play(sim: &Sim, folder: &Path, session: &Session) -> Outcome {
    let stage = Stage {
        sim,
        folder,
        session,
    };
    session.printer.say(&Message::DemoBegins {
        site: sim.site_url().to_string(),
    });
    stage
        .expect(
            Exit::Done,
            &["search", "--sort", "Most Downloaded", "--limit", "6"],
        )
        .await?;
    stage
        .expect(
            Exit::Done,
            &[
                "resolve",
                "https://civitai.com/models/1001?modelVersionId=10010",
            ],
        )
        .await?;
    session.printer.say(&Message::DemoFaults);
    stage.disturb();
    stage
        .expect(
            Exit::Done,
            &["get", "1001", "1002", "1003", "--connections", "2"],
        )
        .await?;
    session.printer.say(&Message::DemoInterrupt);
    sim.faults().clear();
    stage
        .interrupted(&["get", "1002", "--file-id", "100201"])
        .await?;
    stage
        .expect(Exit::Done, &["get", "1002", "--file-id", "100201"])
        .await?;
    session.printer.say(&Message::DemoAgain);
    stage
        .expect(Exit::Done, &["get", "1001", "1002", "1003"])
        .await?;
    session.printer.say(&Message::DemoScan);
    stage.expect(Exit::Done, &["scan", "models"]).await?;
    let summary = sim.log().summary();
    session.printer.say(&Message::DemoEnds {
        files: summary.files.len(),
        leases: summary.files.values().map(|file| file.resolves).sum(),
        bytes: summary.storage_bytes,
        leaks: summary.storage_authorization
            + summary.storage_cookies
            + summary.storage_tokens
            + summary.heads,
    });
    Ok(Exit::Done)
}

/// Where the verbs are played.
struct Stage<'a> {
    sim: &'a Sim,
    folder: &'a Path,
    session: &'a Session,
}

impl Stage<'_> {
    /// What goes wrong on the way: a connection is reset, a server falls silent for a moment, leases end early, and
    /// each new lease leads to the other storage.
    fn disturb(&self) {
        let faults = self.sim.faults();
        let storage = |file| Scope::storage().file(file);
        faults.add(Knob::BackendFlip);
        faults.add(
            Knob::ResetAt {
                offset: Offset::Random,
            }
            .within(storage(seed::LORA.file(0)).times(1)),
        );
        let stall = Knob::StallAt {
            offset: Offset::Random,
            duration: Duration::from_millis(700),
        };
        faults.add(stall.within(storage(RIVERBED).times(1)));
        let expire = Knob::ExpireUrl {
            after: Expiry::Bytes(2 << 20),
            cut: true,
        };
        faults.add(expire.within(storage(HARBOUR)));
    }

    /// Runs a command line as `civitai-dl` would and insists on how it ends.
    async fn expect(&self, exit: Exit, words: &[&str]) -> Result<(), crate::session::Stop> {
        self.check(
            exit,
            self.run(words, self.session.cancel.child_token()).await?,
        )
    }

    /// Stops a transfer as Ctrl-C does, once some of it is there.
    async fn interrupted(&self, words: &[&str]) -> Result<(), crate::session::Stop> {
        let throttle = self.sim.faults().add(Knob::Throttle {
            bytes_per_second: 128 << 10,
        });
        let cancel = self.session.cancel.child_token();
        let some = async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            cancel.cancel();
            // The run below ends this future with itself.
            std::future::pending::<()>().await;
        };
        let outcome = tokio::select! {
            outcome = self.run(words, cancel.clone()) => outcome,
            () = some => unreachable!("it waits for ever"),
        };
        self.sim.faults().remove(throttle);
        self.check(Exit::Interrupted, outcome?)
    }

    fn check(&self, expected: Exit, got: Exit) -> Result<(), crate::session::Stop> {
        if self.session.cancel.is_cancelled() {
            return Err(Failure::interrupted().into());
        }
        if got == expected {
            Ok(())
        } else {
            Err(Failure::new(Kind::Internal, Message::DemoBroken { code: got.code() }).into())
        }
    }

    async fn run(&self, words: &[&str], cancel: CancellationToken) -> Outcome {
        let printer = Arc::clone(&self.session.printer);
        printer.say(&Message::DemoCommand {
            words: typed(words),
        });
        let line = ["civitai-dl"].iter().chain(words);
        let cli = Cli::try_parse_from(line).expect("the words are constants");
        let settings = self.settings(cli.global)?;
        let session = Session::new(settings, printer, cancel);
        match cli.verb {
            Verb::Get(args) => commands::get::run(args, &session).await,
            Verb::Resolve(args) => commands::resolve::run(&args, &session).await,
            Verb::Scan(args) => commands::scan::run(args, &session).await,
            Verb::Search(args) => commands::search::run(*args, &session).await,
            _ => unreachable!("no other verb is played"),
        }
    }

    /// The simulator instead of the site, the folder instead of the user's directories, no file of settings.
    fn settings(&self, mut global: crate::args::Global) -> Result<Settings, Failure> {
        let mut surroundings = self.session.settings.layers.surroundings().clone();
        surroundings.variables.clear();
        self.folder.clone_into(&mut surroundings.directory);
        surroundings.variables.extend(
            self.sim
                .token("plain")
                .map(|token| ("CIVITAI_TOKEN".to_owned(), token)),
        );
        global.base_url = Some(self.sim.site_url().to_string());
        global.data_dir = Some(self.folder.join("data").to_string_lossy().into_owned());
        global.library = Some(self.folder.join("models").to_string_lossy().into_owned());
        Settings::read(Layers::without_files(&global, surroundings))
    }
}

/// The words as they would be typed to a shell.
fn typed(words: &[&str]) -> String {
    let quoted = words.iter().map(|word| {
        if word.contains(' ') {
            format!("'{word}'")
        } else {
            (*word).to_owned()
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

/// The file that "Harbour Mix XL" is fetched as.
const HARBOUR: u32 = 100_200;

/// The file that "Riverbed Flux" is fetched as.
const RIVERBED: u32 = 100_303;

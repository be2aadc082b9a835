//! `doctor`: what could stand in the way of a download, and what to do about it.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use civitai_download::jobs::{Jobs, State};
use civitai_library::network::USER_AGENT;
use rustix::fs::{Access, access, statvfs};
use serde_json::json;

use crate::args::DoctorArgs;
use crate::emergency::Emergency;
use crate::exit::{Exit, Kind};
use crate::failure::Failure;
use crate::features;
use crate::job;
use crate::network;
use crate::printer::{GREEN, Printer, RED, RESET, Unwritable, YELLOW};
use crate::session::{Outcome, Session};
use crate::settings::token::{self, Found};
use crate::text::{Bulk, Hint, Label, Message};

/// Runs every check; `complaint` is what is wrong with the files of settings.
pub(crate) async fn run(
    args: DoctorArgs,
    session: &Session,
    complaint: Option<Failure>,
) -> Outcome {
    let mut report = Report::new(&session.printer);
    report.add(
        "config",
        complaint.map_or_else(|| settings_found(session), Finding::Fail),
    )?;
    report.add("token", tokens(session))?;
    report.add("data-dir", writable(&session.settings.data_dir))?;
    report.add("library", writable(&session.settings.library))?;
    report.add("emergency-stop", emergency(session))?;
    report.add("jobs", jobs(session))?;
    report.add("features", features_on(session))?;
    report.add("space", space(&session.settings.library))?;
    report.add("tls-roots", roots(session))?;
    if args.offline {
        report.add("site", Finding::Warn(Message::DoctorOffline, None))?;
    } else {
        online(&mut report, session).await?;
    }
    report.finish()
}

/// What a check found.
enum Finding {
    Fine(Message),
    Warn(Message, Option<Hint>),
    Fail(Failure),
}

/// The findings so far, printed as they come.
struct Report<'a> {
    printer: &'a Printer,
    fine: usize,
    warnings: usize,
    failures: Vec<Exit>,
}

impl<'a> Report<'a> {
    fn new(printer: &'a Printer) -> Self {
        Self {
            printer,
            fine: 0,
            warnings: 0,
            failures: Vec::new(),
        }
    }

    fn add(&mut self, name: &str, finding: Finding) -> Result<(), Unwritable> {
        let lang = self.printer.lang();
        let (status, color, label, message, hint) = match finding {
            Finding::Fine(message) => {
                self.fine += 1;
                ("ok", GREEN, Label::Fine, message.say(lang), None)
            }
            Finding::Warn(message, hint) => {
                self.warnings += 1;
                (
                    "warn",
                    YELLOW,
                    Label::Warning,
                    message.say(lang),
                    hint.map(|hint| hint.say(lang)),
                )
            }
            Finding::Fail(failure) => {
                self.failures.push(failure.exit());
                (
                    "fail",
                    RED,
                    Label::Problem,
                    failure.message(lang),
                    failure.hint(lang),
                )
            }
        };
        if self.printer.is_json() {
            let line = json!({ "name": name, "status": status, "message": message, "hint": hint });
            return self.printer.record("check", &line);
        }
        self.printer.data(&format!(
            "{color}{}{RESET}  {name}: {message}",
            label.say(lang)
        ))?;
        match hint {
            Some(hint) => self
                .printer
                .data(&format!("    {}: {hint}", Label::Hint.say(lang))),
            None => Ok(()),
        }
    }

    fn finish(self) -> Outcome {
        if self.printer.is_json() {
            let line =
                json!({ "ok": self.fine, "warn": self.warnings, "fail": self.failures.len() });
            self.printer.record("summary", &line)?;
        }
        Ok(Exit::of_items(&self.failures))
    }
}

fn emergency(session: &Session) -> Finding {
    match Emergency::of(&session.settings).refuse() {
        Ok(()) => Finding::Fine(Message::Bulk(Bulk::NoEmergency)),
        Err(failure) => Finding::Fail(failure),
    }
}

fn features_on(session: &Session) -> Finding {
    let all = features::ALL.into_iter();
    let all = all.map(|feature| (feature, feature.is_on(&session.settings)));
    Finding::Fine(Message::Bulk(Bulk::Features { all: all.collect() }))
}

fn jobs(session: &Session) -> Finding {
    let listed = Jobs::open_if_there(&session.settings.data_dir)
        .and_then(|jobs| jobs.map_or_else(|| Ok(Vec::new()), |jobs| jobs.list()));
    match listed {
        Ok(jobs) => {
            let count = |wanted| jobs.iter().filter(|job| job.state == wanted).count();
            Finding::Fine(Message::Bulk(Bulk::Doctor {
                jobs: jobs.len(),
                waiting: count(State::Pending),
                running: count(State::Processing),
                failed: count(State::Failed),
            }))
        }
        Err(error) => Finding::Fail(job::failure(&error)),
    }
}

fn settings_found(session: &Session) -> Finding {
    let layers = &session.settings.layers;
    let user = layers
        .surroundings()
        .user_file
        .as_deref()
        .filter(|path| path.exists());
    let files: Vec<PathBuf> = layers
        .project_file()
        .into_iter()
        .chain(user)
        .map(Path::to_owned)
        .collect();
    Finding::Fine(if files.is_empty() {
        Message::ConfigNothing
    } else {
        Message::DoctorConfig { files }
    })
}

fn tokens(session: &Session) -> Finding {
    let found = match token::find_all(&session.settings) {
        Ok(found) => found,
        Err(failure) => return Finding::Fail(failure),
    };
    let Some((used, others)) = found.split_first() else {
        return Finding::Warn(Message::NoToken, Some(Hint::Kind(Kind::LoginRequired)));
    };
    let differs = |other: &&Found| other.token.expose() != used.token.expose();
    if let Some(other) = others.iter().find(differs) {
        let message = Message::DoctorTokensDiffer {
            used: used.source.to_string(),
            other: other.source.to_string(),
        };
        return Finding::Warn(message, Some(Hint::OneToken));
    }
    match session.settings.distrusted() {
        Some((key, path)) => Finding::Warn(
            Message::TokenDistrusted {
                key: key.name(),
                path: path.to_owned(),
            },
            None,
        ),
        None => Finding::Fine(Message::DoctorToken {
            source: used.source.to_string(),
        }),
    }
}

/// Judges the nearest directory that exists: asking must not create anything.
fn writable(path: &Path) -> Finding {
    let there = nearest_existing(path);
    match access(there, Access::WRITE_OK | Access::EXEC_OK) {
        Ok(()) => Finding::Fine(Message::DoctorWritable {
            path: path.to_owned(),
        }),
        Err(_) => Finding::Fail(Failure::new(
            Kind::Io,
            Message::DoctorNotWritable {
                path: there.to_owned(),
            },
        )),
    }
}

fn space(path: &Path) -> Finding {
    match statvfs(nearest_existing(path)) {
        Ok(volume) => {
            let bytes = volume.f_bavail.saturating_mul(volume.f_frsize);
            if bytes < LITTLE_SPACE_BYTES {
                Finding::Warn(
                    Message::DoctorLittleSpace { bytes },
                    Some(Hint::Kind(Kind::NoSpace)),
                )
            } else {
                Finding::Fine(Message::DoctorSpace { bytes })
            }
        }
        Err(error) => Finding::Fail(Failure::io(&error.into())),
    }
}

fn nearest_existing(path: &Path) -> &Path {
    path.ancestors()
        .find(|path| path.exists())
        .unwrap_or(Path::new("/"))
}

/// A client cannot be built without any root of trust.
fn roots(session: &Session) -> Finding {
    match network::ways(&session.settings)
        .http()
        .map(reqwest::ClientBuilder::build)
    {
        Ok(Ok(_)) => Finding::Fine(Message::DoctorRoots),
        Ok(Err(_)) => Finding::Fail(
            Failure::new(Kind::Network, Message::DoctorNoRoots).with_hint(Hint::InstallRoots),
        ),
        Err(error) => Finding::Fail(network::no_way(error)),
    }
}

async fn online(report: &mut Report<'_>, session: &Session) -> Result<(), crate::session::Stop> {
    let answer = session.cancel.run_until_cancelled(knock(session)).await;
    let answer = answer.ok_or_else(Failure::interrupted)?;
    let site = session.settings.base_url.clone();
    let knock = match answer {
        Ok(knock) => knock,
        Err(failure) => return Ok(report.add("site", Finding::Fail(failure))?),
    };
    report.add(
        "site",
        Finding::Fine(Message::DoctorSite {
            site,
            status: knock.status,
        }),
    )?;
    if let Some(skew) = knock.skew {
        report.add("clock", clock(skew))?;
    }
    if let Some(found) = network::usable_token(&session.settings, session.printer.as_ref())? {
        let client = network::site_with(&session.settings, Some(found.token))?;
        let me = session
            .cancel
            .run_until_cancelled(client.me())
            .await
            .ok_or_else(Failure::interrupted)?;
        let finding = match me {
            Ok(me) => Finding::Fine(Message::DoctorAccount {
                user: me.username.unwrap_or_else(|| me.id.to_string()),
            }),
            Err(error) => Finding::Fail(network::failure(&error)),
        };
        report.add("account", finding)?;
    }
    Ok(())
}

fn clock(skew: Duration) -> Finding {
    if skew > WRONG_CLOCK {
        Finding::Warn(Message::DoctorClockOff { skew }, Some(Hint::SetClock))
    } else {
        Finding::Fine(Message::DoctorClock)
    }
}

/// What one request to the site showed.
struct Knock {
    status: u16,
    /// How far this machine's clock is from the site's, either way.
    skew: Option<Duration>,
}

/// One plain request without the token: it tells a broken network from a refused account.
async fn knock(session: &Session) -> Result<Knock, Failure> {
    let settings = &session.settings;
    let ways = network::ways(settings);
    let policy = network::policy(settings, &settings.base_url)?;
    let http = ways.http().map_err(network::no_way)?;
    let client = http
        .redirect(reqwest::redirect::Policy::none())
        .dns_resolver(ways.resolver(policy))
        .timeout(PATIENCE)
        .user_agent(USER_AGENT)
        .build()
        .map_err(|error| Failure::library(Kind::Network, &error.without_url()))?;
    let url = settings
        .base_url
        .join("/api/v1/enums")
        .expect("a constant path joins any origin");
    let answer = client.get(url).send().await;
    let answer = answer.map_err(|error| Failure::library(Kind::Network, &error.without_url()))?;
    let date = answer
        .headers()
        .get(reqwest::header::DATE)
        .and_then(|date| date.to_str().ok());
    Ok(Knock {
        status: answer.status().as_u16(),
        skew: date.and_then(skew),
    })
}

fn skew(date: &str) -> Option<Duration> {
    let theirs = SystemTime::from(jiff::fmt::rfc2822::parse(date).ok()?.timestamp());
    let ours = SystemTime::now();
    ours.duration_since(theirs)
        .or_else(|_| theirs.duration_since(ours))
        .ok()
}

/// Room for one large checkpoint.
const LITTLE_SPACE_BYTES: u64 = 10 << 30;

/// Signed addresses name their time to the second and hold for a day; certificates are less patient.
const WRONG_CLOCK: Duration = Duration::from_mins(5);

const PATIENCE: Duration = Duration::from_secs(15);

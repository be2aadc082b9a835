//! `info`: a model or a version, for people or as Civitai tells it.

use civitai_api::{Client, File, Found, Link, Model, NsfwLevel, Version};
use serde_json::json;

use crate::args::InfoArgs;
use crate::exit::{Exit, Kind};
use crate::failure::Failure;
use crate::links::no_link;
use crate::network;
use crate::printer::{BOLD, Printer, RESET, Unwritable, printable};
use crate::session::{Outcome, Session, Stop};
use crate::table::{self, Column, render};
use crate::text::{Hint, Label, Message, size};

pub(crate) async fn run(args: InfoArgs, session: &Session) -> Outcome {
    let link = Link::parse_with(&args.link, Some(&session.settings.base_url))
        .map_err(|error| no_link(&args.link, &error))?;
    let client = network::browsing(session, args.asking)?;
    let told = session
        .cancel
        .run_until_cancelled(tell(&client, &link, session))
        .await;
    network::tell_kept(&client, &session.printer);
    match told {
        Some(outcome) => outcome,
        None => Err(Failure::interrupted().into()),
    }
}

async fn tell(client: &Client, link: &Link, session: &Session) -> Outcome {
    let printer = &session.printer;
    match client
        .look_up(link)
        .await
        .map_err(|error| network::failure(&error))?
    {
        Found::Model(model) => tell_model(&model, printer)?,
        Found::Version { version, .. } => tell_version(&version, printer)?,
        Found::Versions(ids) if !ids.is_empty() => {
            for id in ids {
                let version = client
                    .version(id)
                    .await
                    .map_err(|error| network::failure(&error))?;
                tell_version(&version, printer)?;
            }
        }
        Found::Versions(_) => {
            return Err(Failure::new(Kind::NotFound, Message::PictureTellsNothing).into());
        }
        _ => return Err(not_one_thing(link)),
    }
    Ok(Exit::Done)
}

fn not_one_thing(link: &Link) -> Stop {
    Failure::usage(Message::ManyModels {
        link: link.input().to_owned(),
    })
    .with_hint(Hint::UseSearch)
    .into()
}

fn tell_model(model: &Model, printer: &Printer) -> Result<(), Unwritable> {
    if printer.is_json() {
        return printer.record("model", &json!({ "model": model }));
    }
    printer.data(&format!("{BOLD}{}{RESET}", printable(&model.name)))?;
    let creator = model
        .creator
        .as_ref()
        .and_then(|creator| creator.username.clone());
    let uses: Option<Vec<String>> = model
        .allow_commercial_use
        .as_ref()
        .map(|uses| uses.iter().map(ToString::to_string).collect());
    let facts = [
        (Label::Model, Some(model.id.to_string())),
        (Label::Type, model.kind.as_ref().map(ToString::to_string)),
        (Label::Creator, creator),
        (
            Label::Level,
            model.nsfw_level.map(|level| level_name(level).to_owned()),
        ),
        (
            Label::Tags,
            (!model.tags.is_empty()).then(|| model.tags.join(", ")),
        ),
        (Label::Licence, Some(licence(model, uses, printer))),
        (Label::Status, model.mode.as_ref().map(ToString::to_string)),
    ];
    tell_facts(&facts, printer)?;
    for version in &model.versions {
        printer.data("")?;
        tell_version_body(version, printer)?;
    }
    if model.versions.is_empty() {
        printer.say(&Message::NoVersions);
    }
    Ok(())
}

/// The level of the most mature picture, in the words of `search --nsfw`.
fn level_name(levels: NsfwLevel) -> &'static str {
    match levels.highest() {
        NsfwLevel::PG => "PG",
        NsfwLevel::PG13 => "PG-13",
        NsfwLevel::R => "R",
        NsfwLevel::X => "X",
        NsfwLevel::XXX => "XXX",
        _ => "-",
    }
}

fn licence(model: &Model, uses: Option<Vec<String>>, printer: &Printer) -> String {
    let mut terms = Vec::new();
    let lang = printer.lang();
    match uses {
        Some(uses) if !uses.is_empty() => terms.push(format!(
            "{}: {}",
            Label::Commercial.say(lang),
            uses.join(", ")
        )),
        Some(_) => terms.push(format!("{}: -", Label::Commercial.say(lang))),
        None => {}
    }
    for (permitted, label) in [
        (model.allow_no_credit, Label::NoCredit),
        (model.allow_derivatives, Label::Derivatives),
        (model.allow_different_license, Label::OtherLicence),
    ] {
        if let Some(permitted) = permitted {
            let answer = if permitted { Label::Yes } else { Label::No };
            terms.push(format!("{}: {}", label.say(lang), answer.say(lang)));
        }
    }
    terms.join("; ")
}

fn tell_version(version: &Version, printer: &Printer) -> Result<(), Unwritable> {
    if printer.is_json() {
        return printer.record("version", &json!({ "version": version }));
    }
    if let Some(model) = &version.model {
        printer.data(&format!("{BOLD}{}{RESET}", printable(&model.name)))?;
        let facts = [
            (Label::Model, version.owner().map(|id| id.to_string())),
            (Label::Type, model.kind.as_ref().map(ToString::to_string)),
        ];
        tell_facts(&facts, printer)?;
        printer.data("")?;
    }
    tell_version_body(version, printer)
}

fn tell_version_body(version: &Version, printer: &Printer) -> Result<(), Unwritable> {
    let lang = printer.lang();
    let head = format!(
        "{} {} ({})",
        Label::Version.say(lang),
        version.name,
        version.id
    );
    printer.data(&format!("{BOLD}{}{RESET}", printable(&head)))?;
    let words: Vec<_> = version
        .trained_words
        .iter()
        .map(|word| word.trim())
        .filter(|word| !word.is_empty())
        .collect();
    let control = version.is_download_disabled().filter(|disabled| *disabled);
    let facts = [
        (
            Label::BaseModel,
            version.base_model.as_ref().map(ToString::to_string),
        ),
        (
            Label::Published,
            version.published_at.map(|at| at.to_string()),
        ),
        (
            Label::TrainedWords,
            (!words.is_empty()).then(|| words.join(", ")),
        ),
        (
            Label::EarlyAccess,
            version.gate().map(|gate| gate_text(&gate, printer)),
        ),
        (
            Label::Download,
            control.map(|_| Label::Disabled.say(lang).to_owned()),
        ),
    ];
    tell_facts(&facts, printer)?;
    if version.files.is_empty() {
        return Ok(());
    }
    let digest = Shown::fitting(table::room());
    let columns = [
        Column::number("id"),
        Column::text(Label::File.say(lang)),
        Column::text(Label::Type.say(lang)),
        Column::number(Label::Size.say(lang)),
        Column::text(Label::Scan.say(lang)),
        Column::number(digest.head()),
    ];
    let rows = version.files.iter().map(|file| row(file, digest));
    printer.data(&render(&columns, rows.collect()))
}

fn gate_text(gate: &civitai_api::version::Gate, printer: &Printer) -> String {
    match gate {
        civitai_api::version::Gate::Until(end) => end.to_string(),
        _ => Label::Permanent.say(printer.lang()).to_owned(),
    }
}

fn tell_facts(facts: &[(Label, Option<String>)], printer: &Printer) -> Result<(), Unwritable> {
    let lang = printer.lang();
    for (label, value) in facts {
        if let Some(value) = value {
            printer.data(&printable(&format!("  {}: {value}", label.say(lang))))?;
        }
    }
    Ok(())
}

/// How much of a SHA-256 a table shows. A digest broken over lines can neither be read nor copied.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Shown {
    Whole,
    /// Its first ten digits, by which Civitai knows the file, too.
    AutoV2,
}

impl Shown {
    fn fitting(room: Option<u16>) -> Self {
        match room {
            Some(width) if width < ROOM_FOR_WHOLE => Self::AutoV2,
            _ => Self::Whole,
        }
    }

    fn head(self) -> &'static str {
        match self {
            Self::Whole => "SHA256",
            Self::AutoV2 => "AutoV2",
        }
    }

    fn of(self, sha256: &str) -> &str {
        match self {
            Self::Whole => sha256,
            Self::AutoV2 => sha256.get(..10).unwrap_or(sha256),
        }
    }
}

/// Columns of a terminal in which 64 digits leave enough for the other cells.
const ROOM_FOR_WHOLE: u16 = 140;

fn row(file: &File, digest: Shown) -> Vec<String> {
    let variant = civitai_api::select::Variant::of(file);
    let properties: Vec<_> = variant
        .pairs()
        .into_iter()
        .map(|(_, value)| value.to_owned())
        .collect();
    let scans = [&file.pickle_scan_result, &file.virus_scan_result]
        .into_iter()
        .flatten();
    let mut scans: Vec<_> = scans.map(civitai_api::file::ScanResult::as_str).collect();
    scans.dedup();
    vec![
        file.id.to_string(),
        file.display_name().to_owned(),
        properties.join(" "),
        file.bytes().map_or_else(|| "-".to_owned(), size),
        scans.join("/"),
        file.hash(civitai_api::HashKind::Sha256)
            .map_or("-", |sha256| digest.of(sha256))
            .to_owned(),
    ]
}

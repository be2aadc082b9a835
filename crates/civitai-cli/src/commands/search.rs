//! `search`.

use std::fmt::Display;
use std::str::FromStr;

use civitai_api::envelope::{ModelSort, Period};
use civitai_api::{BaseModel, Gap, Model, Search, Timestamp, UnknownName};
use futures::StreamExt as _;
use serde_json::json;

use crate::args::{SearchArgs, format, one};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::network;
use crate::printer::Printer;
use crate::session::{Outcome, Session};
use crate::table::{Column, render};
use crate::text::{Label, Message};

pub(crate) async fn run(args: SearchArgs, session: &Session) -> Outcome {
    let printer = &session.printer;
    let search = search(&args, printer)?;
    let client = network::browsing(session, args.asking)?;
    let mut listing = client.search(&search);
    let mut rows = Vec::new();
    let mut count = 0_usize;
    let ended = loop {
        match session.cancel.run_until_cancelled(listing.next()).await {
            Some(Some(Ok(model))) => {
                count += 1;
                if printer.is_json() {
                    printer.record("model", &json!({ "model": model }))?;
                } else {
                    rows.push(row(&model));
                }
            }
            Some(Some(Err(error))) => break Err(network::failure(&error)),
            Some(None) => break Ok(Exit::Done),
            None => break Err(Failure::interrupted()),
        }
    };
    session.end_monitor();
    network::tell_kept(&client, printer);
    let completeness = listing.completeness();
    if printer.is_json() {
        let line = json!({ "count": count, "complete": completeness.is_complete(), "requests": listing.requests() });
        if ended.is_ok() {
            printer.record("summary", &line)?;
        }
    } else if count > 0 {
        printer.data(&render(&columns(printer), rows))?;
    } else if ended.is_ok() && search.limit != Some(0) {
        printer.say(&Message::NothingFound);
    }
    if let (Some(gap), Ok(_)) = (completeness.gap(), &ended) {
        printer.say(&match (gap, search.limit) {
            (Gap::Unfinished, Some(limit)) => Message::StoppedAtLimit { limit },
            _ => Message::Incomplete { gap: gap.clone() },
        });
    }
    Ok(ended?)
}

fn search(args: &SearchArgs, printer: &Printer) -> Result<Search, Failure> {
    let mut search = Search::default();
    search.query.clone_from(&args.query);
    search.types = all("--type", &args.types)?;
    search.base_models = args
        .base_models
        .iter()
        .map(|name| base_model(name, printer))
        .collect();
    search.tag.clone_from(&args.tag);
    search.username.clone_from(&args.username);
    search.sort = one::<ModelSort>("--sort", args.sort.as_deref())?;
    search.period = one::<Period>("--period", args.period.as_deref())?;
    search.level = one("--nsfw", args.nsfw.as_deref())?;
    search.checkpoint_type = one("--checkpoint-type", args.checkpoint_type.as_deref())?;
    search.commercial_use = all("--commercial", &args.commercial)?;
    search.min_downloads = args.min_downloads;
    search.max_downloads = args.max_downloads;
    search.since = args
        .since
        .as_deref()
        .map(|text| date("--since", text))
        .transpose()?;
    search.until = args
        .until
        .as_deref()
        .map(|text| last_moment("--until", text))
        .transpose()?;
    search.category = args.category.as_deref().map(category).transpose()?;
    search.format = format(args.format.as_deref())?;
    search.limit = (!args.all).then_some(args.limit);
    Ok(search)
}

fn all<T: FromStr<Err = UnknownName>>(flag: &str, texts: &[String]) -> Result<Vec<T>, Failure> {
    let read = |text: &String| text.parse().map_err(|choice| Failure::choice(flag, choice));
    texts.iter().map(read).collect()
}

fn bad(flag: &str, problem: &dyn Display) -> Failure {
    Failure::usage(Message::BadFlag {
        flag: flag.to_owned(),
        problem: problem.to_string(),
    })
}

/// Base models are added every week: an unknown one is sent as it is, with a word of warning.
fn base_model(name: &str, printer: &Printer) -> BaseModel {
    name.parse().unwrap_or_else(|error: UnknownName| {
        printer.warn(&Message::UnknownBaseModel {
            problem: error.to_string(),
        });
        BaseModel::from(name)
    })
}

fn category(text: &str) -> Result<String, Failure> {
    let wanted = text.to_lowercase();
    let known = civitai_api::category::CATEGORIES.into_iter();
    if let Some(name) = known.clone().find(|name| *name == wanted) {
        return Ok(name.to_owned());
    }
    let nearest = crate::text::nearest(&wanted, known.clone())
        .map(|name| format!("; did you mean `{name}`?"));
    let names: Vec<_> = known.collect();
    let problem = format!(
        "`{text}` is not one of {}{}",
        names.join(", "),
        nearest.unwrap_or_default()
    );
    Err(bad("--category", &problem))
}

fn date(flag: &str, text: &str) -> Result<Timestamp, Failure> {
    text.parse().map_err(|error| bad(flag, &error))
}

/// A day lasts until its end.
fn last_moment(flag: &str, text: &str) -> Result<Timestamp, Failure> {
    let moment = date(flag, text)?;
    match text.parse::<jiff::civil::Date>() {
        Ok(_) if !text.contains(':') => {
            let end = moment
                .as_jiff()
                .saturating_add(jiff::SignedDuration::new(86_399, 999_999_999));
            Ok(end.map_err(|error| bad(flag, &error))?.into())
        }
        _ => Ok(moment),
    }
}

fn columns(printer: &Printer) -> Vec<Column> {
    let lang = printer.lang();
    vec![
        Column::number("id"),
        Column::text(Label::Name.say(lang)),
        Column::text(Label::Type.say(lang)),
        Column::text(Label::BaseModel.say(lang)),
        Column::text(Label::Creator.say(lang)),
        Column::number(Label::Downloads.say(lang)),
    ]
}

fn row(model: &Model) -> Vec<String> {
    let base = model
        .default_version()
        .and_then(|version| version.base_model.as_ref());
    let downloads = model.stats.as_ref().and_then(|stats| stats.download_count);
    let creator = model
        .creator
        .as_ref()
        .and_then(|creator| creator.username.clone());
    vec![
        model.id.to_string(),
        shorten(&model.name),
        model
            .kind
            .as_ref()
            .map_or_else(String::new, |kind| kind.as_str().to_owned()),
        base.map_or_else(String::new, |base| base.as_str().to_owned()),
        creator.unwrap_or_default(),
        downloads.map_or_else(|| "-".to_owned(), |count| count.to_string()),
    ]
}

/// A title that fills a terminal by itself helps nobody; the whole of it is in the JSON.
fn shorten(name: &str) -> String {
    match name.char_indices().nth(LONGEST_NAME) {
        Some((end, _)) => format!("{}…", name[..end].trim_end()),
        None => name.to_owned(),
    }
}

const LONGEST_NAME: usize = 60;

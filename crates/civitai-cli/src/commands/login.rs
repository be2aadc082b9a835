//! `login`, `logout`, `whoami`.

use std::io::{self, IsTerminal as _, Read as _};

use civitai_api::Client;
use civitai_api::creator::Me;
use civitai_security::Secret;
use serde_json::json;

use crate::args::LoginArgs;
use crate::exit::{Exit, Kind};
use crate::failure::Failure;
use crate::network;
use crate::session::{Outcome, Session};
use crate::settings::token::{self, Stored};
use crate::settings::{Key, Origin};
use crate::silence::Silence;
use crate::text::{Hint, Message};

pub(crate) async fn login(args: LoginArgs, session: &Session) -> Outcome {
    if args.token.is_some() {
        return Err(Failure::usage(Message::TokenFlag)
            .with_hint(Hint::KeepTokenOff)
            .into());
    }
    let settings = &session.settings;
    let printer = &session.printer;
    let token = new_token(session).await?;
    let me = if args.no_verify {
        None
    } else {
        Some(ask(&network::site_with(settings, Some(token.clone()))?, session).await?)
    };
    let stored = token::store(settings, &token)?;
    let site = token::site(&settings.base_url);
    match &me {
        Some(me) => printer.say(&Message::LoggedIn {
            user: name(me),
            site: site.clone(),
        }),
        None => printer.say(&Message::TokenUnverified),
    }
    let place = match &stored {
        Stored::Keyring => {
            printer.say(&Message::TokenStoredInKeyring);
            "keyring".to_owned()
        }
        Stored::File(path) => {
            printer.warn(&Message::TokenStoredInFile { path: path.clone() });
            path.display().to_string()
        }
    };
    if printer.is_json() {
        let username = me.as_ref().map(name);
        printer.record(
            "login",
            &json!({ "site": site, "username": username, "stored": place }),
        )?;
    }
    Ok(Exit::Done)
}

pub(crate) fn logout(session: &Session) -> Outcome {
    let site = token::site(&session.settings.base_url);
    let was_stored = token::forget(&session.settings)?;
    session.printer.say(&if was_stored {
        Message::LoggedOut { site: site.clone() }
    } else {
        Message::NothingStored { site: site.clone() }
    });
    if session.printer.is_json() {
        session
            .printer
            .record("logout", &json!({ "site": site, "removed": was_stored }))?;
    }
    Ok(Exit::Done)
}

pub(crate) async fn whoami(session: &Session) -> Outcome {
    let printer = &session.printer;
    let found = network::usable_token(&session.settings, printer)?
        .ok_or_else(|| Failure::new(Kind::LoginRequired, Message::NoToken))?;
    let me = ask(
        &network::site_with(&session.settings, Some(found.token))?,
        session,
    )
    .await?;
    let source = found.source.to_string();
    if printer.is_json() {
        printer.record("user", &json!({ "user": me, "source": source }))?;
    } else {
        printer.data(
            &Message::Whoami {
                user: name(&me),
                source,
            }
            .say(printer.lang()),
        )?;
    }
    Ok(Exit::Done)
}

async fn ask(client: &Client, session: &Session) -> Result<Me, Failure> {
    match session.cancel.run_until_cancelled(client.me()).await {
        Some(me) => me.map_err(|error| network::failure(&error)),
        None => Err(Failure::interrupted()),
    }
}

fn name(me: &Me) -> String {
    me.username.clone().unwrap_or_else(|| me.id.to_string())
}

/// The token to keep: from `--token-file`, typed without echo, or from standard input.
async fn new_token(session: &Session) -> Result<Secret, Failure> {
    let settings = &session.settings;
    if let (Origin::Flag, Some(path)) =
        (settings.layers.origin(Key::TokenFile), &settings.token_file)
    {
        return token::read_file(path);
    }
    let io = |error: io::Error| Failure::io(&error);
    let is_typed = io::stdin().is_terminal();
    if is_typed {
        session.printer.prompt(&Message::TokenPrompt {
            site: token::site(&settings.base_url),
        });
    }
    // Held here and not by the reading thread: an interruption ends this function, and the echo comes back.
    let silence = Silence::start().map_err(io)?;
    let read = tokio::task::spawn_blocking(move || read_token(is_typed));
    let text = session.cancel.run_until_cancelled(read).await;
    drop(silence);
    if is_typed {
        session.printer.prompt(&Message::LineEnd);
    }
    match text {
        Some(Ok(text)) => token::parse(text.map_err(io)?),
        Some(Err(panicked)) => std::panic::resume_unwind(panicked.into_panic()),
        None => Err(Failure::interrupted()),
    }
}

/// One line from a terminal, everything from a pipe, which may lack the line's end.
fn read_token(is_typed: bool) -> io::Result<String> {
    let mut text = String::new();
    if is_typed {
        io::stdin().read_line(&mut text)?;
    } else {
        io::stdin().take(token::LONGEST).read_to_string(&mut text)?;
    }
    Ok(text)
}

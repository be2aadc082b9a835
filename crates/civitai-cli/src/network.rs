//! The two ways to the network, set up from the settings: one client for the site, one for storage.

use std::error::Error as StdError;
use std::time::Duration;

use civitai_api::{Builder, Cache, Client};
use civitai_download::Storage;
use civitai_library::network::{self, Network};
use civitai_reliability::RetryPolicy;
use civitai_security::address::{AllowPrivate, Policy};
use civitai_security::{Secret, UnsafeAddress};
use url::Url;

use crate::args::Asking;
use crate::containers::failure_of;
use crate::exit::Kind;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::private;
use crate::session::Session;
use crate::settings::token::{self, Found, Source};
use crate::settings::{Key, Origin, Settings};
use crate::text::{self, Hint, Library, Message};

/// The ways to the network as the settings describe them.
pub(crate) fn ways(settings: &Settings) -> Network {
    // The platform's roots already include what SSL_CERT_FILE names.
    let named = !matches!(settings.layers.origin(Key::CaFile), Origin::Environment(_));
    Network {
        private: if settings.allow_private_network {
            AllowPrivate::Yes
        } else {
            AllowPrivate::No
        },
        proxy: settings.proxy.clone(),
        no_proxy: settings.no_proxy.clone(),
        ca_file: settings.ca_file.clone().filter(|_| named),
        ..Network::to(settings.base_url.clone())
    }
}

/// An error of setting up a way to the network, in the user's terms.
pub(crate) fn no_way(error: network::Error) -> Failure {
    match error {
        network::Error::NoCertificate { path } => Failure::usage(Message::NoCertificate { path }),
        network::Error::Unreadable(error) => Failure::usage_io(&error),
        network::Error::Origin(error) => {
            Failure::library(Kind::Usage, &error).with_hint(Hint::PrivateOrigin)
        }
        other => Failure::library(Kind::from_word(other.code()), &other),
    }
}

/// Retries as the user allows them.
pub(crate) fn retry(settings: &Settings) -> RetryPolicy {
    RetryPolicy::default().with_max_wait(settings.max_wait)
}

/// The client for the site, with the token that is configured.
pub(crate) fn site(session: &Session) -> Result<Client, Failure> {
    site_as(session, retry(&session.settings))
}

/// The same for what is good to know and can be done without: it gives up sooner.
pub(crate) fn site_in_passing(session: &Session) -> Result<Client, Failure> {
    site_as(session, retry(&session.settings).with_retries(2))
}

fn site_as(session: &Session, retry: RetryPolicy) -> Result<Client, Failure> {
    let found = usable_token(&session.settings, &session.printer)?;
    let token = found.map(|found| found.token);
    let mut client = site_builder(&session.settings, token)?.retry(retry);
    if let Some(monitor) = &session.monitor {
        client = client.observe(monitor.observer());
    }
    client.build().map_err(|error| failure(&error))
}

/// The client for looking around: what was asked in the last quarter of an hour, by this run or another, is not asked
/// again unless the user wants that. What is fetched or written down is always asked for anew, by [`site`].
pub(crate) fn browsing(session: &Session, asking: Asking) -> Result<Client, Failure> {
    let found = usable_token(&session.settings, &session.printer)?;
    let mut client = site_builder(&session.settings, found.map(|found| found.token))?;
    if let Some(monitor) = &session.monitor {
        client = client.observe(monitor.observer());
    }
    let directory = &session.settings.data_dir;
    let cache = if asking.refresh {
        Cache::renew(directory)
    } else {
        Cache::open(directory)
    };
    match cache {
        Ok(cache) => client = client.cache(cache),
        // Whoever cannot keep answers can still ask.
        Err(error) => session.printer.warn(&Message::Library(Library::NoCache {
            problem: Failure::library(Kind::Io, &error).message(session.printer.lang()),
        })),
    }
    client.build().map_err(|error| failure(&error))
}

/// Says to those who asked for details how many answers cost no request.
pub(crate) fn tell_kept(client: &Client, printer: &Printer) {
    if let Some(tally) = client.kept() {
        printer.detail(&Message::Library(Library::Kept { tally }));
    }
}

pub(crate) fn site_with(settings: &Settings, token: Option<Secret>) -> Result<Client, Failure> {
    let client = site_builder(settings, token)?;
    client.build().map_err(|error| failure(&error))
}

fn site_builder(settings: &Settings, token: Option<Secret>) -> Result<Builder, Failure> {
    let client = ways(settings).site().map_err(no_way)?;
    let client = client.retry(retry(settings));
    Ok(match token {
        Some(token) => client.token(token),
        None => client,
    })
}

/// The token for the site, unless a project's file would decide where it goes.
pub(crate) fn usable_token(
    settings: &Settings,
    printer: &Printer,
) -> Result<Option<Found>, Failure> {
    let Some(found) = token::find(settings)? else {
        return Ok(None);
    };
    if let Source::Flag(path) | Source::Setting(path) = &found.source
        && token::is_open_to_others(path)
    {
        printer.warn(&Message::SecretFileIsOpen { path: path.clone() });
    }
    if let Source::Stored(path) = &found.source {
        for path in [path.parent(), Some(path)].into_iter().flatten() {
            if private::close(path).map_err(|error| Failure::io(&error))? {
                let path = path.to_owned();
                printer.warn(&Message::Keys(text::Keys::WasOpen { path }));
            }
        }
    }
    if let Some((key, path)) = settings.distrusted() {
        printer.warn(&Message::TokenDistrusted {
            key: key.name(),
            path: path.to_owned(),
        });
        return Ok(None);
    }
    Ok(Some(found))
}

/// The client for storage, allowed to contact what `policy` allows. It never carries the token by itself.
pub(crate) fn storage(settings: &Settings, policy: Policy) -> Result<Storage, Failure> {
    ways(settings).storage(policy).map_err(no_way)
}

/// Which addresses may be contacted for what begins at `origin`.
pub(crate) fn policy(settings: &Settings, origin: &Url) -> Result<Policy, Failure> {
    ways(settings).policy(origin).map_err(no_way)
}

/// An error of a transfer in the user's terms. What the site said about the lease is the reason; that there is no
/// lease is only its consequence.
pub(crate) fn download_failure(error: &civitai_download::Error) -> Failure {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(current) = cause {
        if let Some(error) = current.downcast_ref::<civitai_api::Error>() {
            return failure(error);
        }
        cause = current.source();
    }
    if let civitai_download::ErrorKind::Record { source, .. } = error.kind()
        && let Some(catalogue) = source.downcast_ref::<civitai_library::catalogue::Error>()
    {
        return Failure::library(Kind::from_word(catalogue.code()), error);
    }
    let failure = Failure::library(Kind::from_word(error.code()), error);
    match error.kind() {
        civitai_download::ErrorKind::Seal { source, .. } => return failure_of(source),
        civitai_download::ErrorKind::InTheWay { .. } => return failure.with_hint(Hint::MoveAway),
        civitai_download::ErrorKind::Journal { .. } => return failure.with_hint(Hint::StartOver),
        civitai_download::ErrorKind::Occupied { .. } => return failure.with_hint(Hint::OtherName),
        _ => {}
    }
    match failure.kind {
        Kind::RateLimited => come_back(failure, error.retry_after()),
        _ => failure,
    }
}

fn come_back(failure: Failure, wait: Option<Duration>) -> Failure {
    match wait {
        Some(wait) => failure.with_hint(Hint::ComeBackIn(wait)),
        None => failure,
    }
}

/// An error of the API client in the user's terms.
pub(crate) fn failure(error: &civitai_api::Error) -> Failure {
    let kind = match UnsafeAddress::find(error) {
        Some(_) if error.code() != "usage" => Kind::UnsafeAddress,
        _ => Kind::from_word(error.code()),
    };
    let failure = Failure::library(kind, error);
    match error.kind() {
        civitai_api::ErrorKind::Origin { .. } => failure.with_hint(Hint::PrivateOrigin),
        civitai_api::ErrorKind::RateLimited => come_back(failure, error.retry_after()),
        _ => failure,
    }
}

//! `/api/download`: who may have which file, and from where.
//!
//! The questions are asked in the site's order, and that order shows: an archived model is gone even for its owner,
//! and a version whose creator disabled downloads answers 401 to the best of tokens.

mod denial;
mod other;
mod query;

use std::time::Duration;

use jiff::Timestamp;

pub(crate) use self::denial::Denial;
use self::query::Wish;
use crate::choice;
use crate::fault::{Knob, Outage};
use crate::file_name::download_name;
use crate::http::{Request, Response};
use crate::interfere::Hits;
use crate::record::{Ticket, is_browser};
use crate::routes::session;
use crate::site::World;
use crate::state::{
    Availability, Backend, File, Mode, Model, State, Status, UsageControl, User, Version,
};
use crate::storage::Object;

/// Answers a request under `/api/download`; `rest` is the path after that.
pub(crate) fn answer(
    world: &World,
    request: &Request,
    rest: &[&str],
    hits: &Hits,
    ticket: &mut Ticket,
) -> Response {
    let response = match rest {
        ["models", version] => model(world, request, version, hits, ticket),
        ["training-data", version] => {
            return Response::redirect(
                308,
                &format!("/api/download/models/{version}?type=Training%20Data"),
            );
        }
        _ => other::answer(world, request, rest),
    };
    match response.header("cache-control") {
        Some(_) => response,
        None => response.with_header("Cache-Control", "no-store, max-age=0"),
    }
}

/// A file that may be had, and where.
struct Found {
    file: u32,
    object: Object,
    backend: Backend,
    name: String,
    /// The request asked for something that the chosen file is not.
    contradicts: bool,
}

fn model(
    world: &World,
    request: &Request,
    version: &str,
    hits: &Hits,
    ticket: &mut Ticket,
) -> Response {
    let browser = request.header("user-agent").is_some_and(is_browser);
    resolve(world, request, version, hits, ticket)
        .unwrap_or_else(|denial| denial.response(version, browser))
}

fn resolve(
    world: &World,
    request: &Request,
    version: &str,
    hits: &Hits,
    ticket: &mut Ticket,
) -> Result<Response, Denial> {
    let now = world.storage.clock.now();
    let mut state = world.lock();
    let user = session(&state, request);
    let user_id = user.map(|user| user.id);
    if is_blocked(&state, user, request) {
        return Err(Denial::Blocked);
    }
    if is_over_quota(&state, user, request, now) || is_faulted_quota(world, hits) {
        return Err(Denial::Quota);
    }
    let wish = Wish::read(version, request).map_err(Denial::BadQuery)?;
    let found = find(&state, user, &wish, now)?;
    ticket.entry.file = Some(found.file);
    if is_resolver_down(world, hits) {
        return Err(Denial::ResolverDown);
    }
    if found.contradicts {
        return Err(Denial::NotFound);
    }
    count(&mut state, user_id, request, &wish, now);
    drop(state);
    for hit in &hits.0 {
        if matches!(hit.knob, Knob::QuotaAt { .. }) {
            world.storage.faults.tally(hit.id);
        }
    }
    let backend = flipped(world, hits, found.backend);
    world
        .storage
        .log
        .resolved(found.file, found.object.content.len());
    let url = world.storage.sign(backend, found.object, &found.name);
    Ok(Response::redirect(307, &misdirected(world, hits, url)))
}

/// Rows 4 to 10 of the site's decision: whether this caller may have the version's files at all.
pub(crate) fn permit(
    state: &State,
    user: Option<&User>,
    (model, version): (&Model, &Version),
    now: Timestamp,
) -> Result<(), Denial> {
    let owner = user.is_some_and(|user| user.id == model.user_id);
    if model.poi && !owner {
        return Err(Denial::NotFound);
    }
    if model.mode == Some(Mode::Archived) {
        return Err(Denial::Archived);
    }
    let published = model.status == Status::Published && version.status == Status::Published;
    if model.status == Status::Deleted || (!published && !owner) {
        return Err(Denial::NotFound);
    }
    if version.usage_control != UsageControl::Download {
        return Err(Denial::DownloadsDisabled);
    }
    if user.is_none() && (version.require_auth || !state.switches.anonymous_downloads) {
        return Err(Denial::LoginRequired);
    }
    let privileged = is_privileged(user, model);
    let bought = user.is_some_and(|user| user.purchases.contains(&version.id));
    if let Some(gate) = version.gate(now).filter(|_| !bought && !privileged) {
        return Err(Denial::EarlyAccess {
            ends_at: gate.ends_at,
        });
    }
    let private = [model.availability, version.availability].contains(&Availability::Private);
    match user {
        _ if !private || privileged => Ok(()),
        Some(_) => Err(Denial::NoGrant),
        None => Err(Denial::LoginRequired),
    }
}

/// Whether the caller sees files that are not public, and passes gates unbought.
pub(crate) fn is_privileged(user: Option<&User>, model: &Model) -> bool {
    user.is_some_and(|user| user.id == model.user_id || user.moderator)
}

/// Rows 4 to 11 of the site's decision, and what is needed for the rest.
fn find(state: &State, user: Option<&User>, wish: &Wish, now: Timestamp) -> Result<Found, Denial> {
    let (model, version) = state.find_version(wish.version).ok_or(Denial::NotFound)?;
    permit(state, user, (model, version), now)?;
    let (model, version, file) =
        choose(state, user, wish, (model, version)).ok_or(Denial::NotFound)?;
    Ok(Found {
        file: file.id,
        object: Object {
            file: Some(file.id),
            version: Some(version.id),
            owner: model.user_id,
            name: file.name.clone(),
            content: file.content.clone(),
        },
        backend: file.backend,
        name: download_name(model, version, file),
        contradicts: wish.file.is_none() && choice::contradicts(file, &wish.preferences),
    })
}

fn choose<'a>(
    state: &'a State,
    user: Option<&User>,
    wish: &Wish,
    (model, version): (&'a Model, &'a Version),
) -> Option<(&'a Model, &'a Version, &'a File)> {
    let privileged = is_privileged(user, model);
    let mut visible = version
        .files
        .iter()
        .filter(|file| file.is_public() || privileged);
    if let Some(id) = wish.file {
        return visible
            .find(|file| file.id == id)
            .map(|file| (model, version, file));
    }
    let candidates = visible
        .filter(|file| file.replaced_at.is_none())
        .filter(|file| wish.kind.as_ref().is_none_or(|kind| file.kind == *kind));
    let preferences = choice::layered(user.map(|user| &user.preferences), &wish.preferences);
    match choice::choose(candidates, &preferences) {
        Some(file) => Some((model, version, file)),
        None if wish.kind.as_deref() == Some("VAE") => choice::linked_vae(state, version),
        None => None,
    }
}

fn is_blocked(state: &State, user: Option<&User>, request: &Request) -> bool {
    let switches = &state.switches;
    switches.blocked_addresses.contains(&request.remote.ip())
        || user.is_some_and(|user| switches.blocked_users.contains(&user.id))
}

fn is_over_quota(state: &State, user: Option<&User>, request: &Request, now: Timestamp) -> bool {
    let Some(quota) = state.switches.download_quota else {
        return false;
    };
    let downloads = match user {
        Some(user) => Some(&user.downloads),
        None => state.anonymous_downloads.get(&request.remote.ip()),
    };
    let recent = |at: &&Timestamp| now.duration_since(**at).unsigned_abs() < QUOTA_WINDOW;
    let count = downloads.map_or(0, |downloads| downloads.iter().filter(recent).count());
    count >= usize::try_from(quota).unwrap_or(usize::MAX)
}

/// Counts a resolve against the quota and the public counters.
fn count(state: &mut State, user_id: Option<u32>, request: &Request, wish: &Wish, now: Timestamp) {
    let downloads = match user_id.and_then(|id| state.users.get_mut(&id)) {
        Some(user) => &mut user.downloads,
        None => state
            .anonymous_downloads
            .entry(request.remote.ip())
            .or_default(),
    };
    downloads.retain(|at| now.duration_since(*at).unsigned_abs() < QUOTA_WINDOW);
    downloads.push(now);
    let model = state.find_version(wish.version).map(|(model, _)| model.id);
    if let Some(model) = model.and_then(|id| state.model_mut(id)) {
        model.stats.downloads += 1;
    }
    if let Some(version) = state.version_mut(wish.version) {
        version.stats.downloads += 1;
    }
}

fn is_faulted_quota(world: &World, hits: &Hits) -> bool {
    hits.0.iter().any(|hit| match hit.knob {
        Knob::QuotaAt { resolves } => world.storage.faults.tallied(hit.id) >= resolves,
        _ => false,
    })
}

fn is_resolver_down(world: &World, hits: &Hits) -> bool {
    hits.0.iter().any(|hit| match hit.knob {
        Knob::ResolveFailed { times } => world.storage.faults.tally(hit.id) <= times,
        _ => false,
    })
}

fn flipped(world: &World, hits: &Hits, backend: Backend) -> Backend {
    let flip = hits
        .id_of(&Knob::BackendFlip)
        .is_some_and(|id| world.storage.faults.tally(id).is_multiple_of(2));
    match backend {
        Backend::R2 if flip => Backend::B2,
        Backend::B2 if flip => Backend::R2,
        backend => backend,
    }
}

fn misdirected(world: &World, hits: &Hits, url: String) -> String {
    let outage = hits.find(|knob| {
        if let Knob::BadTarget(outage) = knob {
            Some(*outage)
        } else {
            None
        }
    });
    let target = url
        .strip_prefix("http://")
        .and_then(|rest| rest.split_once('/'));
    match (outage, target) {
        (Some(Outage::ConnectRefused), Some((_, target))) => {
            format!("http://{}/{target}", world.dead_host)
        }
        (Some(Outage::DnsFail), Some((_, target))) => format!("http://storage.invalid/{target}"),
        (Some(Outage::TlsFail), Some((host, target))) => format!("https://{host}/{target}"),
        _ => url,
    }
}

const QUOTA_WINDOW: Duration = Duration::from_hours(24);

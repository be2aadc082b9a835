//! The site's routes under `/api/v1`, and the few pages a lost client ends up on.
//!
//! Three wrappers decide what happens before a route's own code, and they differ where nobody would guess: public
//! routes answer any method, mixed ones refuse even `OPTIONS`, and only those that need an account say 401.

mod articles;
mod body;
mod by_hash;
mod collections;
mod creators;
mod enums;
mod images;
mod me;
mod mini;
mod model;
mod models;
mod pages;
mod params;
mod permissions;
mod tags;
mod tensor;
mod users;
mod vault;
mod version;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::http::{Request, Response};
use crate::state::{State, Token, User, Window};

/// What a route may look at and change.
pub(crate) struct Site<'a> {
    pub(crate) state: &'a mut State,
    pub(crate) now: Timestamp,
    /// Scheme, host and port the site listens on, without a slash at the end.
    pub(crate) origin: &'a str,
}

/// Answers any request that is not a download.
pub(crate) fn route(site: &mut Site<'_>, request: &Request) -> Response {
    let segments: Vec<&str> = request.segments.iter().map(String::as_str).collect();
    match segments.as_slice() {
        ["api", "v1", rest @ ..] => {
            let response = if site.state.switches.region_blocked {
                region_blocked()
            } else {
                api(site, request, rest)
            };
            stamped(response)
        }
        [] | ["login" | "models" | "model-versions", ..] => pages::page(),
        _ => pages::not_found(),
    }
}

/// The account behind a request, if its token still opens a session.
pub(crate) fn session<'a>(state: &'a State, request: &Request) -> Option<&'a User> {
    credentials(state, request).map(|(user, _)| user)
}

/// The account and the token behind a request, if they still open a session.
///
/// The scheme word is not looked at: whatever follows the first space is the token. A header without a space is no
/// token, and then the query is not asked either.
fn credentials<'a>(state: &'a State, request: &Request) -> Option<(&'a User, &'a Token)> {
    let value = match request.header("authorization") {
        Some(header) => header.split(' ').nth(1)?,
        None => request.query("token")?,
    };
    state.user_by_token(value)
}

fn api(site: &mut Site<'_>, request: &Request, rest: &[&str]) -> Response {
    if request.body.len() > MOST_BODY_BYTES {
        return Response::text(413, "Body exceeded 1mb limit");
    }
    match *rest {
        ["articles"] => mixed(site, request, articles::list),
        ["articles", id] => mixed(site, request, |site, request, user| {
            articles::single(site, request, user, id)
        }),
        ["collections"] => mixed(site, request, collections::list),
        ["collections", id] => mixed(site, request, |site, request, user| {
            collections::single(site, request, user, id)
        }),
        ["creators"] => public(site, request, creators::list),
        ["enums"] => enums::all(),
        ["images"] => public(site, request, images::list),
        ["me"] => authed(site, request, "GET", me::me),
        ["model-files", id, "tensor-metadata"] => mixed(site, request, |site, request, user| {
            tensor::metadata(site, request, user, id)
        }),
        ["model-versions", "by-hash"] => public(site, request, by_hash::bodies),
        ["model-versions", "by-hash", "ids"] => public(site, request, by_hash::ids),
        ["model-versions", "by-hash", hash] => public(site, request, |site, request| {
            by_hash::single(site, request, hash)
        }),
        ["model-versions", "mini", id] => mixed(site, request, |site, request, user| {
            mini::mini(site, request, user, id)
        }),
        ["model-versions", id] => mixed(site, request, |site, request, _| {
            version::single(site, request, id)
        }),
        ["models"] => mixed(site, request, models::list),
        ["models", id] => public(site, request, |site, _| model::single(site, id)),
        ["permissions", "check"] => public(site, request, permissions::check),
        ["tags"] => public(site, request, tags::list),
        ["users"] => public(site, request, users::list),
        // Only the site itself posts here.
        ["users", _] => error(405, "Method not allowed"),
        ["vault", "all"] => authed(site, request, "GET", vault::all),
        ["vault", "check-vault"] => authed(site, request, "GET", vault::check),
        ["vault", "get"] => authed(site, request, "GET", vault::get),
        ["vault", "toggle-version"] => authed(site, request, "POST", vault::toggle),
        _ => pages::not_found(),
    }
}

fn public(
    site: &mut Site<'_>,
    request: &Request,
    run: impl FnOnce(&mut Site<'_>, &Request) -> Response,
) -> Response {
    let response = if request.method == "OPTIONS" {
        Response::empty(200)
    } else {
        run(site, request)
    };
    shared(any_origin(response))
}

fn mixed(
    site: &mut Site<'_>,
    request: &Request,
    run: impl FnOnce(&mut Site<'_>, &Request, Option<u32>) -> Response,
) -> Response {
    if request.method != "GET" {
        return error(405, "Method not allowed");
    }
    let user = session(site.state, request).map(|user| user.id);
    let response = any_origin(run(site, request, user));
    if user.is_some() {
        response
    } else {
        shared(response)
    }
}

fn authed(
    site: &mut Site<'_>,
    request: &Request,
    method: &str,
    run: impl FnOnce(&mut Site<'_>, &Request, u32) -> Response,
) -> Response {
    let response = match session(site.state, request).map(|user| user.id) {
        _ if request.method == "OPTIONS" => Response::empty(200),
        _ if request.method != method => error(405, "Method not allowed"),
        Some(user) => run(site, request, user),
        None => error(401, "Unauthorized"),
    };
    response
        .with_header("Access-Control-Allow-Origin", site.origin)
        .with_header("Access-Control-Allow-Credentials", "true")
}

fn any_origin(response: Response) -> Response {
    response.with_header("Access-Control-Allow-Origin", "*")
}

/// Lets caches keep the answer, unless the route had an opinion of its own.
fn shared(response: Response) -> Response {
    cached(response, "public, s-maxage=300, stale-while-revalidate=150")
}

fn stamped(response: Response) -> Response {
    cached(response, "max-age=0, private, no-cache").with_header("X-Handled-By", "sim-0")
}

fn cached(response: Response, control: &str) -> Response {
    if response.header("cache-control").is_some() {
        response
    } else {
        response.with_header("Cache-Control", control)
    }
}

/// Counts a request against a fixed one-minute window and says how to refuse it once the window is full.
///
/// Each family of routes has its own bucket: 60 a minute for an address, 120 for an account.
fn rate_limited(
    site: &mut Site<'_>,
    request: &Request,
    user: Option<u32>,
    family: &str,
) -> Option<Response> {
    let (key, limit) = match user {
        Some(id) => (format!("{family}:user:{id}"), 120),
        None => (format!("{family}:ip:{}", request.remote.ip()), 60),
    };
    let now = site.now;
    let window = site.state.windows.entry(key).or_insert(Window {
        opened: now,
        requests: 0,
    });
    let age = now.as_second() - window.opened.as_second();
    if !(0..WINDOW_SECONDS).contains(&age) {
        *window = Window {
            opened: now,
            requests: 0,
        };
    }
    window.requests += 1;
    if window.requests <= limit {
        return None;
    }
    let left = WINDOW_SECONDS - (now.as_second() - window.opened.as_second());
    Some(busy(
        429,
        "Rate limit exceeded, please retry shortly.",
        left,
    ))
}

/// A refusal that passes, with the seconds after which to try again.
fn busy(status: u16, message: &str, retry_after_seconds: i64) -> Response {
    error(status, message)
        .with_header("Retry-After", &retry_after_seconds.to_string())
        .with_header("Cache-Control", "no-store")
}

fn region_blocked() -> Response {
    let body = json!({
        "error": "Access to this service is not available in your region due to legal restrictions.",
        "code": "REGION_BLOCKED",
    });
    Response::json(451, &body)
}

fn ok(body: &Value) -> Response {
    Response::json(200, body)
}

fn error(status: u16, message: &str) -> Response {
    Response::json(status, &json!({ "error": message }))
}

/// The other spelling of an error: what comes out of the site's procedure layer.
fn message(status: u16, message: &str) -> Response {
    Response::json(status, &json!({ "message": message }))
}

const WINDOW_SECONDS: i64 = 60;
/// What the site's framework reads before any route sees the request.
const MOST_BODY_BYTES: usize = 1 << 20;

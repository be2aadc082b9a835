//! The site's front door, before the routes: faults, recorded payloads, downloads.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use jiff::Timestamp;

use crate::download;
use crate::fault::{Knob, Listener, Subject};
use crate::http::{Answer, Body, Request, Response};
use crate::interfere::Hits;
use crate::payloads::Payloads;
use crate::record::{Entry, Ticket};
use crate::routes;
use crate::scramble::scramble;
use crate::state::State;
use crate::storage::{Object, Storage};

/// An answer as it once was.
pub(crate) struct Cached {
    at: Timestamp,
    status: u16,
    headers: Vec<(String, String)>,
    body: Bytes,
}

/// What both origins of the site share.
pub(crate) struct World {
    pub(crate) state: Mutex<State>,
    pub(crate) storage: Arc<Storage>,
    /// Of the first origin and of the second, without a slash at the end.
    pub(crate) origins: [String; 2],
    pub(crate) payloads: Payloads,
    /// Answers that a stale cache may still give, with when they were true, by request.
    pub(crate) cache: Mutex<HashMap<String, Cached>>,
    /// `host:port` where nobody listens.
    pub(crate) dead_host: String,
}

impl World {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Empties the cache.
    pub(crate) fn forget(&self) {
        self.cache
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// A signed URL of a file, whoever may have it.
    pub(crate) fn sign(&self, file: u32) -> Option<String> {
        let state = self.lock();
        let (model, version, file) = state.find_file(file)?;
        let object = Object {
            file: Some(file.id),
            version: Some(version.id),
            owner: model.user_id,
            name: file.name.clone(),
            content: file.content.clone(),
        };
        Some(self.storage.sign(file.backend, object, &file.name))
    }
}

/// One origin of the site, as its listener asks it.
#[derive(Clone)]
pub(crate) struct Front {
    pub(crate) world: Arc<World>,
    pub(crate) listener: Listener,
}

impl Answer for Front {
    fn answer(&self, mut request: Request) -> (Response, Option<Ticket>) {
        let storage = &*self.world.storage;
        let now = storage.clock.now();
        let mut entry = Entry::new(now, self.listener, &request);
        (entry.version, entry.file) = subject_of(&request);
        let path = request.path.clone();
        let subject = Subject {
            listener: self.listener,
            path: &path,
            version: entry.version,
            file: entry.file,
        };
        let hits = Hits(storage.faults.strike(&subject));
        let mut ticket = storage.log.arrived(entry);
        ticket.entry.faults = hits.names();

        self.revoke(&mut request, &hits);
        let mut response = hits.instead(&request, ticket.parallel).unwrap_or_else(|| {
            scramble(self.cached(&request, &hits, &mut ticket), &request, &hits)
        });
        hits.distort(&mut response);
        ticket.entry.status = response.status;
        ticket.note_wait(&response, now);
        (response.dated(now), Some(ticket))
    }
}

impl Front {
    /// The answer, or, where a cache is stale, what the answer was when it was last asked for.
    fn cached(&self, request: &Request, hits: &Hits, ticket: &mut Ticket) -> Response {
        let Some(lasts) = hits
            .staleness()
            .filter(|_| request.path.starts_with("/api/v1/"))
        else {
            return self.respond(request, hits, ticket);
        };
        let now = self.world.storage.clock.now();
        let key = format!(
            "{} {} {:?}",
            request.method,
            request.target,
            request.header("authorization")
        );
        let mut cache = self
            .world
            .cache
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = cache
            .get(&key)
            .filter(|old| now.duration_since(old.at).unsigned_abs() < lasts)
        {
            let mut response = Response::empty(old.status);
            response.headers.clone_from(&old.headers);
            response.body = Body::Bytes(old.body.clone());
            return response;
        }
        let response = self.respond(request, hits, ticket);
        if let Body::Bytes(body) = &response.body {
            let (status, headers, body) = (response.status, response.headers.clone(), body.clone());
            cache.insert(
                key,
                Cached {
                    at: now,
                    status,
                    headers,
                    body,
                },
            );
        }
        response
    }

    fn respond(&self, request: &Request, hits: &Hits, ticket: &mut Ticket) -> Response {
        let segments: Vec<&str> = request.segments.iter().map(String::as_str).collect();
        if let ["api", "download", rest @ ..] = segments.as_slice() {
            return download::answer(&self.world, request, rest, hits, ticket);
        }
        if let Some(document) = self.world.payloads.answer(request) {
            return document;
        }
        let mut state = self.world.lock();
        let origin = &self.world.origins[usize::from(self.listener == Listener::SecondSite)];
        let now = self.world.storage.clock.now();
        let mut site = routes::Site {
            state: &mut state,
            now,
            origin,
        };
        routes::route(&mut site, request)
    }

    /// Takes the token out of a request whose token is no longer worth anything.
    fn revoke(&self, request: &mut Request, hits: &Hits) {
        let carries = request.header("authorization").is_some() || request.query("token").is_some();
        for hit in hits.0.iter().filter(|_| carries) {
            if let Knob::TokenRevokedMidway { requests } = hit.knob
                && self.world.storage.faults.tally(hit.id) > requests
            {
                request
                    .headers
                    .retain(|(name, _)| !name.eq_ignore_ascii_case("authorization"));
                request.query.retain(|(name, _)| name != "token");
            }
        }
    }
}

/// The version and the file that a path names.
fn subject_of(request: &Request) -> (Option<u32>, Option<u32>) {
    let segments: Vec<&str> = request.segments.iter().map(String::as_str).collect();
    match segments.as_slice() {
        ["api", "download", "models", version] => (
            version.parse().ok(),
            request.query("fileId").and_then(|id| id.parse().ok()),
        ),
        ["api", "v1", "model-versions", version]
        | ["api", "v1", "model-versions", "mini", version] => (version.parse().ok(), None),
        ["api", "v1", "model-files", file, "tensor-metadata"] => (None, file.parse().ok()),
        _ => (None, None),
    }
}

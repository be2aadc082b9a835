//! The two storages: files behind signed URLs, each with its own manners.

mod gzip;
mod object;
mod range;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::json;
use tokio::time::Instant;

pub(crate) use object::Object;
use range::Asked;

use crate::clock::Clock;
use crate::fault::{Disposition, Expiry, Faults, Knob, Listener, Subject};
use crate::http::{Answer, Body, FileBody, Meter, Request, Response};
use crate::interfere::Hits;
use crate::record::{Entry, Log, Ticket};
use crate::sign::{Grant, Refusal, Signer};
use crate::state::Backend;

/// What both storages hold and share with the site.
pub(crate) struct Storage {
    pub(crate) signer: Signer,
    pub(crate) clock: Clock,
    pub(crate) faults: Faults,
    pub(crate) log: Log,
    /// `host:port` of R2 and of B2.
    pub(crate) hosts: [String; 2],
    /// By path. An object is put here when its URL is signed, as a presigned URL may well outlive its database row.
    objects: Mutex<HashMap<String, Object>>,
    /// Bytes served, by signature.
    meters: Mutex<HashMap<String, Arc<AtomicU64>>>,
}

impl Storage {
    pub(crate) fn new(
        signer: Signer,
        clock: Clock,
        faults: Faults,
        log: Log,
        hosts: [String; 2],
    ) -> Self {
        Self {
            signer,
            clock,
            faults,
            log,
            hosts,
            objects: Mutex::default(),
            meters: Mutex::default(),
        }
    }

    /// A URL under which `backend` serves the object to anybody, for a day.
    pub(crate) fn sign(&self, backend: Backend, object: Object, file_name: &str) -> String {
        let now = self.clock.now();
        let path = object.path(backend);
        let (host, target) = match backend {
            Backend::R2 => (
                &self.hosts[0],
                self.signer.r2_target(&self.hosts[0], &path, file_name, now),
            ),
            Backend::B2 => (&self.hosts[1], self.signer.b2_target(&path, file_name, now)),
        };
        lock(&self.objects).insert(path, object);
        format!("http://{host}{target}")
    }

    /// Forgets every signed URL's use.
    pub(crate) fn reset(&self) {
        lock(&self.meters).clear();
    }

    fn meter(&self, grant: &Grant) -> Arc<AtomicU64> {
        Arc::clone(lock(&self.meters).entry(grant.id.clone()).or_default())
    }
}

/// One of the storages, as its listener asks it.
#[derive(Clone)]
pub(crate) struct Front {
    pub(crate) storage: Arc<Storage>,
    pub(crate) backend: Backend,
}

impl Answer for Front {
    fn answer(&self, request: Request) -> (Response, Option<Ticket>) {
        let storage = &*self.storage;
        let now = storage.clock.now();
        let listener = match self.backend {
            Backend::R2 => Listener::R2,
            Backend::B2 => Listener::B2,
        };
        let object = lock(&storage.objects).get(&request.path).cloned();
        let mut entry = Entry::new(now, listener, &request);
        entry.file = object.as_ref().and_then(|object| object.file);
        entry.version = object.as_ref().and_then(|object| object.version);
        let subject = Subject {
            listener,
            path: &request.path,
            version: entry.version,
            file: entry.file,
        };
        let hits = Hits(storage.faults.strike(&subject));
        let mut ticket = storage.log.arrived(entry);
        ticket.entry.faults = hits.names();

        let mut response = hits
            .instead(&request, ticket.parallel)
            .unwrap_or_else(|| self.serve(&request, object.as_ref(), &hits, now));
        hits.distort(&mut response);
        ticket.entry.status = response.status;
        ticket.entry.start = match &response.body {
            Body::File(file) => Some(file.range.start),
            Body::Bytes(_) => None,
        };
        ticket.note_wait(&response, now);
        (response.dated(now), Some(ticket))
    }
}

impl Front {
    fn serve(
        &self,
        request: &Request,
        object: Option<&Object>,
        hits: &Hits,
        now: Timestamp,
    ) -> Response {
        if request.header("authorization").is_some() {
            return self.refuse(400, "InvalidRequest", "Missing x-amz-content-sha256");
        }
        let grant = match self.backend {
            Backend::R2 if request.method != "GET" => {
                return self.refuse(
                    403,
                    "SignatureDoesNotMatch",
                    "The request signature does not match the method.",
                );
            }
            Backend::B2 if request.method != "GET" && request.method != "HEAD" => {
                return self.refuse(405, "method_not_allowed", "Only GET and HEAD are allowed.");
            }
            Backend::R2 => self.storage.signer.check_r2(request, now),
            Backend::B2 => self.storage.signer.check_b2(request, now),
        };
        let grant = match grant {
            Ok(grant) => grant,
            Err(refusal) => return self.unsigned(refusal),
        };
        let Some(object) = object else {
            return self.refuse(404, "NoSuchKey", "The specified key does not exist.");
        };
        let (meter, deadline) = match self.limits(&grant, hits, now) {
            Ok(limits) => limits,
            Err(refusal) => return self.unsigned(refusal),
        };
        let mut response = self.content(request, object, hits);
        response.delivery.meter = meter;
        response.delivery.deadline = deadline;
        response
    }

    /// Applies faults that end a URL's life early. A URL is metered only where one of them looks.
    fn limits(
        &self,
        grant: &Grant,
        hits: &Hits,
        now: Timestamp,
    ) -> Result<(Option<Meter>, Option<Instant>), Refusal> {
        let (mut meter, mut deadline) = (None, None);
        let expiries = hits.0.iter().filter_map(|hit| match hit.knob {
            Knob::ExpireUrl { after, cut } => Some((after, cut)),
            _ => None,
        });
        for (after, cut) in expiries {
            match after {
                Expiry::Bytes(limit) => {
                    let used = self.storage.meter(grant);
                    if used.load(Ordering::Relaxed) >= limit {
                        return Err(Refusal::Expired);
                    }
                    meter = Some(Meter {
                        used,
                        limit: cut.then_some(limit),
                    });
                }
                Expiry::Elapsed(lasts) => {
                    let left = lasts.checked_sub(now.duration_since(grant.issued).unsigned_abs());
                    let left = left
                        .filter(|left| !left.is_zero())
                        .ok_or(Refusal::Expired)?;
                    deadline = if cut {
                        Instant::now().checked_add(left)
                    } else {
                        deadline
                    };
                }
            }
        }
        Ok((meter, deadline))
    }

    fn content(&self, request: &Request, object: &Object, hits: &Hits) -> Response {
        let content = hits.substitute(&object.content);
        let len = content.len();
        let etag = match self.backend {
            Backend::R2 => Some(object::etag(&content, hits.has(&Knob::EtagChange))),
            Backend::B2 => None,
        };
        if let (Some(wanted), Some(etag)) = (request.header("if-match"), &etag)
            && !range::matches_any(wanted, etag)
        {
            return self.refuse(
                412,
                "PreconditionFailed",
                "At least one of the pre-conditions did not hold.",
            );
        }
        let ranges = !hits.has(&Knob::NoRange);
        let asked = match request.header("range") {
            Some(text)
                if ranges && range::is_fresh(request.header("if-range"), etag.as_deref()) =>
            {
                range::parse(text, len)
            }
            _ => Asked::Whole,
        };
        let (status, span) = match asked {
            Asked::Whole => (200, 0..len),
            Asked::Part(span) if !hits.has(&Knob::Range416) => (206, hits.shift(span, len)),
            Asked::Part(_) | Asked::Unsatisfiable => {
                return self
                    .refuse(
                        416,
                        "InvalidRange",
                        "The requested range is not satisfiable",
                    )
                    .with_header("Content-Range", &format!("bytes */{len}"));
            }
        };
        let content_range = format!("bytes {}-{}/{len}", span.start, span.end.saturating_sub(1));
        let mut response =
            Response::empty(status).with_header("Content-Type", "application/octet-stream");
        if status == 206 {
            response = response.with_header("Content-Range", &content_range);
        }
        if ranges {
            response = response.with_header("Accept-Ranges", "bytes");
        }
        response = self.describe(response, request, object, etag.as_deref());
        let flip = hits.corruption(&span);
        let prefix = hits.foreign_prefix(&span);
        let mut file = FileBody {
            content,
            range: span,
            prefix,
            suffix: Bytes::new(),
            flip,
        };
        if status == 206 && hits.has(&Knob::MultipartRange) {
            response = response.with_header("Content-Type", range::MULTIPART);
            (file.prefix, file.suffix) = range::multipart(&content_range);
        }
        response.body = Body::File(Box::new(file));
        let response = match hits.find(|knob| {
            if let Knob::BadDisposition(how) = knob {
                Some(*how)
            } else {
                None
            }
        }) {
            Some(how) => misname(response, how),
            None => response,
        };
        if hits.has(&Knob::GzipFile) {
            gzip::compress(response)
        } else {
            response
        }
    }

    /// Adds the headers by which the two storages differ.
    fn describe(
        &self,
        response: Response,
        request: &Request,
        object: &Object,
        etag: Option<&str>,
    ) -> Response {
        let disposition = |name| request.query(name).map(str::to_owned);
        let (disposition, mut response) = match self.backend {
            Backend::R2 => (
                disposition("response-content-disposition"),
                response
                    .with_header("Last-Modified", object::LAST_MODIFIED)
                    .with_header("Server", "cloudflare"),
            ),
            Backend::B2 => (
                disposition("b2ContentDisposition"),
                response
                    .with_header("x-bz-file-name", &object.b2_name())
                    .with_header("x-bz-file-id", &object.b2_id())
                    // A file uploaded in parts, as model files are, has no digest of the whole.
                    .with_header("x-bz-content-sha1", "none")
                    .with_header("X-Bz-Upload-Timestamp", object::UPLOADED_MS),
            ),
        };
        if let Some(etag) = etag {
            response = response.with_header("ETag", etag);
        }
        match disposition {
            Some(disposition) => response.with_header("Content-Disposition", &disposition),
            None => response,
        }
    }

    fn unsigned(&self, refusal: Refusal) -> Response {
        match (self.backend, refusal) {
            (Backend::R2, Refusal::Unsigned) => {
                self.refuse(400, "InvalidArgument", "Authorization")
            }
            (Backend::R2, Refusal::Altered) => self.refuse(
                403,
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided.",
            ),
            (Backend::R2, Refusal::Expired) => {
                self.refuse(403, "ExpiredRequest", "Request has expired")
            }
            (Backend::B2, Refusal::Unsigned | Refusal::Altered) => {
                self.refuse(401, "unauthorized", "invalid authorization token")
            }
            (Backend::B2, Refusal::Expired) => {
                self.refuse(401, "expired_auth_token", "authorization token has expired")
            }
        }
    }

    fn refuse(&self, status: u16, code: &str, message: &str) -> Response {
        match self.backend {
            Backend::R2 => Response::xml(
                status,
                format!(
                    "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
                ),
            ),
            Backend::B2 => {
                let (code, message) = match (status, code) {
                    (400, _) => (
                        "bad_request",
                        "Authorization header and query authorization exclude each other",
                    ),
                    (404, _) => ("not_found", "file with such name does not exist"),
                    (416, _) => (
                        "range_not_satisfiable",
                        "The Range header in the request is outside the size of the file.",
                    ),
                    _ => (code, message),
                };
                Response::json(
                    status,
                    &json!({ "code": code, "message": message, "status": status }),
                )
            }
        }
    }
}

impl Hits {
    /// The range that is served instead of the one asked for.
    fn shift(&self, span: std::ops::Range<u64>, len: u64) -> std::ops::Range<u64> {
        let by = self.find(|knob| {
            if let Knob::RangeOffBy { bytes } = knob {
                Some(*bytes)
            } else {
                None
            }
        });
        match by {
            Some(by) => {
                let start = span
                    .start
                    .saturating_add_signed(by)
                    .min(len.saturating_sub(1));
                start..span.end.saturating_add_signed(by).clamp(start + 1, len)
            }
            None => span,
        }
    }

    /// What stands before the file's first byte.
    fn foreign_prefix(&self, span: &std::ops::Range<u64>) -> Bytes {
        self.find(|knob| match knob {
            Knob::Prepend { text } if span.start == 0 => Some(Bytes::from(text.clone())),
            _ => None,
        })
        .unwrap_or_default()
    }
}

fn misname(response: Response, how: Disposition) -> Response {
    let value = match how {
        Disposition::Missing => return response.without_header("Content-Disposition"),
        Disposition::Quotes => r#"attachment; filename="a \"quoted\"; name=b\\c.safetensors""#,
        Disposition::Traversal => r#"attachment; filename="../../../outside.safetensors""#,
        Disposition::Utf8 => {
            "attachment; filename*=UTF-8''%E6%B0%B4%E5%BD%A9%20%E2%9C%A8.safetensors"
        }
    };
    response.with_header("Content-Disposition", value)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! What faults do to any answer, whoever gives it.

use std::time::Duration;

use crate::content::{Content, mix};
use crate::fault::{FaultId, Hit, Knob};
use crate::http::{Body, Length, Request, Response, Stop};

/// The faults that take part in one answer.
#[derive(Debug, Default)]
pub(crate) struct Hits(pub(crate) Vec<Hit>);

impl Hits {
    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|hit| hit.knob.name()).collect()
    }

    /// What `pick` makes of the first knob that it makes something of.
    pub(crate) fn find<T>(&self, mut pick: impl FnMut(&Knob) -> Option<T>) -> Option<T> {
        self.0.iter().find_map(|hit| pick(&hit.knob))
    }

    /// Whether such a knob is turned.
    pub(crate) fn has(&self, knob: &Knob) -> bool {
        self.id_of(knob).is_some()
    }

    pub(crate) fn id_of(&self, knob: &Knob) -> Option<FaultId> {
        self.0
            .iter()
            .find(|hit| hit.knob == *knob)
            .map(|hit| hit.id)
    }

    /// The answer given instead of the real one.
    pub(crate) fn instead(&self, request: &Request, parallel: u64) -> Option<Response> {
        self.find(|knob| match knob {
            Knob::HostSplit => Some(Response::json(
                404,
                &serde_json::json!({ "error": "Not found" }),
            )),
            Knob::HtmlInstead => Some(Response::html(200, MAINTENANCE_PAGE)),
            Knob::RedirectLogin => {
                let back = crate::sign::encode(&request.path);
                Some(Response::redirect(
                    307,
                    &format!("/login?returnUrl={back}&reason=download-auth"),
                ))
            }
            Knob::RejectParallel { limit, status } if parallel > *limit => {
                Some(Response::text(*status, "too many connections"))
            }
            Knob::Status {
                code,
                headers,
                body,
            } => {
                let mut response = Response::empty(*code);
                response.body = Body::Bytes(body.clone().into());
                response.headers.clone_from(headers);
                Some(response)
            }
            _ => None,
        })
    }

    /// Changes how a response is delivered.
    pub(crate) fn distort(&self, response: &mut Response) {
        let start = match &response.body {
            Body::File(file) => file.range.start,
            Body::Bytes(_) => 0,
        };
        for hit in &self.0 {
            let len = response.body.len();
            let delivery = &mut response.delivery;
            match &hit.knob {
                Knob::FinAt { offset } => {
                    delivery.stop = offset
                        .within(start, len, hit.draw)
                        .map(|at| (at, Stop::Close))
                        .or(delivery.stop);
                }
                Knob::Latency { duration } => delivery.latency += *duration,
                Knob::NoLength => delivery.length = Length::Chunked,
                Knob::ResetAt { offset } => {
                    delivery.stop = offset
                        .within(start, len, hit.draw)
                        .map(|at| (at, Stop::Reset))
                        .or(delivery.stop);
                }
                Knob::SlowHeaders { duration } => delivery.slow_head += *duration,
                Knob::StallAt { offset, duration } => {
                    delivery.stall = offset
                        .within(start, len, hit.draw)
                        .map(|at| (at, *duration))
                        .or(delivery.stall);
                }
                Knob::Throttle { bytes_per_second } => {
                    delivery.bytes_per_second = Some(*bytes_per_second);
                }
                Knob::Truncate { bytes } => response.body.shorten(*bytes),
                Knob::WrongLength { by } => {
                    delivery.length = Length::Claimed(len.saturating_add_signed(*by));
                }
                _ => {}
            }
        }
    }

    /// The bytes that stand in for a file's own, and what that says of the object.
    pub(crate) fn substitute(&self, content: &Content) -> Content {
        self.find(|knob| match knob {
            Knob::ContentChange => Some(content.replaced()),
            Knob::SwapFile => Some(Content::new(
                content.kind(),
                mix(content.fingerprint(), 1),
                content.len(),
            )),
            _ => None,
        })
        .unwrap_or_else(|| content.clone())
    }

    /// Where in the file a byte is changed, and the mask, for a body of this range.
    pub(crate) fn corruption(&self, range: &std::ops::Range<u64>) -> Option<(u64, u8)> {
        use crate::fault::Offset;
        self.0.iter().find_map(|hit| {
            let Knob::Corrupt { offset, xor } = hit.knob else {
                return None;
            };
            let at = match offset {
                Offset::After(bytes) => range.start.saturating_add(bytes),
                Offset::At(offset) => offset,
                Offset::Random => range.start + hit.draw.checked_rem(range.end - range.start)?,
            };
            range.contains(&at).then_some((at, xor))
        })
    }

    /// How long answers of a list may be out of date.
    pub(crate) fn staleness(&self) -> Option<Duration> {
        self.find(|knob| match knob {
            Knob::StaleCache { duration } => Some(*duration),
            _ => None,
        })
    }
}

impl Body {
    /// Takes bytes from the end.
    fn shorten(&mut self, bytes: u64) {
        match self {
            Self::Bytes(whole) => {
                let missing = usize::try_from(bytes).unwrap_or(usize::MAX);
                whole.truncate(whole.len().saturating_sub(missing));
            }
            Self::File(file) => {
                let suffix = file.suffix.len() as u64;
                file.suffix.clear();
                let from_file = bytes.saturating_sub(suffix);
                file.range.end = file
                    .range
                    .end
                    .saturating_sub(from_file)
                    .max(file.range.start);
            }
        }
    }
}

const MAINTENANCE_PAGE: &str = "<!DOCTYPE html><html><head><title>Just a moment...</title></head>\
    <body><h1>We're adjusting a few things, be back in a few minutes</h1></body></html>";

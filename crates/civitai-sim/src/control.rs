//! Faults, clock and log over HTTP, for tests in other processes.
//!
//! | request | does |
//! |---|---|
//! | `GET /__sim/faults` | lists the faults in force, with their hits |
//! | `POST /__sim/faults` | adds a fault, or each of an array; answers with their ids |
//! | `DELETE /__sim/faults` | clears them all; `/__sim/faults/ID` one |
//! | `POST /__sim/reset` | clears faults and log, and puts the state back to its beginning |
//! | `GET /__sim/clock` | `{"now":TIME}` |
//! | `POST /__sim/clock` | any of `{"set":TIME,"advance_ms":N,"frozen":BOOL}`, in this order |
//! | `GET /__sim/log` | `{"summary":{…},"entries":[…]}`; `?entries=0` leaves the entries out |
//! | `DELETE /__sim/log` | clears it |
//! | `GET /__sim/sign/FILE` | `{"url":…}`: a signed URL of a file, without asking the site |

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::fault::{Fault, FaultId};
use crate::http::{Answer, Request, Response};
use crate::record::Ticket;
use crate::site::World;
use crate::state::State;

/// The control listener.
#[derive(Clone)]
pub(crate) struct Control {
    pub(crate) world: Arc<World>,
    /// What a reset goes back to.
    pub(crate) beginning: Arc<State>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockOrder {
    set: Option<Timestamp>,
    advance_ms: Option<u64>,
    frozen: Option<bool>,
}

impl Answer for Control {
    fn answer(&self, request: Request) -> (Response, Option<Ticket>) {
        let segments: Vec<&str> = request.segments.iter().map(String::as_str).collect();
        let response = match (request.method.as_str(), segments.as_slice()) {
            (method, ["__sim", "faults", rest @ ..]) => self.faults(method, rest, &request.body),
            ("POST", ["__sim", "reset"]) => {
                self.reset();
                Response::json(200, &json!({}))
            }
            ("GET", ["__sim", "clock"]) => self.clock(),
            ("POST", ["__sim", "clock"]) => match serde_json::from_slice(&request.body) {
                Ok(order) => self.set_clock(&order),
                Err(error) => refuse(&error),
            },
            ("GET", ["__sim", "log"]) => self.log(request.query("entries") != Some("0")),
            ("DELETE", ["__sim", "log"]) => {
                self.world.storage.log.clear();
                Response::json(200, &json!({}))
            }
            ("GET", ["__sim", "sign", file]) => {
                match file.parse().ok().and_then(|file| self.world.sign(file)) {
                    Some(url) => Response::json(200, &json!({ "url": url })),
                    None => Response::json(404, &json!({ "error": "no such file" })),
                }
            }
            _ => Response::json(404, &json!({ "error": "no such control" })),
        };
        (response, None)
    }
}

impl Control {
    /// Back to the beginning: state, faults and log. The clock runs on.
    pub(crate) fn reset(&self) {
        let storage = &self.world.storage;
        storage.faults.clear();
        storage.log.clear();
        storage.reset();
        self.world.forget();
        *self.world.lock() = State::clone(&self.beginning);
    }

    fn faults(&self, method: &str, rest: &[&str], body: &[u8]) -> Response {
        let faults = &self.world.storage.faults;
        match (method, rest) {
            ("GET", []) => Response::json(200, &json!(faults.list())),
            ("POST", []) => match parse_faults(body) {
                Ok(new) => {
                    let ids: Vec<FaultId> =
                        new.into_iter().map(|fault| faults.add(fault)).collect();
                    Response::json(200, &json!({ "ids": ids }))
                }
                Err(error) => refuse(&error),
            },
            ("DELETE", []) => {
                faults.clear();
                Response::json(200, &json!({}))
            }
            ("DELETE", [id]) if FaultId::parse(id).is_some_and(|id| faults.remove(id)) => {
                Response::json(200, &json!({}))
            }
            _ => Response::json(404, &json!({ "error": "no such fault" })),
        }
    }

    fn clock(&self) -> Response {
        Response::json(200, &json!({ "now": self.world.storage.clock.now() }))
    }

    fn set_clock(&self, order: &ClockOrder) -> Response {
        let clock = &self.world.storage.clock;
        if let Some(time) = order.set {
            clock.set(time);
        }
        if let Some(by) = order.advance_ms {
            clock.advance(Duration::from_millis(by));
        }
        match order.frozen {
            Some(true) => clock.freeze(),
            Some(false) => clock.resume(),
            None => {}
        }
        self.clock()
    }

    fn log(&self, with_entries: bool) -> Response {
        let log = &self.world.storage.log;
        let mut body = json!({ "summary": log.summary() });
        if with_entries {
            body["entries"] = json!(log.entries());
        }
        Response::json(200, &body)
    }
}

fn parse_faults(body: &[u8]) -> serde_json::Result<Vec<Fault>> {
    match serde_json::from_slice(body)? {
        Value::Array(faults) => faults.into_iter().map(serde_json::from_value).collect(),
        fault => serde_json::from_value(fault).map(|fault| vec![fault]),
    }
}

fn refuse(error: &serde_json::Error) -> Response {
    Response::json(400, &json!({ "error": error.to_string() }))
}

//! Reading a query string with the site's own strictness, which differs from parameter to parameter.

use jiff::{SignedDuration, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::http::{Request, Response};
use crate::routes::{Site, error};

/// A query string being read. Complaints are collected and make one 400 at the end.
pub(super) struct Params<'a> {
    request: &'a Request,
    issues: Vec<Value>,
}

impl<'a> Params<'a> {
    pub(super) fn new(request: &'a Request) -> Self {
        Self {
            request,
            issues: Vec::new(),
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.request.query(name).is_some()
    }

    pub(super) fn complain(&mut self, name: &str, code: &str, message: &str) {
        self.issues
            .push(json!({ "code": code, "path": [name], "message": message }));
    }

    /// The one value of a parameter; a repeated one is an array to the site, and no text.
    pub(super) fn text(&mut self, name: &str) -> Option<&'a str> {
        let value = self.request.query(name)?;
        if self.many(name).len() > 1 {
            self.complain(
                name,
                "invalid_type",
                "Invalid input: expected string, received array",
            );
        }
        Some(value)
    }

    /// Like [`Params::text`], with an empty value taken for none.
    pub(super) fn filled(&mut self, name: &str) -> Option<&'a str> {
        self.text(name).filter(|value| !value.is_empty())
    }

    pub(super) fn many(&self, name: &str) -> Vec<&'a str> {
        let request = self.request;
        request
            .query
            .iter()
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
            .collect()
    }

    /// A number as the site's language converts text: empty is zero, blanks do not count.
    pub(super) fn number(&mut self, name: &str, min: f64, max: f64) -> Option<f64> {
        let text = self.text(name)?.trim();
        let value = if text.is_empty() {
            0.0
        } else {
            text.parse().unwrap_or(f64::NAN)
        };
        if value.is_nan() {
            self.complain(
                name,
                "invalid_type",
                "Invalid input: expected number, received NaN",
            );
        } else if value < min {
            self.complain(
                name,
                "too_small",
                &format!("Too small: expected number to be >={min}"),
            );
        } else if value > max {
            self.complain(
                name,
                "too_big",
                &format!("Too big: expected number to be <={max}"),
            );
        } else {
            return Some(value);
        }
        None
    }

    /// A whole number within bounds; a fraction is cut off.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the bounds are checked before"
    )]
    pub(super) fn whole(&mut self, name: &str, min: u32, max: u32) -> Option<u32> {
        self.number(name, f64::from(min), f64::from(max))
            .map(|value| value as u32)
    }

    pub(super) fn id(&mut self, name: &str) -> Option<u32> {
        self.whole(name, 0, MAX_ID)
    }

    /// Numbers from a comma list, a repeated parameter, or both.
    pub(super) fn ids(&mut self, name: &str) -> Option<Vec<u32>> {
        let values = self.many(name);
        if values.is_empty() {
            return None;
        }
        let mut ids = Vec::new();
        for piece in values
            .iter()
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .filter(|piece| !piece.is_empty())
        {
            match piece.parse() {
                Ok(id) => ids.push(id),
                Err(_) => self.complain(
                    name,
                    "invalid_type",
                    "Invalid input: expected number, received NaN",
                ),
            }
        }
        Some(ids)
    }

    /// One word of a closed list.
    pub(super) fn choice(&mut self, name: &str, options: &[&str]) -> Option<&'a str> {
        let value = self.text(name)?;
        if !options.contains(&value) {
            self.complain(name, "invalid_value", "Invalid option");
        }
        Some(value)
    }

    /// Words of a closed list, one or repeated; a comma list is one unknown word.
    pub(super) fn choices(&mut self, name: &str, options: &[&str]) -> Vec<&'a str> {
        let values = self.many(name);
        if values.iter().any(|value| !options.contains(value)) {
            self.complain(name, "invalid_value", "Invalid option");
        }
        values
    }

    /// A boolean that must be spelled like one.
    pub(super) fn strict(&mut self, name: &str) -> Option<bool> {
        match self.text(name)?.to_lowercase().as_str() {
            "true" | "1" | "yes" | "on" | "y" | "enabled" => Some(true),
            "false" | "0" | "no" | "off" | "n" | "disabled" => Some(false),
            _ => {
                self.complain(name, "invalid_value", "Invalid option");
                None
            }
        }
    }

    /// A boolean that any text turns on, `false` included.
    pub(super) fn coerced(&self, name: &str) -> bool {
        self.request
            .query(name)
            .is_some_and(|value| !value.is_empty())
    }

    /// A parameter that the schema knows as something a query string cannot carry.
    pub(super) fn refuse(&mut self, name: &str) {
        if self.has(name) {
            self.complain(name, "invalid_type", "Invalid input: received string");
        }
    }

    /// The complaints, if there are any.
    pub(super) fn finish(self) -> Result<(), Vec<Value>> {
        if self.issues.is_empty() {
            Ok(())
        } else {
            Err(self.issues)
        }
    }
}

/// 400 with the whole error object under `error`.
pub(super) fn refused(issues: &[Value]) -> Response {
    Response::json(400, &json!({ "error": error_object(issues) }))
}

/// The error object itself.
pub(super) fn error_object(issues: &[Value]) -> Value {
    json!({ "name": "ZodError", "message": format!("{:#}", Value::from(issues)) })
}

/// An id in a path, which must be a positive 32-bit number.
pub(super) fn path_id(text: &str) -> Result<u32, Response> {
    let complaint = match text.parse::<f64>() {
        Err(_) => "Invalid input: expected number, received NaN",
        Ok(number) if number.fract() != 0.0 => "Invalid input: expected int, received number",
        Ok(number) if number <= 0.0 => "Too small: expected number to be >0",
        Ok(number) if number > f64::from(MAX_ID) => "Too big: expected number to be <=2147483647",
        Ok(_) => match text.parse() {
            Ok(id) => return Ok(id),
            Err(_) => "Invalid input: expected number, received NaN",
        },
    };
    Err(error(400, &format!("✖ {complaint}\n  → at id")))
}

/// Origin of the host the caller asked for. Loopback speaks plain HTTP, unlike the real site.
pub(super) fn request_origin(site: &Site<'_>, request: &Request) -> String {
    request
        .header("host")
        .map_or_else(|| site.origin.to_owned(), |host| format!("http://{host}"))
}

/// The request's own URL, token and all, with one parameter replaced.
pub(super) fn next_page(site: &Site<'_>, request: &Request, name: &str, value: &str) -> String {
    let mut pairs: Vec<(&str, &str)> = request
        .query
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .filter(|(key, _)| *key != name)
        .collect();
    pairs.push((name, value));
    let encoded: Vec<String> = pairs
        .into_iter()
        .map(|(key, value)| format!("{}={}", encode(key), encode(value)))
        .collect();
    format!(
        "{}{}?{}",
        request_origin(site, request),
        request.path,
        encoded.join("&")
    )
}

/// Whether a date lies in the last day, week, month or year.
pub(super) fn in_period(period: &str, date: Timestamp, now: Timestamp) -> bool {
    let days = match period {
        "Day" => 1,
        "Week" => 7,
        "Month" => 30,
        "Year" => 365,
        _ => return true,
    };
    now.duration_since(date) <= SignedDuration::from_hours(24 * days)
}

/// Percent-encodes a query component.
pub(super) fn encode(text: &str) -> String {
    utf8_percent_encode(text, COMPONENT).to_string()
}

pub(super) const MAX_ID: u32 = 2_147_483_647;
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

//! How the download route says no.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::http::Response;

/// Why there is no file, in the order in which the site finds out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Denial {
    Blocked,
    Quota,
    /// The validator's words.
    BadQuery(String),
    Archived,
    DownloadsDisabled,
    LoginRequired,
    EarlyAccess {
        /// None for a gate that never opens.
        ends_at: Option<Timestamp>,
    },
    NoGrant,
    NotFound,
    ResolverDown,
}

impl Denial {
    /// What a program hears, or what a browser is shown.
    pub(super) fn response(&self, version: &str, browser: bool) -> Response {
        match self {
            Self::Blocked => plain(403, "Forbidden", browser),
            Self::Quota => plain(429, QUOTA, browser),
            Self::BadQuery(words) => Response::json(400, &json!({ "error": words })),
            Self::Archived => plain(410, "Model archived, not available for download", browser),
            Self::DownloadsDisabled => {
                unauthorized("The creator of this asset has disabled downloads on this file")
            }
            Self::LoginRequired if browser => Response::redirect(
                307,
                &format!("/login?returnUrl=%2Fmodel-versions%2F{version}&reason=download-auth"),
            ),
            Self::LoginRequired => unauthorized(
                "The creator of this asset requires you to be logged in to download it",
            ),
            Self::EarlyAccess { .. } if browser => {
                Response::redirect(307, &format!("/model-versions/{version}"))
            }
            Self::EarlyAccess { ends_at } => Response::json(403, &early_access(*ends_at)),
            Self::NoGrant => plain(403, "You do not have access to download this file", browser),
            Self::NotFound => plain(404, "File not found", browser),
            Self::ResolverDown => plain(404, "File not found", browser)
                .with_header("Cache-Control", "private, no-store"),
        }
    }
}

/// JSON for programs, the same words for browsers.
fn plain(status: u16, words: &str, browser: bool) -> Response {
    if browser {
        Response::text(status, words)
    } else {
        Response::json(status, &json!({ "error": words }))
    }
}

fn unauthorized(message: &str) -> Response {
    Response::json(401, &json!({ "error": "Unauthorized", "message": message }))
}

fn early_access(ends_at: Option<Timestamp>) -> Value {
    let mut body = json!({ "error": "Early Access" });
    if let Some(ends_at) = ends_at {
        body["deadline"] = json!(ends_at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string());
    }
    body["message"] = json!("This asset is in Early Access. You can use Buzz access it now!");
    body
}

const QUOTA: &str = "We've noticed an unusual amount of downloading from your account. \
    Contact support@civitai.com or come back later.";

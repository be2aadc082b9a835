//! The judge of a run, as its settings want it, and what it says in the user's terms.

use civitai_library::judge::{ClamAv, HeldUnsafe, SiteDanger};
use serde_json::{Value, json};

use crate::exit::Kind;
use crate::failure::Failure;
use crate::session::Session;
use crate::text::{Guard, Hint, Message};

pub(crate) use civitai_library::judge::{Judge, Look, SiteScan, look, look_inside};

/// The judge of a run, which takes everything if its user accepts that. What is found is told all the same.
pub(crate) fn of(session: &Session, accept_unsafe: bool) -> Judge {
    let settings = &session.settings.scan;
    let clamav = settings.clamav.as_deref().map(ClamAv::at);
    if accept_unsafe {
        return Judge::lenient(clamav);
    }
    Judge {
        policy: settings.policy,
        civitai: settings.civitai,
        clamav,
    }
}

/// Why a file is not even fetched.
pub(crate) fn refused(danger: SiteDanger) -> Failure {
    let said = Message::Guard(Guard::SiteSaysDanger {
        message: danger.message,
    });
    Failure::new(Kind::UnsafeContent, said).with_hint(Hint::Guard(Guard::AcceptUnsafe))
}

/// Why a file of the library gets no second place.
pub(crate) fn held(error: HeldUnsafe) -> Failure {
    let HeldUnsafe { path, reason } = error;
    let said = Message::Guard(Guard::HeldUnsafe { path, reason });
    Failure::new(Kind::UnsafeContent, said).with_hint(Hint::Guard(Guard::AcceptUnsafe))
}

/// The words of the site's own scanners.
pub(crate) fn to_json(site: &SiteScan) -> Value {
    json!({ "pickle": site.pickle(), "virus": site.virus() })
}

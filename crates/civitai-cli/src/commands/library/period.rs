//! Times that stand in flags of `library`.

use std::time::Duration;

use crate::failure::Failure;
use crate::text::{Library, Message};

/// Reads a time like 30d, 12h, 1h30m, or whole seconds. Days and weeks, which are not of one length everywhere, are of
/// 24 hours here.
pub(super) fn period(flag: &str, text: &str) -> Result<Duration, Failure> {
    let whole = |suffix: &str, seconds: u64| {
        let count: u64 = text.strip_suffix(suffix)?.trim_end().parse().ok()?;
        Some(Duration::from_secs(count.checked_mul(seconds)?))
    };
    let exact = || Duration::try_from(text.parse::<jiff::SignedDuration>().ok()?).ok();
    whole("w", 7 * DAY)
        .or_else(|| whole("d", DAY))
        .or_else(|| whole("", 1))
        .or_else(exact)
        .ok_or_else(|| {
            let text = text.to_owned();
            bad(flag, Library::NotATime { text })
        })
}

/// The failure for what a flag cannot be.
pub(super) fn bad(flag: &str, problem: Library) -> Failure {
    let flag = flag.to_owned();
    Failure::usage(Message::Library(Library::BadFlag {
        flag,
        problem: Box::new(problem),
    }))
}

const DAY: u64 = 24 * 60 * 60;

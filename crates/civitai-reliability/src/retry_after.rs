//! The `Retry-After` header (RFC 9110, section 10.2.3).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The longest wait that [`parse`] reports; a server that asks for more is taken to ask for this.
///
/// A year is past every limit a caller sets, and far from overflowing any clock it is added to.
pub const LONGEST: Duration = Duration::from_hours(366 * 24);

/// Reads a header value: whole seconds, or an HTTP date in any of its three forms.
///
/// A date that has passed means no wait. What is neither form is `None`, and so is a date that
/// does not exist; a wait over [`LONGEST`] is shortened to it.
pub fn parse(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim_matches([' ', '\t']);
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // Only overflow can fail here.
        let seconds = value.parse().unwrap_or(u64::MAX);
        return Some(Duration::from_secs(seconds).min(LONGEST));
    }
    let at = UNIX_EPOCH.checked_add(Duration::from_secs(unix_seconds(value, now)?))?;
    Some(at.duration_since(now).unwrap_or_default().min(LONGEST))
}

/// Seconds since 1970 of an HTTP date; earlier dates count as 1970.
fn unix_seconds(value: &str, now: SystemTime) -> Option<u64> {
    // `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT`, `Sun Nov  6 08:49:37 1994`.
    let fields: Vec<&str> = value
        .split([' ', ',', '-'])
        .filter(|field| !field.is_empty())
        .take(7)
        .collect();
    let (day, month, year, clock) = match fields[..] {
        [weekday, day, month, year, clock, "GMT"] if is_weekday(weekday) => {
            (day, month, year, clock)
        }
        [weekday, month, day, clock, year] if is_weekday(weekday) && year.len() == 4 => {
            (day, month, year, clock)
        }
        _ => return None,
    };
    let month = MONTHS.iter().position(|name| *name == month)?;
    let year = match year.len() {
        4 => number(year)?,
        2 => full_year(number(year)?, now),
        _ => return None,
    };
    let day = number(day).filter(|&day| (1..=days_in(month, year)).contains(&day))?;
    let [hour, minute, second] = clock.split(':').collect::<Vec<_>>()[..] else {
        return None;
    };
    let hour = number(hour).filter(|&hour| hour < 24)?;
    let minute = number(minute).filter(|&minute| minute < 60)?;
    // 60 is a leap second.
    let second = number(second).filter(|&second| second <= 60)?;

    let days = (1970..year).map(days_in_year).sum::<u64>()
        + (0..month).map(|month| days_in(month, year)).sum::<u64>()
        + (day - 1);
    let since_midnight = hour * 3600 + minute * 60 + second;
    Some(if year < 1970 {
        0
    } else {
        days * 86_400 + since_midnight
    })
}

/// At most four digits: years up to 9999 keep every sum here small.
fn number(digits: &str) -> Option<u64> {
    ((1..=4).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| digits.parse().ok())
        .flatten()
}

fn is_weekday(name: &str) -> bool {
    ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
        .iter()
        .any(|short| name.starts_with(short))
}

/// RFC 9110, section 5.6.7: a two-digit year more than 50 years ahead is in the past.
fn full_year(two_digits: u64, now: SystemTime) -> u64 {
    let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let this_year = 1970 + seconds / 31_556_952;
    let year = this_year - this_year % 100 + two_digits;
    if year > this_year + 50 {
        year - 100
    } else {
        year
    }
}

fn days_in(month: usize, year: u64) -> u64 {
    match month {
        1 if is_leap(year) => 29,
        1 => 28,
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    }
}

fn days_in_year(year: u64) -> u64 {
    if is_leap(year) { 366 } else { 365 }
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

#[cfg(test)]
mod tests {
    use super::*;

    /// 1994-11-06T08:49:37Z, the example of the RFC.
    const EXAMPLE: u64 = 784_111_777;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn reads_seconds() {
        let now = at(EXAMPLE);
        assert_eq!(parse("0", now), Some(Duration::ZERO));
        assert_eq!(parse(" 120\t", now), Some(Duration::from_mins(2)));
        assert_eq!(parse("00002", now), Some(Duration::from_secs(2)));
    }

    #[test]
    fn reads_the_three_date_forms() {
        for date in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(
                parse(date, at(EXAMPLE - 90)),
                Some(Duration::from_secs(90)),
                "{date}"
            );
        }
        assert_eq!(
            parse("Tue, 29 Feb 2028 00:00:00 GMT", at(1_835_395_199)),
            Some(Duration::from_secs(1))
        );
    }

    #[test]
    fn a_date_in_the_past_means_no_wait() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(parse(date, at(EXAMPLE + 5)), Some(Duration::ZERO));
        let before_1970 = "Thu, 06 Nov 1902 08:49:37 GMT";
        assert_eq!(parse(before_1970, at(0)), Some(Duration::ZERO));
    }

    #[test]
    fn a_long_wait_is_bounded() {
        let now = at(EXAMPLE);
        for value in [
            "99999999999999999999999999",
            "31622401",
            "Fri, 31 Dec 9999 23:59:59 GMT",
        ] {
            assert_eq!(parse(value, now), Some(LONGEST), "{value}");
        }
    }

    #[test]
    fn garbage_is_no_wait_at_all() {
        let garbage = [
            "",
            "-1",
            "+5",
            "1.5",
            "soon",
            "١٢٠",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 PST",
            "Sun, 31 Feb 1994 08:49:37 GMT",
            "Mon, 29 Feb 2027 00:00:00 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nov 1994 08:49 GMT",
            "Sun, 06 Nov 19940 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT, or later",
            "Xyz, 06 Nov 1994 08:49:37 GMT",
        ];
        for value in garbage {
            assert_eq!(parse(value, at(EXAMPLE)), None, "{value:?}");
        }
    }
}

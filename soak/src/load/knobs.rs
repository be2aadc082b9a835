//! Every way in which the simulator can misbehave, and how a download that meets it must end.

use std::time::Duration;

use civitai_sim::fault::{Disposition, Expiry, Fault, Knob, Listener, Offset, Outage, Scope};

use crate::draw::Draw;

/// The file that a fault is for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject {
    pub(crate) id: u32,
    pub(crate) bytes: u64,
}

impl Subject {
    fn storage(self) -> Scope {
        Scope::storage().file(self.id)
    }

    /// Requests about the version, which has the id of its only file.
    fn site(self) -> Scope {
        Scope::site().version(self.id)
    }
}

/// How a download must end, whatever else it meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// With the right bytes under the final name.
    Right,
    /// Without any, and with an `error.kind` that is one of these.
    Refused(&'static [&'static str]),
}

/// Who meets a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Whoever asks the storage.
    Storage,
    /// Whoever exchanges a download route for an address.
    Exchange,
    /// Whoever asks the API about the version.
    Api,
}

/// What a fault may cost beside bytes that were on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Price {
    /// Nothing: every byte that arrived stays good.
    Nothing,
    /// Bytes that arrived are worthless by the fault's own nature, or cannot be continued.
    Bytes,
}

/// What else a download may meet at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Company {
    /// Anything that the others allow.
    Any,
    /// Nothing that keeps ranges from working: each address is good for a part of the file only.
    Ranges,
    /// Nothing, and no other download of the simulator either: it counts all of them.
    Nobody,
}

/// A fault, where it strikes, how the download ends and what it may cost.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) place: Place,
    pub(crate) end: End,
    pub(crate) price: Price,
    pub(crate) company: Company,
    /// Whether a resolver beyond this machine may be asked.
    asks_a_resolver: bool,
    faults: fn(&mut Draw, Subject) -> Vec<Fault>,
}

/// Recoverable on storage, at no price.
const fn storage(name: &'static str, faults: fn(&mut Draw, Subject) -> Vec<Fault>) -> Row {
    Row {
        name,
        place: Place::Storage,
        end: End::Right,
        price: Price::Nothing,
        company: Company::Any,
        asks_a_resolver: false,
        faults,
    }
}

const fn exchange(name: &'static str, faults: fn(&mut Draw, Subject) -> Vec<Fault>) -> Row {
    Row {
        place: Place::Exchange,
        ..storage(name, faults)
    }
}

const fn api(name: &'static str, faults: fn(&mut Draw, Subject) -> Vec<Fault>) -> Row {
    Row {
        place: Place::Api,
        ..storage(name, faults)
    }
}

impl Row {
    /// The rows that may be used here: all of them, where no packet can leave.
    pub(crate) fn usable() -> impl Iterator<Item = &'static Self> {
        let confined = super::is_confined();
        ROWS.iter()
            .filter(move |row| confined || !row.asks_a_resolver)
    }

    /// Faults of the row for one file.
    pub(crate) fn faults(&self, draw: &mut Draw, at: Subject) -> Vec<Fault> {
        (self.faults)(draw, at)
    }

    const fn refused(self, kinds: &'static [&'static str]) -> Self {
        Self {
            end: End::Refused(kinds),
            ..self
        }
    }

    /// Whether one download can meet both and still come.
    pub(crate) fn goes_with(&self, other: &Self) -> bool {
        let spoils = |row: &Self| row.price == Price::Bytes;
        let bears = |row: &Self, other: &Self| match row.company {
            Company::Any => !(spoils(row) && spoils(other)),
            Company::Ranges => !spoils(other) && other.name != "range_416",
            Company::Nobody => false,
        };
        self.name != other.name && bears(self, other) && bears(other, self)
    }

    const fn with_company(self, company: Company) -> Self {
        Self { company, ..self }
    }

    const fn asking_a_resolver(self) -> Self {
        Self {
            asks_a_resolver: true,
            ..self
        }
    }

    const fn costly(self) -> Self {
        Self {
            price: Price::Bytes,
            ..self
        }
    }
}

fn status(code: u16, headers: &[(&str, &str)], body: &str) -> Knob {
    let headers = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Knob::Status {
        code,
        headers,
        body: body.to_owned(),
    }
}

fn once(scope: Scope, knob: Knob) -> Vec<Fault> {
    vec![knob.within(scope.times(1))]
}

fn always(scope: Scope, knob: Knob) -> Vec<Fault> {
    vec![knob.within(scope)]
}

fn some(draw: &mut Draw, scope: Scope, knob: Knob) -> Vec<Fault> {
    vec![knob.within(scope.times(draw.within(1..=2)))]
}

fn failing(draw: &mut Draw, scope: Scope) -> Vec<Fault> {
    let code = *draw.pick(&[500, 502, 503, 504, 520, 524]);
    let after = *draw.pick(&["", "0", "1", "Wed, 21 Oct 2015 07:28:00 GMT", "soon", "-5"]);
    let headers = [("Retry-After", after)];
    let headers = if after.is_empty() {
        &[][..]
    } else {
        &headers[..]
    };
    some(
        draw,
        scope,
        status(code, headers, "<html>the origin is unwell</html>"),
    )
}

fn slowly(draw: &mut Draw, scope: Scope) -> Vec<Fault> {
    let knob = if draw.one_in(2) {
        Knob::Latency {
            duration: draw.millis(1..=200),
        }
    } else {
        Knob::SlowHeaders {
            duration: draw.millis(10..=400),
        }
    };
    always(scope, knob)
}

const ROWS: &[Row] = &[
    // What a storage does and a transfer gets over.
    storage("nothing", |_, _| Vec::new()),
    storage("passing status", |draw, at| failing(draw, at.storage())),
    storage("429", |draw, at| {
        let after = *draw.pick(&["0", "1", "garbage"]);
        some(
            draw,
            at.storage(),
            status(429, &[("Retry-After", after)], "slow down"),
        )
    }),
    storage("html_instead once", |_, at| {
        once(at.storage(), Knob::HtmlInstead)
    }),
    storage("gzip_file once", |_, at| once(at.storage(), Knob::GzipFile)),
    storage("reset_at", |draw, at| {
        let offset = *draw.pick(&[Offset::Random, Offset::Random, Offset::At(0)]);
        some(draw, at.storage(), Knob::ResetAt { offset })
    }),
    storage("fin_at", |draw, at| {
        let offset = *draw.pick(&[Offset::Random, Offset::Random, Offset::At(0)]);
        some(draw, at.storage(), Knob::FinAt { offset })
    }),
    storage("stall_at", |draw, at| {
        let knob = Knob::StallAt {
            offset: Offset::Random,
            duration: draw.millis(50..=1500),
        };
        some(draw, at.storage(), knob)
    }),
    storage("throttle", |draw, at| {
        let seconds = draw.within(1..=3);
        let knob = Knob::Throttle {
            bytes_per_second: (at.bytes / seconds).max(64 << 10),
        };
        always(at.storage(), knob)
    }),
    storage("latency", |draw, at| slowly(draw, at.storage())),
    storage("truncate once", |draw, at| {
        let bytes = draw.within(1..=at.bytes.max(1));
        once(at.storage(), Knob::Truncate { bytes })
    }),
    storage("wrong_length once", |draw, at| {
        let by = *draw.pick(&[-1000, -1, 1, 1000, 1 << 40]);
        once(at.storage(), Knob::WrongLength { by })
    }),
    storage("no_length", |_, at| always(at.storage(), Knob::NoLength)),
    storage("no_range", |_, at| always(at.storage(), Knob::NoRange)).costly(),
    storage("no_range, no_length", |_, at| {
        [
            always(at.storage(), Knob::NoRange),
            always(at.storage(), Knob::NoLength),
        ]
        .concat()
    })
    .costly(),
    storage("range_off_by once", |draw, at| {
        let bytes = *draw.pick(&[-4096, -1, 1, 4096]);
        once(at.storage(), Knob::RangeOffBy { bytes })
    })
    .costly(),
    storage("range_off_by", |draw, at| {
        let bytes = *draw.pick(&[-1, 1]);
        always(at.storage(), Knob::RangeOffBy { bytes })
    })
    .costly(),
    storage("range_416", |draw, at| {
        if draw.one_in(2) {
            once(at.storage(), Knob::Range416)
        } else {
            always(at.storage(), Knob::Range416)
        }
    }),
    storage("multipart_range", |draw, at| {
        if draw.one_in(2) {
            once(at.storage(), Knob::MultipartRange)
        } else {
            always(at.storage(), Knob::MultipartRange)
        }
    })
    .costly(),
    storage("etag_change", |draw, at| {
        let first = draw.within(2..=4);
        always(at.storage().attempts(first..=u64::MAX), Knob::EtagChange)
    })
    .costly(),
    storage("bad_disposition", |draw, at| {
        let how = *draw.pick(&[
            Disposition::Missing,
            Disposition::Quotes,
            Disposition::Traversal,
            Disposition::Utf8,
        ]);
        always(at.storage(), Knob::BadDisposition(how))
    }),
    storage("reject_parallel", |draw, at| {
        let knob = Knob::RejectParallel {
            limit: draw.within(1..=3),
            status: *draw.pick(&[429, 503]),
        };
        always(at.storage(), knob)
    })
    .with_company(Company::Nobody),
    storage("expire_url", |draw, at| {
        let after = Expiry::Bytes(at.bytes * draw.within(40..=80) / 100 + 1);
        let cut = draw.one_in(2);
        always(at.storage(), Knob::ExpireUrl { after, cut })
    })
    .with_company(Company::Ranges),
    // What a storage does that nobody gets over.
    storage("404", |_, at| always(at.storage(), status(404, &[], ""))).refused(&["not_found"]),
    storage("451", |_, at| always(at.storage(), status(451, &[], ""))).refused(&["region_blocked"]),
    storage("403", |_, at| {
        always(
            at.storage(),
            status(
                403,
                &[("Content-Type", "text/html")],
                "<html>blocked</html>",
            ),
        )
    })
    .refused(&["storage_outage", "no_access"]),
    storage("429 for an hour", |_, at| {
        always(at.storage(), status(429, &[("Retry-After", "3600")], ""))
    })
    .refused(&["rate_limited"]),
    storage("html_instead", |_, at| {
        always(at.storage(), Knob::HtmlInstead)
    })
    .refused(&["server"]),
    storage("gzip_file", |_, at| always(at.storage(), Knob::GzipFile)).refused(&["server"]),
    storage("corrupt", |draw, at| {
        let knob = Knob::Corrupt {
            offset: Offset::At(draw.below(at.bytes.max(1))),
            xor: 1 << draw.below(8),
        };
        always(at.storage(), knob)
    })
    .refused(&["integrity"]),
    storage("swap_file", |_, at| always(at.storage(), Knob::SwapFile)).refused(&["integrity"]),
    storage("content_change", |_, at| {
        always(at.storage(), Knob::ContentChange)
    })
    .refused(&["integrity"]),
    storage("prepend", |_, at| {
        let text = "not the file's own".to_owned();
        always(at.storage(), Knob::Prepend { text })
    })
    .refused(&["integrity"]),
    // What the exchange of a route for an address does.
    exchange("passing status of the exchange", |draw, at| {
        failing(draw, at.site().route("/api/download/*"))
    }),
    exchange("slow exchange", |draw, at| {
        slowly(draw, at.site().route("/api/download/*"))
    }),
    exchange("backend_flip", |_, at| always(at.site(), Knob::BackendFlip)),
    // Only who knows the site tells its outage from a file that is not there.
    api("resolve_failed", |draw, at| {
        let times = draw.within(1..=2);
        always(at.site(), Knob::ResolveFailed { times })
    }),
    exchange("broken exchange", |draw, at| {
        let offset = Offset::At(0);
        let knob = if draw.one_in(2) {
            Knob::ResetAt { offset }
        } else {
            Knob::FinAt { offset }
        };
        once(at.site().route("/api/download/*"), knob)
    }),
    exchange("connect_refused once", |_, at| {
        once(at.site(), Knob::BadTarget(Outage::ConnectRefused))
    }),
    exchange("redirect_login", |_, at| {
        always(at.site(), Knob::RedirectLogin)
    })
    .refused(&["login_required", "bad_token"]),
    exchange("quota_at", |_, at| {
        always(at.site(), Knob::QuotaAt { resolves: 0 })
    })
    .refused(&["quota", "rate_limited"]),
    exchange("tls_fail", |_, at| {
        always(at.site(), Knob::BadTarget(Outage::TlsFail))
    })
    .refused(&["network", "storage_outage"]),
    exchange("dns_fail", |_, at| {
        always(at.site(), Knob::BadTarget(Outage::DnsFail))
    })
    .refused(&["network", "storage_outage"])
    .asking_a_resolver(),
    // What the API does.
    api("passing status of the API", |draw, at| {
        failing(draw, at.site().route("/api/v1/*"))
    }),
    api("slow API", |draw, at| {
        slowly(draw, at.site().route("/api/v1/*"))
    }),
    api("json_extra_fields", |_, at| {
        always(at.site(), Knob::JsonExtraFields)
    }),
    api("unknown_enum", |_, at| always(at.site(), Knob::UnknownEnum)),
    api("json_truncated once", |_, at| {
        once(at.site().route("/api/v1/*"), Knob::JsonTruncated)
    }),
    api("broken API", |draw, at| {
        let offset = Offset::Random;
        let knob = if draw.one_in(2) {
            Knob::ResetAt { offset }
        } else {
            Knob::FinAt { offset }
        };
        once(at.site().route("/api/v1/*"), knob)
    }),
    api("stall of the API", |draw, at| {
        let knob = Knob::StallAt {
            offset: Offset::Random,
            duration: draw.millis(50..=1500),
        };
        once(at.site().route("/api/v1/*"), knob)
    }),
    api("stale_cache", |_, at| {
        let duration = Duration::from_mins(1);
        always(at.site(), Knob::StaleCache { duration })
    }),
    api("host_split", |_, at| {
        let site = Scope::on([Listener::Site]).version(at.id);
        always(site, Knob::HostSplit)
    })
    .refused(&["not_found"]),
    api("html_instead of the API", |_, at| {
        always(at.site().route("/api/v1/*"), Knob::HtmlInstead)
    })
    .refused(&["server"]),
    api("json_truncated", |_, at| {
        always(at.site().route("/api/v1/*"), Knob::JsonTruncated)
    })
    .refused(&["server"]),
    api("json_null_everywhere", |_, at| {
        always(at.site(), Knob::JsonNullEverywhere)
    })
    .refused(&["unverified", "not_found", "server"]),
    api("token_revoked_midway", |_, at| {
        always(at.site(), Knob::TokenRevokedMidway { requests: 0 })
    })
    .refused(&["login_required", "bad_token"]),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_knob_of_the_simulator_is_turned() {
        let at = Subject {
            id: 1,
            bytes: 1 << 20,
        };
        let mut turned: BTreeSet<&str> = super::super::listing::KNOBS
            .iter()
            .map(Knob::name)
            .collect();
        // What a row draws depends on the number drawn.
        for seed in 0..50 {
            let mut draw = Draw::new(seed);
            for row in ROWS {
                let faults = row.faults(&mut draw, at);
                turned.extend(faults.iter().map(|fault| fault.knob.name()));
            }
        }
        let missing: Vec<_> = KNOBS
            .iter()
            .filter(|knob| !turned.contains(*knob))
            .collect();
        assert!(missing.is_empty(), "nobody turns {missing:?}");
    }

    /// As the simulator's `Knob::name` has them.
    const KNOBS: [&str; 39] = [
        "backend_flip",
        "bad_disposition",
        "bad_target",
        "content_change",
        "corrupt",
        "cursor_loop",
        "dup_items",
        "empty_page",
        "etag_change",
        "expire_url",
        "fin_at",
        "gzip_file",
        "host_split",
        "html_instead",
        "json_extra_fields",
        "json_null_everywhere",
        "json_truncated",
        "latency",
        "multipart_range",
        "no_length",
        "no_range",
        "prepend",
        "quota_at",
        "range_416",
        "range_off_by",
        "redirect_login",
        "reject_parallel",
        "reset_at",
        "resolve_failed",
        "slow_headers",
        "stale_cache",
        "stall_at",
        "status",
        "swap_file",
        "throttle",
        "token_revoked_midway",
        "truncate",
        "unknown_enum",
        "wrong_length",
    ];
}

//! How a run ends: the exit codes scripts rely on, and the error words that lead to them.

use std::process::ExitCode;

use serde::{Serialize, Serializer};

/// What the process tells its parent. The numbers are a promise to scripts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Exit {
    /// Everything asked for was done.
    Done,
    /// An unexpected failure: a bug here, or an answer nobody has seen before.
    Unexpected,
    /// A flag, a link, a file of settings or a request that cannot be right.
    Usage,
    /// The token is missing, or does not open this.
    Denied,
    /// What was asked for does not exist.
    NotFound,
    /// The network, a server or a storage still failed after the retries.
    Network,
    /// A rate limit or a quota is used up.
    Limited,
    /// The bytes are not what was promised, or nothing was promised.
    Integrity,
    /// This machine could not do it: no space, no permission, locked.
    Local,
    /// Of several items some succeeded and some failed.
    Partly,
    /// Refused on purpose: unsafe content, unsafe address, policy.
    Refused,
    /// Stopped by the user.
    Interrupted,
    /// `scan` found something, and says so as other scanners do.
    Found,
    /// `scan` could not tell.
    Unclear,
}

impl Exit {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Found | Self::Unexpected => 1,
            Self::Unclear | Self::Usage => 2,
            Self::Denied => 3,
            Self::NotFound => 4,
            Self::Network => 5,
            Self::Limited => 6,
            Self::Integrity => 7,
            Self::Local => 8,
            Self::Partly => 9,
            Self::Refused => 10,
            Self::Interrupted => 130,
        }
    }

    /// Folds the outcomes of several items: all good is 0, all alike is that code, anything else 9.
    /// An interruption outweighs the rest, since the run says nothing about what it did not reach.
    pub(crate) fn of_items(outcomes: &[Self]) -> Self {
        if outcomes.contains(&Self::Interrupted) {
            return Self::Interrupted;
        }
        match outcomes {
            [] => Self::Done,
            [first, rest @ ..] if rest.iter().all(|outcome| outcome == first) => *first,
            _ => Self::Partly,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

macro_rules! kinds {
    ($($variant:ident $word:literal $exit:ident,)*) => {
        /// What went wrong, in the words of `error.kind`.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub(crate) enum Kind { $($variant,)* }

        impl Kind {
            #[cfg(test)]
            pub(crate) const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Reads the word a library gives for its error; a word unknown here is a bug, hence `internal`.
            pub(crate) fn from_word(word: &str) -> Self {
                match word {
                    $($word => Self::$variant,)*
                    _ => Self::Internal,
                }
            }

            pub(crate) fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            pub(crate) fn exit(self) -> Exit {
                match self { $(Self::$variant => Exit::$exit,)* }
            }
        }
    };
}

kinds! {
    Usage "usage" Usage,
    Unsupported "unsupported" Usage,
    DeepPaging "deep_paging" Usage,
    LoginRequired "login_required" Denied,
    BadToken "bad_token" Denied,
    DownloadsDisabled "downloads_disabled" Denied,
    EarlyAccess "early_access" Denied,
    NoAccess "no_access" Denied,
    RegionBlocked "region_blocked" Denied,
    NotFound "not_found" NotFound,
    Archived "archived" NotFound,
    StorageOutage "storage_outage" Network,
    Server "server" Network,
    Network "network" Network,
    Timeout "timeout" Network,
    Quota "quota" Limited,
    RateLimited "rate_limited" Limited,
    Integrity "integrity" Integrity,
    Unverified "unverified" Integrity,
    NoSpace "no_space" Local,
    Io "io" Local,
    Locked "locked" Local,
    UnsafeContent "unsafe_content" Refused,
    UnsafeAddress "unsafe_address" Refused,
    Policy "policy" Refused,
    Interrupted "interrupted" Interrupted,
    Internal "internal" Unexpected,
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published table, written out a second time so that a changed number is noticed.
    const PUBLISHED: &[(u8, &[&str])] = &[
        (1, &["internal"]),
        (2, &["usage", "unsupported", "deep_paging"]),
        (
            3,
            &[
                "login_required",
                "bad_token",
                "downloads_disabled",
                "early_access",
                "no_access",
                "region_blocked",
            ],
        ),
        (4, &["not_found", "archived"]),
        (5, &["storage_outage", "server", "network", "timeout"]),
        (6, &["quota", "rate_limited"]),
        (7, &["integrity", "unverified"]),
        (8, &["no_space", "io", "locked"]),
        (10, &["unsafe_content", "unsafe_address", "policy"]),
        (130, &["interrupted"]),
    ];

    #[test]
    fn every_word_has_its_published_code() {
        let mut seen = 0;
        for (code, words) in PUBLISHED {
            for word in *words {
                let kind = Kind::from_word(word);
                assert_eq!(kind.word(), *word);
                assert_eq!(kind.exit().code(), *code, "{word}");
                seen += 1;
            }
        }
        assert_eq!(seen, Kind::ALL.len());
    }

    #[test]
    fn the_page_of_exit_codes_names_every_word_beside_its_code() {
        let page = include_str!("../../../docs/exit-codes.md");
        for (code, words) in PUBLISHED {
            let row = page
                .lines()
                .find(|line| line.starts_with(&format!("| {code} |")))
                .expect("the page has a row for the code");
            for word in *words {
                assert!(
                    row.contains(&format!("`{word}`")),
                    "{word} is not in: {row}"
                );
            }
        }
    }

    #[test]
    fn several_items_fold_into_one_code() {
        use Exit::{Denied, Done, Interrupted, NotFound, Partly};
        for (outcomes, expected) in [
            (&[][..], Done),
            (&[Done, Done], Done),
            (&[NotFound], NotFound),
            (&[NotFound, NotFound], NotFound),
            (&[Done, NotFound], Partly),
            (&[Denied, NotFound], Partly),
            (&[Done, Interrupted], Interrupted),
        ] {
            assert_eq!(Exit::of_items(outcomes), expected, "{outcomes:?}");
        }
    }
}

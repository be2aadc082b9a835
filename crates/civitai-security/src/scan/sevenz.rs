use super::format::{Format, Match};
use super::rule::rule_table;

rule_table! { "7z": }

pub(super) const FORMAT: Format = Format {
    name: "7z",
    extensions: &["7z"],
    detect: |_| Ok(Match::No),
    scan: |_, _| Ok(()),
};

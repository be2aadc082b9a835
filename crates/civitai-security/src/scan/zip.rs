use super::format::{Format, Match};
use super::rule::rule_table;

rule_table! { "Zip": }

pub(super) const FORMAT: Format = Format {
    name: "zip",
    extensions: &["zip"],
    detect: |_| Ok(Match::No),
    scan: |_, _| Ok(()),
};

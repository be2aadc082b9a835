use super::format::{Format, Match};
use super::rule::rule_table;

rule_table! { "Configuration files": }

pub(super) const FORMAT: Format = Format {
    name: "config",
    extensions: &["yaml"],
    detect: |_| Ok(Match::No),
    scan: |_, _| Ok(()),
};

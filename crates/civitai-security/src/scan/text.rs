use super::format::{Format, Match};
use super::rule::rule_table;

rule_table! { "Text": }

pub(super) const FORMAT: Format = Format {
    name: "text",
    extensions: &[],
    detect: |_| Ok(Match::No),
    scan: |_, _| Ok(()),
};

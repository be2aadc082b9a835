use super::format::{Format, Match};
use super::rule::rule_table;

rule_table! { "Pickle": }

pub(super) const FORMAT: Format = Format {
    name: "pickle",
    extensions: &[],
    detect: |_| Ok(Match::No),
    scan: |_, _| Ok(()),
};

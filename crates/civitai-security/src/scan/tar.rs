use super::format::{Format, Match};
use super::rule::rule_table;

rule_table! { "Tar": }

pub(super) const FORMAT: Format = Format {
    name: "tar",
    extensions: &["tar"],
    detect: |_| Ok(Match::No),
    scan: |_, _| Ok(()),
};

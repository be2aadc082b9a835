use super::format::{Format, Match};
use super::rule::rule_table;

rule_table! { "Keras": }

pub(super) const FORMAT: Format = Format {
    name: "keras",
    extensions: &["keras"],
    detect: |_| Ok(Match::No),
    scan: |_, _| Ok(()),
};

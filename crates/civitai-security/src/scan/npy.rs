use super::format::{Format, Match};
use super::rule::rule_table;

rule_table! { "NumPy": }

pub(super) const FORMAT: Format = Format {
    name: "npy",
    extensions: &["npy"],
    detect: |_| Ok(Match::No),
    scan: |_, _| Ok(()),
};

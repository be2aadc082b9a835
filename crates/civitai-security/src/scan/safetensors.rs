use super::format::{Format, Match};
use super::rule::rule_table;

rule_table! { "SafeTensors": }

pub(super) const FORMAT: Format = Format {
    name: "safetensors",
    extensions: &["safetensors"],
    detect: |_| Ok(Match::No),
    scan: |_, _| Ok(()),
};

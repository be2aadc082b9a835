use super::format::{Format, Match};
use super::rule::rule_table;

rule_table! { "GGUF": }

pub(super) const FORMAT: Format = Format {
    name: "gguf",
    extensions: &["gguf"],
    detect: |_| Ok(Match::No),
    scan: |_, _| Ok(()),
};

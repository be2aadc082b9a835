use super::format::{Format, Match};
use super::rule::rule_table;

rule_table! { "ONNX": }

pub(super) const FORMAT: Format = Format {
    name: "onnx",
    extensions: &["onnx"],
    detect: |_| Ok(Match::No),
    scan: |_, _| Ok(()),
};

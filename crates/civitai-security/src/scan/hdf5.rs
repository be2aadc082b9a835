use super::format::{Format, Match};
use super::rule::rule_table;

rule_table! { "HDF5": }

pub(super) const FORMAT: Format = Format {
    name: "hdf5",
    extensions: &["h5"],
    detect: |_| Ok(Match::No),
    scan: |_, _| Ok(()),
};

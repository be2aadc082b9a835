use super::format::{Format, Match};
use super::rule::rule_table;

rule_table! { "Compressed streams": }

pub(super) const GZIP: Format = not_read("gzip", &["gz"]);
pub(super) const BZIP2: Format = not_read("bzip2", &["bz2"]);
pub(super) const XZ: Format = not_read("xz", &["xz"]);
pub(super) const ZLIB: Format = not_read("zlib", &[]);

const fn not_read(name: &'static str, extensions: &'static [&'static str]) -> Format {
    Format {
        name,
        extensions,
        detect: |_| Ok(Match::No),
        scan: |_, _| Ok(()),
    }
}

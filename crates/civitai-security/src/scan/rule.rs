use super::report::Verdict;

/// A reason to call a file something else than clean.
///
/// Ids are stable: scripts and policies name them.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rule {
    /// Lower-case words joined by `_`, the first one names the format.
    pub id: &'static str,
    /// What a file is called that breaks the rule.
    pub verdict: Verdict,
    /// Why, in one sentence.
    pub reason: &'static str,
    /// The advisory, specification or loader behind the rule.
    pub source: &'static str,
}

/// The rules of one format.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RuleGroup {
    /// What the rules are about.
    pub title: &'static str,
    /// In the order of the page.
    pub rules: &'static [&'static Rule],
}

/// All rules, by format.
pub fn rules() -> &'static [&'static RuleGroup] {
    GROUPS
}

/// Declares rules as statics, and their table `RULES`.
macro_rules! rule_table {
    ($title:literal: $($name:ident = $id:literal, $verdict:ident, $reason:literal, $source:literal;)*) => {
        $(pub(in crate::scan) static $name: $crate::scan::rule::Rule = $crate::scan::rule::Rule {
            id: $id,
            verdict: $crate::scan::report::Verdict::$verdict,
            reason: $reason,
            source: $source,
        };)*
        pub(in crate::scan) static RULES: $crate::scan::rule::RuleGroup = $crate::scan::rule::RuleGroup {
            title: $title,
            rules: &[$(&$name),*],
        };
    };
}
pub(super) use rule_table;

rule_table! { "Every format":
    IO_ERROR = "io_error", Unscannable,
        "the file could not be read to its end", "fail closed";
    TRUNCATED = "truncated", Malformed,
        "the file ends where its format needs more bytes", "fail closed";
    UNKNOWN_FORMAT = "unknown_format", Unscannable,
        "the bytes are of no format that the scanner reads", "fail closed";
    LIMIT_DECODED = "limit_decoded", Unscannable,
        "unpacking gives more bytes than the limit allows", "decompression bombs";
    LIMIT_DEPTH = "limit_depth", Unscannable,
        "containers are packed into containers more deeply than the limit", "recursive archives";
    LIMIT_MEMBERS = "limit_members", Unscannable,
        "the archives have more members than the limit", "archives of very many small members";
    LIMIT_OPCODES = "limit_opcodes", Unscannable,
        "the pickles have more opcodes than the limit", "pickles made to keep scanners busy";
    LIMIT_RATIO = "limit_ratio", Unscannable,
        "a stream unpacks to more times its size than the limit", "decompression bombs";
    LIMIT_TIME = "limit_time", Unscannable,
        "judging the file takes longer than the limit", "files made to keep scanners busy";
}

static GROUPS: &[&RuleGroup] = &[
    &RULES,
    &super::pickle::RULES,
    &super::path::RULES,
    &super::zip::RULES,
    &super::tar::RULES,
    &super::sevenz::RULES,
    &super::compress::RULES,
    &super::torchscript::RULES,
    &super::npy::RULES,
    &super::safetensors::RULES,
    &super::gguf::RULES,
    &super::jinja::RULES,
    &super::onnx::RULES,
    &super::keras::RULES,
    &super::hdf5::RULES,
    &super::config::RULES,
    &super::text::RULES,
    &super::other::RULES,
];

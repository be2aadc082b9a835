//! Chat templates: Jinja programs that travel in the metadata of language models.
//!
//! Loaders that run them without a sandbox give them all of Python (CVE-2024-34359, CVE-2026-5760). A
//! template needs the messages it is given, loops, conditions and a few filters; what it never needs is
//! an attribute of Python's own machinery, by name or put together from pieces.

mod fold;
mod lexer;

use super::frame::Scan;
use super::rule::{Rule, rule_table};
use lexer::{Block, Code, Kind, Token};

rule_table! { "Chat templates":
    TEMPLATE_INTERNALS = "template_internals", Malicious,
        "the template reaches for the internals of Python, the way out of every sandbox",
        "CVE-2024-34359, CVE-2026-5760; jinja2.sandbox";
    TEMPLATE_CALL = "template_call", Malicious,
        "the template calls a function that runs a program or code", "CVE-2024-34359";
    TEMPLATE_COMPUTED = "template_computed", Suspicious,
        "the template puts the name of an attribute together, which hides which one it is",
        "jinja2.sandbox; template injection practice";
    TEMPLATE_INCLUDE = "template_include", Suspicious,
        "the template loads another one, and the model has only this one", "Jinja: include, import, extends";
    TEMPLATE_WORK = "template_work", Suspicious,
        "the template counts further than a sandbox lets it", "jinja2.sandbox: MAX_RANGE";
    TEMPLATE_UNREADABLE = "template_unreadable", Suspicious,
        "the code of the template has no end, or is longer than the scanner reads", "fail closed";
}

/// Whether a key of metadata holds templates.
pub(super) fn holds_templates(key: &str) -> bool {
    key.contains("chat_template")
}

/// Judges a text of metadata that may be a template; `offset` is where it begins in the input.
pub(super) fn judge_value(scan: &mut Scan<'_>, offset: u64, key: &str, text: &str) {
    if holds_templates(key) || text.contains("{{") || text.contains("{%") {
        judge(scan, offset, key, text);
    }
}

fn judge(scan: &mut Scan<'_>, offset: u64, key: &str, text: &str) {
    let named = holds_templates(key);
    if text.len() > TEMPLATE_BYTES {
        if named {
            scan.find(
                &TEMPLATE_UNREADABLE,
                offset,
                format!("{key}: {} bytes", text.len()),
            );
        }
        return;
    }
    let Code { tokens, unfinished } = lexer::code(text);
    if let Some(at) = unfinished
        && named
    {
        let detail = format!("{key}: code at {at} has no end");
        scan.find(&TEMPLATE_UNREADABLE, offset, detail);
    }
    let mut found: Vec<(&Rule, usize, String)> = Vec::new();
    for at in 0..tokens.len() {
        found.extend(judge_token(&tokens, at));
    }
    found.extend(fold::findings(&tokens));
    found.sort_by_key(|(rule, at, _)| (std::cmp::Reverse(rule.verdict), *at));
    found.dedup_by_key(|(rule, ..)| rule.id);
    for (rule, at, what) in found {
        scan.find(rule, offset, format!("{key}, byte {at} of it: {what}"));
    }
}

type Found = (&'static Rule, usize, String);

fn judge_token(tokens: &[Token], index: usize) -> Option<Found> {
    let Token { at, kind } = &tokens[index];
    let next = |ahead: usize| tokens.get(index + ahead).map(|token| &token.kind);
    let before = index.checked_sub(1).map(|before| &tokens[before].kind);
    let calls = next(1) == Some(&Kind::Operator('('));
    let found = |rule, what: &str| Some((rule, *at, what.to_owned()));
    match kind {
        Kind::Name(name) if before == Some(&Kind::Operator('.')) => {
            if is_internal(name) {
                found(&TEMPLATE_INTERNALS, name)
            } else if calls && RUNNERS.contains(&name.as_str()) {
                found(&TEMPLATE_CALL, name)
            } else if name.starts_with('_') {
                found(&TEMPLATE_COMPUTED, name)
            } else {
                None
            }
        }
        Kind::Name(name) if is_internal(name) && name.starts_with("__") => {
            found(&TEMPLATE_INTERNALS, name)
        }
        Kind::Name(name) if calls && name == "attr" => match (next(2), next(3)) {
            // A constant name is judged as a text.
            (Some(Kind::Text(_)), Some(Kind::Operator(')'))) => None,
            _ => found(&TEMPLATE_COMPUTED, "attr() of an expression"),
        },
        Kind::Name(name) if calls && name == "range" => match next(2) {
            Some(Kind::Number(number))
                if counts_far(number) || next(3) == Some(&Kind::Operator('*')) =>
            {
                found(&TEMPLATE_WORK, &format!("range({number}"))
            }
            _ => None,
        },
        Kind::Number(number)
            if counts_far(number) && [before, next(1)].contains(&Some(&Kind::Operator('*'))) =>
        {
            found(&TEMPLATE_WORK, &format!("{number} times something"))
        }
        Kind::Name(name)
            if before == Some(&Kind::Open(Block::Statement)) || is_trim(tokens, index) =>
        {
            LOADERS
                .contains(&name.as_str())
                .then(|| (&TEMPLATE_INCLUDE, *at, name.clone()))
        }
        Kind::Operator('[') if takes_subscript(before) => {
            fold::computed_subscript(&tokens[index..])
                .then(|| (&TEMPLATE_COMPUTED, *at, "a computed subscript".to_owned()))
        }
        _ => None,
    }
}

/// Whether the token before is the sign that trims space at the start of a statement.
fn is_trim(tokens: &[Token], index: usize) -> bool {
    index >= 2
        && matches!(tokens[index - 1].kind, Kind::Operator('-' | '+'))
        && tokens[index - 2].kind == Kind::Open(Block::Statement)
}

/// Whether a bracket takes an element of what stands before it, rather than beginning a list.
fn takes_subscript(before: Option<&Kind>) -> bool {
    match before {
        Some(Kind::Name(name)) => !KEYWORDS.contains(&name.as_str()),
        Some(Kind::Text(_) | Kind::Operator(')' | ']' | '}')) => true,
        _ => false,
    }
}

fn counts_far(number: &str) -> bool {
    let digits: String = number.chars().filter(|char| *char != '_').collect();
    digits.parse::<u64>().map_or(true, |count| count > RANGE)
}

/// Whether an attribute of this name belongs to Python's machinery.
fn is_internal(name: &str) -> bool {
    (name.starts_with("__") && name.len() > 2) || INTERNALS.contains(&name)
}

/// The largest templates in use have some 30 KB.
const TEMPLATE_BYTES: usize = 1 << 20;
/// What the sandbox of Jinja lets `range` count.
const RANGE: u64 = 100_000;
const LOADERS: &[&str] = &["extends", "from", "import", "include"];
const KEYWORDS: &[&str] = &["and", "else", "if", "in", "is", "not", "or", "return"];

/// Attributes without underscores that lead out of a sandbox.
const INTERNALS: &[&str] = &[
    "ag_code",
    "ag_frame",
    "co_code",
    "co_consts",
    "co_names",
    "cr_code",
    "cr_frame",
    "f_back",
    "f_builtins",
    "f_code",
    "f_globals",
    "f_locals",
    "func_code",
    "func_globals",
    "gi_code",
    "gi_frame",
    "im_class",
    "im_func",
    "im_self",
    "mro",
    "tb_frame",
    "tb_next",
];

/// Functions that run something, called as attributes.
const RUNNERS: &[&str] = &[
    "Popen",
    "check_call",
    "check_output",
    "eval",
    "exec",
    "execl",
    "execv",
    "execve",
    "getoutput",
    "getstatusoutput",
    "import_module",
    "import_string",
    "load_module",
    "popen",
    "spawn",
    "spawnl",
    "spawnv",
    "startfile",
    "system",
    "urlopen",
];

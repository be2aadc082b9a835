//! Names that a template puts together from pieces.

use std::collections::HashMap;

use super::lexer::{Kind, Token};
use super::{Found, INTERNALS, RUNNERS, TEMPLATE_CALL, TEMPLATE_COMPUTED, TEMPLATE_INTERNALS};

/// Judges the strings in the code: each one, and what rows of them are joined to.
pub(super) fn findings(tokens: &[Token]) -> Vec<Found> {
    let known = constants(tokens);
    let mut found = Vec::new();
    let mut index = 0;
    while index < tokens.len() {
        let at = tokens[index].at;
        if let Some(joined) = joined_list(&tokens[index..]) {
            found.extend(judge(at, &joined, tokens, index));
        }
        let (text, used) = row(&tokens[index..], &known);
        if used > 0 {
            found.extend(judge(at, &text, tokens, index));
        }
        index += used.max(1);
    }
    found
}

fn judge(at: usize, text: &str, tokens: &[Token], index: usize) -> Option<Found> {
    let quoted = || format!("{text:?}");
    if MACHINERY.iter().any(|name| text.contains(name)) {
        return Some((&TEMPLATE_INTERNALS, at, quoted()));
    }
    if is_subscript(tokens, index) {
        let called = tokens[index..].get(1..3).is_some_and(|next| {
            [&next[0].kind, &next[1].kind] == [&Kind::Operator(']'), &Kind::Operator('(')]
        });
        if called && RUNNERS.contains(&text) {
            return Some((&TEMPLATE_CALL, at, quoted()));
        }
        if INTERNALS.contains(&text) {
            return Some((&TEMPLATE_INTERNALS, at, quoted()));
        }
    }
    is_piece(text).then(|| (&TEMPLATE_COMPUTED, at, quoted()))
}

/// Whether a string is all that stands in the brackets after a value.
fn is_subscript(tokens: &[Token], index: usize) -> bool {
    index >= 2
        && tokens[index - 1].kind == Kind::Operator('[')
        && super::takes_subscript(Some(&tokens[index - 2].kind))
}

/// Whether a string looks like a part of a name with two underscores, or makes characters of numbers.
fn is_piece(text: &str) -> bool {
    let of_a_name = |char: char| char.is_ascii_alphanumeric() || "_%{}".contains(char);
    (text.contains("__") && text.len() <= PIECE_BYTES && text.chars().all(of_a_name))
        || text == "%c"
}

/// The row of strings that begins here, joined as `~`, `+` or nothing between them joins; with its
/// number of tokens, 0 where none begins.
fn row(tokens: &[Token], known: &HashMap<&str, &str>) -> (String, usize) {
    let piece = |token: &Token| match &token.kind {
        Kind::Text(text) => Some(text.clone()),
        Kind::Name(name) => known.get(name.as_str()).map(|text| (*text).to_owned()),
        _ => None,
    };
    let mut text = String::new();
    let mut used = 0;
    let mut next = 0;
    while let Some(piece) = tokens.get(next).and_then(piece) {
        if text.len() < ROW_BYTES {
            text.push_str(&piece);
        }
        used = next + 1;
        next = match tokens.get(used).map(|token| &token.kind) {
            Some(Kind::Operator('~' | '+')) => used + 1,
            _ => used,
        };
    }
    (text, used)
}

/// What a list of strings that begins here is joined to by the filter `join`.
fn joined_list(tokens: &[Token]) -> Option<String> {
    if !matches!(tokens.first()?.kind, Kind::Operator('[' | '(')) {
        return None;
    }
    let mut text = String::new();
    for (index, token) in tokens.iter().enumerate().skip(1) {
        match &token.kind {
            Kind::Text(piece) => text.push_str(piece),
            Kind::Operator(',') => {}
            Kind::Operator(']' | ')') => {
                let joins = matches!(
                    tokens.get(index + 1..index + 3)?,
                    [bar, join] if bar.kind == Kind::Operator('|')
                        && join.kind == Kind::Name("join".to_owned())
                );
                return joins.then_some(text);
            }
            _ => return None,
        }
    }
    None
}

/// The names that are set to a string once.
fn constants(tokens: &[Token]) -> HashMap<&str, &str> {
    let mut known = HashMap::new();
    for window in tokens.windows(4) {
        if let [set, name, equals, text] = window
            && set.kind == Kind::Name("set".to_owned())
            && equals.kind == Kind::Operator('=')
            && let (Kind::Name(name), Kind::Text(text)) = (&name.kind, &text.kind)
        {
            known.insert(name.as_str(), text.as_str());
        }
    }
    known
}

/// Whether the subscript that begins here is put together from strings.
pub(super) fn computed_subscript(tokens: &[Token]) -> bool {
    let mut depth = 0_usize;
    let (mut strings, mut joins) = (false, false);
    for (index, token) in tokens.iter().enumerate() {
        if index > SUBSCRIPT_TOKENS {
            return true;
        }
        match &token.kind {
            Kind::Operator('[' | '(' | '{') => depth += 1,
            Kind::Operator(']' | ')' | '}') => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    break;
                }
            }
            Kind::Operator('~') => return true,
            Kind::Operator('+' | '%' | '*') => joins = true,
            Kind::Name(name) => joins |= MAKERS.contains(&name.as_str()),
            Kind::Text(_) => strings = true,
            Kind::Close => break,
            _ => {}
        }
    }
    strings && joins
}

/// Of a row that is longer, the beginning is judged: no name is as long.
const ROW_BYTES: usize = 4096;
/// Longer subscripts are put together from something.
const SUBSCRIPT_TOKENS: usize = 512;
const PIECE_BYTES: usize = 32;
/// Filters and methods that make a string of others.
const MAKERS: &[&str] = &[
    "format", "join", "replace", "reverse", "string", "lower", "upper",
];

/// Names of Python's machinery that no text of a conversation holds.
const MACHINERY: &[&str] = &[
    "__base__",
    "__bases__",
    "__builtins__",
    "__call__",
    "__class__",
    "__closure__",
    "__code__",
    "__dict__",
    "__func__",
    "__getattr__",
    "__getattribute__",
    "__getitem__",
    "__globals__",
    "__import__",
    "__init__",
    "__loader__",
    "__module__",
    "__mro__",
    "__new__",
    "__reduce__",
    "__reduce_ex__",
    "__self__",
    "__spec__",
    "__subclasses__",
    "__wrapped__",
];

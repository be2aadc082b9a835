//! Words that call what a model was trained for.

use std::collections::HashSet;

/// Returns the single words and phrases in creators' entries, for display: split at commas, without network tags such as
/// `<lora:name:1>`, without empty ones and without repetitions in another case. The entries themselves stay as typed.
pub fn clean(entries: &[String]) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut known = HashSet::new();
    for part in entries.iter().flat_map(|entry| split(entry)) {
        let word = part.split_whitespace().collect::<Vec<_>>().join(" ");
        if !word.is_empty() && known.insert(word.to_lowercase()) {
            words.push(word);
        }
    }
    words
}

/// Splits an entry at the commas that stand outside of brackets, and drops network tags.
fn split(entry: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut depth = 0_u32;
    let mut rest = entry;
    // An unclosed bracket must not glue everything behind it together.
    let last_close = entry.rfind([')', ']', '}']).unwrap_or(0);
    while let Some(c) = rest.chars().next() {
        if let Some(length) = network_tag(rest) {
            rest = &rest[length..];
            continue;
        }
        rest = &rest[c.len_utf8()..];
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        let is_inside = depth > 0 && entry.len() - rest.len() <= last_close;
        let is_separator = matches!(c, ',' | '、' | '，' | '\n') && !is_inside;
        match parts.last_mut() {
            Some(part) if !is_separator => part.push(c),
            _ => parts.push(String::new()),
        }
    }
    parts
}

/// Returns the length of the network tag that `text` begins with, if it does.
fn network_tag(text: &str) -> Option<usize> {
    // Longer ones do not occur; without a bound a row of brackets would take quadratic time.
    const LONGEST: usize = 256;
    let inner = text.strip_prefix('<')?;
    let end = inner.bytes().take(LONGEST).position(|byte| byte == b'>')?;
    let (kind, _) = inner[..end].split_once(':')?;
    matches!(
        kind.to_ascii_lowercase().as_str(),
        "lora" | "lyco" | "hypernet" | "embedding"
    )
    .then_some(end + 2)
}

#[cfg(test)]
mod tests {
    use super::clean;

    fn cleaned(entries: &[&str]) -> Vec<String> {
        clean(
            &entries
                .iter()
                .map(|entry| (*entry).to_owned())
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn entries_are_split_at_commas_outside_of_brackets() {
        assert_eq!(
            cleaned(&["a, b  c,(d, e:1.2),"]),
            ["a", "b c", "(d, e:1.2)"]
        );
        assert_eq!(cleaned(&["(a, b"]), ["(a", "b"]);
    }

    #[test]
    fn tags_repetitions_and_blanks_go() {
        assert_eq!(
            cleaned(&["<lora:x:0.8>, Style", "", " style ", "<3"]),
            ["Style", "<3"]
        );
    }
}

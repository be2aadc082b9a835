//! The page of the rules is the table of the rules.

use std::fmt::Write as _;
use std::path::Path;

use civitai_security::scan::rules;

/// `UPDATE_SCAN_RULES=1` writes the page instead of comparing it.
#[test]
fn every_rule_has_a_row_on_the_page() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/scan-rules.md");
    let text = fs_err::read_to_string(&page).unwrap();
    let (head, _) = text.split_once("\n## ").unwrap_or((&text, ""));
    let mut expected = head.trim_end().to_owned() + "\n";
    for group in rules().iter().filter(|group| !group.rules.is_empty()) {
        write!(expected, "\n## {}\n\n", group.title).unwrap();
        expected.push_str("| rule | verdict | found when | source |\n|---|---|---|---|\n");
        for rule in group.rules {
            writeln!(
                expected,
                "| `{}` | {} | {} | {} |",
                rule.id, rule.verdict, rule.reason, rule.source
            )
            .unwrap();
        }
    }
    if std::env::var_os("UPDATE_SCAN_RULES").is_some() {
        return fs_err::write(&page, &expected).unwrap();
    }
    assert!(
        text == expected,
        "docs/scan-rules.md is not the table of the rules; UPDATE_SCAN_RULES=1 writes it"
    );
}

#[test]
fn ids_are_words_and_stand_once() {
    let mut ids: Vec<_> = rules()
        .iter()
        .flat_map(|group| group.rules)
        .map(|rule| rule.id)
        .collect();
    assert!(ids.iter().all(|id| {
        id.bytes()
            .all(|byte| byte == b'_' || byte.is_ascii_lowercase() || byte.is_ascii_digit())
    }));
    ids.sort_unstable();
    let count = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), count);
}

use std::fmt;

use super::rule::Rule;

/// What a scan says of a file, from harmless to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Verdict {
    /// The whole file was understood, and nothing in it is outside the allow lists.
    Clean,
    /// Encrypted, packed by an unknown method, of an unknown format, over a limit, or unreadable.
    Unscannable,
    /// It breaks the rules of its own format.
    Malformed,
    /// Something that is on no allow list, or that only running it would tell.
    Suspicious,
    /// A named callable or construct that can run code, read, write or connect.
    Malicious,
}

impl Verdict {
    /// The word used in JSON and in settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Unscannable => "unscannable",
            Self::Malformed => "malformed",
            Self::Suspicious => "suspicious",
            Self::Malicious => "malicious",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What was found in a file.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// The worst of the findings' verdicts.
    pub verdict: Verdict,
    /// In the order in which the file was read; at most [`Limits::findings`](super::Limits::findings).
    pub findings: Vec<Finding>,
    /// The formats that the file as a whole was read as, by their short names.
    pub formats: Vec<&'static str>,
}

impl Report {
    pub(super) fn of(finding: Finding) -> Self {
        Self {
            verdict: finding.verdict(),
            findings: vec![finding],
            formats: Vec::new(),
        }
    }
}

/// One thing that was found, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The rule that it breaks.
    pub rule: &'static Rule,
    /// The member it is in, the outermost container first, joined by `!`; empty for the file itself.
    pub member: String,
    /// The byte in the member, or in the file, where it begins.
    pub offset: u64,
    /// The function or class that would be called, as `module.name`, where the finding is about one.
    pub callable: Option<String>,
    /// What was seen, in one line without control characters.
    pub detail: String,
}

impl Finding {
    pub(super) fn new(rule: &'static Rule, offset: u64, detail: impl AsRef<str>) -> Self {
        Self {
            rule,
            member: String::new(),
            offset,
            callable: None,
            detail: printable(detail.as_ref()),
        }
    }

    #[must_use]
    pub(super) fn with_callable(mut self, callable: &str) -> Self {
        self.callable = Some(printable(callable));
        self
    }

    /// The rule's verdict.
    pub fn verdict(&self) -> Verdict {
        self.rule.verdict
    }
}

/// The text without what a terminal would obey, and not longer than a line may be.
pub(super) fn printable(text: &str) -> String {
    let mut line = String::new();
    for char in text.chars() {
        if line.len() > LINE_BYTES {
            line.push('…');
            break;
        }
        if char.is_control() || is_format(char) {
            line.extend(char.escape_unicode());
        } else {
            line.push(char);
        }
    }
    line
}

/// Characters that reorder or hide text.
fn is_format(char: char) -> bool {
    matches!(char, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

const LINE_BYTES: usize = 256;

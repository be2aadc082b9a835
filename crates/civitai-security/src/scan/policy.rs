use std::fmt;

use super::report::{Finding, Report, Verdict};

/// What becomes of a file, from harmless to strict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// It is taken like a clean one.
    Allow,
    /// It is kept where nothing loads it.
    Quarantine,
    /// It is not kept at all.
    Refuse,
}

impl Action {
    /// The words that settings use, from harmless to strict.
    pub const WORDS: &[&str] = &["allow", "quarantine", "refuse"];

    /// Reads the word of a setting.
    pub fn of_word(word: &str) -> Option<Self> {
        match word {
            "allow" => Some(Self::Allow),
            "quarantine" => Some(Self::Quarantine),
            "refuse" => Some(Self::Refuse),
            _ => None,
        }
    }

    /// The word of a setting.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Quarantine => "quarantine",
            Self::Refuse => "refuse",
        }
    }
}

/// What becomes of files that are not clean. By default all of them go to quarantine, also those that cannot be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Files that can run code, read, write or connect.
    pub malicious: Action,
    /// Files with something that is on no allow list.
    pub suspicious: Action,
    /// Files that break the rules of their own format.
    pub malformed: Action,
    /// Files that cannot be judged.
    pub unscannable: Action,
}

impl Policy {
    /// Takes everything. What was found is still told.
    pub const ALLOW: Self = Self::of(Action::Allow);

    /// The same for every verdict but clean.
    pub const fn of(action: Action) -> Self {
        Self {
            malicious: action,
            suspicious: action,
            malformed: action,
            unscannable: action,
        }
    }

    /// What becomes of a file of this verdict.
    pub fn on(&self, verdict: Verdict) -> Action {
        match verdict {
            Verdict::Clean => Action::Allow,
            Verdict::Malformed => self.malformed,
            Verdict::Suspicious => self.suspicious,
            Verdict::Malicious => self.malicious,
            Verdict::Unscannable => self.unscannable,
        }
    }

    /// Says why a file is not taken, if it is not.
    ///
    /// Each finding is judged by its own verdict, so that a lenient word about one kind lets nothing of another kind
    /// pass; the strictest action counts.
    pub fn judge(&self, report: &Report) -> Result<(), Unsafe> {
        let found = report.findings.iter().map(Finding::verdict);
        let all = found.chain([report.verdict]);
        let Some((action, verdict)) = all.map(|verdict| (self.on(verdict), verdict)).max() else {
            return Ok(());
        };
        if action == Action::Allow {
            return Ok(());
        }
        let of_verdict = |finding: &&Finding| finding.verdict() == verdict;
        Err(Unsafe {
            action,
            verdict,
            finding: report.findings.iter().find(of_verdict).cloned(),
        })
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::of(Action::Quarantine)
    }
}

/// A file that a [`Policy`] does not take.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unsafe {
    /// What becomes of it; never [`Action::Allow`].
    pub action: Action,
    /// What is not accepted.
    pub verdict: Verdict,
    /// The first reason; none where reasons were too many to be kept.
    pub finding: Option<Finding>,
}

impl fmt::Display for Unsafe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.verdict)?;
        let Some(finding) = &self.finding else {
            return Ok(());
        };
        write!(f, " ({})", finding.rule.id)?;
        if !finding.member.is_empty() {
            write!(f, " in {}", finding.member)?;
        }
        write!(f, " at byte {}", finding.offset)?;
        match &finding.callable {
            Some(callable) if !finding.detail.contains(callable) => {
                write!(f, ": {callable}: {}", finding.detail)
            }
            _ => write!(f, ": {}", finding.detail),
        }
    }
}

impl std::error::Error for Unsafe {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::rule;

    fn report(rules: &[&'static rule::Rule]) -> Report {
        let findings: Vec<_> = rules
            .iter()
            .map(|rule| Finding::new(rule, 7, "seen"))
            .collect();
        Report {
            verdict: findings
                .iter()
                .map(Finding::verdict)
                .max()
                .unwrap_or(Verdict::Clean),
            findings,
            formats: Vec::new(),
        }
    }

    #[test]
    fn the_strictest_action_counts_whatever_else_was_found() {
        let both = report(&[&rule::IO_ERROR, &rule::TRUNCATED]);
        let lenient = Policy {
            malformed: Action::Allow,
            unscannable: Action::Refuse,
            ..Policy::default()
        };
        let refused = lenient.judge(&both).expect_err("part of it is refused");
        assert_eq!(
            (refused.action, refused.verdict),
            (Action::Refuse, Verdict::Unscannable)
        );
        assert_eq!(
            refused.to_string(),
            "unscannable (io_error) at byte 7: seen"
        );
        assert_eq!(Policy::ALLOW.judge(&both), Ok(()));
        assert_eq!(Policy::default().judge(&report(&[])), Ok(()));
    }

    #[test]
    fn words_are_read_as_they_are_written() {
        for word in Action::WORDS {
            assert_eq!(Action::of_word(word).map(Action::as_str), Some(*word));
        }
        assert_eq!(Action::of_word("Allow"), None);
    }
}

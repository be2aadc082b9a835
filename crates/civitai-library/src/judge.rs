//! What a finished file is before it gets its name: scanned, and taken or not as the policy says.

mod clamav;
mod known;

use std::io::Seek as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use civitai_api::File as SiteFile;
use civitai_api::file::ScanResult;
use civitai_download::{Candidate, Refusal, Transfer};
use civitai_security::crypt::Reader;
use civitai_security::scan::{self, Action, Limits, Policy, Report, Verdict};
use fs_err::File;

pub use clamav::{Answer, ClamAv};

/// Who judges the files of a run.
#[derive(Clone, Debug)]
pub struct Judge {
    /// What becomes of a file that the scan does not call clean.
    pub policy: Policy,
    /// What becomes of a file that the site's own scanners call dangerous: [`Action::Refuse`] does without fetching it, and
    /// every other lets the scan decide.
    pub civitai: Action,
    /// A virus scanner that is asked too.
    pub clamav: Option<ClamAv>,
}

/// What was found in a file.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// The worst that anybody says of it.
    pub verdict: Verdict,
    /// Why it is not clean, in the words of the scanner; none for a clean one.
    pub reason: Option<String>,
}

/// The judgement of a file, once there is one.
pub type Judged = Arc<OnceLock<Judgement>>;

impl Judge {
    /// A judge that takes everything. What is found is told all the same.
    pub fn lenient(clamav: Option<ClamAv>) -> Self {
        Self {
            policy: Policy::ALLOW,
            civitai: Action::Allow,
            clamav,
        }
    }

    /// Lets the judge see what the transfer brings, and leaves the verdict in `judged`.
    pub fn hook(&self, judged: &Judged, transfer: Transfer) -> Transfer {
        let (judge, judged) = (self.clone(), Arc::clone(judged));
        transfer.judge(move |candidate: &Candidate<'_>| {
            match judge.objection(candidate.target, candidate.path, &judged) {
                None => Ok(()),
                Some((Action::Refuse, why)) => Err(Refusal::remove(why)),
                Some((_, why)) => Err(Refusal::keep(why)),
            }
        })
    }

    /// Looks at a file of the library that has the content of a new one, `target`: nobody may have looked at it before.
    /// Leaves the verdict in `judged`. Blocks.
    pub fn of_held(&self, target: &Path, held: &Path, judged: &Judged) -> Result<(), HeldUnsafe> {
        match self.objection(target, held, judged) {
            None => Ok(()),
            Some((_, reason)) => Err(HeldUnsafe {
                path: held.to_owned(),
                reason,
            }),
        }
    }

    /// What is to become of a file that the policy does not take, and why.
    fn objection(&self, target: &Path, path: &Path, judged: &Judged) -> Option<(Action, String)> {
        let look = look(target, path, self.clamav.as_ref());
        // A transfer that is tried again has judged before.
        let _ = judged.set(look.judgement());
        let objection = match (self.policy.judge(&look.report), &look.second) {
            (Err(why), _) => Some((why.action, why.to_string())),
            (Ok(()), Some(second)) => Some((self.policy.on(second.verdict()), second.to_string())),
            (Ok(()), None) => None,
        };
        objection.filter(|(action, _)| *action != Action::Allow)
    }

    /// Says why a file need not even be fetched: the site's own scanners call it dangerous. That they call it harmless
    /// counts for nothing.
    pub fn foresee(&self, site: Option<&SiteScan>) -> Result<(), SiteDanger> {
        match site {
            Some(site) if site.is_dangerous() && self.civitai == Action::Refuse => {
                Err(SiteDanger {
                    message: site.message.clone(),
                })
            }
            _ => Ok(()),
        }
    }
}

/// A file that the site's own scanners call dangerous.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("Civitai's own scan calls it dangerous")]
pub struct SiteDanger {
    /// What they say of it.
    pub message: Option<String>,
}

/// A file of the library that the policy would not take if it came now.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{} has the same content, which is not safe: {reason}", path.display())]
pub struct HeldUnsafe {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

impl Default for Judge {
    /// Quarantine for what is not clean, and no second opinion.
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            civitai: Action::Quarantine,
            clamav: None,
        }
    }
}

/// Everything that was found in a file.
#[derive(Debug)]
pub struct Look {
    /// What the scan says.
    pub report: Report,
    /// What the virus scanner says, where one is asked and does not call it clean.
    pub second: Option<Answer>,
}

impl Look {
    /// The worst of all opinions.
    pub fn verdict(&self) -> Verdict {
        let second = self.second.as_ref().map(Answer::verdict);
        second.map_or(self.report.verdict, |second| {
            second.max(self.report.verdict)
        })
    }

    fn judgement(&self) -> Judgement {
        let own = Policy::of(Action::Quarantine).judge(&self.report).err();
        let second = self.second.as_ref();
        let reasons = own.map(|why| why.to_string()).into_iter();
        let reasons: Vec<_> = reasons.chain(second.map(ToString::to_string)).collect();
        Judgement {
            verdict: self.verdict(),
            reason: (!reasons.is_empty()).then(|| reasons.join("; ")),
        }
    }
}

/// Looks into the file at `path` that is, or will be, called `name`. Blocks.
pub fn look(name: &Path, path: &Path, clamav: Option<&ClamAv>) -> Look {
    let report = scan::scan_as(name, path, &Limits::default());
    let second = clamav.map(|clamav| clamav.ask(path));
    Look {
        report,
        second: second.filter(|answer| answer.verdict() > Verdict::Clean),
    }
}

/// Looks into the content of an encrypted file that would be called `name` without its encryption. Blocks.
pub fn look_inside(name: &str, mut content: Reader<File>, clamav: Option<&ClamAv>) -> Look {
    let report = scan::scan_reader(name, &mut content, &Limits::default());
    let second = clamav.map(|clamav| match content.rewind() {
        Ok(()) => clamav.ask_of(&mut content),
        Err(error) => Answer::Unclear {
            problem: error.to_string(),
        },
    });
    Look {
        report,
        second: second.filter(|answer| answer.verdict() > Verdict::Clean),
    }
}

/// What the site's own scanners said about a file.
#[derive(Clone, Debug)]
pub struct SiteScan {
    pickle: Option<ScanResult>,
    virus: Option<ScanResult>,
    message: Option<String>,
}

impl SiteScan {
    /// What they said, if they said anything.
    pub fn of(file: &SiteFile) -> Option<Self> {
        let site = Self {
            pickle: file.pickle_scan_result.clone(),
            virus: file.virus_scan_result.clone(),
            message: match &file.virus_scan_result {
                Some(ScanResult::Danger) => file.virus_scan_message.clone(),
                _ => file.pickle_scan_message.clone(),
            },
        };
        (site.pickle.is_some() || site.virus.is_some()).then_some(site)
    }

    fn is_dangerous(&self) -> bool {
        [&self.pickle, &self.virus].contains(&&Some(ScanResult::Danger))
    }

    /// What the scan for code in pickles said.
    pub fn pickle(&self) -> Option<&ScanResult> {
        self.pickle.as_ref()
    }

    /// What the scan for viruses said.
    pub fn virus(&self) -> Option<&ScanResult> {
        self.virus.as_ref()
    }
}

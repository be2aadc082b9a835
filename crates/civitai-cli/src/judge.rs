//! What a finished file is before it gets its name: scanned, and taken or not as the policy says.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use civitai_api::File;
use civitai_api::file::ScanResult;
use civitai_download::{Candidate, Refusal, Transfer};
use civitai_security::scan::{self, Action, Limits, Policy, Report, Verdict};
use serde_json::{Value, json};

use crate::clamav::{self, ClamAv};
use crate::exit::Kind;
use crate::failure::Failure;
use crate::session::Session;
use crate::text::{Guard, Hint, Message};

/// Who judges the files of a run.
#[derive(Clone, Debug)]
pub(crate) struct Judge {
    policy: Policy,
    civitai: Action,
    clamav: Option<ClamAv>,
}

/// What was found in a file.
#[derive(Clone, Debug)]
pub(crate) struct Judgement {
    pub(crate) verdict: Verdict,
    /// Why it is not clean, in the words of the scanner; none for a clean one.
    pub(crate) reason: Option<String>,
}

/// The judgement of a file, once there is one.
pub(crate) type Judged = Arc<OnceLock<Judgement>>;

impl Judge {
    /// The judge of a run, which takes everything if its user accepts that. What is found is told all the same.
    pub(crate) fn new(session: &Session, accept_unsafe: bool) -> Self {
        let settings = &session.settings.scan;
        let (policy, civitai) = if accept_unsafe {
            (Policy::ALLOW, Action::Allow)
        } else {
            (settings.policy, settings.civitai)
        };
        Self {
            policy,
            civitai,
            clamav: settings.clamav.as_deref().map(ClamAv::at),
        }
    }

    /// Lets the judge see what the transfer brings, and leaves the verdict in `judged`.
    pub(crate) fn hook(&self, judged: &Judged, transfer: Transfer) -> Transfer {
        let (judge, judged) = (self.clone(), Arc::clone(judged));
        transfer.judge(move |candidate: &Candidate<'_>| {
            let look = look(candidate.target, candidate.path, judge.clamav.as_ref());
            // A transfer that is tried again has judged before.
            let _ = judged.set(look.judgement());
            judge.take(&look)
        })
    }

    fn take(&self, look: &Look) -> Result<(), Refusal> {
        let refusal = |action, why: String| match action {
            Action::Allow => Ok(()),
            Action::Quarantine => Err(Refusal::keep(why)),
            Action::Refuse => Err(Refusal::remove(why)),
        };
        if let Err(why) = self.policy.judge(&look.report) {
            return refusal(why.action, why.to_string());
        }
        match &look.second {
            Some(second) => refusal(self.policy.on(second.verdict()), second.to_string()),
            None => Ok(()),
        }
    }

    /// Says why a file need not even be fetched: the site's own scanners call it dangerous. That they call it harmless
    /// counts for nothing.
    pub(crate) fn foresee(&self, site: Option<&SiteScan>) -> Result<(), Failure> {
        match site {
            Some(site) if site.is_dangerous() && self.civitai == Action::Refuse => {
                let said = Message::Guard(Guard::SiteSaysDanger {
                    message: site.message.clone(),
                });
                Err(Failure::new(Kind::UnsafeContent, said)
                    .with_hint(Hint::Guard(Guard::AcceptUnsafe)))
            }
            _ => Ok(()),
        }
    }
}

/// Everything that was found in a file.
#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) report: Report,
    /// What the virus scanner says, where one is asked and does not call it clean.
    pub(crate) second: Option<clamav::Answer>,
}

impl Look {
    /// The worst of all opinions.
    pub(crate) fn verdict(&self) -> Verdict {
        let second = self.second.as_ref().map(clamav::Answer::verdict);
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
pub(crate) fn look(name: &Path, path: &Path, clamav: Option<&ClamAv>) -> Look {
    let report = scan::scan_as(name, path, &Limits::default());
    let second = clamav.map(|clamav| clamav.ask(path));
    Look {
        report,
        second: second.filter(|answer| answer.verdict() > Verdict::Clean),
    }
}

/// What the site's own scanners said about a file.
#[derive(Clone, Debug)]
pub(crate) struct SiteScan {
    pickle: Option<ScanResult>,
    virus: Option<ScanResult>,
    message: Option<String>,
}

impl SiteScan {
    /// What they said, if they said anything.
    pub(crate) fn of(file: &File) -> Option<Self> {
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

    /// The words of the site.
    pub(crate) fn to_json(&self) -> Value {
        json!({ "pickle": self.pickle, "virus": self.virus })
    }
}

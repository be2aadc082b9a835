use std::io::{self, Read, Seek, SeekFrom, Write};
use std::mem;

use super::budget::Budget;
use super::format::{FORMATS, Format, Match};
use super::input::Input;
use super::limits::Limits;
use super::pickle::Storage;
use super::report::{Finding, Report, Verdict, printable};
use super::rule::{self, Rule};
use super::torchscript;

/// One file being scanned, with everything packed into it.
pub(super) struct Scan<'l> {
    limits: &'l Limits,
    budget: Budget,
    findings: Vec<Finding>,
    /// The worst verdict of what is or was in `findings`.
    worst: Verdict,
    members: Vec<String>,
    formats: Vec<&'static str>,
    /// The data of tensors that the last pickle referred to.
    storages: Vec<Storage>,
    /// Set once a shared limit is used up; the finding was made then.
    spent: bool,
}

/// What an input is, which decides what it may be unknown as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The file itself, or a member of an archive: bytes of no known format are not clean.
    Content,
    /// Something that its container says is plain data: no format needs to know it, and one that it
    /// seems to be and breaks the rules of is none.
    Data,
    /// The numbers of a tensor, as many as the pickle beside them says: no loader takes them for
    /// anything else, and they may look like anything.
    Numbers,
    /// Source of a program that is run when its container is loaded.
    Source,
}

/// Why the reading of a format ended before the end.
#[derive(Debug)]
pub(super) enum Stop {
    /// The input could not be read, or ended early.
    Io(io::Error),
    /// The reading broke a rule in a way that makes going on pointless.
    Found(Finding),
    /// A limit that is shared by the whole file is used up: the whole scan ends.
    Spent(&'static Rule),
}

impl Stop {
    pub(super) fn at(rule: &'static Rule, offset: u64, detail: impl AsRef<str>) -> Self {
        Self::Found(Finding::new(rule, offset, detail))
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl<'l> Scan<'l> {
    pub(super) fn new(limits: &'l Limits, file_bytes: u64) -> Self {
        Self {
            limits,
            budget: Budget::new(limits, file_bytes),
            findings: Vec::new(),
            worst: Verdict::Clean,
            members: Vec::new(),
            formats: Vec::new(),
            storages: Vec::new(),
            spent: false,
        }
    }

    pub(super) fn run(mut self, input: &mut Input<'_>) -> Report {
        // A spent limit left its finding.
        let _ = self.judge(Role::Content, input);
        Report {
            verdict: self.worst,
            findings: self.findings,
            formats: self.formats,
        }
    }

    pub(super) fn limits(&self) -> &'l Limits {
        self.limits
    }

    pub(super) fn budget(&mut self) -> &mut Budget {
        &mut self.budget
    }

    pub(super) fn set_storages(&mut self, storages: &[Storage]) {
        storages.clone_into(&mut self.storages);
    }

    /// The storages that the pickle judged last refers to; its container has their data.
    pub(super) fn take_storages(&mut self) -> Vec<Storage> {
        mem::take(&mut self.storages)
    }

    /// Tells what was found at a byte of the input that is being read.
    pub(super) fn find(&mut self, rule: &'static Rule, offset: u64, detail: impl AsRef<str>) {
        self.add(Finding::new(rule, offset, detail));
    }

    /// As [`find`](Self::find), for a finding that names a callable.
    pub(super) fn add(&mut self, mut finding: Finding) {
        finding.member = self.members.join("!");
        self.keep(finding);
    }

    /// Judges bytes that lie unpacked in the input being read, as a member of it.
    ///
    /// What is wrong with the member becomes a finding; an error only says that the whole scan ends.
    pub(super) fn member(
        &mut self,
        name: &str,
        role: Role,
        input: &mut Input<'_>,
    ) -> Result<(), Stop> {
        if role == Role::Numbers {
            let counted = self.budget.spend_skipped_member();
            return counted.or_else(|stop| self.stopped(stop));
        }
        self.enter(name, |scan| {
            input.rename(name.rsplit(['/', '\\']).next().unwrap_or(name));
            scan.judge(role, input)
        })
    }

    /// Unpacks a stream of `packed` bytes and judges what comes out, as a member; gives its length.
    ///
    /// A stream that breaks or that grows too much gets a finding, and what came out before is judged:
    /// a loader may use it. An error only says that the whole scan ends.
    pub(super) fn decoded(
        &mut self,
        name: &str,
        role: Role,
        packed: u64,
        stream: &mut dyn Read,
    ) -> Result<u64, Stop> {
        self.enter(name, |scan| {
            let mut spool = tempfile::SpooledTempFile::new(scan.limits.memory);
            let unpacked = scan.unpack(packed, stream, &mut spool);
            let len = spool.stream_position();
            if let Err(stop) = unpacked {
                scan.stopped(stop)?;
            }
            let mut input = match Input::new(name, &mut spool) {
                Ok(input) => input,
                Err(error) => return scan.stopped(error.into()).map(|()| 0),
            };
            input.rename(name.rsplit(['/', '\\']).next().unwrap_or(name));
            scan.judge(role, &mut input)?;
            Ok(len.unwrap_or_default())
        })
    }

    fn unpack(
        &mut self,
        packed: u64,
        stream: &mut dyn Read,
        spool: &mut impl Write,
    ) -> Result<(), Stop> {
        let most = packed
            .saturating_mul(self.limits.ratio)
            .saturating_add(RATIO_SLACK_BYTES);
        let mut total = 0_u64;
        let mut buffer = vec![0; 64 << 10];
        loop {
            let count = match stream.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            total += count as u64;
            self.budget.spend_decoded(count as u64)?;
            self.budget.check_time()?;
            spool.write_all(&buffer[..count])?;
            if total > most {
                let detail = format!("{packed} bytes unpack to more than {most}");
                return Err(Stop::at(&rule::LIMIT_RATIO, 0, detail));
            }
        }
    }

    fn enter<T: Default>(
        &mut self,
        name: &str,
        judge: impl FnOnce(&mut Self) -> Result<T, Stop>,
    ) -> Result<T, Stop> {
        self.members.push(printable(name));
        let judged = if self.members.len() > self.limits.depth {
            let detail = format!("more than {} containers deep", self.limits.depth);
            self.find(&rule::LIMIT_DEPTH, 0, detail);
            Ok(T::default())
        } else {
            match self.budget.spend_member() {
                Ok(()) => judge(self),
                Err(stop) => self.stopped(stop).map(|()| T::default()),
            }
        };
        self.members.pop();
        judged
    }

    /// Reads an input as every format that it matches.
    fn judge(&mut self, role: Role, input: &mut Input<'_>) -> Result<(), Stop> {
        if role == Role::Numbers {
            return Ok(());
        }
        let mut understood = role == Role::Source;
        if understood && let Err(stop) = torchscript::judge_source(self, input) {
            self.stopped(stop)?;
        }
        let mut doubtful = Vec::new();
        for format in FORMATS {
            match (format.detect)(input) {
                Ok(Match::No) => {}
                // Numbers carry the mark of some format once in a while.
                Ok(Match::Yes) if role == Role::Data => doubtful.push(format),
                Ok(Match::Maybe) => doubtful.push(format),
                Ok(Match::Yes) => {
                    understood = true;
                    self.read(format, input)?;
                }
                Err(error) => self.stopped(error.into())?,
            }
        }
        let mut broken = Vec::new();
        for format in doubtful {
            let known = mem::take(&mut self.findings);
            let worst = mem::replace(&mut self.worst, Verdict::Clean);
            let read = self.read(format, input);
            let found = mem::replace(&mut self.findings, known);
            let found_worst = mem::replace(&mut self.worst, worst);
            if matches!(found_worst, Verdict::Unscannable | Verdict::Malformed) && read.is_ok() {
                if input.has_extension(format.extensions) {
                    broken.extend(found);
                }
            } else {
                understood = true;
                for finding in found {
                    self.keep(finding);
                }
            }
            read?;
        }
        if !understood && role == Role::Content {
            for finding in broken {
                self.keep(finding);
            }
            self.find(&rule::UNKNOWN_FORMAT, 0, unknown(input));
        }
        Ok(())
    }

    /// Reads an input as one format; an error only says that the whole scan ends.
    fn read(&mut self, format: &'static Format, input: &mut Input<'_>) -> Result<(), Stop> {
        if self.members.is_empty() {
            self.formats.push(format.name);
        }
        let read = input
            .seek(SeekFrom::Start(0))
            .map_err(Stop::from)
            .and_then(|_| (format.scan)(self, input));
        match read {
            Ok(()) => Ok(()),
            Err(stop) => self.stopped(stop),
        }
    }

    /// Turns the end of a reading into a finding; an error only where the whole scan ends.
    fn stopped(&mut self, stop: Stop) -> Result<(), Stop> {
        match stop {
            Stop::Found(finding) => self.add(finding),
            Stop::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                self.find(&rule::TRUNCATED, 0, error.to_string());
            }
            Stop::Io(error) => self.find(&rule::IO_ERROR, 0, error.to_string()),
            Stop::Spent(rule) => {
                if !self.spent {
                    self.spent = true;
                    self.find(rule, 0, rule.reason);
                }
                return Err(Stop::Spent(rule));
            }
        }
        Ok(())
    }

    fn keep(&mut self, finding: Finding) {
        self.worst = self.worst.max(finding.verdict());
        if self.findings.len() < self.limits.findings {
            self.findings.push(finding);
        } else if let Some(last) = self.findings.last_mut()
            && last.verdict() < finding.verdict()
        {
            *last = finding;
        }
    }
}

/// How bytes of no known format begin.
fn unknown(input: &mut Input<'_>) -> String {
    let head = input.head().map(|head| head[..head.len().min(8)].to_vec());
    match head {
        Ok(head) if head.is_empty() => "no bytes".to_owned(),
        Ok(head) => format!("begins {}", head.escape_ascii()),
        Err(error) => error.to_string(),
    }
}

/// Very small streams may grow by more than the ratio: it says nothing about them.
const RATIO_SLACK_BYTES: u64 = 1 << 20;

//! The journal beside a part file: what of it may be believed.
//!
//! `NAME.part.json` is a log of JSON lines, only ever appended to. Each line is an object whose last member,
//! `crc32c`, is the CRC-32C of everything in the line before that member. Reading stops at the first line that does
//! not check: what a crash tore off is as if it had never been written. The records, in the order they come:
//!
//! | record | says |
//! |---|---|
//! | `journal` | first line: format version, identity of the file, what it promised to be |
//! | `opened` | a process took over, in this run of the kernel |
//! | `source` | the size of the file and what its server calls this state of it |
//! | `wrote` | a range was handed to the kernel; counts until the kernel restarts |
//! | `flushed` | these ranges are on the disk; counts always |
//! | `unwritten` | a flush failed: no `wrote` before this line counts |
//! | `restarted` | the content changed: nothing before this line counts |
//!
//! A `flushed` line is written only after the data it speaks of was flushed, and a `restarted` line is flushed before
//! the first byte of the new content is written, so at every instant the log claims no byte that is not there.
//!
//! While a process works it holds the journal's advisory lock; the journal is removed before the lock is let go.

use std::io::{self, BufRead as _, BufReader, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use fs_err::File;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::disk;
use crate::error::{Error, ErrorKind};
use crate::ranges::RangeSet;

/// What a journal is about. Two headers that differ are two files that must not be mixed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    version: u32,
    identity: String,
    sha256: Option<String>,
    blake3: Option<String>,
}

impl Header {
    pub(crate) fn new(
        identity: &str,
        sha256: Option<Digest<32>>,
        blake3: Option<Digest<32>>,
    ) -> Self {
        Self {
            version: VERSION,
            identity: identity.to_owned(),
            sha256: sha256.map(|digest| digest.to_string()),
            blake3: blake3.map(|digest| digest.to_string()),
        }
    }
}

/// What the server says the file is, kept to notice when it becomes another one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Source {
    /// Length of the whole file; absent while a server does not say.
    pub(crate) size: Option<u64>,
    /// Where the validators hold: scheme, host, port and path, never the signed query.
    pub(crate) place: String,
    /// A strong entity tag.
    pub(crate) etag: Option<String>,
    /// `Last-Modified`, verbatim.
    pub(crate) modified: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Record {
    Journal(Header),
    Opened { boot: Option<String> },
    Source(Source),
    Wrote { start: u64, end: u64 },
    Flushed { ranges: Vec<(u64, u64)> },
    Unwritten {},
    Restarted {},
}

/// What the log of an earlier run adds up to.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Claims {
    pub(crate) header: Option<Header>,
    pub(crate) source: Option<Source>,
    pub(crate) written: RangeSet,
    pub(crate) flushed: RangeSet,
    boot_is_current: bool,
}

impl Claims {
    fn apply(&mut self, record: Record, boot: Option<&str>) {
        match record {
            Record::Journal(header) => self.header = Some(header),
            Record::Opened { boot: then } => {
                self.boot_is_current = then.is_some() && then.as_deref() == boot;
            }
            Record::Source(source) => self.source = Some(source),
            Record::Wrote { start, end } if self.boot_is_current => self.written.insert(start..end),
            Record::Wrote { .. } => {}
            Record::Flushed { ranges } => {
                for (start, end) in ranges {
                    self.flushed.insert(start..end);
                    self.written.insert(start..end);
                }
            }
            Record::Unwritten {} => self.written = self.flushed.clone(),
            Record::Restarted {} => {
                self.source = None;
                self.written = RangeSet::default();
                self.flushed = RangeSet::default();
            }
        }
    }
}

/// The open and locked log.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
}

impl Journal {
    /// Where the journal of a part file is.
    pub(crate) fn path(part: &Path) -> PathBuf {
        disk::beside(part, ".json")
    }

    /// Opens and locks the journal at `path`, creating it if it is not there, and reads what it claims.
    ///
    /// # Errors
    /// `Locked` while another process has it; `Journal` when its first line is whole but not ours to read.
    pub(crate) fn open(path: &Path) -> Result<(Self, Claims), Error> {
        let file = loop {
            let file = disk::private().append(true).create(true).open(path)?;
            lock(&file)?;
            // The one who held the lock removes the file before letting go; ours may be the removed one.
            if disk::is_same_file(&file, path)? {
                break file;
            }
        };
        let mut journal = Self { file };
        let claims = journal.replay()?;
        Ok((journal, claims))
    }

    /// Adds one line, in the kernel's hands when this returns.
    pub(crate) fn append(&self, record: &Record) -> io::Result<()> {
        let line = encode(record)?;
        (&self.file).write_all(line.as_bytes())
    }

    /// Flushes every line to the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Empties the log.
    pub(crate) fn clear(&self) -> io::Result<()> {
        self.file.set_len(0)
    }

    /// Removes the journal; the lock ends with `self`.
    pub(crate) fn remove(&self) -> io::Result<()> {
        disk::remove_if_there(self.file.path())
    }

    fn replay(&mut self) -> Result<Claims, Error> {
        self.file.rewind()?;
        let boot = disk::boot_id();
        let mut reader = BufReader::new(&self.file);
        let mut claims = Claims::default();
        let mut good = 0;
        let mut line = Vec::new();
        loop {
            line.clear();
            let len = io::Read::take(&mut reader, MAX_LINE).read_until(b'\n', &mut line)?;
            let Some(record) = decode(&line) else { break };
            if claims.header.is_none() && !matches!(record, Record::Journal(_)) {
                break;
            }
            claims.apply(record, boot.as_deref());
            good += len as u64;
        }
        let problem = if good == 0 {
            first_line_problem(&line)
        } else {
            version_problem(&claims)
        };
        if let Some(problem) = problem {
            return Err(ErrorKind::Journal {
                path: self.file.path().to_owned(),
                problem,
            }
            .into());
        }
        // A torn line without its end would swallow the next one appended.
        self.file.set_len(good)?;
        Ok(claims)
    }
}

/// Why a journal cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JournalProblem {
    /// Its first line is not one of ours, or was changed.
    #[error("is damaged")]
    Damaged,
    /// Another release wrote it.
    #[error("has format version {0}, this program reads version {VERSION}")]
    Version(u32),
}

fn version_problem(claims: &Claims) -> Option<JournalProblem> {
    let version = claims
        .header
        .as_ref()
        .map_or(VERSION, |header| header.version);
    (version != VERSION).then_some(JournalProblem::Version(version))
}

/// A first line cut short, or of zeros, is what a crash leaves of a journal that had nothing to tell yet: the line is
/// flushed before the first range is. A whole line that does not check is something else.
fn first_line_problem(line: &[u8]) -> Option<JournalProblem> {
    let torn = line.last() != Some(&b'\n') && line.len() < MAX_HEADER
        || line.iter().all(|byte| *byte == 0);
    (!torn).then_some(JournalProblem::Damaged)
}

fn lock(file: &File) -> Result<(), Error> {
    match file.file().try_lock() {
        Ok(()) => Ok(()),
        Err(std::fs::TryLockError::WouldBlock) => Err(ErrorKind::Locked {
            path: file.path().to_owned(),
        }
        .into()),
        // Some network disks have no locks; a lone process is the usual case there.
        Err(std::fs::TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
            tracing::warn!(path = %file.path().display(), "this volume has no file locks");
            Ok(())
        }
        Err(std::fs::TryLockError::Error(error)) => Err(error.into()),
    }
}

fn encode(record: &Record) -> io::Result<String> {
    let mut line = serde_json::to_string(record)?;
    // The closing brace comes after the check.
    line.pop();
    let check = crc32c(line.as_bytes());
    Ok(format!("{line}{CHECK}{check:08x}\"}}\n"))
}

fn decode(line: &[u8]) -> Option<Record> {
    let line = line.strip_suffix(b"\"}\n")?;
    let (rest, digits) = line.split_at_checked(line.len().checked_sub(8)?)?;
    let body = rest.strip_suffix(CHECK.as_bytes())?;
    let check = u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    if check != crc32c(body) {
        return None;
    }
    let mut object = body.to_vec();
    object.push(b'}');
    serde_json::from_slice(&object).ok()
}

/// CRC-32C (Castagnoli), reflected, as in iSCSI and ext4.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        CRC_TABLE[usize::from(crc.to_le_bytes()[0] ^ byte)] ^ (crc >> 8)
    })
}

const fn crc_table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256_u32 {
        let mut crc = index;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 {
                crc >> 1 ^ 0x82f6_3b78
            } else {
                crc >> 1
            };
            bit += 1;
        }
        table[index as usize] = crc;
        index += 1;
    }
    table
}

static CRC_TABLE: [u32; 256] = crc_table();
const VERSION: u32 = 1;
const CHECK: &str = ",\"crc32c\":\"";
/// Longest line believed; a `flushed` line of 16,000 ranges fits.
const MAX_LINE: u64 = 1 << 20;
const MAX_HEADER: usize = 64 << 10;

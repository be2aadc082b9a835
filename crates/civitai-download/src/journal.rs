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
//! the first byte of the new content is written, so at every instant the log claims no byte that is not there. Before
//! the first of them nothing is claimed that a power cut could make untrue, and the log itself may still be lost: a file
//! that is complete before then costs no flush but its own.
//!
//! While a process works it holds the advisory locks of the journal and of the part file; the journal is removed before
//! they are let go. The journal of a file of up to 8 MiB stays in memory until a second has passed or the transfer
//! ends unfinished: a file that is there in a moment needs none, and creating and removing a second file costs more than
//! its bytes. Until then the lock of the part file alone keeps others away, and a kill costs what came in that second.

use std::io::{self, BufRead as _, BufReader, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

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
    path: PathBuf,
    /// Absent while it is in memory.
    file: OnceLock<File>,
    /// The lines of one that is.
    lines: Mutex<Vec<u8>>,
    /// Whether the directory is known to name it, on the disk.
    named: AtomicBool,
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
        let file = create(path)?;
        let claims = replay(&file)?;
        let journal = Self {
            file: file.into(),
            ..Self::in_memory(path)
        };
        Ok((journal, claims))
    }

    /// A journal for `path` that is created when it is first flushed.
    pub(crate) fn in_memory(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            file: OnceLock::new(),
            lines: Mutex::default(),
            named: AtomicBool::new(false),
        }
    }

    /// A journal to which nothing can be added.
    #[cfg(test)]
    pub(crate) fn read_only(path: &Path) -> io::Result<Self> {
        Ok(Self {
            file: File::open(path)?.into(),
            ..Self::in_memory(path)
        })
    }

    /// Reads whose part file the journal at `path` is about; `None` where there is no journal, or none that tells.
    pub(crate) fn identity(path: &Path) -> Result<Option<String>, Error> {
        let file = match disk::open(&disk::private(), path) {
            Ok(file) => file,
            Err(error) if error.is_absent() => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut line = Vec::new();
        BufReader::new(io::Read::take(file, MAX_LINE)).read_until(b'\n', &mut line)?;
        Ok(match decode(&line) {
            Some(Record::Journal(header)) => Some(header.identity),
            _ => None,
        })
    }

    /// Adds one line, in the kernel's hands when this returns unless the journal is in memory.
    pub(crate) fn append(&self, record: &Record) -> io::Result<()> {
        let line = encode(record)?;
        if let Some(mut file) = self.file.get() {
            return file.write_all(line.as_bytes());
        }
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut file) = self.file.get() {
            return file.write_all(line.as_bytes());
        }
        lines.extend_from_slice(line.as_bytes());
        Ok(())
    }

    /// Flushes every line to the disk, and the first time also the names of the journal and the part file: nothing
    /// that was claimed before needed them.
    pub(crate) fn sync(&self) -> Result<(), Error> {
        let Some(file) = self.put_down()? else {
            return Ok(());
        };
        file.sync_data()?;
        if !self.named.load(Ordering::Acquire) {
            disk::sync_dir(disk::parent(&self.path))?;
            self.named.store(true, Ordering::Release);
        }
        Ok(())
    }

    /// Whether there is a file of it.
    pub(crate) fn is_on_disk(&self) -> bool {
        self.file.get().is_some()
    }

    /// Creates the file of a journal that is in memory. None while another process has it, which will find the part file
    /// locked and go away.
    fn put_down(&self) -> Result<Option<&File>, Error> {
        if let Some(file) = self.file.get() {
            return Ok(Some(file));
        }
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if self.file.get().is_none() {
            let file = match create(&self.path) {
                Err(error) if matches!(error.kind(), ErrorKind::Locked { .. }) => return Ok(None),
                created => created?,
            };
            // What is in it was about a part file that is no more.
            file.set_len(0)?;
            (&file).write_all(&lines)?;
            lines.clear();
            // Nobody else sets it without the lock on the lines.
            let _ = self.file.set(file);
        }
        Ok(self.file.get())
    }

    /// Keeps room for what a file of `size` bytes will have to say: bytes that have room and cannot be noted have none.
    ///
    /// A file that is there in a moment needs none kept.
    pub(crate) fn keep_room(&self, size: u64) -> Result<(), Error> {
        if size < ROOM_FROM {
            return Ok(());
        }
        match self.put_down()? {
            Some(file) => disk::keep_room(file, ROOM + size / BYTES_A_BYTE)
                .map_err(|error| Error::on_disk(error, &self.path, size)),
            None => Ok(()),
        }
    }

    /// Empties the log. True when there was something in it.
    pub(crate) fn clear(&self) -> io::Result<bool> {
        let Some(file) = self.file.get() else {
            return Ok(false);
        };
        let had_lines = file.metadata()?.len() > 0;
        if had_lines {
            file.set_len(0)?;
        }
        Ok(had_lines)
    }

    /// Removes the journal; the lock ends with `self`.
    pub(crate) fn remove(&self) -> io::Result<()> {
        if self.is_on_disk() {
            disk::remove_if_there(&self.path)?;
        }
        Ok(())
    }
}

/// Opens and locks the file at `path`, creating it if it is not there.
fn create(path: &Path) -> Result<File, Error> {
    loop {
        let file = disk::open(disk::private().append(true).create(true), path)?;
        disk::lock(&file)?;
        // The one who held the lock removes the file before letting go; ours may be the removed one.
        if disk::is_same_file(&file, path)? {
            return Ok(file);
        }
    }
}

/// What the lines claim. Whatever follows the last whole one is cut off.
fn replay(mut file: &File) -> Result<Claims, Error> {
    file.rewind()?;
    let boot = disk::boot_id();
    let mut reader = BufReader::new(file);
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
            path: file.path().to_owned(),
            problem,
        }
        .into());
    }
    if file.metadata()?.len() > good {
        // A torn line without its end would swallow the next one appended.
        file.set_len(good)?;
    }
    Ok(claims)
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
const ROOM_FROM: u64 = 4 << 20;
/// For the lines that are not about one range.
const ROOM: u64 = 64 << 10;
/// A line of at most 80 bytes for each write of 256 KiB would be one for 3,200; writes can be shorter.
const BYTES_A_BYTE: u64 = 1600;
/// Longest line believed; a `flushed` line of 16,000 ranges fits.
const MAX_LINE: u64 = 1 << 20;
const MAX_HEADER: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header() -> Record {
        Record::Journal(Header::new("civitai:1/2", None, None))
    }

    fn opened() -> Record {
        Record::Opened {
            boot: disk::boot_id(),
        }
    }

    fn written(ranges: &[(u64, u64)]) -> RangeSet {
        ranges.iter().map(|(start, end)| *start..*end).collect()
    }

    fn lines(records: &[Record]) -> Vec<u8> {
        records
            .iter()
            .flat_map(|record| encode(record).expect("it is JSON").into_bytes())
            .collect()
    }

    /// What a journal with this text claims.
    fn claims(text: &[u8]) -> Result<Claims, Error> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.part.json");
        fs_err::write(&path, text).expect("written");
        Journal::open(&path).map(|(_, claims)| claims)
    }

    #[test]
    fn the_check_is_crc_32c() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
    }

    #[test]
    fn every_line_is_json_that_ends_in_its_check() {
        for record in [
            header(),
            opened(),
            Record::Unwritten {},
            Record::Flushed {
                ranges: vec![(0, 5)],
            },
        ] {
            let line = encode(&record).expect("it is JSON");
            let value: serde_json::Value = serde_json::from_str(&line).expect("it is JSON");
            let last = value
                .as_object()
                .and_then(|object| object.keys().next_back())
                .map(String::as_str);
            assert_eq!(last, Some("crc32c"), "{line}");
            assert_eq!(decode(line.as_bytes()), Some(record));
        }
    }

    #[test]
    fn unflushed_bytes_count_only_in_the_same_run_of_the_kernel() {
        let before = Record::Opened {
            boot: Some("another run".to_owned()),
        };
        let unknown = Record::Opened { boot: None };
        let (wrote, flushed) = (
            Record::Wrote { start: 5, end: 9 },
            Record::Flushed {
                ranges: vec![(0, 3)],
            },
        );
        for (opened, counts) in [
            (opened(), vec![(0, 3), (5, 9)]),
            (before, vec![(0, 3)]),
            (unknown, vec![(0, 3)]),
        ] {
            let text = lines(&[header(), opened, wrote.clone(), flushed.clone()]);
            assert_eq!(claims(&text).expect("whole").written, written(&counts));
        }
    }

    #[test]
    fn a_failed_flush_and_a_restart_take_claims_back() {
        let wrote = |start, end| Record::Wrote { start, end };
        let flushed = Record::Flushed {
            ranges: vec![(0, 3)],
        };
        let text = lines(&[
            header(),
            opened(),
            wrote(0, 3),
            flushed.clone(),
            wrote(3, 9),
            Record::Unwritten {},
            wrote(7, 8),
        ]);
        assert_eq!(
            claims(&text).expect("whole").written,
            written(&[(0, 3), (7, 8)])
        );
        let text = lines(&[
            header(),
            opened(),
            flushed,
            Record::Restarted {},
            wrote(7, 8),
        ]);
        let claims = claims(&text).expect("whole");
        assert_eq!(
            (claims.written, claims.flushed),
            (written(&[(7, 8)]), RangeSet::default())
        );
    }

    #[test]
    fn a_first_line_that_a_crash_left_is_no_journal_but_a_changed_one_is_an_error() {
        let whole = lines(&[header()]);
        for torn in [&whole[..20], &[0; 300], b""] {
            assert_eq!(
                claims(torn).expect("nothing was claimed yet"),
                Claims::default()
            );
        }
        let mut changed = whole.clone();
        changed[20] ^= 1;
        for (text, problem) in [
            (changed, JournalProblem::Damaged),
            (b"{\"other\":1}\n".to_vec(), JournalProblem::Damaged),
            (lines(&[opened(), header()]), JournalProblem::Damaged),
        ] {
            let error = claims(&text).expect_err("not ours");
            assert!(
                matches!(error.kind(), ErrorKind::Journal { problem: found, .. } if *found == problem),
                "{error}"
            );
        }
        let mut newer = Header::new("x", None, None);
        newer.version = 2;
        let error = claims(&lines(&[Record::Journal(newer)])).expect_err("from the future");
        assert!(error.to_string().contains("version 2"), "{error}");
    }

    proptest! {
        /// A cut, and whatever a crash may leave behind it, costs lines from the end and nothing else.
        #[test]
        fn a_torn_tail_is_as_if_never_written(
            ranges in proptest::collection::vec((0_u64..1000, 1_u64..50, any::<bool>()), 0..20),
            cut in any::<prop::sample::Index>(),
            garbage in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            let mut records = vec![header(), opened()];
            records.extend(ranges.into_iter().map(|(start, len, flushed)| {
                let end = start + len;
                if flushed { Record::Flushed { ranges: vec![(start, end)] } } else { Record::Wrote { start, end } }
            }));
            let first = encode(&records[0]).expect("it is JSON").len();
            let mut text = lines(&records);
            let whole = text.len();
            let cut = first + cut.index(whole - first + 1);
            text.truncate(cut);
            text.extend(garbage);
            let mut wanted = Claims::default();
            let boot = disk::boot_id();
            // What follows the cut may by chance be the one byte that was cut off: then that line is whole.
            let kept = (0..=records.len()).rev().find(|kept| text.starts_with(&lines(&records[..*kept])));
            records.truncate(kept.expect("every text begins with nothing"));
            for record in records {
                wanted.apply(record, boot.as_deref());
            }
            prop_assert_eq!(claims(&text).expect("the first line is whole"), wanted);
        }
    }
}

//! Names of members, judged as the paths that an unpacker would write to.

use std::collections::HashSet;

use super::frame::Stop;
use super::rule::{Rule, rule_table};

rule_table! { "Names in archives":
    PATH_TRAVERSAL = "path_traversal", Malicious,
        "a member's name leads out of the folder that it is unpacked in", "CWE-22";
    PATH_ABSOLUTE = "path_absolute", Malicious,
        "a member's name begins at the root or at a drive", "CWE-36";
    PATH_LINK_ESCAPES = "path_link_escapes", Malicious,
        "a link in the archive leads out of the folder that it is unpacked in", "CWE-59";
    PATH_THROUGH_LINK = "path_through_link", Malicious,
        "a member would be written through a link of the same archive", "CWE-59";
    PATH_LINK = "path_link", Suspicious,
        "the archive has a link, which no model needs", "CVE-2026-27489";
    PATH_DEVICE = "path_device", Malicious,
        "the archive has a device, a pipe or a socket", "CWE-73";
    PATH_MALFORMED = "path_malformed", Malformed,
        "a member's name is empty, or has control characters or a zero byte at which some readers cut it",
        "zipfile cuts names at a zero byte";
    PATH_DUPLICATE = "path_duplicate", Malformed,
        "two members have one name, and readers differ in which of them they take",
        "PyPI, 2025-08-07; CVE-2025-54368";
    PATH_LIMIT = "path_limit", Unscannable,
        "the names of the members are longer than what is kept in memory", "memory exhaustion";
}

/// How much memory the names of an archive take: a few bytes of it can say that each of its members has the longest one.
#[derive(Debug, Default)]
pub(super) struct Names(u64);

impl Names {
    /// Notes that the name at byte `at` is kept.
    pub(super) fn keep(&mut self, name: &[u8], at: u64) -> Result<(), Stop> {
        self.0 = self.0.saturating_add(name.len() as u64);
        if self.0 > MOST_NAMES_BYTES {
            let detail = format!("more than {MOST_NAMES_BYTES} bytes");
            return Err(Stop::at(&PATH_LIMIT, at, detail));
        }
        Ok(())
    }
}

/// What is wrong with a name as a path.
pub(super) fn flaw(name: &[u8]) -> Option<&'static Rule> {
    let is_cut = name.iter().any(|&byte| byte < b' ' || byte == 0x7f);
    if is_absolute(name) {
        Some(&PATH_ABSOLUTE)
    } else if depth(name).is_none() {
        Some(&PATH_TRAVERSAL)
    } else if is_cut || name.is_empty() {
        Some(&PATH_MALFORMED)
    } else {
        None
    }
}

/// Whether a link at `name` to `target` leads out of the folder that `name` is unpacked in.
pub(super) fn escapes(name: &[u8], target: &[u8]) -> bool {
    let folder = name
        .iter()
        .rposition(|&byte| byte == b'/')
        .map_or(&b""[..], |end| &name[..end]);
    let joined = [folder, target].join(&b'/');
    is_absolute(target) || depth(&joined).is_none()
}

/// The link among `links` that a member of this name would be written through; links are given by their [`key`].
pub(super) fn link_on_way<'l>(name: &[u8], links: &'l HashSet<Vec<u8>>) -> Option<&'l [u8]> {
    if links.is_empty() {
        return None;
    }
    let mut folder = Vec::new();
    let mut parts = parts(name).peekable();
    while let Some(part) = parts.next() {
        folder.extend(part);
        parts.peek()?;
        if let Some(link) = links.get(&folder) {
            return Some(link);
        }
        folder.push(b'/');
    }
    None
}

/// A name as the reader sees it that folds most: up to a zero byte, and without parts that say nothing.
pub(super) fn key(name: &[u8]) -> Vec<u8> {
    let end = name
        .iter()
        .position(|&byte| byte == 0)
        .unwrap_or(name.len());
    parts(&name[..end]).collect::<Vec<_>>().join(&b'/')
}

/// The parts of a path, without those that say nothing; a drive's or a stream's colon is part of a name here.
pub(super) fn parts(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    name.split(|&byte| byte == b'/' || byte == b'\\')
        .filter(|part| !part.is_empty() && part != b".")
}

/// How deep a path ends; `None` where it leaves the folder on its way.
fn depth(name: &[u8]) -> Option<usize> {
    parts(name).try_fold(0_usize, |depth, part| match part {
        b".." => depth.checked_sub(1),
        _ => Some(depth + 1),
    })
}

fn is_absolute(name: &[u8]) -> bool {
    let has_drive = matches!(name, [letter, b':', ..] if letter.is_ascii_alphabetic());
    has_drive || matches!(name.first(), Some(b'/' | b'\\'))
}

/// Six hundred bytes for each of the most members that are read.
const MOST_NAMES_BYTES: u64 = 64 << 20;

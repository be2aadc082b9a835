//! The members of all directories of a file, and the bytes they claim.

use std::collections::HashSet;
use std::ops::Range;

use super::super::frame::{Scan, Stop};
use super::super::input::Input;
use super::super::path;
use super::directory::{self, Directory};
use super::record::{Central, END_BYTES, End, Entry, Local, descriptor};
use super::{
    ZIP_DESCRIPTOR, ZIP_DIRECTORY_DAMAGED, ZIP_END_DISAGREES, ZIP_EXTRA, ZIP_HEADER_MISSING,
    ZIP_HEADERS_DISAGREE, ZIP_OVERLAP, ZIP_SEVERAL_ENDS, ZIP_SPLIT, ZIP_UNCLAIMED,
    ZIP_WIDE_DISAGREES,
};

/// All that was found in a file.
#[derive(Debug, Default)]
pub(super) struct Archive {
    ends: Vec<End>,
    directories: Vec<(Range<u64>, usize)>,
    /// Of all directories, each in its order.
    pub(super) members: Vec<Member>,
    names: path::Names,
}

/// A record of a directory with the header it leads to.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) central: Central,
    pub(super) local: Option<Local>,
    /// Which directory it is of.
    pub(super) directory: usize,
    /// From the header to the end of the data and of what stands behind it.
    pub(super) span: Range<u64>,
    /// Whether what should stand behind the data does.
    has_descriptor: bool,
}

impl Member {
    /// Its name as text, for reports.
    pub(super) fn name(&self) -> String {
        String::from_utf8_lossy(&self.central.entry.name).into_owned()
    }
}

/// Reads every directory that some reader would find, and the headers they lead to.
pub(super) fn read(scan: &mut Scan<'_>, input: &mut Input<'_>) -> Result<Archive, Stop> {
    let mut archive = Archive::default();
    for end in directory::ends(input)? {
        if archive.directories.len() >= MOST_DIRECTORIES {
            break;
        }
        // The end of an archive inside a member is found by that member's own scan.
        let is_inside = |member: &Member| member.span.contains(&end.at);
        if !archive.members.iter().any(is_inside) {
            archive.read_end(scan, input, end)?;
        }
    }
    Ok(archive)
}

impl Archive {
    /// Whether there is no end of an archive.
    pub(super) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The bytes of the archive's comment, if it has one; of several ends each is in the way of others.
    pub(super) fn comment(&self) -> Option<Range<u64>> {
        match self.ends.as_slice() {
            [end] => Some(end.at + END_BYTES..end.reach).filter(|comment| !comment.is_empty()),
            _ => None,
        }
    }

    fn read_end(
        &mut self,
        scan: &mut Scan<'_>,
        input: &mut Input<'_>,
        end: End,
    ) -> Result<(), Stop> {
        let places = directory::places(input, &end)?;
        if places.is_empty() {
            scan.find(&ZIP_DIRECTORY_DAMAGED, end.at, "no directory");
        }
        if places.len() > 1 || !self.ends.is_empty() {
            scan.find(
                &ZIP_SEVERAL_ENDS,
                end.at,
                format!("{} directories", places.len()),
            );
        }
        let is_located = end.wide.as_ref().is_none_or(|wide| wide.is_located);
        if !end.agrees() || end.is_locator_loose || !is_located {
            scan.find(&ZIP_END_DISAGREES, end.at, "zip64");
        }
        if end.claim.is_split || end.wide.as_ref().is_some_and(|wide| wide.claim.is_split) {
            scan.find(&ZIP_SPLIT, end.at, "");
        }
        self.ends.push(end);
        for place in places {
            let most = scan
                .limits()
                .members
                .saturating_sub(self.members.len() as u64);
            let directory = directory::read(input, place, most, &mut self.names)?;
            if !directory.is_as_claimed() {
                let detail = format!(
                    "{} records of {}, {} bytes of {}",
                    directory.records.len(),
                    place.entries,
                    directory.end - place.start,
                    place.bytes
                );
                scan.find(&ZIP_END_DISAGREES, place.start, detail);
            }
            self.read_headers(scan, input, directory)?;
        }
        Ok(())
    }

    fn read_headers(
        &mut self,
        scan: &mut Scan<'_>,
        input: &mut Input<'_>,
        directory: Directory,
    ) -> Result<(), Stop> {
        let number = self.directories.len();
        self.directories.push((directory.span(), number));
        for central in directory.records {
            let at = directory.place.base.saturating_add(central.header);
            scan.budget().step()?;
            let local = Local::read(input, at)?;
            let mut has_descriptor = true;
            let mut end = at;
            if let Some(local) = &local {
                // Records can lead to one header, and headers can lie in the names of others.
                self.names.keep(&local.entry.name, at)?;
                end = local.data.saturating_add(central.entry.packed);
                if local.entry.has_descriptor() || central.entry.has_descriptor() {
                    let length = descriptor(input, end, &central.entry)?;
                    has_descriptor = length.is_some();
                    end = end.saturating_add(length.unwrap_or(0));
                }
            }
            self.members.push(Member {
                central,
                local,
                directory: number,
                span: at..end,
                has_descriptor,
            });
        }
        Ok(())
    }

    /// Compares each record with its header, and the names with each other.
    pub(super) fn compare(&self, scan: &mut Scan<'_>) {
        let mut names = HashSet::new();
        for member in &self.members {
            let Central { at, entry, .. } = &member.central;
            let name = member.name();
            if let Some(rule) = path::flaw(&entry.name) {
                scan.find(rule, *at, &name);
            }
            if !names.insert((member.directory, path::key(&entry.name), entry.is_folder())) {
                scan.find(&path::PATH_DUPLICATE, *at, &name);
            }
            if member.central.is_elsewhere {
                scan.find(&ZIP_SPLIT, *at, &name);
            }
            let Some(local) = &member.local else {
                scan.find(&ZIP_HEADER_MISSING, *at, &name);
                continue;
            };
            for disagreement in disagreements(entry, &local.entry) {
                let detail = format!("{name}: {disagreement}");
                scan.find(&ZIP_HEADERS_DISAGREE, local.at, detail);
            }
            if let Some(rule) =
                path::flaw(&local.entry.name).filter(|_| local.entry.name != entry.name)
            {
                scan.find(rule, local.at, String::from_utf8_lossy(&local.entry.name));
            }
            if entry.extra.is_wide_inconsistent || local.entry.extra.is_wide_inconsistent {
                scan.find(&ZIP_WIDE_DISAGREES, local.at, &name);
            }
            if entry.extra.is_cut {
                scan.find(&ZIP_EXTRA, *at, &name);
            }
            if !member.has_descriptor {
                scan.find(&ZIP_DESCRIPTOR, member.span.end, &name);
            }
        }
    }

    /// Finds bytes that are claimed twice, and gives those that are not claimed at all.
    pub(super) fn claim(&self, scan: &mut Scan<'_>, length: u64) -> Vec<Range<u64>> {
        let mut claims: Vec<Range<u64>> = Vec::new();
        let members = self.members.iter().map(|member| member.span.clone());
        claims.extend(members.filter(|span| !span.is_empty()));
        claims.extend(self.directories.iter().map(|(span, _)| span.clone()));
        for end in &self.ends {
            claims.push(end.at..end.reach);
            if let Some(wide) = &end.wide {
                claims.push(wide.at..wide.end);
                claims.push(end.at - 20..end.at);
            }
        }
        // Directories that readers find in different ways may be one.
        claims.sort_by_key(|claim| (claim.start, claim.end));
        if self.directories.len() > 1 {
            claims.dedup();
        }
        let mut unclaimed = Vec::new();
        let mut reached = 0;
        for claim in claims {
            if claim.start < reached && !claim.is_empty() {
                scan.find(&ZIP_OVERLAP, claim.start, format!("up to byte {reached}"));
            } else if claim.start > reached {
                unclaimed.push(reached..claim.start.min(length));
            }
            reached = reached.max(claim.end);
        }
        if reached < length {
            unclaimed.push(reached..length);
        } else if reached > length {
            scan.find(&ZIP_DIRECTORY_DAMAGED, length, "ends behind the file");
        }
        unclaimed.retain(|gap| !gap.is_empty());
        for gap in &unclaimed {
            scan.find(
                &ZIP_UNCLAIMED,
                gap.start,
                format!("{} bytes", gap.end - gap.start),
            );
        }
        unclaimed
    }
}

/// What a record and a header say differently.
fn disagreements(central: &Entry, local: &Entry) -> impl Iterator<Item = &'static str> {
    // Where the numbers stand behind the data, the header may leave them out.
    let omits = local.has_descriptor();
    let number = |central: u64, local: u64| central != local && !(omits && local == 0);
    let is_plain = central.name.is_ascii();
    let names = [&central.extra.unicode_name, &local.extra.unicode_name];
    let other_name = names
        .into_iter()
        .flatten()
        .any(|name| *name != central.name);
    [
        ("name", central.name != local.name),
        ("second name", other_name),
        ("method", central.method != local.method),
        (
            "encryption",
            (central.flags ^ local.flags) & ENCRYPTION_FLAGS != 0,
        ),
        (
            "encoding of the name",
            !is_plain && (central.flags ^ local.flags) & UTF8_FLAG != 0,
        ),
        ("checksum", number(central.crc.into(), local.crc.into())),
        ("packed size", number(central.packed, local.packed)),
        ("size", number(central.size, local.size)),
    ]
    .into_iter()
    .filter_map(|(what, differs)| differs.then_some(what))
}

/// A file in which more directories are found is refused for the first few.
const MOST_DIRECTORIES: usize = 8;
/// Encrypted, patched, strongly encrypted, masked.
const ENCRYPTION_FLAGS: u16 = 1 | 1 << 5 | 1 << 6 | 1 << 13;
const UTF8_FLAG: u16 = 1 << 11;

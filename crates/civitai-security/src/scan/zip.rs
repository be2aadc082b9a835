//! Zip archives, in all the ways in which loaders read them.
//!
//! A zip says most things twice: in the directory at its end and in a header in front of each member.
//! Readers believe the one or the other, some search for the directory and some for the headers, and what
//! is not in their reading they do not see. So every directory that a reader could find is read, every
//! header is compared with its record, every byte has to belong to one member or record, and what belongs
//! to none is judged by itself.

mod archive;
mod directory;
mod extra;
mod members;
mod record;
mod walk;

use std::io;
use std::ops::Range;

use super::format::{Format, Match};
use super::frame::{Role, Scan, Stop};
use super::input::Input;
use super::rule::rule_table;
use super::tar;

rule_table! { "Zip":
    ZIP_END_MISSING = "zip_end_missing", Malformed,
        "there are members, but no record that ends an archive", "APPNOTE.TXT 4.3.16";
    ZIP_SEVERAL_ENDS = "zip_several_ends", Malformed,
        "readers that search for the end differently find different archives", "PyPI, 2025-08-07";
    ZIP_END_DISAGREES = "zip_end_disagrees", Malformed,
        "the zip64 record and the plain one, or count and length of the directory, contradict each other",
        "APPNOTE.TXT 4.3.14 to 4.3.16";
    ZIP_SPLIT = "zip_split", Unscannable,
        "the archive is said to go on in other files", "APPNOTE.TXT 8";
    ZIP_DIRECTORY_DAMAGED = "zip_directory_damaged", Malformed,
        "the directory is not where the end of the archive says, or its records are none",
        "APPNOTE.TXT 4.3.12";
    ZIP_HEADER_MISSING = "zip_header_missing", Malformed,
        "the directory names a member that has no header", "APPNOTE.TXT 4.3.7";
    ZIP_HEADERS_DISAGREE = "zip_headers_disagree", Malformed,
        "a member's header and its record in the directory contradict each other",
        "CVE-2025-1944, CVE-2025-54368";
    ZIP_WIDE_DISAGREES = "zip_wide_disagrees", Malformed,
        "a member's zip64 sizes are missing, or stand beside others", "APPNOTE.TXT 4.5.3";
    ZIP_EXTRA = "zip_extra", Malformed,
        "an extra field in the directory is longer than its room, and readers refuse it or read on elsewhere",
        "APPNOTE.TXT 4.5.1; zipfile";
    ZIP_DESCRIPTOR = "zip_descriptor", Malformed,
        "sizes and checksum behind the data are missing or not those of the directory",
        "APPNOTE.TXT 4.3.9";
    ZIP_OVERLAP = "zip_overlap", Malformed,
        "two members share bytes", "CVE-2019-9674, CVE-2024-0450";
    ZIP_UNCLAIMED = "zip_unclaimed", Malformed,
        "bytes belong to no member and no record", "polyglots";
    ZIP_ENCRYPTED = "zip_encrypted", Unscannable,
        "a member is encrypted, or is said to be", "fail closed";
    ZIP_FLAG_LIES = "zip_flag_lies", Malformed,
        "a member is said to be encrypted, but its data is plain", "CVE-2025-1945";
    ZIP_METHOD = "zip_method", Unscannable,
        "a member asks for a method, or a version, that the scanner does not know", "APPNOTE.TXT 4.4.5";
    ZIP_DATA_DAMAGED = "zip_data_damaged", Malformed,
        "a member's data is not of its method", "fail closed";
    ZIP_DATA_TRAILING = "zip_data_trailing", Malformed,
        "bytes follow a member's data before the member ends", "polyglots";
    ZIP_SIZE = "zip_size", Malformed,
        "a member has not the size that is stated", "APPNOTE.TXT 4.4.9";
    ZIP_CHECKSUM = "zip_checksum", Malformed,
        "a member has not the checksum that is stated", "CVE-2025-10156";
}

pub(super) const FORMAT: Format = Format {
    name: "zip",
    extensions: &["zip", "pt", "pth", "ckpt", "npz", "keras", "ptl", "jit"],
    detect,
    scan,
};

/// A zip may begin with anything; what makes it one is at its end.
fn detect(input: &mut Input<'_>) -> io::Result<Match> {
    let head = input.head()?;
    let begins = [&record::LOCAL, &record::END]
        .iter()
        .any(|mark| head.starts_with(*mark))
        || SPLIT_MARKS
            .iter()
            .any(|mark| head.starts_with(*mark) && head[4..].starts_with(&record::LOCAL));
    if begins {
        return Ok(Match::Yes);
    }
    for end in directory::ends(input)? {
        let has_records = |place: &directory::Place| place.limit > place.start;
        if directory::places(input, &end)?.iter().any(has_records) {
            // A tar whose last members are archives ends like one: they are judged as members, and what
            // the tar has before them is no hidden data.
            let is_tar = (tar::FORMAT.detect)(input)? == Match::Yes;
            return Ok(if is_tar { Match::Maybe } else { Match::Yes });
        }
    }
    Ok(Match::No)
}

fn scan(scan: &mut Scan<'_>, input: &mut Input<'_>) -> Result<(), Stop> {
    let archive = archive::read(scan, input)?;
    if archive.is_empty() {
        scan.find(&ZIP_END_MISSING, 0, "");
        return walk::members(scan, input);
    }
    archive.compare(scan);
    let unclaimed = archive.claim(scan, input.len());
    members::judge(scan, input, &archive)?;
    for gap in unclaimed {
        judge_gap(scan, input, gap)?;
    }
    if let Some(comment) = archive.comment() {
        let length = comment.end - comment.start;
        scan.member(
            "(comment)",
            Role::Data,
            &mut input.window(comment.start, length),
        )?;
    }
    Ok(())
}

/// Judges bytes that no member claims: as they are, and from the first header in them.
fn judge_gap(scan: &mut Scan<'_>, input: &mut Input<'_>, gap: Range<u64>) -> Result<(), Stop> {
    let header = walk::next_header(input, gap.clone())?;
    let starts = [Some(gap.start), header.filter(|&header| header > gap.start)];
    for start in starts.into_iter().flatten() {
        let name = format!("(bytes {start} to {})", gap.end);
        scan.member(&name, Role::Data, &mut input.window(start, gap.end - start))?;
    }
    Ok(())
}

/// What stands in front of the first member where an archive was, or could have been, split.
static SPLIT_MARKS: [&[u8; 4]; 2] = [b"PK00", b"PK\x07\x08"];

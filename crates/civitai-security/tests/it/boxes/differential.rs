//! Archives are changed at random; where readings of Python's own modules differ or fail, ours must not
//! be clean.

use std::path::Path;
use std::process::Command;

use civitai_security::scan::Verdict;

use super::archive::{Fields, Member, archive};
use super::{array, scan};

const CHANGED: usize = 3000;
const SEED: u64 = 20_261_122;

fn zip_seed() -> Vec<u8> {
    let streamed = |member: Member| Member {
        flags: 8,
        behind: Fields(b"PK\x07\x08".to_vec())
            .u32(member.checksum)
            .u32(member.packed_size)
            .u32(member.size)
            .0,
        ..member
    };
    let members = [
        Member::stored("a/b.npy", &array()),
        Member::deflated("a/c.npy", &array()),
        streamed(Member::deflated("d.npy", &array())),
    ];
    archive(b"", &members, b"note").bytes
}

fn tar_seed() -> Vec<u8> {
    super::tar::seed(&array())
}

/// A copy with some bytes changed, taken out, doubled or moved; mostly where headers are.
fn change(seed: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len());
        let end = (at + 1 + random.below(40)).min(bytes.len());
        match random.below(8) {
            0 => bytes.truncate(at),
            1 => _ = bytes.drain(at..end),
            2 => {
                let part = bytes[at..end].to_vec();
                let to = random.below(bytes.len());
                bytes.splice(to..to, part);
            }
            3 => bytes[at] = 0,
            4 => bytes[at] = bytes[at].wrapping_add(1),
            5 => bytes[at] = 0xff,
            _ => bytes[at] ^= 1 << random.below(8),
        }
        if bytes.is_empty() {
            bytes.push(0);
        }
    }
    bytes
}

/// Steele, Lea and Flood's `SplitMix64`.
struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((bits ^ (bits >> 31)) % most as u64).expect("it is less than a usize")
    }
}

/// What Python says of each file.
fn python(kind: &str, files: &[std::path::PathBuf]) -> Option<Vec<String>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/boxes/read.py");
    let mut said = Vec::new();
    for some in files.chunks(500) {
        let output = Command::new("python3")
            .arg(&script)
            .arg(kind)
            .args(some)
            .output()
            .ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        said.extend(
            text.lines()
                .filter_map(|line| Some(line.split_once('\t')?.1.to_owned())),
        );
    }
    (said.len() == files.len()).then_some(said)
}

/// Gives what was compared, to be shown.
fn differential(kind: &str, seed: &[u8]) -> String {
    let mut random = Random(SEED);
    let folder = tempfile::tempdir().expect("a temporary directory");
    let cases: Vec<_> = (0..CHANGED)
        .map(|number| {
            let path = folder.path().join(format!("{number}.{kind}"));
            let bytes = if number == 0 {
                seed.to_vec()
            } else {
                change(seed, &mut random)
            };
            fs_err::write(&path, &bytes).expect("the directory is there");
            (path, bytes)
        })
        .collect();
    let files: Vec<_> = cases.iter().map(|(path, _)| path.clone()).collect();
    let Some(said) = python(kind, &files) else {
        return "skipped: no python3".to_owned();
    };
    assert_eq!(said[0], "same", "the archive that was not changed");
    let mut clean = 0;
    for ((path, bytes), said) in cases.iter().zip(&said) {
        let report = scan(&format!("a.{kind}"), bytes);
        // What is left may be no archive at all, but a text.
        if report.verdict == Verdict::Clean && report.formats.contains(&kind) {
            clean += 1;
            assert_eq!(said, "same", "{} of seed {SEED}", path.display());
        }
    }
    assert!(clean > 0, "the archive that was not changed is clean");
    format!("seed {SEED}: {CHANGED} archives, {clean} of them clean")
}

#[test]
fn what_zipfile_reads_differently_is_not_clean() {
    println!("{}", differential("zip", &zip_seed()));
}

#[test]
fn what_tarfile_reads_differently_is_not_clean() {
    println!("{}", differential("tar", &tar_seed()));
}

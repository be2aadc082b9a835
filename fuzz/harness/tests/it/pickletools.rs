//! Pickles as Python's own modules read them.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use civitai_fuzz::{Inputs, target};
use civitai_security::scan::{Limits, Report, Verdict, scan_bytes};

const PICKLES: usize = 3000;
const SEED: u64 = 20_261_122;

/// What Python says of a pickle.
struct Said {
    /// Behind the end of the pickle, where `pickletools` reads it to its end.
    end: Option<u64>,
    /// What the reference unpickler asked for, as far as it came.
    names: Vec<(String, String)>,
}

impl Said {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let end = words.next()?;
        let text = |hex: &str| String::from_utf8(bytes(hex)?).ok();
        let names = words.filter(|word| !word.is_empty()).map(|pair| {
            let (module, name) = pair.split_once(':')?;
            Some((text(module)?, text(name)?))
        });
        Some(Self {
            end: end.parse().ok(),
            names: names.collect::<Option<_>>()?,
        })
    }
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let pairs = hex.as_bytes().as_chunks::<2>().0;
    let byte = |pair: &[u8; 2]| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok();
    pairs.iter().map(byte).collect()
}

/// Asks Python about all of them at once.
fn python(pickles: &[Vec<u8>]) -> Option<Vec<Said>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/read_pickles.py");
    let mut child = Command::new("python3")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    let mut input = child.stdin.take().expect("it is piped");
    for pickle in pickles {
        let length = u32::try_from(pickle.len()).expect("they are small");
        input.write_all(&length.to_le_bytes()).ok()?;
        input.write_all(pickle).ok()?;
    }
    drop(input);
    let output = child.wait_with_output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let said: Vec<_> = text.lines().filter_map(Said::parse).collect();
    assert_eq!(said.len(), pickles.len(), "Python says something of each");
    Some(said)
}

fn scan(pickle: &[u8]) -> Report {
    scan_bytes("a.pkl", pickle, &Limits::default())
}

fn callables(report: &Report) -> BTreeSet<&str> {
    let findings = report.findings.iter();
    findings
        .filter_map(|finding| finding.callable.as_deref())
        .collect()
}

/// A pickle of this protocol that only names one thing.
fn naming(protocol: u8, (module, name): &(String, String)) -> Vec<u8> {
    let mut pickle = vec![0x80, protocol];
    for text in [module, name] {
        pickle.push(b'X');
        pickle.extend(
            u32::try_from(text.len())
                .expect("they are small")
                .to_le_bytes(),
        );
        pickle.extend(text.as_bytes());
    }
    pickle.extend(b"\x93.");
    pickle
}

#[test]
fn python_reads_no_further_and_asks_for_nothing_else() {
    let pickle = target("pickle").expect("there is one");
    let mut inputs = Inputs::new(pickle, SEED);
    let mut pickles = Vec::new();
    while pickles.len() < PICKLES {
        let input = inputs.draw();
        inputs.keep(input.clone(), (pickle.run)(&input));
        if input.len() < 1 << 16 {
            pickles.push(input);
        }
    }
    let Some(said) = python(&pickles) else {
        println!("skipped: no python3");
        return;
    };
    let (mut read, mut asked) = (0, 0);
    for (number, (bytes, said)) in pickles.iter().zip(&said).enumerate() {
        let report = scan(bytes);
        let shown = || {
            format!(
                "pickle {number} of seed {SEED}: {}: {report:#?}",
                bytes.escape_ascii()
            )
        };
        let Some(end) = said.end else {
            let is_pickle = report.formats.contains(&"pickle");
            assert!(
                report.verdict != Verdict::Clean || !is_pickle,
                "{}",
                shown()
            );
            continue;
        };
        read += 1;
        let stops = |rule: &str| matches!(rule, "pickle_opcode" | "truncated");
        let mut own = report
            .findings
            .iter()
            .filter(|finding| finding.member.is_empty());
        assert!(
            !own.any(|finding| stops(finding.rule.id) && finding.offset < end),
            "{}",
            shown()
        );
        // Without a header the scanner blames bytes for names only where they are surely a pickle.
        if let [0x80, protocol @ 0..=5, ..] = bytes[..] {
            for name in &said.names {
                asked += 1;
                let alone = scan(&naming(protocol, name));
                assert!(
                    callables(&alone).is_subset(&callables(&report)),
                    "{name:?}: {}",
                    shown()
                );
            }
        }
    }
    assert!(
        read > PICKLES / 10 && asked > PICKLES / 10,
        "{read} read, {asked} names"
    );
    println!(
        "seed {SEED}: {PICKLES} pickles, {read} read by Python to their end, {asked} names asked for"
    );
}

//! The parsers, and what must hold of what they say.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Cursor;

use civitai_api::Link;
use civitai_security::crypt::{Level, Reader, is_container, peek};
use civitai_security::scan::{Finding, Limits, Report, Verdict, scan_bytes};
use safetensors::SafeTensors;

use crate::make;
use crate::random::Random;

/// A parser of bytes from outside.
#[derive(Debug)]
pub struct Target {
    /// A word for the command line.
    pub name: &'static str,
    /// Makes an input that is right but for a few lies.
    pub make: fn(&mut Random) -> Vec<u8>,
    /// Reads an input; gives a number that is the same for inputs of which the parser said the same.
    ///
    /// # Panics
    /// Where something does not hold that must.
    pub run: fn(&[u8]) -> u64,
    /// What the format is made of.
    pub words: &'static [&'static [u8]],
}

/// The target of this name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// Runs one input, as `cargo fuzz` wants it.
///
/// # Panics
/// Where something does not hold that must, and where there is no such target.
pub fn run(name: &str, bytes: &[u8]) {
    (target(name).expect("its name is in the table").run)(bytes);
}

/// All of them.
pub static TARGETS: &[Target] = &[
    Target {
        name: "pickle",
        make: make::pickle::pickle,
        run: |bytes| scanned("a.pkl", bytes),
        words: make::pickle::WORDS,
    },
    Target {
        name: "zip",
        make: make::zip::zip,
        run: |bytes| scanned("a.pt", bytes),
        words: make::zip::WORDS,
    },
    Target {
        name: "tar",
        make: make::tar::tar,
        run: |bytes| scanned("a.tar", bytes),
        words: make::tar::WORDS,
    },
    Target {
        name: "sevenz",
        make: make::sevenz::sevenz,
        run: |bytes| scanned("a.7z", bytes),
        words: make::sevenz::WORDS,
    },
    Target {
        name: "packed",
        make: make::packed::packed,
        run: |bytes| scanned("a.gz", bytes),
        words: make::packed::WORDS,
    },
    Target {
        name: "safetensors",
        make: make::safetensors::safetensors,
        run: safetensors,
        words: make::safetensors::WORDS,
    },
    Target {
        name: "gguf",
        make: make::gguf::gguf,
        run: |bytes| scanned("a.gguf", bytes),
        words: make::gguf::WORDS,
    },
    Target {
        name: "npy",
        make: make::npy::npy,
        run: |bytes| scanned("a.npy", bytes),
        words: make::npy::WORDS,
    },
    Target {
        name: "onnx",
        make: make::onnx::onnx,
        run: |bytes| scanned("a.onnx", bytes),
        words: make::onnx::WORDS,
    },
    Target {
        name: "hdf5",
        make: make::hdf5::hdf5,
        run: |bytes| scanned("a.h5", bytes),
        words: make::hdf5::WORDS,
    },
    Target {
        name: "text",
        make: make::text::text,
        run: text,
        words: make::text::WORDS,
    },
    Target {
        name: "container",
        make: make::container::container,
        run: container,
        words: make::container::WORDS,
    },
    Target {
        name: "content-range",
        make: make::content_range::content_range,
        run: content_range,
        words: make::content_range::WORDS,
    },
    Target {
        name: "link",
        make: make::link::link,
        run: link,
        words: make::link::WORDS,
    },
];

fn sum(what: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

fn scan(name: &str, bytes: &[u8]) -> Report {
    let limits = Limits::default();
    let report = scan_bytes(name, bytes, &limits);
    let worst = report.findings.iter().map(Finding::verdict);
    assert_eq!(
        worst.max().unwrap_or(Verdict::Clean),
        report.verdict,
        "the verdict is that of the worst finding"
    );
    assert!(report.findings.len() <= limits.findings);
    for finding in &report.findings {
        let lines = [&finding.detail, &finding.member];
        for line in lines.into_iter().chain(&finding.callable) {
            assert!(
                !line.chars().any(char::is_control),
                "a terminal would obey {line:?}"
            );
        }
    }
    if report.verdict == Verdict::Clean {
        assert!(
            !report.formats.is_empty(),
            "what is clean is of some format"
        );
    }
    report
}

fn said(report: &Report) -> u64 {
    let mut rules: Vec<_> = report
        .findings
        .iter()
        .map(|finding| (finding.rule.id, finding.member.matches('!').count()))
        .collect();
    rules.sort_unstable();
    rules.dedup();
    sum((report.verdict, &report.formats, rules))
}

fn scanned(name: &str, bytes: &[u8]) -> u64 {
    said(&scan(name, bytes))
}

/// What the reference reader refuses is not clean.
fn safetensors(bytes: &[u8]) -> u64 {
    let report = scan("a.safetensors", bytes);
    let is_read = report.verdict == Verdict::Clean && report.formats.contains(&"safetensors");
    if is_read && let Err(error) = SafeTensors::deserialize(bytes) {
        panic!("clean, and the reference says {error}");
    }
    said(&report)
}

/// The length decides which kind of text it is: each has its time to itself.
fn text(bytes: &[u8]) -> u64 {
    let names = ["a.json", "a.yaml", "a.jinja"];
    scanned(names[bytes.len() % names.len()], bytes)
}

/// What opens is what was sealed, and what was released before an error is how it begins.
fn container(bytes: &[u8]) -> u64 {
    let peeked = peek(&mut Cursor::new(bytes)).map(|peek| (peek.level, peek.slots.len()));
    if peeked.is_ok() {
        assert!(is_container(bytes) || is_container(&bytes[32 << 10..]));
    }
    let mut content = Vec::new();
    let opened = Reader::open(Cursor::new(bytes), make::container::keys());
    let outcome = opened.and_then(|mut reader| {
        let extracted = reader.extract(&mut content);
        let sealed = make::container::content(reader.file(), reader.metadata());
        match &extracted {
            Ok(length) => {
                assert_eq!(*length, content.len() as u64);
                assert_eq!(sealed, content, "what opens is what was sealed");
            }
            Err(_) => assert!(sealed.starts_with(&content), "released past the damage"),
        }
        extracted.map(|_| reader.level())
    });
    let peeked = peeked.map_err(|error| error.to_string());
    sum((
        format!("{peeked:?}"),
        outcome
            .map_err(|error| error.to_string())
            .map(Level::as_str),
    ))
}

/// A line a header; the bytes asked for are always the same.
fn content_range(bytes: &[u8]) -> u64 {
    let lines: Vec<_> = bytes.split(|&byte| byte == b'\n').collect();
    let asked = make::content_range::ASKED;
    let answer = civitai_download::hot::partial(&lines, asked.clone());
    if let Ok((got, size)) = &answer {
        assert_eq!(got.start, asked.start);
        assert!(got.start < got.end && got.end <= asked.end && got.end <= *size);
    }
    sum(answer
        .map(|(got, size)| (got == asked, size > asked.end))
        .map_err(|problem| problem.to_string().len()))
}

/// What was read, once written, is read as the same again, and credentials are gone.
fn link(bytes: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(bytes);
    let link = match Link::parse(&text) {
        Ok(link) => link,
        Err(error) => {
            let shown = error.to_string();
            assert!(!make::link::shows_token(&shown), "{shown}");
            return sum(std::mem::discriminant(&error));
        }
    };
    let shown = link.to_string();
    assert!(!make::link::shows_token(&shown), "{shown}");
    let again = Link::parse(&shown).unwrap_or_else(|error| panic!("{shown:?}: {error}"));
    assert_eq!(again.target(), link.target(), "{shown:?}");
    assert_eq!(again.to_string(), shown);
    sum((
        link.kind(),
        link.to_json().len(),
        link.is_ambiguous(),
        link.caveat(),
    ))
}

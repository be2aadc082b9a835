//! The corpus of inert attack files: every verdict, no false alarm.

use std::path::{Path, PathBuf};
use std::process::Command;

use civitai_security::scan::{Limits, Verdict, scan};

/// The folder with the files and their `manifest.tsv`: named, or made by the generator where Python has what it imports.
fn corpus(made: &Path) -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("CIVITAI_SCAN_CORPUS") {
        return Some(named.into());
    }
    let generator = Path::new(&std::env::var_os("CIVITAI_CORPUS")?).join("scan/gen_public.py");
    let python = std::env::var_os("CIVITAI_PYTHON").unwrap_or_else(|| "python3".into());
    let made_all = Command::new(python)
        .arg("-B")
        .arg(generator)
        .arg(made)
        .output()
        .is_ok_and(|output| output.status.success());
    made_all.then(|| made.to_owned())
}

#[test]
fn every_file_of_the_corpus_is_called_what_it_is() {
    let made = tempfile::tempdir().expect("a folder");
    let Some(folder) = corpus(made.path()) else {
        println!("skipped: no corpus, or no Python with NumPy to make its files");
        return;
    };
    let manifest = fs_err::read_to_string(folder.join("manifest.tsv")).expect("a manifest");
    let mut wrong = Vec::new();
    for line in manifest.lines() {
        let mut fields = line.split('\t');
        let (name, expected) = (fields.next(), fields.next());
        let (name, expected) = name.zip(expected).expect("a name and a verdict");
        let report = scan(&folder.join(name), &Limits::default());
        let is_right = match expected {
            "clean" => report.verdict == Verdict::Clean,
            "malicious" => report.verdict == Verdict::Malicious,
            _ => report.verdict != Verdict::Clean,
        };
        if !is_right {
            wrong.push(format!("{name} is {expected}: {report:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    println!("{} files", manifest.lines().count());
}

//! The test files of another scanner, in the folder that `CIVITAI_CORPUS` names.

use std::env;
use std::path::PathBuf;

use civitai_security::scan::{Limits, Verdict, scan};

#[test]
fn pickles_of_the_corpus_have_their_verdicts() {
    let Some(folder) = env::var_os("CIVITAI_CORPUS").map(PathBuf::from) else {
        eprintln!("skipped: no corpus");
        return;
    };
    let folder = folder.join("pickles");
    let table = fs_err::read_to_string(folder.join("expected.tsv")).unwrap();
    let mut wrong = Vec::new();
    for row in table.lines().skip(1) {
        let mut columns = row.split('\t');
        let (file, expected) = (columns.next().unwrap(), columns.next().unwrap());
        let report = scan(&folder.join(file), &Limits::default());
        let fits = match expected.split(['+', '-', '(']).next().unwrap() {
            "malicious" => report.verdict == Verdict::Malicious,
            "unscannable" => report.verdict == Verdict::Unscannable,
            // The other scanner finds nothing in files that it does not understand; that is not clean.
            "benign" if NO_MODELS.contains(&file) => {
                matches!(report.verdict, Verdict::Unscannable | Verdict::Malformed)
            }
            "benign" => report.verdict == Verdict::Clean,
            other => panic!("the corpus has the new word {other}"),
        };
        if !fits {
            wrong.push(format!("{file}: {expected}, got {report:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Eight bytes of a PNG, and seven of nothing.
const NO_MODELS: [&str; 2] = [
    "picklescan/data/bad_pytorch.pt",
    "picklescan/data/not_a_pickle.bin",
];

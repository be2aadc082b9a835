//! Work that costs more than its length shows is done in steps, and every kind of step looks at the clock.

use std::time::Duration;

use civitai_security::scan::{Limits, Verdict, scan_bytes};

use super::gguf::{Gguf, string};
use super::nested::{tar, zip};

/// What a scan without any time says; a file without steps that cost anything is not asked here.
#[track_caller]
fn assert_runs_out(name: &str, bytes: &[u8]) {
    let mut limits = Limits::default();
    limits.time = Duration::ZERO;
    let report = scan_bytes(name, bytes, &limits);
    assert_eq!(report.verdict, Verdict::Unscannable, "{name}: {report:#?}");
    let last = report.findings.last().expect("it is not clean");
    assert_eq!(last.rule.id, "limit_time", "{name}: {report:#?}");
}

#[test]
fn whatever_costs_time_ends_as_unscannable() {
    assert_runs_out("a.pkl", b"\x80\x02N.");
    assert_runs_out("a.json", format!("[{}1]", "1,".repeat(2000)).as_bytes());
    assert_runs_out("a.yaml", "- a\n".repeat(2000).as_bytes());
    assert_runs_out(
        "a.txt",
        format!("# !!\n{}", "- a\n".repeat(2000)).as_bytes(),
    );
    assert_runs_out("a.zip", &zip("a.txt", b"text"));
    assert_runs_out("a.tar", &tar(&[("a.txt", b"text".to_vec())]));
    // Streams of nothing: no byte of them ever comes back to the scan.
    assert_runs_out(
        "a.bz2",
        &b"BZh9\x17\x72\x45\x38\x50\x90\0\0\0\0".repeat(100),
    );
    let values = (0..600).fold(Gguf::new(), |file, number| {
        file.value(&format!("key.{number}"), 7, &[1])
    });
    assert_runs_out("a.gguf", &values.header());
    let lists = [
        &9_u32.to_le_bytes()[..],
        &600_u64.to_le_bytes(),
        &[0; 12].repeat(600),
    ]
    .concat();
    assert_runs_out("a.gguf", &Gguf::new().value("lists", 9, &lists).header());
    let nodes = b"\x0a\x06\x22\x04Conv".repeat(600);
    let length = u16::try_from(nodes.len()).expect("it is small");
    let length = [
        0x80 | (length & 0x7f).to_le_bytes()[0],
        (length >> 7).to_le_bytes()[0],
    ];
    assert_runs_out("a.onnx", &[b"\x08\x08\x3a", &length[..], &nodes].concat());
}

#[test]
fn time_that_was_not_needed_changes_nothing() {
    let mut limits = Limits::default();
    limits.time = Duration::MAX;
    let report = scan_bytes(
        "a.gguf",
        &Gguf::new().value("text", 8, &string("a")).header(),
        &limits,
    );
    assert_eq!(report.verdict, Verdict::Clean, "{report:#?}");
}

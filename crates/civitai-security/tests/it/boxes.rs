//! Containers: zip, tar, 7z, packed streams, arrays.

mod archive;
mod differential;
mod npy;
mod packed;
mod sevenz;
mod tar;
mod torchscript;
mod zip;

use civitai_security::scan::{Limits, Report, Verdict, scan_bytes};

/// A pickle that would call `posix.system`.
fn evil() -> Vec<u8> {
    b"\x80\x02cposix\nsystem\nX\x04\0\0\0true\x85R.".to_vec()
}

/// An array of two bytes.
fn array() -> Vec<u8> {
    npy::array(
        "{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }",
        b"ab",
    )
}

fn scan(name: &str, bytes: &[u8]) -> Report {
    scan_bytes(name, bytes, &Limits::default())
}

#[track_caller]
fn assert_clean(name: &str, bytes: &[u8]) {
    let report = scan(name, bytes);
    assert_eq!(
        report.verdict,
        Verdict::Clean,
        "{name}: {:#?}",
        report.findings
    );
}

/// The report has a finding of this rule; no other verdict than the worst of the findings.
#[track_caller]
fn assert_finds(bytes: &[u8], rule: &str) -> Report {
    let report = scan("model.bin", bytes);
    let ids: Vec<_> = report
        .findings
        .iter()
        .map(|finding| finding.rule.id)
        .collect();
    assert!(ids.contains(&rule), "{rule} is not in {ids:?}");
    assert_ne!(report.verdict, Verdict::Clean);
    report
}

/// The pickle inside was found, whatever else is wrong.
#[track_caller]
fn assert_malicious(bytes: &[u8]) {
    let report = scan("model.bin", bytes);
    assert_eq!(report.verdict, Verdict::Malicious, "{:#?}", report.findings);
    let is_system = |finding: &civitai_security::scan::Finding| {
        finding.callable.as_deref() == Some("posix.system")
    };
    assert!(
        report.findings.iter().any(is_system),
        "{:#?}",
        report.findings
    );
}

//! Files of every format, through [`civitai_security::scan`].

mod config;
mod corpus;
mod gadgets;
mod gguf;
mod hdf5;
mod headers;
mod nested;
mod onnx;
mod pickle;
mod rules;
mod safetensors;
mod template;
mod text;
mod time;

use civitai_security::scan::{Limits, Report, Verdict, scan_bytes};

fn scan(name: &str, bytes: impl AsRef<[u8]>) -> Report {
    scan_bytes(name, bytes.as_ref(), &Limits::default())
}

/// The verdict, and the rules that were broken, in their order and each once.
fn judged(name: &str, bytes: impl AsRef<[u8]>) -> (Verdict, Vec<&'static str>) {
    let report = scan(name, bytes);
    let mut rules: Vec<_> = report
        .findings
        .iter()
        .map(|finding| finding.rule.id)
        .collect();
    rules.dedup();
    (report.verdict, rules)
}

fn assert_clean(name: &str, bytes: impl AsRef<[u8]>) {
    let report = scan(name, bytes);
    assert_eq!(
        report.verdict,
        Verdict::Clean,
        "{name}: {:?}",
        report.findings
    );
}

#[track_caller]
fn assert_verdict(name: &str, bytes: &[u8], verdict: Verdict) -> Report {
    let report = scan(name, bytes);
    assert_eq!(report.verdict, verdict, "{name}: {report:#?}");
    report
}

/// A run of numbers that a seed repeats.
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % bound
    }
}

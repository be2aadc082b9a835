//! Single files: what they could do, what they are, and their digests.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use civitai_download::digest::{DigestSet, Digests, hash_files};
use civitai_library::identify::{self, Identity as Told, Learned};
use civitai_security::scan::{Finding, Limits, Report, scan as look};
use pyo3::prelude::*;
use serde_json::{Value, json};

use crate::errors::Failure;
use crate::line::{FileHashes, Identity, Line, Scan};
use crate::runtime::{Coroutine, coroutine, wait};

/// Says what a model file could do, without running any of it.
#[pyfunction]
pub(crate) fn scan(py: Python<'_>, path: PathBuf) -> PyResult<Scan> {
    wait(py, scanned(path))
}

/// Says what a model file could do, without running any of it.
#[pyfunction]
pub(crate) fn scan_async(path: PathBuf) -> Coroutine {
    coroutine(scanned(path))
}

/// Returns the digests of a file, read once for all of them.
#[pyfunction]
pub(crate) fn hash(py: Python<'_>, path: PathBuf) -> PyResult<FileHashes> {
    wait(py, hashed(path))
}

/// Returns the digests of a file, read once for all of them.
#[pyfunction]
pub(crate) fn hash_async(path: PathBuf) -> Coroutine {
    coroutine(hashed(path))
}

/// Says what a file is by its header alone.
#[pyfunction]
#[pyo3(name = "identify")]
pub(crate) fn identify_file(py: Python<'_>, path: PathBuf) -> PyResult<Identity> {
    wait(py, identified(path, Learned::default()))
}

/// Says what a file is by its header alone.
#[pyfunction]
pub(crate) fn identify_async(path: PathBuf) -> Coroutine {
    coroutine(identified(path, Learned::default()))
}

/// Does work that blocks beside the runtime.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Failure::new("internal", &error))
}

async fn scanned(path: PathBuf) -> PyResult<Scan> {
    let report = {
        let path = path.clone();
        blocking(move || look(&path, &Limits::default())).await?
    };
    Ok(of_report(&path, &report).into())
}

fn of_report(path: &Path, report: &Report) -> Line {
    let findings: Vec<Value> = report.findings.iter().map(of_finding).collect();
    let mut line = of_path(path);
    line.insert("verdict".into(), report.verdict.as_str().into());
    line.insert("findings".into(), findings.into());
    line
}

fn of_finding(finding: &Finding) -> Value {
    json!({
        "rule": finding.rule.id,
        "member": finding.member,
        "offset": finding.offset,
        "callable": finding.callable,
        "detail": finding.detail,
    })
}

async fn hashed(path: PathBuf) -> PyResult<FileHashes> {
    let stop = Arc::new(AtomicBool::new(false));
    let _stop = StopOnDrop(Arc::clone(&stop));
    let file = path.clone();
    let read = blocking(move || {
        let go_on = |_| {
            if stop.load(Ordering::Relaxed) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let mut read = None;
        hash_files(&[file], DigestSet::ALL, &go_on, |_, result| {
            read = Some(result);
        });
        read
    });
    let stopped = || Failure::saying("interrupted", "stopped");
    let digests = read.await?.ok_or_else(stopped)?.map_err(Failure::from)?;
    Ok(of_digests(&path, &digests).into())
}

/// Ends the reading of a file that nobody waits for any more.
pub(crate) struct StopOnDrop(pub(crate) Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn of_digests(path: &Path, digests: &Digests) -> Line {
    let mut line = of_path(path);
    line.insert("bytes".into(), digests.bytes.into());
    let rows = [
        ("SHA256", digests.sha256.map(|digest| digest.to_upper_hex())),
        ("BLAKE3", digests.blake3.map(|digest| digest.to_upper_hex())),
        ("CRC32", digests.crc32.map(|digest| digest.to_upper_hex())),
        (
            "AutoV1",
            digests.auto_v1.map(|digest| digest.to_upper_hex()),
        ),
        (
            "AutoV2",
            digests.auto_v2().map(|digest| digest.to_upper_hex()),
        ),
        (
            "AutoV3",
            digests.auto_v3_short().map(|digest| digest.to_upper_hex()),
        ),
        (
            "AutoV3Full",
            digests.auto_v3.map(|digest| digest.to_upper_hex()),
        ),
    ];
    line.extend(rows.map(|(name, hex)| (name.to_owned(), json!(hex))));
    line
}

pub(crate) async fn identified(path: PathBuf, learned: Learned) -> PyResult<Identity> {
    let file = path.clone();
    let told = blocking(move || identify::identify_with(&file, &learned)).await?;
    let told = told.map_err(|error| match error {
        identify::Error::Io { source, .. } => Failure::from(source),
        error => Failure::new("usage", &error),
    })?;
    Ok(of_identity(&path, &told).into())
}

fn of_identity(path: &Path, told: &Told) -> Line {
    let mut line = of_path(path);
    line.insert("format".into(), told.format.as_str().into());
    let model_type = told.model_type.as_ref().map(civitai_api::ModelType::as_str);
    line.insert("modelType".into(), json!(model_type));
    let base_model = told.base_model.as_ref().map(civitai_api::BaseModel::as_str);
    line.insert("baseModel".into(), json!(base_model));
    line.insert(
        "family".into(),
        json!(told.family.map(civitai_library::identify::Family::as_str)),
    );
    line.insert("confidence".into(), json!(told.confidence));
    line.insert("evidence".into(), json!(told.evidence));
    line
}

fn of_path(path: &Path) -> Line {
    let mut line = Line::new();
    line.insert("path".into(), json!(path.to_string_lossy()));
    line
}

//! Files encrypted and decrypted with the keys of this machine.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use civitai_security::crypt::{
    CryptError, FileError, Level, Recipe, decrypt_file, encrypt_file, peek,
};
use fs_err::File;
use pyo3::prelude::*;
use serde_json::json;

use crate::errors::Failure;
use crate::keys::Keys;
use crate::line::{Line, Sealed};
use crate::look::{StopOnDrop, blocking};
use crate::runtime::{Coroutine, coroutine, wait};
use crate::take;

/// Encrypts a file beside itself, or to `output`; the source is kept.
#[pyfunction]
#[pyo3(signature = (path, level = "standard", *, output = None, passphrase = None, data_dir = None))]
pub(crate) fn encrypt(
    py: Python<'_>,
    path: PathBuf,
    level: &str,
    output: Option<PathBuf>,
    passphrase: Option<String>,
    data_dir: Option<PathBuf>,
) -> PyResult<Sealed> {
    let level = take::one("level", level)?;
    wait(
        py,
        sealed(path, level, output, Keys::at(passphrase, data_dir)?),
    )
}

/// Encrypts a file beside itself, or to `output`; the source is kept.
#[pyfunction]
#[pyo3(signature = (path, level = "standard", *, output = None, passphrase = None, data_dir = None))]
pub(crate) fn encrypt_async(
    path: PathBuf,
    level: &str,
    output: Option<PathBuf>,
    passphrase: Option<String>,
    data_dir: Option<PathBuf>,
) -> PyResult<Coroutine> {
    let level = take::one("level", level)?;
    let keys = Keys::at(passphrase, data_dir)?;
    Ok(coroutine(sealed(path, level, output, keys)))
}

/// Decrypts a file beside itself, or to `output`; the container is kept.
#[pyfunction]
#[pyo3(signature = (path, *, output = None, passphrase = None, data_dir = None))]
pub(crate) fn decrypt(
    py: Python<'_>,
    path: PathBuf,
    output: Option<PathBuf>,
    passphrase: Option<String>,
    data_dir: Option<PathBuf>,
) -> PyResult<Sealed> {
    wait(py, opened(path, output, Keys::at(passphrase, data_dir)?))
}

/// Decrypts a file beside itself, or to `output`; the container is kept.
#[pyfunction]
#[pyo3(signature = (path, *, output = None, passphrase = None, data_dir = None))]
pub(crate) fn decrypt_async(
    path: PathBuf,
    output: Option<PathBuf>,
    passphrase: Option<String>,
    data_dir: Option<PathBuf>,
) -> PyResult<Coroutine> {
    let keys = Keys::at(passphrase, data_dir)?;
    Ok(coroutine(opened(path, output, keys)))
}

async fn sealed(
    path: PathBuf,
    level: Level,
    output: Option<PathBuf>,
    keys: Keys,
) -> PyResult<Sealed> {
    let output = output.unwrap_or_else(|| {
        let mut name = path.clone().into_os_string();
        name.push(".cke");
        name.into()
    });
    let stop = Arc::new(AtomicBool::new(false));
    let _stop = StopOnDrop(Arc::clone(&stop));
    let work = move || {
        let store = keys.store()?;
        let recipients = store.recipients(level, &mut |ask| keys.answer(ask))?;
        encrypt_file(
            &path,
            &output,
            &Recipe::new(level, &recipients),
            &mut |_| flow(&stop),
        )?;
        store.remember(&output)?;
        Ok::<_, Failure>(line(&path, &output, level))
    };
    Ok(blocking(work).await??.into())
}

async fn opened(path: PathBuf, output: Option<PathBuf>, keys: Keys) -> PyResult<Sealed> {
    let output = match output {
        Some(output) => output,
        None if path.extension().is_some_and(|extension| extension == "cke") => {
            path.with_extension("")
        }
        None => {
            let problem = "output: the name of a file that is not called NAME.cke has to be given";
            return Err(Failure::saying("usage", problem).into());
        }
    };
    let stop = Arc::new(AtomicBool::new(false));
    let _stop = StopOnDrop(Arc::clone(&stop));
    let work = move || {
        let mut file = File::open(&path).map_err(Failure::from)?;
        let about = peek(&mut file).map_err(|source| at(&path, source))?;
        let store = keys.store()?;
        let unlocked = store.unlock(&about.slots, &mut |ask| keys.answer(ask))?;
        decrypt_file(&path, &output, &unlocked, &mut |_| flow(&stop))?;
        Ok::<_, Failure>(line(&path, &output, about.level))
    };
    Ok(blocking(work).await??.into())
}

fn at(path: &Path, source: CryptError) -> FileError {
    FileError::Crypt {
        path: path.to_owned(),
        source,
    }
}

fn flow(stop: &AtomicBool) -> ControlFlow<()> {
    if stop.load(Ordering::Relaxed) {
        ControlFlow::Break(())
    } else {
        ControlFlow::Continue(())
    }
}

fn line(path: &Path, output: &Path, level: Level) -> Line {
    let mut line = Line::new();
    line.insert("path".into(), json!(path.to_string_lossy()));
    line.insert("output".into(), json!(output.to_string_lossy()));
    line.insert("level".into(), level.as_str().into());
    line
}

//! Which files are fetched, and how.

use std::path::PathBuf;

use civitai_api::select::{Choice, Variant};
use civitai_download::{Existing, Unproved, Wait};
use civitai_library::find::{Given, Versions, Wish};
use civitai_library::judge::Judge;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors::Failure;
use crate::take;

/// Which files of links are fetched, and how: the keywords of `get`.
#[derive(Debug)]
pub(crate) struct Choose {
    pub(crate) to: Option<PathBuf>,
    pub(crate) wish: Wish,
    pub(crate) with_images: usize,
    pub(crate) sidecars: bool,
    pub(crate) given: Given,
    pub(crate) care: Care,
    pub(crate) dry_run: bool,
    pub(crate) on_event: Option<Py<PyAny>>,
    pub(crate) raises: bool,
}

/// What is taken, and what is waited for.
#[derive(Clone, Debug)]
pub(crate) struct Care {
    pub(crate) existing: Existing,
    pub(crate) unproved: Unproved,
    /// Who judges; nobody said means who is usual there.
    pub(crate) judge: Option<Judge>,
    pub(crate) wait: Wait,
}

impl Default for Care {
    fn default() -> Self {
        Self {
            existing: Existing::Keep,
            unproved: Unproved::Refuse,
            judge: None,
            // A cell that is run again after Ctrl-C meets the last flush of its first run.
            wait: Wait::UntilFree,
        }
    }
}

impl Choose {
    pub(crate) fn of(keywords: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let mut choose = Self {
            to: None,
            wish: Wish::default(),
            with_images: 0,
            sidecars: true,
            given: Given::No,
            care: Care::default(),
            dry_run: false,
            on_event: None,
            raises: true,
        };
        let (mut file_id, mut all_files): (Option<u64>, bool) = (None, false);
        let mut variant = Variant::default();
        for (key, value) in keywords.into_iter().flatten() {
            let key: String = key.extract()?;
            if value.is_none() {
                continue;
            }
            match key.as_str() {
                "to" => {
                    let to = std::path::absolute(value.extract::<PathBuf>()?);
                    choose.to = Some(to.map_err(Failure::from)?);
                }
                "file_id" => file_id = Some(value.extract()?),
                "format" => {
                    let named = civitai_api::FileFormat::named(&value.extract::<String>()?);
                    variant.format =
                        Some(named.map_err(|error| Failure::argument("format", &error))?);
                }
                "fp" => variant.fp = Some(take::one("fp", &value.extract::<String>()?)?),
                "size" => variant.size = Some(take::one("size", &value.extract::<String>()?)?),
                "quant" => variant.quant = Some(take::one("quant", &value.extract::<String>()?)?),
                "all_files" => all_files = value.extract()?,
                "all_versions" if value.extract()? => choose.wish.versions = Versions::All,
                "with_images" => choose.with_images = value.extract()?,
                "sidecars" => choose.sidecars = value.extract()?,
                "dry_run" => choose.dry_run = value.extract()?,
                "on_event" => choose.on_event = Some(value.unbind()),
                "raises" => choose.raises = value.extract()?,
                _ => choose.take_care(&key, &value)?,
            }
        }
        choose.wish.files = match file_id {
            Some(id) => Choice::File(take::id("file_id", id)?),
            None if all_files => Choice::All,
            None => Choice::Best(variant),
        };
        Ok(choose)
    }

    fn take_care(&mut self, key: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let is_on: bool = match key {
            "all_versions"
            | "force"
            | "accept_unverified"
            | "accept_unsafe"
            | "wait"
            | "consent_real_person" => value.extract()?,
            _ => {
                return Err(PyTypeError::new_err(format!(
                    "got an unexpected keyword argument '{key}'"
                )));
            }
        };
        match key {
            "force" if is_on => self.care.existing = Existing::Replace,
            "accept_unverified" if is_on => self.care.unproved = Unproved::Accept,
            "accept_unsafe" if is_on => self.care.judge = Some(Judge::lenient(None)),
            "consent_real_person" if is_on => self.given = Given::Yes,
            "wait" if !is_on => self.care.wait = Wait::Never,
            _ => {}
        }
        Ok(())
    }
}

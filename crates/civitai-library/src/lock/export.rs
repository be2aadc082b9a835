//! A lock in the form of other tools. Each is a function of the lock alone: the same lock gives the same bytes.

mod aria2;
mod bom;
mod shell;

use std::str::FromStr;

use civitai_api::select::{FileRequest, Variant};
use url::Url;

use super::{Lock, Locked};

/// A form to write a lock in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Form {
    /// An input file of aria2.
    Aria2,
    /// A bill of materials: `CycloneDX` 1.6 in JSON, with a model card for each file.
    CycloneDx,
    /// A script for a POSIX shell with curl and sha256sum or shasum.
    Shell,
}

/// A text that names no form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no form of this name")]
pub struct UnknownForm;

impl Form {
    /// The names of the forms.
    pub const NAMES: &'static [&'static str] = &["sh", "aria2", "cyclonedx"];
}

impl FromStr for Form {
    type Err = UnknownForm;

    fn from_str(text: &str) -> Result<Self, UnknownForm> {
        match text {
            "aria2" => Ok(Self::Aria2),
            "cyclonedx" | "ml-bom" => Ok(Self::CycloneDx),
            "sh" | "shell" => Ok(Self::Shell),
            _ => Err(UnknownForm),
        }
    }
}

/// What an export needs beside the lock.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// The site the files are fetched from.
    pub site: &'a Url,
    /// The version of this program.
    pub version: &'a str,
}

impl Lock {
    /// Returns the lock in the form of another tool.
    pub fn export(&self, form: Form, setting: &Setting<'_>) -> String {
        match form {
            Form::Aria2 => aria2::write(self, setting),
            Form::CycloneDx => bom::write(self, setting),
            Form::Shell => shell::write(self, setting),
        }
    }
}

/// The address that answers with a signed one.
fn download(file: &Locked, setting: &Setting<'_>) -> Url {
    let request = FileRequest {
        version: file.version,
        file: Some(file.file),
        variant: Variant::default(),
    };
    request.url(setting.site)
}

/// The page of the version.
fn page(file: &Locked, setting: &Setting<'_>) -> Option<Url> {
    let mut url = setting.site.clone();
    url.set_path(&format!("/models/{}", file.model?));
    url.set_query(Some(&format!("modelVersionId={}", file.version)));
    Some(url)
}

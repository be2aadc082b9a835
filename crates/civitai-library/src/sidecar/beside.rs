//! Which files stand beside a model and belong to it.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use super::Form;
use crate::scan::is_model;
use crate::sealing::plain_name;

/// What a file beside a model is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Part {
    /// A sidecar that this crate translates.
    Sidecar(Form),
    /// A picture or video that is shown for it.
    Preview,
    /// An example picture, `STEM.example.N.EXT`.
    Example,
    /// Something else that only makes sense with it: a configuration, a page, a dump.
    Other,
}

/// The files beside a model that belong to it, by their names alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Beside {
    /// The files, in the order of their names.
    pub files: Vec<(PathBuf, Part)>,
    /// Other models of the same stem, with which they are shared.
    pub twins: Vec<PathBuf>,
}

impl Beside {
    /// Looks beside a model.
    pub fn of(model: &Path) -> io::Result<Self> {
        let Some((dir, name)) = model.parent().zip(model.file_name()) else {
            return Ok(Self::default());
        };
        let dir = if dir.as_os_str().is_empty() {
            Path::new(".")
        } else {
            dir
        };
        let mut names = Vec::new();
        for entry in fs_err::read_dir(dir)? {
            let entry = entry?;
            if !entry.file_type()?.is_dir() {
                names.push(entry.file_name());
            }
        }
        let names = names.iter().filter_map(|name| name.to_str());
        Ok(name
            .to_str()
            .map_or_else(Self::default, |name| Self::among(dir, name, names)))
    }

    /// The same, among names that were read already.
    pub fn among<'n>(dir: &Path, model: &str, names: impl IntoIterator<Item = &'n str>) -> Self {
        let stem = stem(model);
        let names: BTreeSet<&str> = names.into_iter().collect();
        let models = names
            .iter()
            .filter(|name| is_model(OsStr::new(name)) && **name != model);
        let stems: Vec<&str> = models.clone().map(|name| self::stem(name)).collect();
        let mut beside = Self::default();
        for name in &names {
            let Some(part) = name.strip_prefix(stem).and_then(part) else {
                continue;
            };
            // `a.b.preview.png` belongs to `a.b`, not to `a`.
            let is_others = stems.iter().any(|other| {
                other.len() > stem.len() && name.strip_prefix(other).and_then(self::part).is_some()
            });
            if !is_others {
                beside.files.push((dir.join(name), part));
            }
        }
        beside.twins = models
            .filter(|name| self::stem(name) == stem)
            .map(|name| dir.join(name))
            .collect();
        beside
    }

    /// Returns the sidecar of a form, if there is one.
    pub fn sidecar(&self, form: Form) -> Option<&Path> {
        self.find(Part::Sidecar(form))
    }

    /// Returns a preview, if there is one.
    pub fn preview(&self) -> Option<&Path> {
        self.find(Part::Preview)
    }

    fn find(&self, wanted: Part) -> Option<&Path> {
        let found = self.files.iter().find(|(_, part)| *part == wanted);
        found.map(|(path, _)| path.as_path())
    }
}

/// Returns what a file is that is called `STEM` and then `rest`; nothing for one that belongs to no model.
fn part(rest: &str) -> Option<Part> {
    let rest = rest.to_ascii_lowercase();
    if let Some(form) = Form::ALL.into_iter().find(|form| form.suffix() == rest) {
        return Some(Part::Sidecar(form));
    }
    let medium = MEDIA.iter().find_map(|medium| rest.strip_suffix(medium));
    match medium {
        Some("" | ".preview" | ".thumb") => return Some(Part::Preview),
        Some(between) => {
            let number = between.strip_prefix(".example.")?;
            let is_number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
            return is_number.then_some(Part::Example);
        }
        None => {}
    }
    OTHERS.contains(&rest.as_str()).then_some(Part::Other)
}

/// Returns the name of a sidecar's model without its extension; nothing for what is no sidecar by its name.
///
/// `NAME.json`, `NAME.png` and the like are too common: they count only where a model of the stem stands beside them.
pub fn owner(name: &str) -> Option<(&str, Part)> {
    let lower = name.to_ascii_lowercase();
    let sure = Form::ALL.into_iter().filter(|form| *form != Form::A1111);
    let sure = sure.map(|form| (form.suffix(), Part::Sidecar(form)));
    let sure = sure.chain([(".api_info.json", Part::Other)]);
    let previews = MEDIA.iter().flat_map(|medium| {
        [".preview", ".thumb"].map(|middle| (format!("{middle}{medium}"), Part::Preview))
    });
    let mut all = sure
        .map(|(suffix, part)| (suffix.to_owned(), part))
        .chain(previews);
    let (length, part) = all.find_map(|(suffix, part)| {
        let length = lower.strip_suffix(&suffix)?.len();
        (length > 0 && name.is_char_boundary(length)).then_some((length, part))
    })?;
    Some((&name[..length], part))
}

/// What stands before the last dot.
pub(crate) fn stem(name: &str) -> &str {
    let name = plain_name(name);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

const MEDIA: [&str; 10] = [
    ".png", ".jpg", ".jpeg", ".webp", ".gif", ".mp4", ".webm", ".avif", ".jxl", ".bmp",
];

const OTHERS: [&str; 5] = [".api_info.json", ".html", ".txt", ".yaml", ".yml"];

#[cfg(test)]
mod tests {
    use super::*;

    fn among(model: &str, names: &[&str]) -> Beside {
        Beside::among(Path::new("d"), model, names.iter().copied())
    }

    #[test]
    fn a_models_files_are_known_by_their_names() {
        let names = [
            "x.safetensors",
            "x.civitai.info",
            "x.json",
            "x.preview.png",
            "x.example.1.jpeg",
            "x.example.jpeg",
            "x2.json",
            "x.part",
            "x.yaml",
        ];
        let beside = among("x.safetensors", &names);
        let found: Vec<_> = beside
            .files
            .iter()
            .map(|(path, part)| {
                (
                    path.file_name().and_then(OsStr::to_str).unwrap_or(""),
                    *part,
                )
            })
            .collect();
        assert_eq!(
            found,
            [
                ("x.civitai.info", Part::Sidecar(Form::CivitaiInfo)),
                ("x.example.1.jpeg", Part::Example),
                ("x.json", Part::Sidecar(Form::A1111)),
                ("x.preview.png", Part::Preview),
                ("x.yaml", Part::Other),
            ]
        );
    }

    #[test]
    fn the_longer_stem_has_the_file() {
        let names = ["a.safetensors", "a.preview.safetensors", "a.preview.png"];
        assert!(among("a.safetensors", &names).files.is_empty());
        assert_eq!(among("a.preview.safetensors", &names).files.len(), 1);
    }

    #[test]
    fn two_models_of_a_stem_share_their_files() {
        let names = ["a.safetensors", "a.ckpt", "a.json"];
        let beside = among("a.ckpt", &names);
        assert_eq!(beside.twins, [PathBuf::from("d/a.safetensors")]);
        assert_eq!(beside.files.len(), 1);
    }

    #[test]
    fn owners_are_told_only_where_the_name_is_sure() {
        assert_eq!(
            owner("x.y.civitai.info"),
            Some(("x.y", Part::Sidecar(Form::CivitaiInfo)))
        );
        assert_eq!(owner("x.preview.png"), Some(("x", Part::Preview)));
        assert_eq!(owner("x.png"), None);
        assert_eq!(owner(".civitai.info"), None);
    }
}

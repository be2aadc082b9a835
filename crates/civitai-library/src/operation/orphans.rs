//! Files that belong to nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use walkdir::WalkDir;

use super::{Error, Plan, Step, Verb};
use crate::catalogue::word::words;
use crate::library::Library;
use crate::scan::is_model;
use crate::sidecar::{Part, owner};

words! {
    /// What an orphan is.
    OrphanKind {
        /// A symbolic link that leads nowhere.
        Link "link",
        /// A part of a download without its journal, or a journal without its part.
        Partial "partial",
        /// A preview of a model that is not there.
        Preview "preview",
        /// A file that the catalogue knows and the disk does not have.
        Record "record",
        /// A sidecar of a model that is not there.
        Sidecar "sidecar",
    }
}

/// Something that belongs to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Orphan {
    /// Where it is, or was, below the root.
    pub path: String,
    /// What it is.
    pub kind: OrphanKind,
}

impl Library {
    /// Looks for orphans, by names alone. Names that other files have as well, such as `NAME.json` and `NAME.png`, are not
    /// called orphans.
    pub fn orphans(&self) -> Result<Vec<Orphan>, Error> {
        self.recover()?;
        let mut orphans = Vec::new();
        for (folder, names) in self.folders()? {
            let stems: BTreeSet<&str> = names
                .iter()
                .filter(|name| is_model(Path::new(name).as_os_str()))
                .map(|name| {
                    name.rsplit_once('.')
                        .map_or(name.as_str(), |(stem, _)| stem)
                })
                .collect();
            for name in &names {
                let path = match folder.as_str() {
                    "" => name.clone(),
                    folder => format!("{folder}/{name}"),
                };
                let kind = kind(name, &names, &stems).or_else(|| self.is_broken(&path));
                orphans.extend(kind.map(|kind| Orphan { path, kind }));
            }
        }
        if let Some(catalogue) = self.catalogue_if_there()? {
            let gone = catalogue
                .entries()?
                .into_iter()
                .filter(|entry| entry.missing.is_some() || !self.root.join(&entry.path).exists());
            orphans.extend(gone.map(|entry| Orphan {
                path: entry.path,
                kind: OrphanKind::Record,
            }));
        }
        Ok(orphans)
    }

    /// Plans to put orphans into the trash. Records of the catalogue are history and stay.
    pub fn plan_discard(&self, orphans: &[Orphan]) -> Plan {
        let mut plan = Plan::new(Verb::Orphans);
        for orphan in orphans {
            if orphan.kind != OrphanKind::Record {
                plan.paths.push(orphan.path.clone());
                plan.steps.push(Step::Discard {
                    path: orphan.path.clone(),
                });
            }
        }
        plan
    }

    /// The names in each folder; what begins with a dot is the program's own.
    fn folders(&self) -> Result<BTreeMap<String, BTreeSet<String>>, Error> {
        fs_err::read_dir(&self.root)?;
        let is_shown = |entry: &walkdir::DirEntry| {
            entry.depth() == 0 || !entry.file_name().as_encoded_bytes().starts_with(b".")
        };
        let mut folders: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        // What cannot be read has no orphans that are known.
        let entries = WalkDir::new(&self.root).into_iter().filter_entry(is_shown);
        for entry in entries
            .flatten()
            .filter(|entry| !entry.file_type().is_dir())
        {
            let Some(path) = self.relative(entry.path()) else {
                continue;
            };
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
            folders
                .entry(folder.to_owned())
                .or_default()
                .insert(name.to_owned());
        }
        Ok(folders)
    }

    fn is_broken(&self, path: &str) -> Option<OrphanKind> {
        let at = self.root.join(path);
        let is_link = at.symlink_metadata().is_ok_and(|link| link.is_symlink());
        (is_link && !at.exists()).then_some(OrphanKind::Link)
    }
}

fn kind(name: &str, names: &BTreeSet<String>, stems: &BTreeSet<&str>) -> Option<OrphanKind> {
    let is_unfinished = |name: &str| name.strip_suffix(PART).is_some();
    if let Some(part) = name
        .strip_suffix(JOURNAL)
        .filter(|part| is_unfinished(part))
    {
        return (!names.contains(part)).then_some(OrphanKind::Partial);
    }
    if is_unfinished(name) {
        let journal = format!("{name}{JOURNAL}");
        return (!names.contains(&journal)).then_some(OrphanKind::Partial);
    }
    let (stem, part) = owner(name)?;
    let has_unfinished = names
        .iter()
        .any(|other| other.starts_with(stem) && is_unfinished(other));
    if stems.contains(stem) || has_unfinished {
        return None;
    }
    Some(match part {
        Part::Preview | Part::Example => OrphanKind::Preview,
        _ => OrphanKind::Sidecar,
    })
}

/// What an unfinished file is called behind its own name, and its journal behind that.
const PART: &str = ".part";
const JOURNAL: &str = ".json";

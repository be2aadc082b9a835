//! Which files are meant, and where they go.

use std::path::{Path, PathBuf};

use civitai_api::select::{Choice, Variant};
use civitai_api::{FileId, Model, Version};
use civitai_security::FileName;

use crate::layout::{Layout, Subject};

/// Where files go.
#[derive(Clone, Debug)]
pub enum Destination {
    /// All into one directory.
    Directory(PathBuf),
    /// Into the folders of a layout, below a root.
    Library {
        /// The root.
        root: PathBuf,
        /// The layout.
        layout: Layout,
    },
}

impl Destination {
    /// The root of the tree that files go into.
    pub fn root(&self) -> &Path {
        match self {
            Self::Directory(root) | Self::Library { root, .. } => root,
        }
    }

    pub(super) fn place(&self, subject: &Subject) -> (PathBuf, FileName) {
        let (root, placed) = match self {
            Self::Directory(root) => return (root.clone(), subject.name.clone()),
            Self::Library { root, layout } => (root, layout.place(subject)),
        };
        let name = placed.file_name().unwrap_or_default().to_string_lossy();
        let folder = placed.parent().unwrap_or(Path::new(""));
        (
            root.join(folder),
            FileName::clean(&name, subject.name.as_str()),
        )
    }
}

/// Which versions and files are wanted where a link leaves it open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// Which versions of a model.
    pub versions: Versions,
    /// Which of the files of a version.
    pub files: Choice,
}

/// Which versions of a model are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Versions {
    /// The one that the site shows first.
    #[default]
    Default,
    /// Every one.
    All,
}

impl Wish {
    /// The versions of a model that are wanted: those with the very file, if one is wanted.
    pub(super) fn versions<'m>(&self, model: &'m Model) -> Vec<&'m Version> {
        let has = |version: &&Version, id: FileId| version.files.iter().any(|file| file.id == id);
        let chosen: Vec<_> = match (&self.files, self.versions) {
            (Choice::File(id), _) => {
                let versions = model.versions.iter();
                versions.filter(|version| has(version, *id)).collect()
            }
            (_, Versions::All) => model.versions.iter().collect(),
            (_, Versions::Default) => Vec::new(),
        };
        if chosen.is_empty() {
            model.default_version().into_iter().collect()
        } else {
            chosen
        }
    }

    /// What is wanted of a version: what the wish says goes before what the link says.
    pub(super) fn choice(&self, linked: Option<FileId>, of_link: &Variant) -> Choice {
        match (&self.files, linked) {
            (Choice::Best(own), Some(id)) if own.is_empty() => Choice::File(id),
            (Choice::Best(own), _) => Choice::Best(Variant {
                kind: own.kind.clone().or_else(|| of_link.kind.clone()),
                format: own.format.clone().or_else(|| of_link.format.clone()),
                size: own.size.clone().or_else(|| of_link.size.clone()),
                fp: own.fp.clone().or_else(|| of_link.fp.clone()),
                quant: own.quant.clone().or_else(|| of_link.quant.clone()),
            }),
            (chosen, _) => chosen.clone(),
        }
    }
}

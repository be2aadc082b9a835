//! What is in a folder, without opening any file.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use crate::catalogue::Stamp;
use crate::library::relative;
use crate::sealing::plain_name;
use crate::sidecar::Form;

/// What a walk through a library, or through folders of it, found.
#[derive(Debug, Default)]
pub struct Walk {
    /// The root of the library.
    pub root: PathBuf,
    /// The folders that were walked, below the root and with `/`; the empty text is the root itself.
    pub folders: Vec<String>,
    /// The files that look like models.
    pub files: Vec<Seen>,
    /// The sidecars beside them.
    pub sidecars: Vec<SeenSidecar>,
    /// What could not be looked at. Nothing is said about what may be below.
    pub problems: Vec<Problem>,
}

/// A file that looks like a model.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Seen {
    /// Its path below the root.
    pub path: String,
    /// What it is known by.
    pub stamp: Stamp,
}

/// A file beside a model that describes it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SeenSidecar {
    /// The path of the model below the root. Two models of one stem share their sidecars.
    pub model: String,
    /// Its own path below the root.
    pub path: String,
    /// Its form, by its name alone.
    pub form: Form,
    /// Its length.
    pub bytes: u64,
    /// When it was last changed, in nanoseconds since the Unix epoch.
    pub mtime_ns: i64,
}

/// Something in the folder that could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The name is no Unicode: neither the catalogue nor a lock can hold it.
    #[error("{} has a name that is no Unicode", path.display())]
    NotUnicode {
        /// The file or folder.
        path: PathBuf,
    },
    /// A folder leads back to one that it is in.
    #[error("{} leads back to {}", path.display(), ancestor.display())]
    Loop {
        /// The symbolic link.
        path: PathBuf,
        /// Where it leads.
        ancestor: PathBuf,
    },
    /// The file system refused.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

impl Problem {
    /// What it is about.
    pub fn path(&self) -> &Path {
        match self {
            Self::NotUnicode { path } | Self::Loop { path, .. } | Self::Unreadable { path, .. } => {
                path
            }
        }
    }
}

/// Says whether a file of this name holds a model, as the interfaces judge it: by its extension, behind which may stand
/// that of an encrypted file.
pub fn is_model(name: &OsStr) -> bool {
    let plain = name
        .to_str()
        .map_or(name, |name| OsStr::new(plain_name(name)));
    let extension = Path::new(plain).extension().and_then(OsStr::to_str);
    extension.is_some_and(|extension| {
        EXTENSIONS
            .iter()
            .any(|known| extension.eq_ignore_ascii_case(known))
    })
}

/// Walks `folders` of `root`, of which each may also be a file or be gone, and all of it if there are none, following links, but no folder or file whose name begins with a dot: trash, quarantine
/// and drafts are there. Blocks.
///
/// # Errors
/// When the root is not there or cannot be read: an absent volume is no empty library.
pub fn walk(root: &Path, folders: &[String]) -> io::Result<Walk> {
    fs_err::read_dir(root)?;
    let whole = [String::new()];
    let folders = if folders.is_empty() { &whole } else { folders };
    let mut walk = Walk {
        root: root.to_owned(),
        folders: folders.to_vec(),
        ..Walk::default()
    };
    let mut beside = Vec::new();
    for folder in folders {
        let entries = WalkDir::new(root.join(folder))
            .follow_links(true)
            .into_iter()
            .filter_entry(|entry| entry.depth() == 0 || !is_hidden(entry));
        for entry in entries {
            match entry {
                Ok(entry) if !entry.file_type().is_file() => {}
                Ok(entry) if is_model(entry.file_name()) => walk.take(root, &entry),
                Ok(entry) if is_sidecar(entry.file_name()) => beside.push(entry),
                Ok(_) => {}
                Err(error) => walk.trouble(error),
            }
        }
    }
    // Folders may overlap.
    walk.files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    walk.files.dedup_by(|a, b| a.path == b.path);
    walk.take_sidecars(root, beside);
    Ok(walk)
}

impl Walk {
    fn take(&mut self, root: &Path, entry: &DirEntry) {
        let path = entry.path();
        let Some(relative) = relative(root, path) else {
            let path = path.to_owned();
            return self.problems.push(Problem::NotUnicode { path });
        };
        match entry.metadata() {
            Ok(metadata) => self.files.push(Seen {
                path: relative,
                stamp: Stamp::of(&metadata),
            }),
            Err(error) => self.trouble(error),
        }
    }

    /// Finds the models of what may be sidecars: the one with the longest stem has the file.
    fn take_sidecars(&mut self, root: &Path, beside: Vec<DirEntry>) {
        let mut stems: HashMap<&str, Vec<&str>> = HashMap::new();
        for file in &self.files {
            let stem = &file.path[..file.path.len() - extension(&file.path)];
            stems.entry(stem).or_default().push(&file.path);
        }
        for entry in beside {
            let Some(path) = relative(root, entry.path()) else {
                continue;
            };
            let owners = Form::ALL.into_iter().filter_map(|form| {
                let stem = path.len().checked_sub(form.suffix().len())?;
                let (stem, suffix) = path.split_at_checked(stem)?;
                let models = stems.get(stem)?;
                suffix
                    .eq_ignore_ascii_case(form.suffix())
                    .then_some((stem.len(), form, models))
            });
            let Some((_, form, models)) = owners.max_by_key(|(length, ..)| *length) else {
                continue;
            };
            // What has just gone is no sidecar any more.
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            let stamp = Stamp::of(&metadata);
            self.sidecars.extend(models.iter().map(|model| SeenSidecar {
                model: (*model).to_owned(),
                path: path.clone(),
                form,
                bytes: stamp.bytes,
                mtime_ns: stamp.mtime_ns,
            }));
        }
        self.sidecars
            .sort_unstable_by(|a, b| (&a.model, &a.path).cmp(&(&b.model, &b.path)));
        self.sidecars
            .dedup_by(|a, b| (&a.model, &a.path) == (&b.model, &b.path));
    }

    fn trouble(&mut self, error: walkdir::Error) {
        let path = error.path().unwrap_or(Path::new("")).to_owned();
        if let Some(ancestor) = error.loop_ancestor() {
            let ancestor = ancestor.to_owned();
            return self.problems.push(Problem::Loop { path, ancestor });
        }
        let source = error
            .into_io_error()
            .unwrap_or_else(|| io::ErrorKind::Other.into());
        // A link to nowhere, or a file that somebody has just taken away, is simply not there.
        if source.kind() != io::ErrorKind::NotFound {
            self.problems.push(Problem::Unreadable { path, source });
        }
    }
}

fn is_sidecar(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    Form::ALL.into_iter().any(|form| {
        let suffix = form.suffix().as_bytes();
        name.len() > suffix.len() && name[name.len() - suffix.len()..].eq_ignore_ascii_case(suffix)
    })
}

/// How long the extension of a path is, with its dot, and with that of an encrypted file.
fn extension(path: &str) -> usize {
    let name = path.rsplit('/').next().unwrap_or(path);
    let plain = plain_name(name);
    plain.rfind('.').map_or(0, |dot| name.len() - dot)
}

fn is_hidden(entry: &DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(b".")
}

/// What the interfaces take for a model, and the archives that Civitai serves.
const EXTENSIONS: [&str; 13] = [
    "safetensors",
    "sft",
    "ckpt",
    "pt",
    "pt2",
    "pth",
    "bin",
    "pkl",
    "gguf",
    "onnx",
    "h5",
    "msgpack",
    "zip",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_known_by_their_extension_in_any_case() {
        for name in [
            "a.safetensors",
            "b.CKPT",
            "c.d.gguf",
            "模型.Pt",
            "a.safetensors.cke",
        ] {
            assert!(is_model(OsStr::new(name)), "{name}");
        }
        for name in [
            "a.safetensors.part",
            ".a.safetensors.cke.new",
            "safetensors",
            "a.json",
            "a.json.cke",
            "pt.cke",
            ".pt",
            "a.",
        ] {
            assert!(!is_model(OsStr::new(name)), "{name}");
        }
    }
}

//! What is in a home.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;
use std::path::Path;

use anyhow::Result;
use civitai_security::crypt::store::Store;
use civitai_security::crypt::{Reader, peek};

/// What is in a home.
#[derive(Debug, Default)]
pub(super) struct State {
    /// What users see of the project: everything but what is hidden or not finished, by its path in it.
    pub(super) files: BTreeMap<String, Vec<u8>>,
    /// All of the home.
    pub(super) hidden_too: BTreeMap<String, Vec<u8>>,
    /// What the catalogue says.
    pub(super) list: Vec<String>,
}

impl State {
    pub(super) fn of(home: &Path) -> Result<Self> {
        let mut state = Self::default();
        gather(home, home, &mut state.hidden_too)?;
        for (path, bytes) in &state.hidden_too {
            let Some(inner) = path
                .strip_prefix(PROJECT)
                .and_then(|path| path.strip_prefix('/'))
            else {
                continue;
            };
            let is_hidden = inner.split('/').any(|part| part.starts_with('.'));
            let is_draft = UNFINISHED.iter().any(|suffix| inner.ends_with(suffix));
            if is_hidden || is_draft {
                continue;
            }
            let bytes = if inner.ends_with(ENCRYPTED) {
                decrypted(home, bytes)
            } else {
                without_counts(inner, bytes)
            };
            state.files.insert(inner.to_owned(), bytes);
        }
        Ok(state)
    }

    pub(super) fn differences(&self, wanted: &Self) -> Vec<String> {
        let mut all: Vec<_> = self.files.keys().chain(wanted.files.keys()).collect();
        all.sort();
        all.dedup();
        let differs = all
            .into_iter()
            .filter(|path| self.files.get(*path) != wanted.files.get(*path));
        let mut differences: Vec<_> = differs
            .map(|path| {
                let len = |state: &Self| state.files.get(path).map(Vec::len);
                format!(
                    "{path}: {:?} bytes where there should be {:?}",
                    len(self),
                    len(wanted)
                )
            })
            .collect();
        if self.list != wanted.list {
            differences.push(format!(
                "the catalogue says {:#?} instead of {:#?}",
                self.list, wanted.list
            ));
        }
        differences
    }

    /// What users do not see, by its paths without the numbers in them: those of times and of operations differ. A journal
    /// of a database is no litter: whoever opens it next cleans up.
    pub(super) fn litter(&self) -> BTreeSet<String> {
        let hidden = self.hidden_too.keys().filter(|path| {
            let inner = path
                .strip_prefix(PROJECT)
                .and_then(|path| path.strip_prefix('/'));
            let is_seen = inner.is_some_and(|inner| self.files.contains_key(inner));
            !is_seen && !path.ends_with(".db-journal")
        });
        let nameless = |path: &String| {
            let mut text = String::new();
            for part in path.split(|letter: char| letter.is_ascii_digit()) {
                if !text.ends_with('#') || !part.is_empty() {
                    text.push_str(part);
                    text.push('#');
                }
            }
            text
        };
        hidden.map(nameless).collect()
    }
}

/// A sidecar says how often the model had been downloaded when the site was asked, and each run adds to that.
fn without_counts(path: &str, bytes: &[u8]) -> Vec<u8> {
    let mut rest = bytes;
    let mut kept = Vec::new();
    while path.ends_with(SIDECAR)
        && let Some(at) = rest.windows(COUNT.len()).position(|part| part == COUNT)
    {
        let (head, tail) = rest.split_at(at + COUNT.len());
        kept.extend_from_slice(head);
        let digits = tail.iter().take_while(|byte| byte.is_ascii_digit()).count();
        rest = &tail[digits..];
    }
    kept.extend_from_slice(rest);
    kept
}

/// What is in an encrypted file, whose own bytes are others each time; its bytes and why, where it does not open.
fn decrypted(home: &Path, bytes: &[u8]) -> Vec<u8> {
    let open = || -> Result<Vec<u8>> {
        let mut container = Cursor::new(bytes);
        let slots = peek(&mut container)?.slots;
        let keys = Store::open(&home.join("data/keys"))?.unlock(&slots, &mut |_| None)?;
        let mut content = Vec::new();
        Reader::open(container, &keys)?.extract(&mut content)?;
        Ok(content)
    };
    open().unwrap_or_else(|error| [format!("{error:#}: ").as_bytes(), bytes].concat())
}

fn gather(folder: &Path, home: &Path, into: &mut BTreeMap<String, Vec<u8>>) -> Result<()> {
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        if fs_err::symlink_metadata(&path)?.is_dir() {
            gather(&path, home, into)?;
        } else {
            let inner = path.strip_prefix(home)?.to_string_lossy().into_owned();
            into.insert(inner, fs_err::read(&path)?);
        }
    }
    Ok(())
}

pub(super) const PROJECT: &str = "project";
const SIDECAR: &str = ".civitai.info";
const ENCRYPTED: &str = ".cke";
const COUNT: &[u8] = b"\"downloadCount\": ";
/// What a name ends in while the file is not finished.
const UNFINISHED: [&str; 3] = [".part", ".part.json", ".new"];

//! Paths of files within the library.

use std::fmt;
use std::path::Path;

use civitai_security::FileName;

/// A path relative to the library's root, with `/` between its parts, each of which is a name that is safe on every
/// system. It never leads out of the library nor into the folders where the program keeps its own things, whose names
/// begin with a dot.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LibraryPath(String);

/// A text that is no path within a library.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is no path within the library that is safe on every system")]
pub struct InvalidPath {
    /// The text, cut at 200 characters.
    pub given: String,
}

impl LibraryPath {
    /// Reads a path; nothing is cleaned on the way.
    pub fn parse(text: &str) -> Result<Self, InvalidPath> {
        let invalid = || InvalidPath {
            given: text.chars().take(200).collect(),
        };
        let is_safe = |part: &str| FileName::clean(part, "_").as_str() == part;
        if text.len() > LONGEST || text.starts_with('.') || !text.split('/').all(is_safe) {
            return Err(invalid());
        }
        Ok(Self(text.to_owned()))
    }

    /// Returns the path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the last part.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// Returns what stands before the last part; empty for a file at the root.
    pub fn folder(&self) -> &str {
        self.0.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// Returns the same folder with another name in it.
    #[must_use]
    pub fn with_name(&self, name: &FileName) -> Self {
        match self.folder() {
            "" => Self(name.as_str().to_owned()),
            folder => Self(format!("{folder}/{}", name.as_str())),
        }
    }

    /// Returns a key that is equal for two paths that some file system takes for the same.
    pub fn collision_key(&self) -> String {
        let parts = self
            .0
            .split('/')
            .map(|part| FileName::clean(part, "_").collision_key());
        parts.collect::<Vec<_>>().join("/")
    }
}

impl AsRef<Path> for LibraryPath {
    fn as_ref(&self) -> &Path {
        Path::new(&self.0)
    }
}

impl fmt::Display for LibraryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What the longest path of any system leaves for a library's root.
const LONGEST: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_out_of_the_library_is_no_path() {
        for text in [
            "",
            "/etc/passwd",
            "../x",
            "a/../b",
            "a//b",
            "a/",
            "./a",
            ".trash/a",
            "a\\b",
            "a/CON",
            "C:/x",
            "a/b.",
            "a\0b",
            "a/ b",
        ] {
            assert!(LibraryPath::parse(text).is_err(), "{text:?}");
        }
        for text in ["a.safetensors", "loras/水彩/a b.safetensors"] {
            assert!(LibraryPath::parse(text).is_ok(), "{text:?}");
        }
    }

    #[test]
    fn paths_that_a_file_system_takes_for_one_share_a_key() {
        let key = |text| LibraryPath::parse(text).expect("a path").collision_key();
        assert_eq!(key("Loras/É.gguf"), key("loras/é.GGUF"));
        assert_ne!(key("loras/a.gguf"), key("vae/a.gguf"));
    }
}

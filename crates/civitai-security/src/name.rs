//! File names from outside, made legal and harmless on Linux, macOS and Windows.
//!
//! What [`FileName::clean`] does, in this order:
//! 1. only the last part of a path stays, whichever slash it is written with;
//! 2. control, bidirectional, zero-width and other invisible characters go, the rest is put into NFC;
//! 3. characters that Windows forbids become `_`;
//! 4. leading dots, dashes, tildes and spaces go, and so do trailing dots and spaces;
//! 5. device names (`CON`, `nul.txt`, `COM¹.bin`) get a leading `_`;
//! 6. the stem is cut so that the name has at most [`MAX_BYTES`], the extension stays;
//! 7. an ending that this program gives its own files (`.part`, `.part.json`, `.quarantine`) is changed.
//!
//! Nothing is percent-decoded: a name in JSON is already plain, and a `Content-Disposition` is decoded
//! once by [`FileName::from_disposition`].

use std::fmt;
use std::path::Path;

use unicode_normalization::UnicodeNormalization;

mod disposition;

/// The longest name in bytes: 255, what file systems allow, less fifteen for the suffixes of files
/// that stand beside it, such as `.part.json` and `.quarantine`.
pub const MAX_BYTES: usize = 255 - 15;

/// A single path component that is safe to create on every system.
///
/// Cleaning it again changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName(String);

impl FileName {
    /// Makes a safe name of whatever a server sent; of `fallback` when nothing of it remains, and
    /// of `file` when nothing of that remains either.
    pub fn clean(raw: &str, fallback: &str) -> Self {
        let name = last_part(raw)
            .or_else(|| last_part(fallback))
            .unwrap_or_else(|| "file".to_owned());
        Self(name)
    }

    /// Reads the name from a `Content-Disposition` header and cleans it.
    ///
    /// `filename*` is decoded once and preferred to `filename`. A header without a usable name gives `fallback`.
    pub fn from_disposition(header: &[u8], fallback: &str) -> Self {
        let name = disposition::file_name(header);
        Self::clean(name.as_deref().unwrap_or_default(), fallback)
    }

    /// Returns the name for a second file of the same name: `STEM.FILEID.EXT`.
    #[must_use]
    pub fn with_id(&self, file_id: u64) -> Self {
        let tail = match self.extension() {
            Some(extension) => format!(".{file_id}.{extension}"),
            None => format!(".{file_id}"),
        };
        Self(without_device_name(cut(self.stem(), &tail)))
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns what stands before the extension and its dot.
    pub fn stem(&self) -> &str {
        split_extension(&self.0).0
    }

    /// Returns what follows the last dot, in its own case; `None` without a dot, and for more than
    /// 32 bytes, which is prose and no extension.
    pub fn extension(&self) -> Option<&str> {
        split_extension(&self.0).1
    }

    /// Returns a key that is equal for two names that some file system takes for the same.
    ///
    /// Case and the way of composing letters do not count. It may also be equal for names that every
    /// file system tells apart; then one of them gets a number that it did not need.
    pub fn collision_key(&self) -> String {
        // Both ways and back: `ẞ`, `ß` and `SS`, or the three sigmas, meet only after more than one mapping.
        // By character, because the mapping of whole strings treats a final sigma specially.
        self.0
            .nfd()
            .flat_map(char::to_lowercase)
            .flat_map(char::to_uppercase)
            .flat_map(char::to_lowercase)
            .nfc()
            .collect()
    }
}

impl AsRef<str> for FileName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl AsRef<Path> for FileName {
    fn as_ref(&self) -> &Path {
        self.0.as_ref()
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The last part of a path of which something remains.
fn last_part(raw: &str) -> Option<String> {
    raw.rsplit(['/', '\\']).find_map(clean_part)
}

fn clean_part(part: &str) -> Option<String> {
    let legal: String = part
        .chars()
        .filter(|&c| !is_invisible(c))
        .nfc()
        .map(|c| if is_forbidden(c) { '_' } else { c })
        .collect();
    let trimmed = legal
        .trim_start_matches(|c: char| matches!(c, '.' | '-' | '~') || c.is_whitespace())
        .trim_end_matches(is_dropped_at_end);
    if trimmed.is_empty() {
        return None;
    }
    let mut name = without_device_name(trimmed.to_owned());
    if name.len() > MAX_BYTES {
        name = match split_extension(&name) {
            (stem, Some(extension)) => cut(stem, &format!(".{extension}")),
            (stem, None) => cut(stem, ""),
        };
    }
    // Cutting may uncover what was harmless before: `CON`, two hundred spaces, `x.bin`.
    Some(without_device_name(without_own_suffix(name)))
}

/// Joins stem and tail, the stem cut at a character so that both fit.
fn cut(stem: &str, tail: &str) -> String {
    let room = MAX_BYTES - tail.len();
    let stem = &stem[..stem.floor_char_boundary(room)];
    format!("{}{tail}", stem.trim_end_matches(is_dropped_at_end))
}

fn split_extension(name: &str) -> (&str, Option<&str>) {
    match name.rsplit_once('.') {
        Some((stem, extension))
            if !stem.is_empty() && (1..=MAX_EXTENSION_BYTES).contains(&extension.len()) =>
        {
            (stem, Some(extension))
        }
        _ => (name, None),
    }
}

/// Windows opens a device for these names, whatever extension and spaces follow.
fn without_device_name(name: String) -> String {
    let base = name.split('.').next().unwrap_or_default();
    let base = base.trim_end().to_uppercase();
    let is_numbered = |port: &str| {
        let number = base.strip_prefix(port).unwrap_or_default();
        let mut digits = number.chars();
        matches!(digits.next(), Some('0'..='9' | '¹' | '²' | '³')) && digits.next().is_none()
    };
    if DEVICES.contains(&base.as_str()) || is_numbered("COM") || is_numbered("LPT") {
        format!("_{name}")
    } else {
        name
    }
}

/// A server's `x.safetensors.part.json` must not pass for the journal of `x.safetensors`.
fn without_own_suffix(mut name: String) -> String {
    for suffix in OWN_SUFFIXES {
        let Some(at) = name.len().checked_sub(suffix.len()) else {
            continue;
        };
        if name.is_char_boundary(at) && name[at..].eq_ignore_ascii_case(suffix) {
            name.replace_range(at..=at, "_");
        }
    }
    name
}

/// Windows drops dots and spaces at the end without a word.
fn is_dropped_at_end(c: char) -> bool {
    c == '.' || c.is_whitespace()
}

fn is_forbidden(c: char) -> bool {
    // U+FFFD stands where bytes were no text.
    matches!(
        c,
        '<' | '>' | ':' | '"' | '/' | '\\' | '|' | '?' | '*' | '\u{fffd}'
    )
}

/// Characters that show nothing, reorder what is shown, or must not be exchanged.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fdd0}'..='\u{fdef}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
        // The last two code points of each plane.
        || u32::from(c) & 0xfffe == 0xfffe
}

const MAX_EXTENSION_BYTES: usize = 32;
const DEVICES: [&str; 7] = ["AUX", "CLOCK$", "CON", "CONIN$", "CONOUT$", "NUL", "PRN"];
const OWN_SUFFIXES: [&str; 3] = [".part.json", ".part", ".quarantine"];

//! Judges the content of a model file without running any of it.
//!
//! [`scan`] finds out from the bytes which formats a file can be read as, reads it as each of them, and
//! says in a [`Report`] what that reading could do. The name of a file only adds checks.
//!
//! What holds for every format:
//! * An error, a limit or an unknown never becomes [`Verdict::Clean`].
//! * What was found before an error stays found.
//! * Every reading that some loader uses is judged: each format that matches, the first and the last of
//!   two members of one name, each pickle of a row.
//! * Memory, time and depth are bounded by [`Limits`], whatever the file claims.
//!
//! The rules are in a table, [`rules`], and on the page `docs/scan-rules.md`.

mod blocks;
mod budget;
mod compress;
mod config;
mod format;
mod frame;
mod gguf;
mod hdf5;
mod input;
mod jinja;
mod json;
mod keras;
mod limits;
mod npy;
mod onnx;
mod other;
mod path;
mod pickle;
mod policy;
mod protobuf;
mod report;
mod rule;
mod safetensors;
mod sentencepiece;
mod sevenz;
mod tar;
mod text;
mod torchscript;
mod zip;

use std::io::{self, Read, Seek};
use std::path::Path;

pub use limits::Limits;
pub use policy::{Action, Policy, Unsafe};
pub use report::{Finding, Report, Verdict};
pub use rule::{Rule, RuleGroup, rules};

use blocks::Blocks;
use frame::Scan;
use input::Input;

/// Scans a file.
///
/// Always gives a report: a file that cannot be opened or read is [`Verdict::Unscannable`], with the
/// reason in its finding. Blocks; reads at most the whole file, and only parts of it where the format
/// says that the rest is numbers.
pub fn scan(path: &Path, limits: &Limits) -> Report {
    scan_as(path, path, limits)
}

/// Scans the file at `path` that is going to be called `name`.
pub fn scan_as(name: &Path, path: &Path, limits: &Limits) -> Report {
    let name = name
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    match open(path) {
        Ok(file) => judge(
            Input::new(&name, &mut Blocks::new(file)).map(|input| input.of_file(path)),
            limits,
        ),
        Err(error) => judge(Err(error), limits),
    }
}

/// Scans what a reader holds, from its first byte to its last; `name` is the file's name.
pub fn scan_reader(name: &str, source: impl Read + Seek, limits: &Limits) -> Report {
    judge(Input::new(name, &mut Blocks::new(source)), limits)
}

/// Scans bytes in memory; `name` is the name of the file that they would be.
pub fn scan_bytes(name: &str, bytes: &[u8], limits: &Limits) -> Report {
    judge(Input::new(name, &mut io::Cursor::new(bytes)), limits)
}

fn judge(input: io::Result<Input<'_>>, limits: &Limits) -> Report {
    match input {
        Ok(mut input) => Scan::new(limits, input.len()).run(&mut input),
        Err(error) => Report::of(Finding::new(&rule::IO_ERROR, 0, error.to_string())),
    }
}

/// Opens a regular file: a pipe would block, and a device has no end.
fn open(path: &Path) -> io::Result<fs_err::File> {
    if !fs_err::metadata(path)?.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not a regular file",
        ));
    }
    fs_err::File::open(path)
}

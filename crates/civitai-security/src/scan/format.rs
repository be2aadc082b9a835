use std::io;

use super::frame::{Scan, Stop};
use super::input::Input;
use super::{
    compress, config, gguf, hdf5, npy, onnx, other, pickle, safetensors, sentencepiece, sevenz,
    tar, text, zip,
};

/// A way to read bytes.
///
/// A format that is only found inside another one (`TorchScript` in a zip) is no row here: its container
/// knows it.
pub(super) struct Format {
    /// The short name used in reports.
    pub(super) name: &'static str,
    /// Endings of names by which people ask for this format, without the dot.
    pub(super) extensions: &'static [&'static str],
    /// Looks whether the bytes can be read as this; reads little.
    pub(super) detect: fn(&mut Input<'_>) -> io::Result<Match>,
    /// Reads the whole and tells the scan what it finds; [`Stop`] only where it cannot go on.
    pub(super) scan: fn(&mut Scan<'_>, &mut Input<'_>) -> Result<(), Stop>,
}

/// How well bytes fit a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Match {
    No,
    /// A loader would try, but so it would with other bytes. What is merely broken in this reading
    /// counts only where no other format understands the bytes and the name asks for this one.
    Maybe,
    /// They carry its mark. Whatever is wrong with them counts.
    Yes,
}

impl From<bool> for Match {
    fn from(matches: bool) -> Self {
        if matches { Self::Yes } else { Self::No }
    }
}

/// Every format there is. Order is that of the report only: all that match are read.
pub(super) static FORMATS: &[Format] = &[
    pickle::FORMAT,
    zip::FORMAT,
    tar::FORMAT,
    sevenz::FORMAT,
    compress::GZIP,
    compress::BZIP2,
    compress::XZ,
    compress::LZMA,
    compress::ZLIB,
    npy::FORMAT,
    safetensors::FORMAT,
    gguf::FORMAT,
    onnx::FORMAT,
    hdf5::FORMAT,
    sentencepiece::FORMAT,
    config::FORMAT,
    text::FORMAT,
    other::FORMAT,
];

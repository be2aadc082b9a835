//! Inputs of each format, right but for a few lies.

pub(crate) mod container;
pub(crate) mod content_range;
pub(crate) mod gguf;
pub(crate) mod hdf5;
pub(crate) mod link;
pub(crate) mod npy;
pub(crate) mod onnx;
pub(crate) mod packed;
pub(crate) mod pickle;
pub(crate) mod safetensors;
pub(crate) mod sevenz;
pub(crate) mod tar;
pub(crate) mod text;
pub(crate) mod zip;

use crate::random::Random;

/// What a container may hold: anything, containers less often the deeper they are.
fn content(random: &mut Random) -> Vec<u8> {
    match random.below(16) {
        0 => zip::zip(random),
        1 => tar::tar(random),
        2 => packed::packed(random),
        3 => sevenz::sevenz(random),
        4 | 5 => safetensors::safetensors(random),
        6 | 7 => npy::npy(random),
        8 => text::text(random),
        9 => gguf::gguf(random),
        10 => random.bytes(40),
        _ => pickle::pickle(random),
    }
}

/// Little-endian fields, one behind the other.
#[derive(Clone, Debug, Default)]
struct Fields(Vec<u8>);

impl Fields {
    fn of(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    fn u8(mut self, number: u8) -> Self {
        self.0.push(number);
        self
    }

    fn u16(mut self, number: u16) -> Self {
        self.0.extend(number.to_le_bytes());
        self
    }

    fn u32(mut self, number: u32) -> Self {
        self.0.extend(number.to_le_bytes());
        self
    }

    fn u64(mut self, number: u64) -> Self {
        self.0.extend(number.to_le_bytes());
        self
    }

    fn bytes(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.0.extend(bytes.as_ref());
        self
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

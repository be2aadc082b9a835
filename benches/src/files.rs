//! The files that are served: the same bytes in every run on every machine.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

/// Files of one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Set {
    /// One digit: the folder of the set and the first digit of its files' ids.
    pub(crate) number: u32,
    pub(crate) count: u32,
    pub(crate) bytes_each: u64,
}

pub(crate) const ONE_2_GIB: Set = Set::new(1, 1, 2 << 30);
pub(crate) const ONE_512_MIB: Set = Set::new(2, 1, 512 << 20);
pub(crate) const ONE_128_MIB: Set = Set::new(3, 1, 128 << 20);
pub(crate) const ONE_32_MIB: Set = Set::new(4, 1, 32 << 20);
pub(crate) const MANY_8_MIB: Set = Set::new(5, 200, 8 << 20);
pub(crate) const MANY_40_KIB: Set = Set::new(6, 3000, 40 << 10);

/// A served file.
#[derive(Clone, Debug)]
pub(crate) struct File {
    pub(crate) id: u32,
    pub(crate) name: String,
    pub(crate) bytes: u64,
    /// Lower-case hex.
    pub(crate) sha256: String,
}

impl Set {
    const fn new(number: u32, count: u32, bytes_each: u64) -> Self {
        Self {
            number,
            count,
            bytes_each,
        }
    }

    pub(crate) fn bytes(self) -> u64 {
        self.bytes_each * u64::from(self.count)
    }

    /// Writes the files into `folder`; none is written twice.
    pub(crate) fn make(self, folder: &Path) -> Result<Vec<File>> {
        fs_err::create_dir_all(folder)?;
        let ids = (0..self.count).map(|nth| self.number * 100_000 + nth);
        ids.map(|id| make(folder, id, self.bytes_each)).collect()
    }
}

fn make(folder: &Path, id: u32, bytes: u64) -> Result<File> {
    let name = format!("{id}.safetensors");
    let path = folder.join(&name);
    let sha256 = if path.exists() {
        sha256(&path)?
    } else {
        write(&path, id, bytes)?
    };
    Ok(File {
        id,
        name,
        bytes,
        sha256,
    })
}

/// Writes a header as model files have one, then bytes that do not compress; returns their digest.
fn write(path: &Path, id: u32, bytes: u64) -> Result<String> {
    let header = format!("{{\"__metadata__\":{{\"seed\":\"{id}\"}}}}");
    let mut start = (header.len() as u64).to_le_bytes().to_vec();
    start.extend(header.bytes());
    let mut out = fs_err::File::create(path)?;
    let mut digest = Sha256::new();
    let mut block = vec![0_u8; 1 << 20];
    let mut state = u64::from(id);
    let mut left = bytes;
    while left > 0 {
        for word in block.chunks_exact_mut(8) {
            word.copy_from_slice(&splitmix64(&mut state).to_le_bytes());
        }
        if left == bytes {
            block[..start.len()].copy_from_slice(&start);
        }
        let take = usize::try_from(left.min(block.len() as u64))?;
        digest.update(&block[..take]);
        out.write_all(&block[..take])?;
        left -= take as u64;
    }
    Ok(hex(&digest.finalize()))
}

/// The next of a sequence of well-mixed numbers (Steele, Lea, Flood 2014).
pub(crate) fn splitmix64(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// The digest of a file, in lower-case hex.
pub(crate) fn sha256(path: &Path) -> Result<String> {
    let mut file = fs_err::File::open(path)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).context("reading what arrived")? {
            0 => return Ok(hex(&digest.finalize())),
            n => digest.update(&buffer[..n]),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_id_gives_the_same_bytes_behind_a_readable_header() {
        let set = Set::new(9, 2, 40 << 10);
        let dir = tempfile::tempdir().expect("a temporary folder can be made");
        let made = set.make(dir.path()).expect("the files can be written");
        let found = set.make(dir.path()).expect("the files can be read");
        assert_eq!(made[0].sha256, found[0].sha256);
        assert_ne!(made[0].sha256, made[1].sha256);
        let bytes = fs_err::read(dir.path().join("900000.safetensors")).expect("it was written");
        assert_eq!(bytes.len(), 40 << 10);
        let length = usize::try_from(u64::from_le_bytes(bytes[..8].try_into().expect("8 bytes")));
        let header = &bytes[8..8 + length.expect("it is short")];
        assert_eq!(header, br#"{"__metadata__":{"seed":"900000"}}"#);
    }
}

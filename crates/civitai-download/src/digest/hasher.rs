//! All digests from the bytes of a file in order.

use std::fmt;
use std::sync::Arc;

use super::sha256::Sha256;
use super::{Digest, DigestSet, Digests};
use crate::tree::Growing;

/// Computes a [`DigestSet`] from the bytes of a file, given in order in pieces of any size.
#[derive(Clone)]
pub struct Hasher {
    chains: Chains,
    sums: Sums,
}

impl Hasher {
    /// Starts at the first byte of a file.
    pub fn new(set: DigestSet) -> Self {
        Self {
            chains: Chains::new(set),
            sums: Sums::new(set),
        }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, chunk: &[u8]) {
        self.chains.update(chunk);
        self.sums.update(chunk);
    }

    /// Takes the next bytes of two files. Where both are to have the same digests, that takes less than two updates.
    pub(crate) fn update_both((a, bytes_a): (&mut Self, &[u8]), (b, bytes_b): (&mut Self, &[u8])) {
        Chains::update_both((&mut a.chains, bytes_a), (&mut b.chains, bytes_b));
        a.sums.update(bytes_a);
        b.sums.update(bytes_b);
    }

    /// How many bytes were taken: the offset of the next one.
    pub const fn bytes(&self) -> u64 {
        self.chains.bytes
    }

    /// Ends the file here.
    pub fn finish(self) -> Digests {
        let mut digests = Digests::default();
        self.chains.finish(&mut digests);
        self.sums.finish(&mut digests);
        digests
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hasher")
            .field("bytes", &self.bytes())
            .finish_non_exhaustive()
    }
}

/// The digests that are chains of blocks: however many cores there are, one of them has to go through the whole file.
#[derive(Clone)]
pub(super) struct Chains {
    bytes: u64,
    sha256: Option<Sha256>,
    auto_v1: Option<Sha256>,
    auto_v3: Option<Tensors>,
}

impl Chains {
    pub(super) fn new(set: DigestSet) -> Self {
        Self {
            bytes: 0,
            sha256: set.contains(DigestSet::SHA256).then(Sha256::default),
            auto_v1: set.contains(DigestSet::AUTO_V1).then(Sha256::default),
            auto_v3: set.contains(DigestSet::AUTO_V3).then(Tensors::default),
        }
    }

    pub(super) fn update(&mut self, chunk: &[u8]) {
        let tensors = self.auto_v3.as_mut().map(|tensors| tensors.enter(chunk));
        match (&mut self.sha256, tensors) {
            (Some(file), Some((tensors, part))) => {
                Sha256::update_both((file, chunk), (tensors, part));
            }
            (Some(file), None) => file.update(chunk),
            (None, Some((tensors, part))) => tensors.update(part),
            (None, None) => {}
        }
        if let Some(hasher) = &mut self.auto_v1 {
            let start = clamped_offset(AUTO_V1_START, self.bytes, chunk.len());
            let end = clamped_offset(AUTO_V1_START + AUTO_V1_LEN, self.bytes, chunk.len());
            hasher.update(&chunk[start..end]);
        }
        self.bytes += chunk.len() as u64;
    }

    /// The computations of one file take turns with those of the other if each has only one.
    fn update_both((a, bytes_a): (&mut Self, &[u8]), (b, bytes_b): (&mut Self, &[u8])) {
        if let (Some(file_a), Some(file_b)) = (a.only_sha256(), b.only_sha256()) {
            Sha256::update_both((file_a, bytes_a), (file_b, bytes_b));
            a.bytes += bytes_a.len() as u64;
            b.bytes += bytes_b.len() as u64;
        } else {
            a.update(bytes_a);
            b.update(bytes_b);
        }
    }

    fn only_sha256(&mut self) -> Option<&mut Sha256> {
        let alone = self.auto_v1.is_none() && self.auto_v3.is_none();
        self.sha256.as_mut().filter(|_| alone)
    }

    pub(super) fn finish(self, digests: &mut Digests) {
        let long_enough = self.bytes >= AUTO_V1_MIN_FILE;
        digests.bytes = self.bytes;
        digests.sha256 = self.sha256.map(Sha256::finish);
        digests.auto_v1 = self
            .auto_v1
            .filter(|_| long_enough)
            .map(|hasher| hasher.finish().prefix());
        digests.auto_v3 = self.auto_v3.and_then(Tensors::finish);
    }
}

/// The other digests: far cheaper, and independent of the chains.
#[derive(Clone)]
pub(super) struct Sums {
    blake3: Option<Blake3>,
    crc32: Option<crc32fast::Hasher>,
}

#[derive(Clone)]
enum Blake3 {
    // A BLAKE3 state holds its whole tree stack: 1.9 KiB.
    Root(Box<blake3::Hasher>),
    Tree(Box<Growing>),
}

impl Sums {
    pub(super) fn new(set: DigestSet) -> Self {
        let blake3 = if set.contains(DigestSet::TREE) {
            Some(Blake3::Tree(Box::default()))
        } else if set.contains(DigestSet::BLAKE3) {
            Some(Blake3::Root(Box::default()))
        } else {
            None
        };
        Self {
            blake3,
            crc32: set.contains(DigestSet::CRC32).then(crc32fast::Hasher::new),
        }
    }

    pub(super) fn update(&mut self, chunk: &[u8]) {
        match &mut self.blake3 {
            Some(Blake3::Root(hasher)) => {
                hasher.update(chunk);
            }
            Some(Blake3::Tree(tree)) => tree.update(chunk),
            None => {}
        }
        if let Some(hasher) = &mut self.crc32 {
            hasher.update(chunk);
        }
    }

    pub(super) fn finish(self, digests: &mut Digests) {
        match self.blake3 {
            Some(Blake3::Root(hasher)) => {
                digests.blake3 = Some(Digest(*hasher.finalize().as_bytes()));
            }
            Some(Blake3::Tree(tree)) => {
                let tree = tree.finish();
                digests.blake3 = Some(tree.root());
                digests.tree = Some(Arc::new(tree));
            }
            None => {}
        }
        digests.crc32 = self
            .crc32
            .map(|hasher| Digest(hasher.finalize().to_le_bytes()));
    }
}

/// AutoV3: SHA-256 of what follows the header, whose length is in the first 8 bytes.
#[derive(Clone, Default)]
struct Tensors {
    length: [u8; 8],
    length_seen: usize,
    to_skip: u64,
    hasher: Sha256,
}

impl Tensors {
    /// Passes over what of the next bytes belongs to the header; the rest is for the hasher.
    fn enter<'a>(&mut self, mut chunk: &'a [u8]) -> (&mut Sha256, &'a [u8]) {
        if self.length_seen < self.length.len() {
            let taken = chunk.len().min(self.length.len() - self.length_seen);
            self.length[self.length_seen..][..taken].copy_from_slice(&chunk[..taken]);
            self.length_seen += taken;
            chunk = &chunk[taken..];
            if self.length_seen < self.length.len() {
                return (&mut self.hasher, &[]);
            }
            let header = u64::from_le_bytes(self.length);
            self.to_skip = if header < AUTO_V3_MAX_HEADER {
                header
            } else {
                0
            };
        }
        let skipped =
            usize::try_from(self.to_skip).map_or(chunk.len(), |skip| skip.min(chunk.len()));
        self.to_skip -= skipped as u64;
        (&mut self.hasher, &chunk[skipped..])
    }

    fn finish(self) -> Option<Digest<32>> {
        (self.length_seen == self.length.len()).then(|| self.hasher.finish())
    }
}

/// Where `offset` of the file lies in a chunk of `len` bytes that starts at `start`, moved to the chunk's nearer end.
fn clamped_offset(offset: u64, start: u64, len: usize) -> usize {
    usize::try_from(offset.saturating_sub(start)).map_or(len, |index| index.min(len))
}

const AUTO_V1_START: u64 = 1 << 20;
const AUTO_V1_LEN: u64 = 1 << 16;
const AUTO_V1_MIN_FILE: u64 = 2 << 20;
const AUTO_V3_MAX_HEADER: u64 = 16 << 20;

//! Where the chunks of a container are.

use super::CryptError;
use super::primitive::MAC_BYTES;
use super::region::REGION_BYTES;

/// The arithmetic of one container: header, chunks with their tags, trailer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    chunk: u64,
    tag: u64,
    /// Length of the content.
    pub(crate) plain: u64,
}

impl Layout {
    /// Reads the length of the content off the length of the container.
    pub(crate) fn of_sealed(sealed: u64, chunk: usize, tag: usize) -> Result<Self, CryptError> {
        let (chunk, tag) = (chunk as u64, tag as u64);
        let body = sealed
            .checked_sub(OVERHEAD_BYTES)
            .ok_or(CryptError::Refused)?;
        let chunks = body.div_ceil(chunk + tag);
        let plain = body.checked_sub(chunks * tag).ok_or(CryptError::Refused)?;
        let layout = Self { chunk, tag, plain };
        // A last chunk without content stands only in an empty file.
        if chunks == 0 || chunks != layout.chunks() || chunks > MAX_CHUNKS {
            return Err(CryptError::Refused);
        }
        Ok(layout)
    }

    pub(crate) fn chunks(self) -> u64 {
        self.plain.div_ceil(self.chunk).max(1)
    }

    /// Which chunk holds a position of the content.
    pub(crate) fn index_of(self, position: u64) -> u64 {
        position / self.chunk
    }

    /// Where the content of a chunk begins in the content.
    pub(crate) fn start_of(self, index: u64) -> u64 {
        index * self.chunk
    }

    /// Where a chunk begins in the container.
    pub(crate) fn offset_of(self, index: u64) -> u64 {
        REGION_BYTES as u64 + index * (self.chunk + self.tag)
    }

    /// The length of the content of a chunk that exists.
    pub(crate) fn length_of(self, index: u64) -> usize {
        let length = (self.plain - self.start_of(index)).min(self.chunk);
        usize::try_from(length).expect("a chunk has at most 4 MiB")
    }

    pub(crate) fn is_last(self, index: u64) -> bool {
        index + 1 == self.chunks()
    }

    /// Where the trailer begins.
    pub(crate) fn trailer(self) -> u64 {
        REGION_BYTES as u64 + self.plain + self.chunks() * self.tag
    }
}

/// The number of a chunk has 32 bits.
pub(crate) const MAX_CHUNKS: u64 = 1 << 32;
const OVERHEAD_BYTES: u64 = (REGION_BYTES + MAC_BYTES) as u64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_the_content_follows_from_that_of_the_container_and_nothing_else_fits() {
        let (chunk, tag) = (8, 3);
        let mut lengths = std::collections::BTreeMap::new();
        for plain in 0_u64..40 {
            let chunks = plain.div_ceil(8).max(1);
            lengths.insert(OVERHEAD_BYTES + plain + chunks * 3, plain);
        }
        for sealed in 0..OVERHEAD_BYTES + 40 {
            let layout = Layout::of_sealed(sealed, chunk, tag);
            assert_eq!(
                layout.ok().map(|layout| layout.plain),
                lengths.get(&sealed).copied(),
                "{sealed}"
            );
        }
    }

    #[test]
    fn chunks_follow_each_other_up_to_the_trailer() {
        for plain in [0_u64, 1, 7, 8, 9, 16, 17] {
            let sealed = OVERHEAD_BYTES + plain + plain.div_ceil(8).max(1) * 3;
            let layout = Layout::of_sealed(sealed, 8, 3).expect("such a container exists");
            let mut at = REGION_BYTES as u64;
            for index in 0..layout.chunks() {
                assert_eq!(layout.offset_of(index), at);
                assert_eq!(layout.is_last(index), index == layout.chunks() - 1);
                at += layout.length_of(index) as u64 + 3;
            }
            assert_eq!(layout.trailer(), at);
        }
    }

    #[test]
    fn more_chunks_than_a_counter_counts_are_refused() {
        let sealed = |chunks: u64| OVERHEAD_BYTES + chunks * (65_536 + 16);
        assert!(Layout::of_sealed(sealed(MAX_CHUNKS), 65_536, 16).is_ok());
        assert!(Layout::of_sealed(sealed(MAX_CHUNKS + 1), 65_536, 16).is_err());
        assert!(Layout::of_sealed(u64::MAX, 65_536, 16).is_err());
    }
}

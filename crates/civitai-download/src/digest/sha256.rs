//! SHA-256 whose blocks can take turns with those of another computation.

use sha2::block_api::compress256;

use super::Digest;
use super::lanes::{Block, State, compress_both};

/// A computation that has taken some bytes.
#[derive(Clone)]
pub(super) struct Sha256 {
    state: State,
    /// The block that is not complete yet, and how much of it is there.
    tail: Block,
    filled: usize,
    bytes: u64,
}

impl Sha256 {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        let (blocks, tail) = self.top_up(bytes).as_chunks();
        compress256(&mut self.state, blocks);
        self.keep(tail);
    }

    /// Gives two computations their next bytes.
    pub(super) fn update_both((a, bytes_a): (&mut Self, &[u8]), (b, bytes_b): (&mut Self, &[u8])) {
        let (blocks_a, tail_a) = a.top_up(bytes_a).as_chunks();
        let (blocks_b, tail_b) = b.top_up(bytes_b).as_chunks();
        compress_both((&mut a.state, blocks_a), (&mut b.state, blocks_b));
        a.keep(tail_a);
        b.keep(tail_b);
    }

    pub(super) fn finish(mut self) -> Digest<32> {
        let bits = self.bytes.wrapping_mul(8);
        self.tail[self.filled..].fill(0);
        self.tail[self.filled] = 0x80;
        if self.filled >= LENGTH_AT {
            compress256(&mut self.state, &[self.tail]);
            self.tail.fill(0);
        }
        self.tail[LENGTH_AT..].copy_from_slice(&bits.to_be_bytes());
        compress256(&mut self.state, &[self.tail]);
        let mut digest = [0; 32];
        for (bytes, word) in digest.as_chunks_mut().0.iter_mut().zip(self.state) {
            *bytes = word.to_be_bytes();
        }
        Digest(digest)
    }

    /// Completes the block that was begun; gives what is left of `bytes` then, which is nothing if it is not complete.
    fn top_up<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        self.bytes = self.bytes.wrapping_add(bytes.len() as u64);
        if self.filled == 0 {
            return bytes;
        }
        let (taken, rest) = bytes.split_at(bytes.len().min(self.tail.len() - self.filled));
        self.tail[self.filled..][..taken.len()].copy_from_slice(taken);
        self.filled += taken.len();
        if self.filled == self.tail.len() {
            compress256(&mut self.state, &[self.tail]);
            self.filled = 0;
        }
        rest
    }

    /// Begins a block, unless there is nothing to begin it with.
    fn keep(&mut self, tail: &[u8]) {
        if !tail.is_empty() {
            self.tail[..tail.len()].copy_from_slice(tail);
            self.filled = tail.len();
        }
    }
}

impl Default for Sha256 {
    fn default() -> Self {
        Self {
            state: INITIAL,
            tail: [0; 64],
            filled: 0,
            bytes: 0,
        }
    }
}

/// Where the last block has the length of the message.
const LENGTH_AT: usize = 56;
/// FIPS 180-4, 5.3.3.
const INITIAL: State = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sha2::Digest as _;

    use super::*;

    fn reference(bytes: &[u8]) -> Digest<32> {
        Digest(sha2::Sha256::digest(bytes).into())
    }

    #[test]
    fn every_length_of_the_last_block_is_padded_rightly() {
        let bytes = [0xa5; 200];
        for len in 0..bytes.len() {
            let mut hasher = Sha256::default();
            hasher.update(&bytes[..len]);
            assert_eq!(hasher.finish(), reference(&bytes[..len]), "{len} bytes");
        }
    }

    proptest! {
        #[test]
        fn two_that_take_turns_are_as_two_apart(
            bytes in proptest::collection::vec(any::<u8>(), 0..2000),
            cuts in proptest::collection::vec((0_usize..300, 0_usize..300), 0..12),
        ) {
            let (mut a, mut b) = (Sha256::default(), Sha256::default());
            let (mut rest_a, mut rest_b) = (&bytes[..], &bytes[bytes.len().min(13)..]);
            let whole_b = rest_b;
            for (cut_a, cut_b) in cuts {
                let (piece_a, tail_a) = rest_a.split_at(cut_a.min(rest_a.len()));
                let (piece_b, tail_b) = rest_b.split_at(cut_b.min(rest_b.len()));
                Sha256::update_both((&mut a, piece_a), (&mut b, piece_b));
                (rest_a, rest_b) = (tail_a, tail_b);
            }
            Sha256::update_both((&mut a, rest_a), (&mut b, rest_b));
            prop_assert_eq!(a.finish(), reference(&bytes));
            prop_assert_eq!(b.finish(), reference(whole_b));
        }
    }
}

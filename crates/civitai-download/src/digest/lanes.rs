//! Two SHA-256 computations in one go on one core.
//!
//! The SHA instructions of x86 processors give a result every other cycle, but each round of a computation waits four
//! for the one before it. So a core that works on two computations at a time, a step of one after a step of the other,
//! takes little longer than for one. Civitai's SHA256 and AutoV3 are two computations over nearly the same bytes.
//!
//! This is the crate's only module with `unsafe` code: one call, of a function that needs these instructions, after
//! asking the processor for them. Processors without them do one computation after the other.

use sha2::block_api::compress256;

/// The state of a computation between two blocks.
pub(super) type State = [u32; 8];

/// The unit of the computation.
pub(super) type Block = [u8; 64];

/// A computation and its next blocks.
pub(super) type Lane<'a> = (&'a mut State, &'a [Block]);

/// Takes the next blocks of two computations. They take turns as far as both have blocks.
pub(super) fn compress_both((a, blocks_a): Lane<'_>, (b, blocks_b): Lane<'_>) {
    let shared = blocks_a.len().min(blocks_b.len());
    let (blocks_a, rest_a) = blocks_a.split_at(shared);
    let (blocks_b, rest_b) = blocks_b.split_at(shared);
    // Without optimisation each instruction is a call.
    if cfg!(debug_assertions) || !interleave((a, blocks_a), (b, blocks_b)) {
        compress256(a, blocks_a);
        compress256(b, blocks_b);
    }
    compress256(a, rest_a);
    compress256(b, rest_b);
}

/// False, and nothing is done, where the processor lacks the instructions.
#[cfg(target_arch = "x86_64")]
fn interleave(a: Lane<'_>, b: Lane<'_>) -> bool {
    let is_able = std::arch::is_x86_feature_detected!("sha")
        && std::arch::is_x86_feature_detected!("ssse3")
        && std::arch::is_x86_feature_detected!("sse4.1");
    if is_able {
        #[expect(
            unsafe_code,
            reason = "two computations at a time need instructions that not every processor has"
        )]
        // SAFETY: the processor has the features that the function is compiled for. It asks for nothing else: it takes
        // and gives references and reads memory by value.
        unsafe {
            x86::compress_both(a, b);
        }
    }
    is_able
}

#[cfg(not(target_arch = "x86_64"))]
fn interleave(_: Lane<'_>, _: Lane<'_>) -> bool {
    false
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_extract_epi32, _mm_set_epi8, _mm_set_epi32,
        _mm_set_epi64x, _mm_sha256msg1_epu32, _mm_sha256msg2_epu32, _mm_sha256rnds2_epu32,
        _mm_shuffle_epi8, _mm_shuffle_epi32,
    };

    use super::{Block, Lane, State};

    /// Both have the same number of blocks.
    #[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
    pub(super) fn compress_both((a, blocks_a): Lane<'_>, (b, blocks_b): Lane<'_>) {
        let (mut lane_a, mut lane_b) = (Registers::load(a), Registers::load(b));
        for (block_a, block_b) in blocks_a.iter().zip(blocks_b) {
            let (kept_a, kept_b) = (lane_a, lane_b);
            let (mut words_a, mut words_b) = (load(block_a), load(block_b));
            for constants in &EARLY {
                for (index, constants) in constants.iter().enumerate() {
                    let constants = pack(constants);
                    lane_a.rounds(words_a[index], constants);
                    lane_b.rounds(words_b[index], constants);
                    words_a[index] = next(&words_a, index);
                    words_b[index] = next(&words_b, index);
                }
            }
            for (index, constants) in LATE.iter().enumerate() {
                let constants = pack(constants);
                lane_a.rounds(words_a[index], constants);
                lane_b.rounds(words_b[index], constants);
            }
            lane_a.add(kept_a);
            lane_b.add(kept_b);
        }
        *a = lane_a.store();
        *b = lane_b.store();
    }

    /// A state in the order of the instructions.
    #[derive(Clone, Copy)]
    struct Registers {
        abef: __m128i,
        cdgh: __m128i,
    }

    impl Registers {
        #[target_feature(enable = "sse2")]
        #[inline]
        fn load(state: &State) -> Self {
            let words = state.map(u32::cast_signed);
            Self {
                abef: _mm_set_epi32(words[0], words[1], words[4], words[5]),
                cdgh: _mm_set_epi32(words[2], words[3], words[6], words[7]),
            }
        }

        #[target_feature(enable = "sse2,sse4.1")]
        #[inline]
        fn store(self) -> State {
            let (abef, cdgh) = (self.abef, self.cdgh);
            [
                _mm_extract_epi32::<3>(abef),
                _mm_extract_epi32::<2>(abef),
                _mm_extract_epi32::<3>(cdgh),
                _mm_extract_epi32::<2>(cdgh),
                _mm_extract_epi32::<1>(abef),
                _mm_extract_epi32::<0>(abef),
                _mm_extract_epi32::<1>(cdgh),
                _mm_extract_epi32::<0>(cdgh),
            ]
            .map(i32::cast_unsigned)
        }

        /// Four rounds.
        #[target_feature(enable = "sha,sse2")]
        #[inline]
        fn rounds(&mut self, words: __m128i, constants: __m128i) {
            let sum = _mm_add_epi32(words, constants);
            self.cdgh = _mm_sha256rnds2_epu32(self.cdgh, self.abef, sum);
            let sum = _mm_shuffle_epi32::<0x0e>(sum);
            self.abef = _mm_sha256rnds2_epu32(self.abef, self.cdgh, sum);
        }

        #[target_feature(enable = "sse2")]
        #[inline]
        fn add(&mut self, other: Self) {
            self.abef = _mm_add_epi32(self.abef, other.abef);
            self.cdgh = _mm_add_epi32(self.cdgh, other.cdgh);
        }
    }

    /// The sixteen words of a block, which are big-endian there.
    #[target_feature(enable = "sse2,ssse3")]
    #[inline]
    fn load(block: &Block) -> [__m128i; 4] {
        let order = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
        let (quads, _) = block.as_chunks::<16>();
        let quad = |index: usize| {
            let [low, high] = halves(&quads[index]);
            _mm_shuffle_epi8(_mm_set_epi64x(high, low), order)
        };
        [quad(0), quad(1), quad(2), quad(3)]
    }

    fn halves(quad: &[u8; 16]) -> [i64; 2] {
        let (halves, _) = quad.as_chunks::<8>();
        [i64::from_le_bytes(halves[0]), i64::from_le_bytes(halves[1])]
    }

    #[target_feature(enable = "sse2")]
    #[inline]
    fn pack([a, b, c, d]: &[u32; 4]) -> __m128i {
        _mm_set_epi32(
            d.cast_signed(),
            c.cast_signed(),
            b.cast_signed(),
            a.cast_signed(),
        )
    }

    /// The four words of the schedule that follow `words`, of which those at `oldest` come first.
    #[target_feature(enable = "sha,sse2,ssse3")]
    #[inline]
    fn next(words: &[__m128i; 4], oldest: usize) -> __m128i {
        let [w0, w1, w2, w3] = [0, 1, 2, 3].map(|age| words[(oldest + age) % 4]);
        let sum = _mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), _mm_alignr_epi8::<4>(w3, w2));
        _mm_sha256msg2_epu32(sum, w3)
    }

    /// The constants of FIPS 180-4, 4.2.2, of the rounds in which the schedule still grows.
    const EARLY: [[[u32; 4]; 4]; 3] = [
        [
            [0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5],
            [0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5],
            [0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3],
            [0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174],
        ],
        [
            [0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc],
            [0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da],
            [0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7],
            [0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967],
        ],
        [
            [0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13],
            [0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85],
            [0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3],
            [0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070],
        ],
    ];
    /// Those of the last sixteen rounds.
    const LATE: [[u32; 4]; 4] = [
        [0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5],
        [0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3],
        [0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208],
        [0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2],
    ];
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn blocks(count: usize) -> impl Strategy<Value = Vec<Block>> {
        proptest::collection::vec(any::<[u8; 64]>(), 0..count)
    }

    proptest! {
        #[test]
        fn two_at_a_time_are_as_one_after_the_other(
            start in any::<(State, State)>(),
            blocks_a in blocks(9),
            blocks_b in blocks(9),
        ) {
            let (mut a, mut b) = start;
            compress_both((&mut a, &blocks_a), (&mut b, &blocks_b));
            let (mut alone_a, mut alone_b) = start;
            compress256(&mut alone_a, &blocks_a);
            compress256(&mut alone_b, &blocks_b);
            prop_assert_eq!((a, b), (alone_a, alone_b));
        }

        #[test]
        fn the_instructions_do_what_sha_256_demands(start in any::<(State, State)>(), blocks in blocks(9)) {
            let (mut a, mut b) = start;
            if interleave((&mut a, &blocks), (&mut b, &blocks)) {
                let (mut alone_a, mut alone_b) = start;
                compress256(&mut alone_a, &blocks);
                compress256(&mut alone_b, &blocks);
                prop_assert_eq!((a, b), (alone_a, alone_b));
            }
        }
    }
}

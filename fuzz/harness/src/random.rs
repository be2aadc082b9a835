/// Numbers that a seed repeats: Steele, Lea and Flood's `SplitMix64`.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The numbers of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 bits, each as likely set as not.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.bits() % bound as u64).expect("it is below a usize")
    }

    /// True once in so many times.
    pub fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// A byte.
    pub fn byte(&mut self) -> u8 {
        self.bits().to_le_bytes()[0]
    }

    /// One of several.
    pub fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }

    /// A number at which arithmetic breaks, or a small one.
    pub fn number(&mut self) -> u64 {
        let edge = 1_u64 << self.below(64);
        match self.below(8) {
            0 => edge,
            1 => edge.wrapping_sub(1),
            2 => edge.wrapping_add(1),
            3 => edge.wrapping_neg(),
            4 => u64::MAX,
            5 => self.bits(),
            _ => self.bits() % 300,
        }
    }

    /// Mostly what is true; otherwise a number near it, or any.
    pub fn lie(&mut self, truth: u64) -> u64 {
        match self.below(48) {
            0 => truth.wrapping_add(1),
            1 => truth.wrapping_sub(1),
            2 => self.number(),
            _ => truth,
        }
    }

    /// As [`lie`](Self::lie), in 32 bits.
    pub fn lie32(&mut self, truth: usize) -> u32 {
        low32(self.lie(truth as u64))
    }

    /// As [`lie`](Self::lie), in 16 bits.
    pub fn lie16(&mut self, truth: usize) -> u16 {
        low16(self.lie(truth as u64))
    }

    /// Up to `most` bytes.
    pub fn bytes(&mut self, most: usize) -> Vec<u8> {
        let count = self.below(most + 1);
        (0..count).map(|_| self.byte()).collect()
    }
}

/// The lower half of a number.
pub(crate) fn low32(number: u64) -> u32 {
    let [a, b, c, d, ..] = number.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// The lowest two bytes of a number.
pub(crate) fn low16(number: u64) -> u16 {
    let [a, b, ..] = number.to_le_bytes();
    u16::from_le_bytes([a, b])
}

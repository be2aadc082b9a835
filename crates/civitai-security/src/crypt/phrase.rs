//! A machine or master key as 24 words: something to write down.
//!
//! The words are those of BIP-39 in English, so other programs can check and read them: 256 bits of key, 8 of checksum.

use std::fmt;

use bip39::{Language, Mnemonic};
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use crate::Secret;

/// A key as words. `Debug` shows none of them.
#[derive(Clone)]
pub struct Phrase(Zeroizing<[u8; 32]>);

impl Phrase {
    /// Takes a key over.
    pub fn of_key(key: &[u8; 32]) -> Self {
        Self(Zeroizing::new(*key))
    }

    /// Reads words separated by any white space, in either case, with or without the numbers before them that a printed
    /// list has.
    ///
    /// # Errors
    /// Tells which word is none of the list, by its place, and never repeats it.
    pub fn parse(text: &Secret) -> Result<Self, PhraseProblem> {
        let lower: Zeroizing<String> = Zeroizing::new(text.expose().nfkc().collect());
        let lower = Zeroizing::new(lower.to_lowercase());
        let words: Vec<&str> = lower
            .split_whitespace()
            .filter(|word| !is_number(word))
            .collect();
        if words.len() != WORDS {
            return Err(PhraseProblem::Count { words: words.len() });
        }
        let line = Zeroizing::new(words.join(" "));
        let mnemonic = Mnemonic::parse_in_normalized(Language::English, &line);
        let mnemonic = mnemonic.map_err(|error| match error {
            bip39::Error::UnknownWord(index) => PhraseProblem::Word { place: index + 1 },
            _ => PhraseProblem::Checksum,
        })?;
        let (bytes, len) = mnemonic.to_entropy_array();
        let bytes = Zeroizing::new(bytes);
        let mut key = Zeroizing::new([0; 32]);
        if len != key.len() {
            return Err(PhraseProblem::Checksum);
        }
        key.copy_from_slice(&bytes[..len]);
        Ok(Self(key))
    }

    /// The 24 words, separated by spaces.
    pub fn words(&self) -> Secret {
        let mnemonic = Mnemonic::from_entropy_in(Language::English, &*self.0)
            .expect("32 bytes are an entropy of BIP-39");
        let mut line = String::with_capacity(WORDS * 9);
        for word in mnemonic.words() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        Secret::new(line)
    }

    pub(super) fn key(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Phrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Phrase(..)")
    }
}

/// Why words are no phrase.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PhraseProblem {
    /// All are words of the list, but not these in this order.
    #[error("the words do not fit together: one is wrong, or two are swapped")]
    Checksum,
    /// There are more or fewer than 24.
    #[error("a phrase has {WORDS} words, here are {words}")]
    Count {
        /// How many there are.
        words: usize,
    },
    /// One is none of the list.
    #[error("word {place} is none of the list")]
    Word {
        /// Its place, from 1.
        place: usize,
    },
}

/// `1`, `1.`, `1)`.
fn is_number(word: &str) -> bool {
    let digits = word.trim_end_matches(['.', ')', ':']);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

const WORDS: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    /// Published with BIP-39: 32 bytes and their words.
    const VECTORS: &[(u8, &str)] = &[
        (
            0x00,
            "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon \
             abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon art",
        ),
        (
            0x7f,
            "legal winner thank year wave sausage worth useful legal winner thank year wave sausage worth useful \
             legal winner thank year wave sausage worth title",
        ),
        (
            0x80,
            "letter advice cage absurd amount doctor acoustic avoid letter advice cage absurd amount doctor acoustic \
             avoid letter advice cage absurd amount doctor acoustic bless",
        ),
        (
            0xff,
            "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo vote",
        ),
    ];

    #[test]
    fn the_words_are_those_of_bip_39() {
        for (byte, words) in VECTORS {
            let phrase = Phrase::of_key(&[*byte; 32]);
            assert_eq!(phrase.words().expose(), *words);
            let read = Phrase::parse(&secret(words)).expect("the words are a phrase");
            assert_eq!(read.key(), &[*byte; 32]);
        }
    }

    #[test]
    fn a_phrase_is_read_as_people_write_it() {
        let (byte, words) = VECTORS[1];
        let numbered: Vec<_> = words
            .split(' ')
            .zip(1..)
            .map(|(word, number)| format!("{number:>2}. {}", word.to_uppercase()))
            .collect();
        let read = Phrase::parse(&secret(&numbered.join("\n"))).expect("it is a phrase");
        assert_eq!(read.key(), &[byte; 32]);
    }

    #[test]
    fn what_is_wrong_is_told_without_the_words() {
        let problem = |text: &str| Phrase::parse(&secret(text)).expect_err("it is no phrase");
        let (_, words) = VECTORS[2];
        let unknown = words.replacen("cage", "cagee", 1);
        assert_eq!(problem(&unknown), PhraseProblem::Word { place: 3 });
        let swapped = words.replacen("letter advice", "advice letter", 1);
        assert_eq!(problem(&swapped), PhraseProblem::Checksum);
        assert_eq!(problem("letter"), PhraseProblem::Count { words: 1 });
        assert_eq!(problem(""), PhraseProblem::Count { words: 0 });
        assert!(!problem(&unknown).to_string().contains("cage"));
    }

    #[test]
    fn debug_shows_no_word() {
        assert_eq!(format!("{:?}", Phrase::of_key(&[0; 32])), "Phrase(..)");
    }
}

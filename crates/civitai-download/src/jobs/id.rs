//! Names of jobs: short, easily told apart, never mistaken for a model's number.

use std::fmt;
use std::str::FromStr;

use rand::{Rng, RngExt as _};

/// The stable name of a job, like `k7m2qd`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct JobId(Box<str>);

impl JobId {
    /// Draws one. It begins with a letter and has no characters that look alike.
    pub(super) fn draw(rng: &mut impl Rng) -> Self {
        let alphabets = std::iter::once(LETTERS).chain(std::iter::repeat_n(CHARACTERS, LENGTH - 1));
        let text: String = alphabets
            .map(|alphabet| char::from(alphabet[rng.random_range(0..alphabet.len())]))
            .collect();
        Self(text.into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A text that cannot be the name of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a job's name has {LENGTH} letters and digits")]
pub struct NotAJobId;

impl FromStr for JobId {
    type Err = NotAJobId;

    /// Capitals are read as small letters.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim().to_ascii_lowercase();
        let is_one = text.len() == LENGTH && text.bytes().all(|byte| CHARACTERS.contains(&byte));
        if is_one {
            Ok(Self(text.into()))
        } else {
            Err(NotAJobId)
        }
    }
}

const LENGTH: usize = 6;
const LETTERS: &[u8] = b"abcdefghjkmnpqrstuvwxyz";
/// Without 0 and o, 1, i and l.
const CHARACTERS: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn what_is_drawn_is_read_back_and_is_no_number() {
        let mut rng = StdRng::seed_from_u64(1);
        for _ in 0..1000 {
            let id = JobId::draw(&mut rng);
            assert_eq!(id.as_str().parse(), Ok(id.clone()));
            assert!(id.as_str().parse::<u64>().is_err(), "{id}");
        }
        for text in ["", "abc", "../etc", "abcdef7", "ABC DE", "abcde0"] {
            assert_eq!(text.parse::<JobId>(), Err(NotAJobId), "{text}");
        }
    }
}

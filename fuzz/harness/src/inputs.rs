use std::collections::HashSet;

use crate::change::change;
use crate::random::Random;
use crate::target::Target;

/// Makes one input of a target after the other: new ones, and changes to those that showed something.
#[derive(Debug)]
pub struct Inputs {
    target: &'static Target,
    random: Random,
    /// Inputs of which the parser said something that it had said of none before.
    kept: Vec<Vec<u8>>,
    said: HashSet<u64>,
}

impl Inputs {
    /// The inputs that follow from a seed and from what is kept.
    pub fn new(target: &'static Target, seed: u64) -> Self {
        Self {
            target,
            random: Random::new(seed),
            kept: Vec::new(),
            said: HashSet::new(),
        }
    }

    /// The next input.
    pub fn draw(&mut self) -> Vec<u8> {
        let random = &mut self.random;
        let made = (self.target.make)(random);
        if random.one_in(4) {
            return made;
        }
        let is_from_kept = !self.kept.is_empty() && !random.one_in(3);
        let (mut input, other) = if is_from_kept {
            (self.kept[random.below(self.kept.len())].clone(), made)
        } else {
            let other = self.kept.last().cloned().unwrap_or_default();
            (made, other)
        };
        change(&mut input, random, self.target.words, &other);
        input
    }

    /// Takes what the parser said of an input, which is kept where that is new.
    pub fn keep(&mut self, input: Vec<u8>, said: u64) {
        if !self.said.insert(said) || input.len() > MOST_KEPT_BYTES {
            return;
        }
        if self.kept.len() < MOST_KEPT {
            self.kept.push(input);
        } else {
            let at = self.random.below(MOST_KEPT);
            self.kept[at] = input;
        }
    }

    /// How many different things the parser said.
    pub fn outcomes(&self) -> usize {
        self.said.len()
    }
}

const MOST_KEPT: usize = 2048;
/// Larger inputs show nothing that smaller ones would not, and take longer.
const MOST_KEPT_BYTES: usize = 128 << 10;

//! What an unpickler keeps while it runs: the stack with its marks, and the memo.

use std::collections::HashMap;

use super::rule;
use super::value::Value;
use crate::scan::frame::Stop;

/// The values that wait to be used, and the heights at which marks lie between them.
#[derive(Debug, Default)]
pub(super) struct Stack {
    values: Vec<Value>,
    marks: Vec<usize>,
}

impl Stack {
    /// Values and marks.
    pub(super) fn len(&self) -> usize {
        self.values.len() + self.marks.len()
    }

    pub(super) fn push(&mut self, value: Value) {
        self.values.push(value);
    }

    pub(super) fn mark(&mut self) {
        self.marks.push(self.values.len());
    }

    /// The lowest value that may be taken: none below the last mark.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    pub(super) fn top(&self, offset: u64) -> Result<&Value, Stop> {
        match self.values.last() {
            Some(top) if self.values.len() > self.floor() => Ok(top),
            _ => Err(underflow(offset)),
        }
    }

    pub(super) fn pop(&mut self, offset: u64) -> Result<Value, Stop> {
        self.top(offset)?;
        Ok(self.values.pop().expect("the top was there"))
    }

    /// Takes the mark where no value is above it, as `POP` does.
    pub(super) fn pop_any(&mut self, offset: u64) -> Result<(), Stop> {
        if self.marks.last() == Some(&self.values.len()) {
            self.marks.pop();
            return Ok(());
        }
        self.pop(offset).map(drop)
    }

    pub(super) fn pop_many(&mut self, offset: u64, count: usize) -> Result<Vec<Value>, Stop> {
        match self.values.len().checked_sub(count) {
            Some(rest) if rest >= self.floor() => Ok(self.values.split_off(rest)),
            _ => Err(underflow(offset)),
        }
    }

    pub(super) fn pop_mark(&mut self, offset: u64) -> Result<Vec<Value>, Stop> {
        match self.marks.pop() {
            Some(height) => Ok(self.values.split_off(height)),
            None => Err(Stop::at(&rule::STACK, offset, "there is no mark")),
        }
    }

    pub(super) fn pop_pairs(&mut self, offset: u64) -> Result<Vec<Value>, Stop> {
        let items = self.pop_mark(offset)?;
        if items.len() % 2 == 1 {
            return Err(Stop::at(&rule::STACK, offset, "a key has no value"));
        }
        Ok(items)
    }
}

fn underflow(offset: u64) -> Stop {
    Stop::at(&rule::STACK, offset, "the stack is empty")
}

/// The values that a pickle refers back to, by number.
#[derive(Debug, Default)]
pub(super) struct Memo {
    dense: Vec<Option<Value>>,
    /// Numbers far above the others.
    sparse: HashMap<u64, Value>,
    filled: usize,
}

impl Memo {
    pub(super) fn len(&self) -> usize {
        self.filled
    }

    pub(super) fn put(&mut self, index: u64, value: Value) {
        let dense = usize::try_from(index)
            .ok()
            .filter(|&index| index <= self.filled.saturating_mul(2).saturating_add(DENSE_SLACK));
        let before = match dense {
            Some(index) => {
                if self.dense.len() <= index {
                    self.dense.resize(index + 1, None);
                }
                self.sparse.remove(&(index as u64));
                self.dense[index].replace(value)
            }
            None => self.sparse.insert(index, value),
        };
        self.filled += usize::from(before.is_none());
    }

    pub(super) fn value(&self, index: u64) -> Option<&Value> {
        let dense = usize::try_from(index)
            .ok()
            .and_then(|index| self.dense.get(index)?.as_ref());
        dense.or_else(|| self.sparse.get(&index))
    }
}

const DENSE_SLACK: usize = 1024;

//! A file compared with its tree.

use std::io::{self, Read};
use std::ops::{ControlFlow, Range};
use std::os::unix::fs::FileExt as _;

use blake3::hazmat::{
    ChainingValue, HasherExt as _, Mode, merge_subtrees_non_root, merge_subtrees_root,
};
use fs_err::File;

use super::{Node, group_len, middle, node_count};
use crate::digest::Digest;

/// Part of a file, and what proves its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Which bytes of the file.
    pub range: Range<u64>,
    value: ChainingValue,
    /// The range is the whole file.
    is_root: bool,
}

impl Piece {
    /// Whether `bytes` are the right ones for the range.
    pub fn proves(&self, bytes: &[u8]) -> bool {
        if bytes.len() as u64 != self.range.end - self.range.start {
            return false;
        }
        let mut proof = Proof::new(self);
        proof.update(bytes);
        proof.holds(self)
    }
}

/// The value of a piece's bytes, which come in order.
struct Proof(blake3::Hasher);

impl Proof {
    fn new(piece: &Piece) -> Self {
        let mut hasher = blake3::Hasher::new();
        if !piece.is_root {
            hasher.set_input_offset(piece.range.start);
        }
        Self(hasher)
    }

    fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn holds(&self, piece: &Piece) -> bool {
        if piece.is_root {
            return self.0.finalize() == blake3::Hash::from_bytes(piece.value);
        }
        // A constant-time comparison is for secrets; this is none.
        self.0.count() > 0 && self.0.finalize_non_root() == piece.value
    }
}

/// What became of a file, by its tree.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Survey {
    /// How long the file ought to be.
    pub bytes: u64,
    /// How long it is.
    pub found: u64,
    /// What is missing or wrong, in order; usually one group each, more where the tree is damaged too.
    pub damaged: Vec<Piece>,
    /// Whether every node of the tree is proved by the root.
    pub is_tree_whole: bool,
}

impl Survey {
    /// True when the file is what it was, whatever its tree is.
    pub fn is_whole(&self) -> bool {
        self.damaged.is_empty() && self.bytes == self.found
    }

    /// The bytes that are not what they were, neighbours joined; what is beyond the end of the file is the last range.
    pub fn ranges(&self) -> Vec<Range<u64>> {
        let mut ranges: Vec<Range<u64>> = Vec::new();
        let surplus = self.bytes..self.found;
        let damaged = self.damaged.iter().map(|piece| piece.range.clone());
        for range in damaged.chain((!surplus.is_empty()).then_some(surplus)) {
            match ranges.last_mut() {
                Some(last) if last.end == range.start => last.end = range.end,
                _ => ranges.push(range),
            }
        }
        ranges
    }
}

/// Why a file could not be compared with its tree.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SurveyError {
    /// The file cannot be read.
    #[error("the file cannot be read")]
    File(#[source] io::Error),
    /// The tree cannot be read.
    #[error("the hash tree cannot be read")]
    Tree(#[source] io::Error),
    /// The tree is about a file of another length.
    #[error("the hash tree is of a file of {found} bytes, not of {expected}")]
    OtherLength {
        /// The length of the file when its BLAKE3 was taken.
        expected: u64,
        /// The length in the tree.
        found: u64,
    },
    /// The caller wanted to stop.
    #[error("stopped")]
    Stopped,
}

/// Compares a file with the outboard of its tree, in one read of both and without holding either.
///
/// `root` and `bytes` are the BLAKE3 and the length that the file had. `before` is called before so many bytes of the
/// file are read: it may sleep to keep to a budget, and ends the survey when it breaks. A tree that ends early counts as
/// damaged from there on.
pub fn survey(
    file: &File,
    tree: impl Read,
    (root, bytes): (Digest<32>, u64),
    before: &dyn Fn(u64) -> ControlFlow<()>,
) -> Result<Survey, SurveyError> {
    let mut tree = Nodes {
        tree,
        at: 0,
        passed: 0,
    };
    let found = file.metadata().map_err(SurveyError::File)?.len();
    match tree.header()? {
        Some(length) if length != bytes => {
            return Err(SurveyError::OtherLength {
                expected: bytes,
                found: length,
            });
        }
        Some(_) | None => {}
    }
    let mut walk = Walk {
        window: Window::new(file, before),
        tree,
        group_len: group_len(bytes),
        damaged: Vec::new(),
        is_tree_whole: true,
    };
    walk.piece(Piece {
        range: 0..bytes,
        value: *root.as_bytes(),
        is_root: true,
    })?;
    Ok(Survey {
        bytes,
        found,
        damaged: walk.damaged,
        is_tree_whole: walk.is_tree_whole,
    })
}

struct Walk<'a, R> {
    window: Window<'a>,
    tree: Nodes<R>,
    group_len: u64,
    damaged: Vec<Piece>,
    is_tree_whole: bool,
}

impl<R: Read> Walk<'_, R> {
    /// Judges a piece whose value is proved.
    fn piece(&mut self, piece: Piece) -> Result<(), SurveyError> {
        let len = piece.range.end - piece.range.start;
        if len <= self.group_len {
            return self.compare(piece);
        }
        let node = self.tree.next()?;
        let Some([left, right]) = node.filter(|node| is_proved(node, &piece)) else {
            self.is_tree_whole = false;
            self.tree.pass(node_count(len, self.group_len) - 1);
            return self.compare(piece);
        };
        let middle = piece.range.start + middle(len);
        let child = |range, value| Piece {
            range,
            value,
            is_root: false,
        };
        self.piece(child(piece.range.start..middle, left))?;
        self.piece(child(middle..piece.range.end, right))
    }

    fn compare(&mut self, piece: Piece) -> Result<(), SurveyError> {
        let mut proof = Proof::new(&piece);
        let mut at = piece.range.start;
        while at < piece.range.end {
            let bytes = self.window.from(at, piece.range.end - at)?;
            if bytes.is_empty() {
                break;
            }
            proof.update(bytes);
            at += bytes.len() as u64;
        }
        if at < piece.range.end || !proof.holds(&piece) {
            self.damaged.push(piece);
        }
        Ok(())
    }
}

fn is_proved([left, right]: &Node, piece: &Piece) -> bool {
    if piece.is_root {
        merge_subtrees_root(left, right, Mode::Hash) == blake3::Hash::from_bytes(piece.value)
    } else {
        merge_subtrees_non_root(left, right, Mode::Hash) == piece.value
    }
}

/// The nodes of an outboard in its order.
struct Nodes<R> {
    tree: R,
    /// The node that `tree` would give next, and the one that is wanted next.
    at: u64,
    passed: u64,
}

impl<R: Read> Nodes<R> {
    /// The length of the file, unless the outboard is too short to say.
    fn header(&mut self) -> Result<Option<u64>, SurveyError> {
        Ok(self.read::<8>()?.map(u64::from_le_bytes))
    }

    /// The next node; none where the outboard has ended.
    fn next(&mut self) -> Result<Option<Node>, SurveyError> {
        while self.at < self.passed {
            if self.read::<64>()?.is_none() {
                return Ok(None);
            }
            self.at += 1;
        }
        self.at += 1;
        self.passed = self.at;
        Ok(self.read::<64>()?.map(|bytes| {
            let (values, _) = bytes.as_chunks();
            [values[0], values[1]]
        }))
    }

    /// Passes over nodes that are not needed.
    fn pass(&mut self, nodes: u64) {
        self.passed = self.at.saturating_add(nodes);
    }

    fn read<const N: usize>(&mut self) -> Result<Option<[u8; N]>, SurveyError> {
        let mut bytes = [0; N];
        match self.tree.read_exact(&mut bytes) {
            Ok(()) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(SurveyError::Tree(error)),
        }
    }
}

/// A stretch of the file in memory, which moves forward.
struct Window<'a> {
    file: &'a File,
    before: &'a dyn Fn(u64) -> ControlFlow<()>,
    start: u64,
    buffer: Vec<u8>,
    filled: usize,
}

impl<'a> Window<'a> {
    fn new(file: &'a File, before: &'a dyn Fn(u64) -> ControlFlow<()>) -> Self {
        // Only advice: a file system that knows none reads all the same.
        let _ = rustix::fs::fadvise(file.file(), 0, None, rustix::fs::Advice::Sequential);
        Self {
            file,
            before,
            start: 0,
            buffer: vec![0; WINDOW],
            filled: 0,
        }
    }

    /// Bytes from `offset` on, at most so many; none at the end of the file.
    fn from(&mut self, offset: u64, most: u64) -> Result<&[u8], SurveyError> {
        let is_here = (self.start..self.start + self.filled as u64).contains(&offset);
        if !is_here {
            self.load(offset)?;
        }
        let skipped = usize::try_from(offset - self.start).expect("the window is in memory");
        let here = &self.buffer[skipped..self.filled];
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        Ok(&here[..most.min(here.len())])
    }

    fn load(&mut self, offset: u64) -> Result<(), SurveyError> {
        if (self.before)(WINDOW as u64).is_break() {
            return Err(SurveyError::Stopped);
        }
        (self.start, self.filled) = (offset, 0);
        while self.filled < self.buffer.len() {
            let rest = &mut self.buffer[self.filled..];
            match self.file.file().read_at(rest, offset + self.filled as u64) {
                Ok(0) => break,
                Ok(len) => self.filled += len,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(SurveyError::File(error)),
            }
        }
        Ok(())
    }
}

/// Fits in the second-level cache.
const WINDOW: usize = 512 << 10;

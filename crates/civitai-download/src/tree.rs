//! The BLAKE3 hash tree of a file, kept so that damage can be told to the group of chunks, without network.
//!
//! The root of the tree is the file's BLAKE3. A tree on disk is an outboard in the order and with the header of the bao
//! format: the length of the file as 8 bytes, low byte first, then every inner node above the groups, parents before
//! children and left before right, each as the two chaining values of 32 bytes below it. Groups have 16 KiB, doubled
//! until there are at most 524,288 of them, so a tree takes at most 0.4 % of its file, and at most 16 MiB of memory
//! while it grows.
//!
//! Nothing in such a file is believed: [`survey`] follows it from the root downwards, and where it contradicts itself
//! the bytes of the file are compared with the last value that was proved. So a damaged tree costs precision, not truth.

use std::io::{self, Write};

use blake3::hazmat::{
    ChainingValue, HasherExt as _, Mode, left_subtree_len, merge_subtrees_non_root,
    merge_subtrees_root,
};

use crate::digest::Digest;

mod survey;

pub use survey::{Piece, Survey, SurveyError, survey};

/// The tree of a whole file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    bytes: u64,
    root: Digest<32>,
    /// Chaining values of the groups; none when the file is a single one.
    groups: Vec<ChainingValue>,
}

impl Tree {
    /// The file's BLAKE3.
    pub const fn root(&self) -> Digest<32> {
        self.root
    }

    /// The file's length.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Writes the outboard.
    pub fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(&self.bytes.to_le_bytes())?;
        if self.groups.is_empty() {
            return Ok(());
        }
        let strides: Vec<_> = self.groups.chunks(STRIDE).map(fold).collect();
        let mut upper = Vec::new();
        unfold(&strides, &mut upper);
        self.write_strides(0..strides.len(), &mut upper.into_iter(), out)
    }

    /// Writes the nodes over a range of strides, those above single strides from `upper`.
    fn write_strides(
        &self,
        strides: std::ops::Range<usize>,
        upper: &mut impl Iterator<Item = Node>,
        out: &mut impl Write,
    ) -> io::Result<()> {
        if strides.len() == 1 {
            let start = strides.start * STRIDE;
            let end = self.groups.len().min(start + STRIDE);
            let mut nodes = Vec::with_capacity(end - start);
            unfold(&self.groups[start..end], &mut nodes);
            return nodes.iter().try_for_each(|node| write_node(node, out));
        }
        let node = upper.next().expect("there is a node above several strides");
        write_node(&node, out)?;
        let middle = strides.start + left_count(strides.len());
        self.write_strides(strides.start..middle, upper, out)?;
        self.write_strides(middle..strides.end, upper, out)
    }
}

/// The two values below an inner node.
type Node = [ChainingValue; 2];

fn write_node([left, right]: &Node, out: &mut impl Write) -> io::Result<()> {
    out.write_all(left)?;
    out.write_all(right)
}

/// A tree that takes the bytes of its file in order.
#[derive(Debug, Clone)]
pub(crate) struct Growing {
    bytes: u64,
    group_len: u64,
    groups: Vec<ChainingValue>,
    /// The last group, which is not among the others until another byte follows it: the only group of a file is its root.
    last: blake3::Hasher,
}

impl Growing {
    pub(crate) fn update(&mut self, mut chunk: &[u8]) {
        while !chunk.is_empty() {
            if self.last.count() == self.group_len {
                self.begin_group();
            }
            let room = self.group_len - self.last.count();
            let taken = usize::try_from(room).map_or(chunk.len(), |room| room.min(chunk.len()));
            self.last.update(&chunk[..taken]);
            self.bytes += taken as u64;
            chunk = &chunk[taken..];
        }
    }

    pub(crate) fn finish(mut self) -> Tree {
        let root = if self.groups.is_empty() {
            self.last.finalize()
        } else {
            self.groups.push(self.last.finalize_non_root());
            let (left, right) = self.groups.split_at(left_count(self.groups.len()));
            merge_subtrees_root(&fold(left), &fold(right), Mode::Hash)
        };
        Tree {
            bytes: self.bytes,
            root: Digest::new(*root.as_bytes()),
            groups: self.groups,
        }
    }

    fn begin_group(&mut self) {
        self.groups.push(self.last.finalize_non_root());
        if self.groups.len() == MAX_GROUPS {
            self.groups = self.groups.chunks(2).map(fold).collect();
            self.group_len *= 2;
        }
        self.last = blake3::Hasher::new();
        self.last.set_input_offset(self.bytes);
    }
}

impl Default for Growing {
    fn default() -> Self {
        Self {
            bytes: 0,
            group_len: MIN_GROUP,
            groups: Vec::new(),
            last: blake3::Hasher::new(),
        }
    }
}

/// The value of a subtree over the values of its groups.
fn fold(groups: &[ChainingValue]) -> ChainingValue {
    if let [only] = groups {
        return *only;
    }
    let (left, right) = groups.split_at(left_count(groups.len()));
    merge_subtrees_non_root(&fold(left), &fold(right), Mode::Hash)
}

/// Appends the nodes of a subtree, parents first; gives its value.
fn unfold(groups: &[ChainingValue], nodes: &mut Vec<Node>) -> ChainingValue {
    if let [only] = groups {
        return *only;
    }
    let (left, right) = groups.split_at(left_count(groups.len()));
    let place = nodes.len();
    nodes.push([[0; 32]; 2]);
    let node = [unfold(left, nodes), unfold(right, nodes)];
    nodes[place] = node;
    merge_subtrees_non_root(&node[0], &node[1], Mode::Hash)
}

/// How many of several groups are under the left child: the largest power of two that leaves some for the right one.
fn left_count(groups: usize) -> usize {
    groups.next_power_of_two() / 2
}

/// How long the groups of a file of so many bytes are.
fn group_len(bytes: u64) -> u64 {
    let mut len = MIN_GROUP;
    while bytes.div_ceil(len) > MAX_GROUPS as u64 {
        len *= 2;
    }
    len
}

/// How many inner nodes are above the groups of so many bytes.
const fn node_count(bytes: u64, group_len: u64) -> u64 {
    bytes.div_ceil(group_len).saturating_sub(1)
}

/// Where the bytes under the right child begin.
fn middle(bytes: u64) -> u64 {
    left_subtree_len(bytes)
}

const MIN_GROUP: u64 = 16 << 10;
const MAX_GROUPS: usize = 1 << 19;
/// Groups whose nodes are made at a time: some 64 KiB of them.
const STRIDE: usize = 1 << 10;

#[cfg(test)]
mod tests;

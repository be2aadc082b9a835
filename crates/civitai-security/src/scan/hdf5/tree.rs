//! The two kinds of B-trees: of old groups, and of messages in a heap.

use super::object::unknown;
use super::source::Fields;
use super::{HDF5_BROKEN, HDF5_LIMIT, Walk};
use crate::scan::frame::Stop;

impl Walk<'_, '_, '_, '_> {
    /// Has all objects of an old group read.
    pub(super) fn symbol_tree(&mut self, address: u64, level: usize) -> Result<(), Stop> {
        if self.file.is_none(address) {
            return Ok(());
        }
        let (offset_bytes, length_bytes) = (self.file.offset_bytes, self.file.length_bytes);
        let position = self.file.position(address);
        if level > LEVELS || !self.enter(address)? {
            return Err(Stop::at(
                &HDF5_BROKEN,
                position,
                "a tree that goes in circles",
            ));
        }
        let head = 8 + 2 * offset_bytes;
        let bytes = self.file.read(address, head as u64)?;
        let mut fields = Fields::new(&bytes, position);
        fields.expect(b"TREE")?;
        let kind = fields.byte()?;
        let node_level = fields.byte()?;
        let count = usize::try_from(fields.number(2)?).expect("two bytes");
        if kind != 0 {
            return Err(fields.broken("a tree that is not of a group"));
        }
        let entries = count * (offset_bytes + length_bytes);
        let bytes = self
            .file
            .read(address.saturating_add(head as u64), entries as u64)?;
        let mut fields = Fields::new(&bytes, position + head as u64);
        for _ in 0..count {
            fields.skip(length_bytes)?;
            let child = fields.number(offset_bytes)?;
            if node_level > 0 {
                self.symbol_tree(child, level + 1)?;
            } else {
                self.symbols(child)?;
            }
        }
        Ok(())
    }

    fn symbols(&mut self, address: u64) -> Result<(), Stop> {
        let position = self.file.position(address);
        if !self.enter(address)? {
            return Err(Stop::at(
                &HDF5_BROKEN,
                position,
                "a group that has a part twice",
            ));
        }
        let offset_bytes = self.file.offset_bytes;
        let bytes = self.file.read(address, 8)?;
        let mut fields = Fields::new(&bytes, position);
        fields.expect(b"SNOD")?;
        fields.skip(2)?;
        let count = usize::try_from(fields.number(2)?).expect("two bytes");
        let entries = count * (2 * offset_bytes + 24);
        let bytes = self.file.read(address.saturating_add(8), entries as u64)?;
        let mut fields = Fields::new(&bytes, position + 8);
        for _ in 0..count {
            fields.skip(offset_bytes)?;
            let object = fields.number(offset_bytes)?;
            let cached = fields.number(4)?;
            fields.skip(20)?;
            // A soft link leads to another object of this file.
            if cached != 2 {
                self.visit(object)?;
            }
        }
        Ok(())
    }

    /// Gives the ids under which the messages that a tree lists lie in their heap.
    pub(super) fn heap_ids(&mut self, address: u64) -> Result<Vec<Vec<u8>>, Stop> {
        if self.file.is_none(address) {
            return Ok(Vec::new());
        }
        let offset_bytes = self.file.offset_bytes;
        let len = 16 + offset_bytes + 2 + self.file.length_bytes;
        let bytes = self.file.read(address, len as u64)?;
        let mut fields = Fields::new(&bytes, self.file.position(address));
        fields.expect(b"BTHD")?;
        let version = fields.byte()?;
        if version != 0 {
            return Err(unknown(fields.position(), "tree", version));
        }
        let kind = fields.byte()?;
        let node_bytes = fields.number(4)?;
        let record_bytes = usize::try_from(fields.number(2)?).expect("two bytes");
        let depth = fields.number(2)?;
        fields.skip(2)?;
        let root = fields.number(offset_bytes)?;
        let count = fields.number(2)?;
        // The hash of a link's name stands before its id.
        let id = match kind {
            5 => 4..11,
            8 => 0..8,
            _ => return Err(fields.broken("a tree of neither links nor attributes")),
        };
        if record_bytes < id.end || node_bytes > NODE_BYTES {
            return Err(fields.broken("a tree of records without an id"));
        }
        let mut tree = Tree {
            node_bytes,
            record_bytes,
            id,
            ids: Vec::new(),
        };
        if !self.file.is_none(root) && count > 0 {
            self.node(&mut tree, root, count, depth)?;
        }
        Ok(tree.ids)
    }

    fn node(&mut self, tree: &mut Tree, address: u64, count: u64, depth: u64) -> Result<(), Stop> {
        let position = self.file.position(address);
        if depth > LEVELS as u64 || !self.enter(address)? {
            return Err(Stop::at(
                &HDF5_BROKEN,
                position,
                "a tree that goes in circles",
            ));
        }
        let bytes = self.file.read_up_to(address, tree.node_bytes)?;
        let mut fields = Fields::new(&bytes, position);
        fields.expect(if depth == 0 { b"BTLF" } else { b"BTIN" })?;
        fields.skip(2)?;
        for _ in 0..count {
            let record = fields.take(tree.record_bytes)?;
            if tree.ids.len() >= MESSAGES {
                let detail = format!("more than {MESSAGES} messages");
                return Err(Stop::at(&HDF5_LIMIT, position, detail));
            }
            tree.ids.push(record[tree.id.clone()].to_vec());
        }
        if depth == 0 {
            return Ok(());
        }
        let counts = tree.count_bytes(depth);
        for _ in 0..=count {
            let child = fields.number(self.file.offset_bytes)?;
            let child_count = fields.number(counts.records)?;
            fields.skip(counts.below)?;
            self.node(tree, child, child_count, depth - 1)?;
        }
        Ok(())
    }
}

/// A tree of messages that is being read.
struct Tree {
    node_bytes: u64,
    record_bytes: usize,
    /// Where the id stands in a record.
    id: std::ops::Range<usize>,
    ids: Vec<Vec<u8>>,
}

/// The sizes of the two counts beside the address of a child.
struct CountBytes {
    records: usize,
    below: usize,
}

impl Tree {
    /// The counts take as many bytes as the fullest node needs.
    fn count_bytes(&self, depth: u64) -> CountBytes {
        let record = self.record_bytes as u64;
        let in_leaf = self.node_bytes.saturating_sub(10) / record;
        let records = bytes_for(in_leaf);
        let mut below = 0;
        let mut most = in_leaf;
        for _ in 1..depth {
            let pointer = 8 + records as u64 + below as u64;
            let here = self.node_bytes.saturating_sub(10 + pointer) / (record + pointer);
            most = (here + 1).saturating_mul(most).saturating_add(here);
            below = bytes_for(most);
        }
        CountBytes { records, below }
    }
}

pub(super) fn bytes_for(most: u64) -> usize {
    (64 - most.leading_zeros() as usize).div_ceil(8).max(1)
}

const LEVELS: usize = 32;
const NODE_BYTES: u64 = 1 << 20;
const MESSAGES: usize = 1 << 18;

use super::heap::Heap;
use super::source::Fields;
use super::{HDF5_BROKEN, HDF5_EXTERNAL_DATA, HDF5_EXTERNAL_LINK, HDF5_SHARED, HDF5_VERSION, Walk};
use crate::scan::frame::Stop;

/// How the messages of a header are written.
#[derive(Clone, Copy)]
enum Layout {
    Old,
    New { with_order: bool },
}

impl Walk<'_, '_, '_, '_> {
    /// Reads the header of an object and what it says.
    pub(super) fn object(&mut self, address: u64) -> Result<(), Stop> {
        let prefix = self.file.read_up_to(address, PREFIX_BYTES)?;
        let position = self.file.position(address);
        let mut fields = Fields::new(&prefix, position);
        let (layout, start, len) = if prefix.starts_with(b"OHDR") {
            fields.skip(4)?;
            let version = fields.byte()?;
            let flags = fields.byte()?;
            if version != 2 {
                return Err(unknown(position, "object header", version));
            }
            fields.skip(if flags & 0x20 == 0 { 0 } else { 16 })?;
            fields.skip(if flags & 0x10 == 0 { 0 } else { 4 })?;
            let len = fields.number(1 << (flags & 3))?;
            let with_order = flags & 4 != 0;
            (
                Layout::New { with_order },
                fields.position() - position,
                len,
            )
        } else {
            let version = fields.byte()?;
            if version != 1 {
                return Err(unknown(position, "object header", version));
            }
            fields.skip(7)?;
            (Layout::Old, 16, fields.number(4)?)
        };
        let mut blocks = vec![(address.saturating_add(start), len)];
        while let Some((address, len)) = blocks.pop() {
            if len > HEADER_BYTES {
                let detail = format!("an object header of {len} bytes");
                return Err(Stop::at(&HDF5_BROKEN, self.file.position(address), detail));
            }
            let block = self.file.read(address, len)?;
            let fields = Fields::new(&block, self.file.position(address));
            self.messages(layout, fields, &mut blocks)?;
        }
        Ok(())
    }

    fn messages(
        &mut self,
        layout: Layout,
        mut fields: Fields<'_>,
        blocks: &mut Vec<(u64, u64)>,
    ) -> Result<(), Stop> {
        loop {
            let least = match layout {
                Layout::Old => 8,
                Layout::New { with_order } => 4 + if with_order { 2 } else { 0 },
            };
            // What is left is a gap.
            if fields.left() < least {
                return Ok(());
            }
            let (kind, len, flags) = match layout {
                Layout::Old => {
                    let (kind, len) = (fields.number(2)?, fields.number(2)?);
                    let flags = fields.byte()?;
                    fields.skip(3)?;
                    (kind, len, flags)
                }
                Layout::New { with_order } => {
                    let (kind, len) = (fields.number(1)?, fields.number(2)?);
                    let flags = fields.byte()?;
                    fields.skip(if with_order { 2 } else { 0 })?;
                    (kind, len, flags)
                }
            };
            let position = fields.position();
            let len = usize::try_from(len).expect("two bytes");
            let message = Fields::new(fields.take(len)?, position);
            if flags & SHARED != 0 {
                if kind == ATTRIBUTE {
                    self.scan.find(&HDF5_SHARED, position, "an attribute");
                }
            } else if kind == CONTINUATION {
                blocks.push(self.continuation(layout, message)?);
            } else {
                self.message(kind, message)?;
            }
        }
    }

    /// Gives the place and the length of the next messages.
    fn continuation(&mut self, layout: Layout, mut fields: Fields<'_>) -> Result<(u64, u64), Stop> {
        let address = fields.number(self.file.offset_bytes)?;
        let len = fields.number(self.file.length_bytes)?;
        if !self.enter(address)? {
            return Err(fields.broken("an object header that goes in circles"));
        }
        match layout {
            Layout::Old => Ok((address, len)),
            Layout::New { .. } => {
                let signature = self.file.read(address, 4)?;
                Fields::new(&signature, self.file.position(address)).expect(b"OCHK")?;
                // The signature before, a checksum behind.
                let len = len
                    .checked_sub(8)
                    .ok_or_else(|| fields.broken("a short block"))?;
                Ok((address.saturating_add(4), len))
            }
        }
    }

    fn message(&mut self, kind: u64, mut fields: Fields<'_>) -> Result<(), Stop> {
        match kind {
            LINK_INFO => self.dense(fields, 8, Self::link),
            LINK => self.link(fields),
            EXTERNAL_FILES => {
                let detail = "a dataset in external files";
                self.scan
                    .find(&HDF5_EXTERNAL_DATA, fields.position(), detail);
                Ok(())
            }
            DATA_LAYOUT => {
                let version = fields.byte()?;
                if version >= 4 && fields.byte()? == VIRTUAL {
                    let detail = "a virtual dataset";
                    self.scan
                        .find(&HDF5_EXTERNAL_DATA, fields.position(), detail);
                }
                Ok(())
            }
            ATTRIBUTE => self.attribute(fields),
            ATTRIBUTE_INFO => self.dense(fields, 2, Self::attribute),
            SYMBOL_TABLE => {
                let tree = fields.number(self.file.offset_bytes)?;
                self.symbol_tree(tree, 0)
            }
            _ => Ok(()),
        }
    }

    /// Reads messages that are kept in a heap, `order` bytes being those of the highest creation order.
    fn dense(
        &mut self,
        mut fields: Fields<'_>,
        order: usize,
        read: fn(&mut Self, Fields<'_>) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let position = fields.position();
        let version = fields.byte()?;
        if version != 0 {
            return Err(unknown(position, "table of messages", version));
        }
        let flags = fields.byte()?;
        fields.skip(if flags & 1 == 0 { 0 } else { order })?;
        let heap = fields.number(self.file.offset_bytes)?;
        let tree = fields.number(self.file.offset_bytes)?;
        if self.file.is_none(heap) {
            return Ok(());
        }
        let heap = Heap::open(&mut self.file, heap)?;
        for id in self.heap_ids(tree)? {
            let (position, message) = heap.get(&mut self.file, &id)?;
            read(self, Fields::new(&message, position))?;
        }
        Ok(())
    }

    fn link(&mut self, mut fields: Fields<'_>) -> Result<(), Stop> {
        let position = fields.position();
        let version = fields.byte()?;
        if version != 1 {
            return Err(unknown(position, "link", version));
        }
        let flags = fields.byte()?;
        let kind = if flags & 8 == 0 { HARD } else { fields.byte()? };
        fields.skip(if flags & 4 == 0 { 0 } else { 8 })?;
        fields.skip(usize::from(flags & 0x10 != 0))?;
        let name_bytes = fields.number(1 << (flags & 3))?;
        let name_bytes = usize::try_from(name_bytes).unwrap_or(usize::MAX);
        let name = String::from_utf8_lossy(fields.take(name_bytes)?).into_owned();
        match kind {
            HARD => {
                let object = fields.number(self.file.offset_bytes)?;
                self.visit(object)
            }
            SOFT => Ok(()),
            _ => {
                let len = usize::try_from(fields.number(2)?).expect("two bytes");
                let target = fields.take(len)?.escape_ascii();
                let detail = format!("{name} leads to {target}");
                self.scan.find(&HDF5_EXTERNAL_LINK, position, detail);
                Ok(())
            }
        }
    }
}

pub(super) fn unknown(position: u64, what: &str, version: u8) -> Stop {
    Stop::at(
        &HDF5_VERSION,
        position,
        format!("{what} of version {version}"),
    )
}

const PREFIX_BYTES: u64 = 40;
const HEADER_BYTES: u64 = 16 << 20;
const SHARED: u8 = 2;
const LINK_INFO: u64 = 0x02;
const LINK: u64 = 0x06;
const EXTERNAL_FILES: u64 = 0x07;
const DATA_LAYOUT: u64 = 0x08;
const ATTRIBUTE: u64 = 0x0c;
const CONTINUATION: u64 = 0x10;
const SYMBOL_TABLE: u64 = 0x11;
const ATTRIBUTE_INFO: u64 = 0x15;
/// The class of layout of a dataset that is put together from others.
const VIRTUAL: u8 = 3;
const HARD: u8 = 0;
const SOFT: u8 = 1;

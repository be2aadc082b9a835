//! Writes zip archives whose every field can lie.

/// A member as it is written.
#[derive(Clone)]
pub(super) struct Member {
    pub(super) name: Vec<u8>,
    /// The name in front of the data, if it is another one.
    pub(super) local_name: Option<Vec<u8>>,
    pub(super) packed: Vec<u8>,
    pub(super) method: u16,
    pub(super) flags: u16,
    pub(super) checksum: u32,
    pub(super) size: u32,
    /// Packed bytes by the directory's word.
    pub(super) packed_size: u32,
    pub(super) mode: u32,
    /// Written behind the data.
    pub(super) behind: Vec<u8>,
    /// In front of the data.
    pub(super) extra: Vec<u8>,
    /// In the directory.
    pub(super) central_extra: Vec<u8>,
}

impl Member {
    pub(super) fn stored(name: &str, data: &[u8]) -> Self {
        Self {
            name: name.into(),
            local_name: None,
            packed: data.to_vec(),
            method: 0,
            flags: 0,
            checksum: crc32fast::hash(data),
            size: length(data),
            packed_size: length(data),
            mode: 0o100_644,
            behind: Vec::new(),
            extra: Vec::new(),
            central_extra: Vec::new(),
        }
    }

    pub(super) fn packed(name: &str, method: u16, packed: &[u8], data: &[u8]) -> Self {
        Self {
            packed: packed.to_vec(),
            method,
            packed_size: length(packed),
            ..Self::stored(name, data)
        }
    }

    pub(super) fn deflated(name: &str, data: &[u8]) -> Self {
        Self::packed(name, 8, &deflate(data), data)
    }
}

pub(super) fn deflate(data: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut packer = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(data).expect("a vector takes everything");
    packer.finish().expect("a vector takes everything")
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("tests are small")
}

/// Little-endian fields, one behind the other.
pub(super) struct Fields(pub(super) Vec<u8>);

impl Fields {
    pub(super) fn u16(mut self, number: u16) -> Self {
        self.0.extend(number.to_le_bytes());
        self
    }

    pub(super) fn u32(mut self, number: u32) -> Self {
        self.0.extend(number.to_le_bytes());
        self
    }

    pub(super) fn u64(mut self, number: u64) -> Self {
        self.0.extend(number.to_le_bytes());
        self
    }

    pub(super) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }
}

/// Where the parts of an archive are.
pub(super) struct Archive {
    pub(super) bytes: Vec<u8>,
    pub(super) headers: Vec<usize>,
    pub(super) directory: usize,
    pub(super) end: usize,
}

pub(super) fn zip(members: &[Member]) -> Vec<u8> {
    archive(b"", members, b"").bytes
}

pub(super) fn archive(prefix: &[u8], members: &[Member], comment: &[u8]) -> Archive {
    let mut bytes = prefix.to_vec();
    let mut headers = Vec::new();
    for member in members {
        headers.push(bytes.len());
        bytes.extend(local(member));
    }
    let directory = bytes.len();
    for (member, &header) in members.iter().zip(&headers) {
        bytes.extend(central(member, header));
    }
    let end = bytes.len();
    let count = u16::try_from(members.len()).expect("tests are small");
    bytes.extend(end_record(count, end - directory, directory, comment));
    Archive {
        bytes,
        headers,
        directory,
        end,
    }
}

pub(super) fn local(member: &Member) -> Vec<u8> {
    let name = member.local_name.as_ref().unwrap_or(&member.name);
    let has_descriptor = member.flags & 8 != 0;
    let number = |number| if has_descriptor { 0 } else { number };
    Fields(b"PK\x03\x04".to_vec())
        .u16(20)
        .u16(member.flags)
        .u16(member.method)
        .u32(0x0021_0000)
        .u32(number(member.checksum))
        .u32(number(length(&member.packed)))
        .u32(number(member.size))
        .u16(u16::try_from(name.len()).expect("tests are small"))
        .u16(u16::try_from(member.extra.len()).expect("tests are small"))
        .bytes(name)
        .bytes(&member.extra)
        .bytes(&member.packed)
        .bytes(&member.behind)
        .0
}

pub(super) fn central(member: &Member, header: usize) -> Vec<u8> {
    Fields(b"PK\x01\x02".to_vec())
        .u16(0x0314)
        .u16(20)
        .u16(member.flags)
        .u16(member.method)
        .u32(0x0021_0000)
        .u32(member.checksum)
        .u32(member.packed_size)
        .u32(member.size)
        .u16(u16::try_from(member.name.len()).expect("tests are small"))
        .u16(u16::try_from(member.central_extra.len()).expect("tests are small"))
        .u16(0)
        .u32(0)
        .u32(member.mode << 16)
        .u32(u32::try_from(header).expect("tests are small"))
        .bytes(&member.name)
        .bytes(&member.central_extra)
        .0
}

pub(super) fn end_record(count: u16, bytes: usize, start: usize, comment: &[u8]) -> Vec<u8> {
    Fields(b"PK\x05\x06".to_vec())
        .u32(0)
        .u16(count)
        .u16(count)
        .u32(u32::try_from(bytes).expect("tests are small"))
        .u32(u32::try_from(start).expect("tests are small"))
        .u16(u16::try_from(comment.len()).expect("tests are small"))
        .bytes(comment)
        .0
}

/// The end of an archive in 64 bits, as `PyTorch` always writes it in front of the plain one.
pub(super) fn wide_end(count: u64, bytes: u64, start: u64) -> Vec<u8> {
    Fields(b"PK\x06\x06".to_vec())
        .u64(44)
        .u32(0x002d_031e)
        .u64(0)
        .u64(count)
        .u64(count)
        .u64(bytes)
        .u64(start)
        .bytes(b"PK\x06\x07")
        .u32(0)
        .u64(start + bytes)
        .u32(1)
        .0
}

//! The headers of a 7z archive, as its `7zFormat.txt` lays them out.

use std::ops::Range;

/// Where the start of the archive says that its header is.
pub(super) struct Place {
    offset: u64,
    size: u64,
    pub(super) checksum: u32,
    /// Whether the start has the checksum it states.
    pub(super) is_intact: bool,
}

impl Place {
    /// The header's bytes in a file of this length; `None` where they are not in it.
    pub(super) fn span(&self, length: u64) -> Option<Range<u64>> {
        let start = super::START_BYTES.checked_add(self.offset)?;
        let end = start.checked_add(self.size)?;
        (end <= length).then_some(start..end)
    }
}

/// Reads the first 32 bytes; `None` where there are fewer.
pub(super) fn place(bytes: &[u8]) -> Option<Place> {
    let stated = u32::from_le_bytes(*bytes.get(8..)?.first_chunk()?);
    let place = bytes.get(12..32)?;
    Some(Place {
        offset: u64::from_le_bytes(*place.first_chunk()?),
        size: u64::from_le_bytes(*place[8..].first_chunk()?),
        checksum: u32::from_le_bytes(*place[16..].first_chunk()?),
        is_intact: crc32fast::hash(place) == stated,
    })
}

/// A header, or the streams in which it is packed.
pub(super) enum Either {
    Header(Header),
    Packed(Streams),
}

/// What an archive holds.
#[derive(Default)]
pub(super) struct Header {
    pub(super) streams: Streams,
    pub(super) files: Vec<File>,
}

/// A member.
#[derive(Clone, Default)]
pub(super) struct File {
    pub(super) name: String,
    /// Whether it has any bytes.
    pub(super) has_stream: bool,
    pub(super) is_link: bool,
}

/// The packed streams, and how they are unpacked.
#[derive(Default)]
pub(super) struct Streams {
    /// Where each packed stream is in the file.
    pub(super) packs: Vec<Range<u64>>,
    pub(super) folders: Vec<Folder>,
}

/// Members that are packed together.
#[derive(Default)]
pub(super) struct Folder {
    pub(super) coders: Vec<Coder>,
    /// Which input is fed by which output.
    pub(super) pairs: Vec<(u64, u64)>,
    /// The inputs that are fed by packed streams.
    pub(super) packs: Vec<u64>,
    /// Bytes of each output.
    pub(super) sizes: Vec<u64>,
    pub(super) substreams: Vec<Substream>,
    checksum: Option<u32>,
}

impl Folder {
    /// Bytes that come out at the end.
    pub(super) fn size(&self) -> u64 {
        let is_final = |output: &usize| !self.pairs.iter().any(|&(_, fed)| fed == *output as u64);
        (0..self.sizes.len())
            .find(is_final)
            .map_or(0, |output| self.sizes[output])
    }
}

/// A step of unpacking.
pub(super) struct Coder {
    pub(super) id: Vec<u8>,
    pub(super) properties: Vec<u8>,
    pub(super) inputs: u64,
    pub(super) outputs: u64,
}

/// A member's part of what a folder unpacks to.
#[derive(Clone, Copy)]
pub(super) struct Substream {
    pub(super) size: u64,
    pub(super) checksum: Option<u32>,
}

/// Reads a header; `None` where it breaks its form, or has more of anything than `most`.
pub(super) fn read(bytes: &[u8], most: u64) -> Option<Either> {
    let mut fields = Fields { bytes, most };
    match fields.byte()? {
        HEADER => fields.header().map(Either::Header),
        ENCODED_HEADER => fields.streams().map(Either::Packed),
        _ => None,
    }
}

/// Takes fields off the front of a header.
struct Fields<'b> {
    bytes: &'b [u8],
    most: u64,
}

impl<'b> Fields<'b> {
    fn header(&mut self) -> Option<Header> {
        let mut header = Header::default();
        loop {
            match self.byte()? {
                END => return Some(header),
                ARCHIVE_PROPERTIES => self.skip_properties()?,
                ADDITIONAL_STREAMS => _ = self.streams()?,
                MAIN_STREAMS => header.streams = self.streams()?,
                FILES => header.files = self.files()?,
                _ => return None,
            }
        }
    }

    fn skip_properties(&mut self) -> Option<()> {
        while self.byte()? != END {
            let size = self.number()?;
            self.slice(size)?;
        }
        Some(())
    }

    fn streams(&mut self) -> Option<Streams> {
        let mut streams = Streams::default();
        let mut has_substreams = false;
        loop {
            match self.byte()? {
                END => break,
                PACK_INFO => streams.packs = self.packs()?,
                UNPACK_INFO => streams.folders = self.folders()?,
                SUBSTREAMS_INFO => {
                    self.substreams(&mut streams.folders)?;
                    has_substreams = true;
                }
                _ => return None,
            }
        }
        if !has_substreams {
            for folder in &mut streams.folders {
                folder.substreams = vec![Substream {
                    size: folder.size(),
                    checksum: folder.checksum,
                }];
            }
        }
        Some(streams)
    }

    fn packs(&mut self) -> Option<Vec<Range<u64>>> {
        let mut at = super::START_BYTES.checked_add(self.number()?)?;
        let count = self.count()?;
        let mut packs = Vec::new();
        loop {
            match self.byte()? {
                END => return Some(packs),
                SIZE => {
                    for _ in 0..count {
                        let end = at.checked_add(self.number()?)?;
                        packs.push(at..end);
                        at = end;
                    }
                }
                CRC => _ = self.checksums(count)?,
                _ => return None,
            }
        }
    }

    fn folders(&mut self) -> Option<Vec<Folder>> {
        (self.byte()? == FOLDER).then_some(())?;
        let count = self.count()?;
        self.inline()?;
        let mut folders = Vec::new();
        for _ in 0..count {
            folders.push(self.folder()?);
        }
        loop {
            match self.byte()? {
                END => return Some(folders),
                CODERS_UNPACK_SIZE => {
                    for folder in &mut folders {
                        let outputs = folder.coders.iter().map(|coder| coder.outputs).sum();
                        for _ in 0..outputs {
                            folder.sizes.push(self.number()?);
                        }
                    }
                }
                CRC => {
                    let checksums = self.checksums(count)?;
                    for (folder, checksum) in folders.iter_mut().zip(checksums) {
                        folder.checksum = checksum;
                    }
                }
                _ => return None,
            }
        }
    }

    fn folder(&mut self) -> Option<Folder> {
        let mut folder = Folder::default();
        let count = self
            .number()
            .filter(|&count| (1..=MOST_CODERS).contains(&count))?;
        for _ in 0..count {
            let flags = self.byte()?;
            let id = self.slice(u64::from(flags & 15))?.to_vec();
            let is_complex = flags & 0x10 != 0;
            let ports = if is_complex {
                (self.number()?, self.number()?)
            } else {
                (1, 1)
            };
            let has_properties = flags & 0x20 != 0;
            let length = if has_properties { self.number()? } else { 0 };
            folder.coders.push(Coder {
                id,
                properties: self.slice(length)?.to_vec(),
                inputs: Some(ports.0).filter(|&inputs| inputs <= MOST_CODERS)?,
                outputs: Some(ports.1).filter(|&outputs| outputs <= MOST_CODERS)?,
            });
            (flags & 0xc0 == 0).then_some(())?;
        }
        let inputs: u64 = folder.coders.iter().map(|coder| coder.inputs).sum();
        let outputs: u64 = folder.coders.iter().map(|coder| coder.outputs).sum();
        for _ in 0..outputs.checked_sub(1)? {
            folder.pairs.push((self.number()?, self.number()?));
        }
        let packs = inputs.checked_sub(outputs - 1)?;
        if packs == 1 {
            let is_free = |input: &u64| !folder.pairs.iter().any(|(fed, _)| fed == input);
            folder.packs.push((0..inputs).find(is_free)?);
        } else {
            for _ in 0..packs {
                folder.packs.push(self.number()?);
            }
        }
        Some(folder)
    }

    fn substreams(&mut self, folders: &mut [Folder]) -> Option<()> {
        let mut counts = vec![1; folders.len()];
        let mut id = self.byte()?;
        if id == NUM_UNPACK_STREAM {
            for count in &mut counts {
                *count = self.count()?;
            }
            id = self.byte()?;
        }
        (counts.iter().sum::<u64>() <= self.most).then_some(())?;
        let has_sizes = id == SIZE;
        for (folder, &count) in folders.iter_mut().zip(&counts) {
            self.substream_sizes(folder, count, has_sizes)?;
        }
        if has_sizes {
            id = self.byte()?;
        }
        if id == CRC {
            self.substream_checksums(folders)?;
            id = self.byte()?;
        }
        (id == END).then_some(())
    }

    /// The last size is what is left of the folder's.
    fn substream_sizes(&mut self, folder: &mut Folder, count: u64, has_sizes: bool) -> Option<()> {
        let mut left = folder.size();
        for number in 0..count {
            let is_last = number + 1 == count;
            let size = if is_last || !has_sizes {
                left
            } else {
                self.number()?
            };
            left = left.checked_sub(size)?;
            folder.substreams.push(Substream {
                size,
                checksum: folder.checksum.filter(|_| count == 1),
            });
        }
        Some(())
    }

    fn substream_checksums(&mut self, folders: &mut [Folder]) -> Option<()> {
        let streams = folders.iter_mut().flat_map(|folder| &mut folder.substreams);
        let unknown: Vec<_> = streams.filter(|stream| stream.checksum.is_none()).collect();
        let checksums = self.checksums(unknown.len() as u64)?;
        for (stream, checksum) in unknown.into_iter().zip(checksums) {
            stream.checksum = checksum;
        }
        Some(())
    }

    fn files(&mut self) -> Option<Vec<File>> {
        let count = self.count()?;
        let mut files = vec![
            File {
                has_stream: true,
                ..File::default()
            };
            usize::try_from(count).ok()?
        ];
        loop {
            let id = self.byte()?;
            if id == END {
                return Some(files);
            }
            let size = self.number()?;
            let mut property = Fields {
                bytes: self.slice(size)?,
                most: self.most,
            };
            match id {
                EMPTY_STREAM => {
                    for (file, is_empty) in files.iter_mut().zip(property.bits(count)?) {
                        file.has_stream = !is_empty;
                    }
                }
                NAMES => {
                    property.inline()?;
                    for file in &mut files {
                        file.name = property.name()?;
                    }
                }
                ATTRIBUTES => {
                    let are_defined = property.all_or_bits(count)?;
                    property.inline()?;
                    for (file, _) in files
                        .iter_mut()
                        .zip(are_defined)
                        .filter(|(_, defined)| *defined)
                    {
                        file.is_link = is_link(property.u32()?);
                    }
                }
                _ => {}
            }
        }
    }

    /// A name of 16-bit units up to a zero.
    fn name(&mut self) -> Option<String> {
        let mut units = Vec::new();
        loop {
            let unit = u16::from_le_bytes([self.byte()?, self.byte()?]);
            if unit == 0 {
                return Some(String::from_utf16_lossy(&units));
            }
            units.push(unit);
        }
    }

    fn checksums(&mut self, count: u64) -> Option<Vec<Option<u32>>> {
        let mut checksums = Vec::new();
        for is_defined in self.all_or_bits(count)? {
            checksums.push(if is_defined { Some(self.u32()?) } else { None });
        }
        Some(checksums)
    }

    fn all_or_bits(&mut self, count: u64) -> Option<Vec<bool>> {
        if self.byte()? == 0 {
            return self.bits(count);
        }
        Some(vec![true; usize::try_from(count).ok()?])
    }

    fn bits(&mut self, count: u64) -> Option<Vec<bool>> {
        let bytes = self.slice(count.div_ceil(8))?;
        let bit = |number: usize| bytes[number / 8] & (0x80 >> (number % 8)) != 0;
        Some((0..usize::try_from(count).ok()?).map(bit).collect())
    }

    /// Data may be said to be elsewhere, which no writer does.
    fn inline(&mut self) -> Option<()> {
        (self.byte()? == 0).then_some(())
    }

    /// A number of things, each of which takes memory.
    fn count(&mut self) -> Option<u64> {
        self.number().filter(|&count| count <= self.most)
    }

    /// A number whose first byte's leading ones say how many bytes follow.
    fn number(&mut self) -> Option<u64> {
        let first = self.byte()?;
        let following = first.leading_ones();
        let mut low = 0;
        for index in 0..following {
            low |= u64::from(self.byte()?) << (8 * index);
        }
        let high = match following {
            0..=6 => u64::from(first & (0x7f >> following)) << (8 * following),
            _ => 0,
        };
        Some(high | low)
    }

    fn u32(&mut self) -> Option<u32> {
        self.slice(4)?
            .first_chunk()
            .copied()
            .map(u32::from_le_bytes)
    }

    fn byte(&mut self) -> Option<u8> {
        self.slice(1)?.first().copied()
    }

    fn slice(&mut self, length: u64) -> Option<&'b [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(usize::try_from(length).ok()?)?;
        self.bytes = rest;
        Some(taken)
    }
}

/// Whether attributes say that a member is a link, in the manner of Unix or of Windows.
fn is_link(attributes: u32) -> bool {
    const UNIX: u32 = 1 << 15;
    const REPARSE_POINT: u32 = 1 << 10;
    (attributes & UNIX != 0 && attributes >> 28 == 0xa) || attributes & REPARSE_POINT != 0
}

const END: u8 = 0x00;
const HEADER: u8 = 0x01;
const ARCHIVE_PROPERTIES: u8 = 0x02;
const ADDITIONAL_STREAMS: u8 = 0x03;
const MAIN_STREAMS: u8 = 0x04;
const FILES: u8 = 0x05;
const PACK_INFO: u8 = 0x06;
const UNPACK_INFO: u8 = 0x07;
const SUBSTREAMS_INFO: u8 = 0x08;
const SIZE: u8 = 0x09;
const CRC: u8 = 0x0a;
const FOLDER: u8 = 0x0b;
const CODERS_UNPACK_SIZE: u8 = 0x0c;
const NUM_UNPACK_STREAM: u8 = 0x0d;
const EMPTY_STREAM: u8 = 0x0e;
const NAMES: u8 = 0x11;
const ATTRIBUTES: u8 = 0x15;
const ENCODED_HEADER: u8 = 0x17;
/// The original allows 32 steps and as many inputs.
const MOST_CODERS: u64 = 32;

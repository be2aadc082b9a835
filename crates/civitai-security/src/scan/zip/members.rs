//! Judges what the members of an archive hold.

use std::collections::{HashMap, HashSet};
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::ops::Range;

use super::super::compress::{Codec, Ending, Unpack};
use super::super::frame::{Role, Scan, Stop};
use super::super::input::Input;
use super::super::path;
use super::super::pickle::check_storages;
use super::super::torchscript::{Layout, Part};
use super::archive::{Archive, Member};
use super::record::{Entry, Local};
use super::{
    ZIP_CHECKSUM, ZIP_DATA_DAMAGED, ZIP_DATA_TRAILING, ZIP_ENCRYPTED, ZIP_FLAG_LIES, ZIP_METHOD,
    ZIP_SIZE,
};

/// The method of members that are not packed.
pub(super) const STORED: u16 = 0;
const DEFLATE: u16 = 8;
const BZIP2: u16 = 12;
const LZMA: u16 = 14;
const XZ: u16 = 95;

/// A member's data in one reading.
pub(super) struct Data<'m> {
    name: &'m str,
    role: Role,
    /// Where its header is.
    header: u64,
    start: u64,
    /// Bytes as they are packed; `None` where only unpacking tells.
    packed: Option<u64>,
    /// What the data is said to be once unpacked, unless nothing is said.
    promise: Option<Promise>,
    entry: &'m Entry,
}

#[derive(Clone, Copy)]
struct Promise {
    size: u64,
    checksum: u32,
}

impl<'m> Data<'m> {
    /// The data behind a header of which no directory tells.
    pub(super) fn streamed(name: &'m str, local: &'m Local, packed: Option<u64>) -> Self {
        Self {
            name,
            role: Role::Content,
            header: local.at,
            start: local.data,
            packed,
            promise: (!local.entry.has_descriptor()).then_some(Promise {
                size: local.entry.size,
                checksum: local.entry.crc,
            }),
            entry: &local.entry,
        }
    }

    /// The data as the directory has it, and as the header has it where that is something else.
    fn readings(name: &'m str, role: Role, member: &'m Member) -> Vec<Self> {
        let Some(local) = &member.local else {
            return Vec::new();
        };
        let central = &member.central.entry;
        let reading = |entry: &'m Entry| Self {
            name,
            role,
            header: local.at,
            start: local.data,
            packed: Some(entry.packed),
            promise: Some(Promise {
                size: entry.size,
                checksum: entry.crc,
            }),
            entry,
        };
        let mut readings = vec![reading(central)];
        let omits = local.entry.has_descriptor() && local.entry.packed == 0;
        if !omits && local.entry.packed != central.packed || local.entry.method != central.method {
            let mut other = reading(&local.entry);
            if omits {
                other.packed = Some(central.packed);
                other.promise = None;
            }
            readings.push(other);
        }
        readings
    }

    /// Whether what it holds can be told at all: it is neither encrypted nor a patch.
    fn is_plain(&self) -> bool {
        !self.entry.is_encrypted() && !self.entry.is_patch()
    }
}

/// Judges the members of all directories; bytes that several records lead to are judged once.
pub(super) fn judge(
    scan: &mut Scan<'_>,
    input: &mut Input<'_>,
    archive: &Archive,
) -> Result<(), Stop> {
    let names: Vec<_> = archive
        .members
        .iter()
        .map(|member| member.central.entry.name.as_slice())
        .collect();
    let layout = Layout::of(&names);
    let sizes: HashMap<_, _> = archive
        .members
        .iter()
        .map(|member| (&*member.central.entry.name, member.central.entry.size))
        .collect();
    layout.judge(scan);
    let mut judged = HashSet::new();
    let mut links = HashSet::new();
    // The members that a pickle has accounted for as the numbers of its tensors.
    let mut numbers = HashSet::new();
    let is_pickle = |member: &&Member| layout.numbers_of(&member.name()).is_some();
    let (pickles, others): (Vec<_>, Vec<_>) = archive.members.iter().partition(is_pickle);
    for member in pickles.into_iter().chain(others) {
        let name = member.name();
        if let Some(target) = link_target(input, member)? {
            let escapes = path::escapes(&member.central.entry.name, &target);
            let rule = if escapes {
                &path::PATH_LINK_ESCAPES
            } else {
                &path::PATH_LINK
            };
            let target = String::from_utf8_lossy(&target);
            scan.find(rule, member.span.start, format!("{name} -> {target}"));
            links.insert(path::key(&member.central.entry.name));
        }
        if is_device(member.central.mode) {
            scan.find(&path::PATH_DEVICE, member.span.start, &name);
        }
        let role = match layout.part(&name) {
            // Readers that know no links take the target for the content.
            Part::Other if member.is_link() => Role::Data,
            Part::Numbers if numbers.contains(&name) => Role::Numbers,
            Part::Numbers => Role::Data,
            Part::Source => Role::Source,
            Part::Other => Role::Content,
        };
        for data in Data::readings(&name, role, member) {
            let is_folder = member.central.entry.is_folder() && data.packed == Some(0);
            if !is_folder && judged.insert((data.start, data.packed, data.entry.method)) {
                scan.take_storages();
                judge_data(scan, input, &data)?;
            }
        }
        if let Some(folder) = layout.numbers_of(&name) {
            let storages = scan.take_storages();
            let bytes = |key: &str| sizes.get(format!("{folder}{key}").as_bytes()).copied();
            let fitting = check_storages(scan, &storages, bytes);
            numbers.extend(fitting.iter().map(|key| format!("{folder}{key}")));
        }
    }
    for member in &archive.members {
        scan.budget().step()?;
        if let Some(link) = path::link_on_way(&member.central.entry.name, &links) {
            let detail = format!(
                "{} through {}",
                member.name(),
                String::from_utf8_lossy(link)
            );
            scan.find(&path::PATH_THROUGH_LINK, member.span.start, detail);
        }
    }
    Ok(())
}

/// Judges the data of a member, and gives how many packed bytes it has by its own word.
pub(super) fn judge_data(
    scan: &mut Scan<'_>,
    input: &mut Input<'_>,
    data: &Data<'_>,
) -> Result<u64, Stop> {
    if data.entry.is_encrypted() {
        scan.find(&ZIP_ENCRYPTED, data.header, data.name);
    }
    if data.entry.is_patch() {
        scan.find(&ZIP_METHOD, data.header, format!("{}: a patch", data.name));
    }
    if data.entry.is_later() {
        let detail = format!("{}: version {}", data.name, data.entry.version);
        scan.find(&ZIP_METHOD, data.header, detail);
    }
    if data.entry.method == STORED {
        return judge_stored(scan, input, data);
    }
    let most = data.packed.unwrap_or(u64::MAX);
    let mut window = input.window(data.start, most);
    let Some((codec, skipped)) = codec(data.entry, &mut window)? else {
        let detail = format!("{}: method {}", data.name, data.entry.method);
        scan.find(&ZIP_METHOD, data.header, detail);
        scan.member(data.name, Role::Data, &mut input.window(data.start, most))?;
        return Ok(0);
    };
    let packed = window.len().saturating_sub(skipped);
    let source = input.window(data.start.saturating_add(skipped), packed);
    let mut stream = Unpack::new(codec, buffered(source, packed));
    scan.decoded(data.name, data.role_within(), packed, &mut stream)?;
    let (taken, ending) = (stream.taken(), stream.ending());
    let seen = Promise {
        size: stream.given(),
        checksum: stream.checksum(),
    };
    match ending {
        Ending::Regular => {
            compare(scan, data, seen);
            if data.packed.is_some() && taken < packed {
                let rest = data.start + skipped + taken;
                judge_rest(scan, input, data, rest..rest + packed - taken)?;
            }
        }
        Ending::Truncated | Ending::Damaged if data.is_plain() => {
            scan.find(&ZIP_DATA_DAMAGED, data.start, data.name);
        }
        // Encrypted data is of no method, and what a limit has stopped has its finding.
        Ending::Truncated | Ending::Damaged | Ending::NotYet => {}
    }
    Ok(skipped + taken)
}

fn judge_stored(scan: &mut Scan<'_>, input: &mut Input<'_>, data: &Data<'_>) -> Result<u64, Stop> {
    let packed = data.packed.unwrap_or(0);
    let mut window = input.window(data.start, packed);
    let is_checked = match data.role {
        Role::Content | Role::Source => true,
        Role::Data => packed <= MOST_CHECKED_NUMBERS_BYTES,
        Role::Numbers => packed <= MOST_CHECKED_TENSOR_BYTES,
    };
    let checksum = match data.promise {
        Some(_) if is_checked => checksum(&mut window)?,
        Some(promise) => promise.checksum,
        None => 0,
    };
    compare(
        scan,
        data,
        Promise {
            size: packed,
            checksum,
        },
    );
    if packed > 0 {
        scan.member(data.name, data.role_within(), &mut window)?;
    }
    Ok(packed)
}

/// Bytes behind the end of packed data that still belong to the member.
fn judge_rest(
    scan: &mut Scan<'_>,
    input: &mut Input<'_>,
    data: &Data<'_>,
    rest: Range<u64>,
) -> Result<(), Stop> {
    let length = rest.end - rest.start;
    scan.find(
        &ZIP_DATA_TRAILING,
        rest.start,
        format!("{}: {length} bytes", data.name),
    );
    scan.member(data.name, Role::Data, &mut input.window(rest.start, length))
}

/// Compares what the data is with what it is said to be.
fn compare(scan: &mut Scan<'_>, data: &Data<'_>, seen: Promise) {
    let Some(promise) = data.promise else { return };
    let is_kept = seen.size == promise.size && seen.checksum == promise.checksum;
    if !data.is_plain() {
        if is_kept && seen.size > 0 {
            scan.find(&ZIP_FLAG_LIES, data.header, data.name);
        }
        return;
    }
    if seen.size != promise.size {
        let detail = format!("{}: {} bytes, not {}", data.name, seen.size, promise.size);
        scan.find(&ZIP_SIZE, data.header, detail);
    }
    if seen.checksum != promise.checksum {
        let detail = format!(
            "{}: {:08x}, not {:08x}",
            data.name, seen.checksum, promise.checksum
        );
        scan.find(&ZIP_CHECKSUM, data.header, detail);
    }
}

impl Data<'_> {
    /// Encrypted bytes need not be of any format, nor need none at all.
    fn role_within(&self) -> Role {
        let is_empty = self.promise.is_some_and(|promise| promise.size == 0);
        if self.is_plain() && !is_empty {
            self.role
        } else {
            Role::Data
        }
    }
}

/// The decoder for a member, and how many bytes stand in front of its stream; `None` for an unknown method.
fn codec(entry: &Entry, window: &mut Input<'_>) -> io::Result<Option<(Codec, u64)>> {
    Ok(match entry.method {
        DEFLATE => Some((Codec::deflate(), 0)),
        BZIP2 => Some((Codec::bzip2(), 0)),
        XZ => Some((Codec::xz(), 0)),
        LZMA => {
            // Two bytes of version, two of length, then the properties.
            let head = window.bytes_at(0, 9)?;
            let properties = head.get(4..).filter(|_| head[2..4] == [5, 0]);
            let has_mark = entry.flags & (1 << 1) != 0;
            let size = (!has_mark).then_some(entry.size);
            properties
                .and_then(|properties| Codec::lzma(properties, size))
                .map(|codec| (codec, 9))
        }
        _ => None,
    })
}

fn buffered<R: Read>(source: R, length: u64) -> BufReader<R> {
    let bytes = usize::try_from(length)
        .unwrap_or(BUFFER_BYTES)
        .clamp(16, BUFFER_BYTES);
    BufReader::with_capacity(bytes, source)
}

fn checksum(window: &mut Input<'_>) -> io::Result<u32> {
    let mut hasher = crc32fast::Hasher::new();
    let length = window.len();
    let mut source = buffered(&mut *window, length);
    loop {
        let bytes = source.fill_buf()?;
        if bytes.is_empty() {
            break;
        }
        hasher.update(bytes);
        let count = bytes.len();
        source.consume(count);
    }
    window.rewind()?;
    Ok(hasher.finalize())
}

/// Where a symbolic link leads to.
fn link_target(input: &mut Input<'_>, member: &Member) -> io::Result<Option<Vec<u8>>> {
    let Some(local) = &member.local else {
        return Ok(None);
    };
    if !member.is_link() {
        return Ok(None);
    }
    let entry = &member.central.entry;
    let mut window = input.window(local.data, entry.packed);
    let mut target = Vec::new();
    match codec(entry, &mut window)? {
        Some((codec, skipped)) => {
            let packed = window.len().saturating_sub(skipped);
            let source = input.window(local.data.saturating_add(skipped), packed);
            let stream = Unpack::new(codec, buffered(source, packed));
            stream.take(MOST_TARGET_BYTES).read_to_end(&mut target)?;
        }
        None => _ = window.take(MOST_TARGET_BYTES).read_to_end(&mut target)?,
    }
    Ok(Some(target))
}

impl Member {
    fn is_link(&self) -> bool {
        self.central.mode & FILE_TYPE == SYMBOLIC_LINK
    }
}

fn is_device(mode: u32) -> bool {
    matches!(mode & FILE_TYPE, 0x1000 | 0x2000 | 0x6000 | 0xc000)
}

const FILE_TYPE: u32 = 0xf000;
const SYMBOLIC_LINK: u32 = 0xa000;
/// The longest path of the usual systems.
const MOST_TARGET_BYTES: u64 = 4096;
/// What is known to be nothing but numbers is read for its checksum only up to this size: wrong numbers
/// are no danger, and downloads have better digests.
const MOST_CHECKED_NUMBERS_BYTES: u64 = 1 << 20;
/// The same for the numbers of a tensor: a model has thousands of these.
const MOST_CHECKED_TENSOR_BYTES: u64 = 4 << 10;
const BUFFER_BYTES: usize = 64 << 10;

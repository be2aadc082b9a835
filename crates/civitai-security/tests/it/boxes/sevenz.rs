use super::{array, assert_clean, assert_finds, assert_malicious, evil};

/// A number of less than 14 bits, in the form of the format.
fn number(number: usize) -> Vec<u8> {
    let number = u16::try_from(number).expect("tests are small");
    let [low, high] = number.to_le_bytes();
    if number < 0x80 {
        vec![low]
    } else {
        vec![0x80 | high, low]
    }
}

/// What the list of members says.
struct Listing<'l> {
    method: &'l [u8],
    properties: &'l [u8],
    packed: usize,
    members: &'l [(&'l str, &'l [u8], u32)],
}

impl Listing<'_> {
    fn bytes(&self) -> Vec<u8> {
        let unpacked = self.members.iter().map(|(_, data, _)| data.len()).sum();
        let mut bytes = vec![0x01, 0x04];
        bytes.extend(self.streams(unpacked, true));
        bytes.push(0x05);
        bytes.extend(number(self.members.len()));
        let mut names = vec![0];
        for (name, _, _) in self.members {
            names.extend(name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes));
        }
        bytes.push(0x11);
        bytes.extend(number(names.len()));
        bytes.extend(names);
        let attributes = self
            .members
            .iter()
            .flat_map(|(_, _, attributes)| attributes.to_le_bytes());
        bytes.push(0x15);
        bytes.extend(number(2 + 4 * self.members.len()));
        bytes.extend([1, 0]);
        bytes.extend(attributes);
        bytes.extend([0, 0]);
        bytes
    }

    fn streams(&self, unpacked: usize, has_parts: bool) -> Vec<u8> {
        let mut bytes = vec![0x06, 0, 1, 0x09];
        bytes.extend(number(self.packed));
        bytes.extend([0, 0x07, 0x0b, 1, 0, 1]);
        let flags = u8::try_from(self.method.len()).expect("ids are short");
        bytes.push(flags | if self.properties.is_empty() { 0 } else { 0x20 });
        bytes.extend(self.method);
        if !self.properties.is_empty() {
            bytes.extend(number(self.properties.len()));
            bytes.extend(self.properties);
        }
        bytes.push(0x0c);
        bytes.extend(number(unpacked));
        bytes.push(0);
        if has_parts {
            bytes.extend([0x08, 0x0d]);
            bytes.extend(number(self.members.len()));
            bytes.push(0x09);
            let (_, firsts) = self.members.split_last().expect("there is a member");
            for (_, data, _) in firsts {
                bytes.extend(number(data.len()));
            }
            bytes.extend([0x0a, 1]);
            for (_, data, _) in self.members {
                bytes.extend(crc32fast::hash(data).to_le_bytes());
            }
            bytes.push(0);
        }
        bytes.push(0);
        bytes
    }
}

fn sevenz(packed: &[u8], header: &[u8]) -> Vec<u8> {
    let mut place = (packed.len() as u64).to_le_bytes().to_vec();
    place.extend((header.len() as u64).to_le_bytes());
    place.extend(crc32fast::hash(header).to_le_bytes());
    let mut bytes = b"7z\xbc\xaf\x27\x1c\0\x04".to_vec();
    bytes.extend(crc32fast::hash(&place).to_le_bytes());
    bytes.extend(place);
    bytes.extend(packed);
    bytes.extend(header);
    bytes
}

/// LZMA2 with the data in one chunk that is not packed.
fn lzma2(data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len() - 1).expect("tests are small");
    let mut bytes = vec![1];
    bytes.extend(length.to_be_bytes());
    bytes.extend(data);
    bytes.push(0);
    bytes
}

fn stored(members: &[(&str, &[u8], u32)]) -> Vec<u8> {
    let data: Vec<u8> = members
        .iter()
        .flat_map(|(_, data, _)| data.iter().copied())
        .collect();
    let listing = Listing {
        method: &[0],
        properties: &[],
        packed: data.len(),
        members,
    };
    sevenz(&data, &listing.bytes())
}

#[test]
fn members_are_unpacked_and_judged() {
    let (array, evil) = (array(), evil());
    assert_clean(
        "a.7z",
        &stored(&[("a.npy", &array, 0), ("d/b.npy", &array, 0)]),
    );
    assert_malicious(&stored(&[("a.npy", &array, 0), ("data.pkl", &evil, 0)]));
    let packed = lzma2(&evil);
    let listing = Listing {
        method: &[0x21],
        properties: &[24],
        packed: packed.len(),
        members: &[("data.pkl", &evil, 0)],
    };
    assert_malicious(&sevenz(&packed, &listing.bytes()));
}

#[test]
fn packed_headers_are_unpacked() {
    let evil = evil();
    let inner = Listing {
        method: &[0],
        properties: &[],
        packed: evil.len(),
        members: &[("data.pkl", &evil, 0)],
    };
    let header = lzma2(&inner.bytes());
    let outer = Listing {
        method: &[0x21],
        properties: &[24],
        packed: header.len(),
        members: &[],
    };
    // The packed header lies behind the member.
    let mut streams = outer.streams(inner.bytes().len(), false);
    streams[1] = u8::try_from(evil.len()).expect("it is short");
    let encoded = [&[0x17][..], &streams].concat();
    assert_malicious(&sevenz(&[evil, header].concat(), &encoded));
}

#[test]
fn what_is_wrong_is_found() {
    let array = array();
    for (name, rule) in [("../a.npy", "path_traversal"), ("/a.npy", "path_absolute")] {
        assert_finds(&stored(&[(name, &array, 0)]), rule);
    }
    assert_finds(
        &stored(&[("a.npy", &array, 0), ("a.npy", &array, 0)]),
        "path_duplicate",
    );
    assert_finds(
        &stored(&[("l", b"/etc/passwd", 0xa1ff_8000)]),
        "path_link_escapes",
    );
    let mut checksum = stored(&[("a.npy", &array, 0)]);
    checksum[32 + array.len() - 1] ^= 1;
    assert_finds(&checksum, "sevenz_checksum");
    let trailing = [stored(&[("a.npy", &array, 0)]), evil()].concat();
    assert_finds(&trailing, "sevenz_unclaimed");
    assert_malicious(&trailing);
    for (method, rule) in [
        (&[6, 0xf1, 7, 1][..], "sevenz_encrypted"),
        (&[3, 4, 1], "sevenz_method"),
    ] {
        let listing = Listing {
            method,
            properties: &[],
            packed: array.len(),
            members: &[("a.npy", &array, 0)],
        };
        assert_finds(&sevenz(&array, &listing.bytes()), rule);
    }
}

#[test]
fn every_truncation_and_every_changed_byte_is_survived() {
    let array = array();
    let whole = stored(&[("a.npy", &array, 0), ("b.npy", &array, 0)]);
    for length in 1..whole.len() {
        let report = super::scan("a.7z", &whole[..length]);
        assert_ne!(report.verdict.as_str(), "clean", "{length}");
    }
    for at in 8..whole.len() {
        for flip in [1, 0x80, 0xff] {
            let mut changed = whole.clone();
            changed[at] ^= flip;
            let report = super::scan("a.7z", &changed);
            assert_ne!(report.verdict.as_str(), "clean", "{at} {flip}");
        }
    }
}

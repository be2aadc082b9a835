use std::io::Write;

use super::{array, assert_clean, assert_finds, assert_malicious, evil};

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(data).expect("a vector takes everything");
    packer.finish().expect("a vector takes everything")
}

fn zlib(data: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(data).expect("a vector takes everything");
    packer.finish().expect("a vector takes everything")
}

fn bzip2(data: &[u8]) -> Vec<u8> {
    let mut packer = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    packer.write_all(data).expect("a vector takes everything");
    packer.finish().expect("a vector takes everything")
}

/// An xz stream whose one block is stored: the crate's packer is not built.
fn xz(data: &[u8]) -> Vec<u8> {
    let mut block = vec![0x02, 0x00, 0x21, 0x01, 0x00, 0, 0, 0];
    block.extend(crc32fast::hash(&block).to_le_bytes());
    let length = u16::try_from(data.len() - 1).expect("tests are small");
    block.push(1);
    block.extend(length.to_be_bytes());
    block.extend(data);
    block.push(0);
    let unpadded = block.len() + 4;
    block.resize(block.len().next_multiple_of(4), 0);
    block.extend(crc32fast::hash(data).to_le_bytes());
    let mut index = vec![0, 1];
    for number in [unpadded, data.len()] {
        let mut rest = number;
        while rest >= 0x80 {
            index.push(rest.to_le_bytes()[0] | 0x80);
            rest >>= 7;
        }
        index.push(u8::try_from(rest).expect("it is less than 128"));
    }
    index.resize(index.len().next_multiple_of(4), 0);
    index.extend(crc32fast::hash(&index).to_le_bytes());
    let backward = u32::try_from(index.len() / 4 - 1).expect("tests are small");
    let mut footer = backward.to_le_bytes().to_vec();
    footer.extend([0, 1]);
    let mut bytes = b"\xfd7zXZ\0\0\x01".to_vec();
    bytes.extend(crc32fast::hash(&[0, 1]).to_le_bytes());
    bytes.extend(block);
    bytes.extend(index);
    bytes.extend(crc32fast::hash(&footer).to_le_bytes());
    bytes.extend(footer);
    bytes.extend(b"YZ");
    bytes
}

/// A packer, by the name of what it makes.
type Packer = (&'static str, fn(&[u8]) -> Vec<u8>);

static PACKERS: &[Packer] = &[("gz", gzip), ("bz2", bzip2), ("xz", xz), ("zlib", zlib)];

#[test]
fn packed_files_are_what_they_unpack_to() {
    for (ending, pack) in PACKERS {
        assert_clean(&format!("a.npy.{ending}"), &pack(&array()));
        assert_malicious(&pack(&evil()));
    }
    assert_malicious(&gzip(&bzip2(&xz(&evil()))));
}

#[test]
fn streams_in_a_row_are_one_file() {
    for (ending, pack) in &PACKERS[..3] {
        let evil = evil();
        let (first, second) = evil.split_at(9);
        assert_malicious(&[pack(first), pack(second)].concat());
        assert_clean(
            &format!("a.npy.{ending}"),
            &[pack(&array()[..50]), pack(&array()[50..])].concat(),
        );
    }
    let padded = [gzip(&array()), vec![0; 512]].concat();
    assert_clean("a.npy.gz", &padded);
}

#[test]
fn what_follows_a_stream_is_judged() {
    for (_, pack) in PACKERS {
        let bytes = [pack(&array()), evil()].concat();
        assert_finds(&bytes, "packed_trailing");
        assert_malicious(&bytes);
    }
}

#[test]
fn damage_does_not_hide_what_came_before_it() {
    let data = [evil(), (0..=255_u8).cycle().take(3000).collect()].concat();
    for (_, pack) in &PACKERS[..1] {
        let bytes = pack(&data);
        assert_malicious(&bytes[..bytes.len() - 20]);
        assert_finds(&bytes[..bytes.len() - 3], "packed_truncated");
    }
    let mut checksum = gzip(&array());
    let at = checksum.len() - 8;
    checksum[at] ^= 1;
    assert_finds(&checksum, "packed_checksum");
    let mut header = gzip(&array());
    header[3] |= 0x80;
    assert_finds(&header, "packed_header");
}

#[test]
fn every_truncation_is_refused() {
    for (ending, pack) in PACKERS {
        let whole = pack(&array());
        for length in 1..whole.len() {
            // Of a few bytes only the name says that they should be more.
            let report = super::scan("a.bin", &whole[..length]);
            assert_ne!(report.verdict.as_str(), "clean", "{ending}: {length}");
        }
    }
}

//! Tar archives, with the checksums of their headers put right.

use super::content;
use crate::random::Random;

pub(crate) const WORDS: &[&[u8]] = &[
    b"ustar\x0000",
    b"ustar  \0",
    b"././@LongLink",
    b"../",
    b"pickle",
    b"tensors",
    b"storages",
    b"sys_info",
    b"path=",
    b"size=",
    b"linkpath=",
    b"GNU.sparse.name=",
    b"GNU.sparse.major=1",
    b"\x80\0\0\0\0\0\0\0\0\0\0\x01",
    b"00000000000\0",
    b"77777777777\0",
];

const NAMES: &[&str] = &[
    "pickle",
    "tensors",
    "storages",
    "sys_info",
    "model_config.yaml",
    "weights.ckpt",
    "./a.npy",
    "d/",
    "d/a.npy",
    "../a",
    "/etc/a",
    "a",
    "A",
];

/// An archive of a few members.
pub(crate) fn tar(random: &mut Random) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..random.below(5) {
        member(random, &mut bytes);
    }
    if !random.one_in(12) {
        bytes.extend([0; 1024]);
    }
    if random.one_in(12) {
        bytes.extend(random.bytes(600));
    }
    bytes
}

fn member(random: &mut Random, out: &mut Vec<u8>) {
    let name = NAMES[random.below(NAMES.len())];
    match random.below(10) {
        0 => {
            let long = format!("{}{name}\0", "d/".repeat(60));
            write(random, out, b'L', "././@LongLink", long.as_bytes());
        }
        1 | 2 => {
            let key = random.pick(&[
                "path",
                "size",
                "linkpath",
                "GNU.sparse.name",
                "comment",
                "hdrcharset",
            ]);
            let value = random.pick(&["a.npy", "0", "512", "../x", "99999999999"]);
            let body = record(random, key, value);
            let kind = if random.one_in(4) { b'g' } else { b'x' };
            write(random, out, kind, "x", body.as_bytes());
        }
        _ => {}
    }
    let kind = random.pick(&[
        &b"0"[..],
        b"0",
        b"0",
        b"0",
        b"\0",
        b"5",
        b"1",
        b"2",
        b"3",
        b"7",
        b"S",
        b"K",
        b"z",
    ])[0];
    let data = if matches!(kind, b'0' | b'\0' | b'7') {
        content(random)
    } else {
        Vec::new()
    };
    write(random, out, kind, name, &data);
}

fn write(random: &mut Random, out: &mut Vec<u8>, kind: u8, name: &str, data: &[u8]) {
    let mut block = [0; 512];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[100..107].copy_from_slice(b"0000644");
    let size = random.lie(data.len() as u64);
    if random.one_in(12) {
        block[124] = 0x80;
        block[128..136].copy_from_slice(&size.to_be_bytes());
    } else {
        let digits = format!("{size:011o}");
        block[124..135].copy_from_slice(&digits.as_bytes()[digits.len() - 11..]);
    }
    block[156] = kind;
    if matches!(kind, b'1' | b'2') {
        let target = random.pick(&["a", "../x", "/etc/passwd", "."]);
        block[157..157 + target.len()].copy_from_slice(target.as_bytes());
    }
    let magic = random.pick(&[&b"ustar\x0000"[..], b"ustar\x0000", b"ustar  \0", b""]);
    block[257..257 + magic.len()].copy_from_slice(magic);
    if random.one_in(20) {
        block[random.below(512)] = random.byte();
    }
    sum(&mut block);
    if random.one_in(40) {
        block[150] ^= 1;
    }
    out.extend(block);
    out.extend(data);
    out.resize(out.len().next_multiple_of(512), 0);
}

fn sum(block: &mut [u8; 512]) {
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

/// A line of a pax record, which begins with its own length.
fn record(random: &mut Random, key: &str, value: &str) -> String {
    let body = format!(" {key}={value}\n");
    let fits = |length: &usize| length.to_string().len() + body.len() == *length;
    let length = (body.len()..body.len() + 9).find(fits).unwrap_or_default();
    format!("{}{body}", random.lie(length as u64))
}

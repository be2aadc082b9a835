//! The literal bytes that make a generated file open as what its name says.

use serde_json::{Map, Value, json};

use super::{Kind, generate, mix};

/// The literal start and end of a file; together they are never longer than `len`.
pub(super) fn edges(kind: Kind, seed: u64, len: u64) -> (Vec<u8>, Vec<u8>) {
    let (head, tail) = match kind {
        Kind::Gguf => (gguf(len), Vec::new()),
        Kind::Pickle => pickle(len),
        Kind::Raw => (Vec::new(), Vec::new()),
        Kind::SafeTensors => (safetensors(seed, len), Vec::new()),
        Kind::Zip => zip(seed, len),
    };
    if (head.len() + tail.len()) as u64 <= len {
        (head, tail)
    } else {
        (Vec::new(), Vec::new())
    }
}

/// A header whose tensors cover the rest of the file without a gap. Its length is a multiple of eight, as the
/// format's own writer makes it.
fn safetensors(seed: u64, len: u64) -> Vec<u8> {
    // Offsets into the whole length have at least as many digits as those into what remains after the header.
    let room = tensor_list(seed, len, len).len().next_multiple_of(8) as u64 + 64;
    let header = if len >= 8 + room {
        let mut text = tensor_list(seed, len, len - 8 - room);
        text.extend(std::iter::repeat_n(
            ' ',
            usize::try_from(room)
                .unwrap_or(usize::MAX)
                .saturating_sub(text.len()),
        ));
        text
    } else {
        let room = usize::try_from(len.saturating_sub(8)).unwrap_or(0);
        format!("{:<room$}", "{}")
    };
    let mut head = (header.len() as u64).to_le_bytes().to_vec();
    head.extend_from_slice(header.as_bytes());
    head
}

/// The header's JSON for tensors that take `payload` bytes of a file of `len`.
fn tensor_list(seed: u64, len: u64, payload: u64) -> String {
    let mut header = Map::new();
    header.insert("__metadata__".to_owned(), json!({ "format": "pt" }));
    let count = 4 + mix(seed, 0) % 28;
    let mut offset = 0;
    for index in 0..count {
        let columns = 64 << (mix(seed, 2 * index + 1) % 5);
        let rows = (payload / count / columns / 2)
            .min(16_384)
            .saturating_sub(mix(seed, 2 * index + 2) % 8);
        if rows > 0 {
            let end = offset + rows * columns * 2;
            header.insert(
                tensor_name(len, index),
                tensor("F16", &[rows, columns], offset, end),
            );
            offset = end;
        }
    }
    let halves = (payload - offset) / 2;
    if halves > 0 {
        let end = offset + halves * 2;
        header.insert(
            tensor_name(len, count),
            tensor("F16", &[halves], offset, end),
        );
        offset = end;
    }
    if offset < payload {
        header.insert("alpha".to_owned(), tensor("U8", &[1], offset, payload));
    }
    Value::Object(header).to_string()
}

/// Names as an adapter has them in a small file and as a checkpoint has them in a large one.
fn tensor_name(len: u64, index: u64) -> String {
    if len < 1 << 30 {
        format!(
            "lora_unet_down_blocks_{}_attentions_{}_proj_in.lora_up.weight",
            index / 2,
            index % 2
        )
    } else {
        format!(
            "model.diffusion_model.input_blocks.{}.{}.weight",
            index / 2,
            index % 2
        )
    }
}

fn tensor(dtype: &str, shape: &[u64], start: u64, end: u64) -> Value {
    json!({ "dtype": dtype, "shape": shape, "data_offsets": [start, end] })
}

/// Version 3 with one tensor of bytes that starts at the next multiple of 32.
fn gguf(len: u64) -> Vec<u8> {
    let header = |elements: u64| {
        let mut head = b"GGUF".to_vec();
        head.extend(3u32.to_le_bytes());
        head.extend(1u64.to_le_bytes());
        head.extend(2u64.to_le_bytes());
        gguf_text(&mut head, "general.architecture");
        head.extend(GGUF_STRING.to_le_bytes());
        gguf_text(&mut head, "flux");
        gguf_text(&mut head, "general.alignment");
        head.extend(GGUF_U32.to_le_bytes());
        head.extend(32u32.to_le_bytes());
        gguf_text(&mut head, "blk.0.weight");
        head.extend(1u32.to_le_bytes());
        head.extend(elements.to_le_bytes());
        head.extend(GGUF_I8.to_le_bytes());
        head.extend(0u64.to_le_bytes());
        head.resize(head.len().next_multiple_of(32), 0);
        head
    };
    let size = header(0).len() as u64;
    header(len.saturating_sub(size))
}

fn gguf_text(head: &mut Vec<u8>, text: &str) {
    head.extend((text.len() as u64).to_le_bytes());
    head.extend(text.as_bytes());
}

/// Protocol 4, one BINBYTES8 object, STOP.
fn pickle(len: u64) -> (Vec<u8>, Vec<u8>) {
    let mut head = vec![0x80, 4, 0x8e];
    head.extend(len.saturating_sub(12).to_le_bytes());
    (head, vec![b'.'])
}

/// One stored member, which begins as the picture that its name says. Without ZIP64 it cannot describe 4 GiB; such a file
/// stays unstructured.
fn zip(seed: u64, len: u64) -> (Vec<u8>, Vec<u8>) {
    const LOCAL: u32 = 30 + ZIP_MEMBER_LEN + PICTURE_LEN;
    const CENTRAL: u32 = 46 + ZIP_MEMBER_LEN;
    const END: u32 = 22;
    let Some(size) = len
        .checked_sub(u64::from(LOCAL + CENTRAL + END))
        .and_then(|size| u32::try_from(size).ok())
    else {
        return (Vec::new(), Vec::new());
    };
    let crc = picture_crc(seed, u64::from(LOCAL), u64::from(size));
    let size = PICTURE_LEN + size;
    let mut described = Vec::new();
    for field in [20u16, 0, 0, 0, 0x21] {
        described.extend(field.to_le_bytes());
    }
    for field in [crc, size, size] {
        described.extend(field.to_le_bytes());
    }
    described.extend(ZIP_MEMBER_LEN.to_le_bytes());

    let mut head = b"PK\x03\x04".to_vec();
    head.extend(&described);
    head.extend(ZIP_MEMBER.as_bytes());
    head.extend(PICTURE);

    let mut tail = b"PK\x01\x02\x14\x00".to_vec();
    tail.extend(&described);
    tail.extend([0; 14]);
    tail.extend(ZIP_MEMBER.as_bytes());
    tail.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    tail.extend(CENTRAL.to_le_bytes());
    tail.extend((LOCAL - PICTURE_LEN + size).to_le_bytes());
    tail.extend([0; 2]);
    (head, tail)
}

fn picture_crc(seed: u64, start: u64, count: u64) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(PICTURE);
    let mut buf = vec![0; 64 << 10];
    let mut done = 0;
    while done < count {
        let step = usize::try_from(count - done)
            .unwrap_or(usize::MAX)
            .min(buf.len());
        generate(seed, start + done, &mut buf[..step]);
        crc.update(&buf[..step]);
        done += step as u64;
    }
    crc.finalize()
}

const GGUF_STRING: u32 = 8;
const GGUF_U32: u32 = 4;
const GGUF_I8: u32 = 24;
const ZIP_MEMBER: &str = "data/0001.png";
const ZIP_MEMBER_LEN: u32 = 13;
const PICTURE: &[u8; PICTURE_LEN as usize] = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR";
const PICTURE_LEN: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::Content;

    #[test]
    fn safetensors_tensors_cover_the_file_exactly() {
        for (seed, len) in [
            (1, 1 << 20),
            (2, 5_000),
            (3, 336_771),
            (64, 1 << 30),
            (4, 7 << 30),
            (5, 600),
        ] {
            let head = safetensors(seed, len);
            let size = u64::from_le_bytes(head[..8].try_into().unwrap());
            assert_eq!(size % 8, if len == 600 { size % 8 } else { 0 });
            let header: Map<String, Value> = serde_json::from_slice(&head[8..]).unwrap();
            let mut ranges: Vec<(u64, u64)> = header
                .values()
                .filter_map(|tensor| {
                    serde_json::from_value(tensor.get("data_offsets")?.clone()).ok()
                })
                .collect();
            ranges.sort_unstable();
            let mut at = 0;
            for (start, end) in ranges {
                assert_eq!(start, at);
                at = end;
            }
            assert_eq!(8 + size + at, len, "seed {seed}");
        }
    }

    #[test]
    fn a_file_too_short_for_structure_still_has_its_length() {
        for kind in [
            Kind::Gguf,
            Kind::Pickle,
            Kind::Raw,
            Kind::SafeTensors,
            Kind::Zip,
        ] {
            for len in [0, 1, 7, 8, 9, 10, 11, 12, 40, 120] {
                let mut bytes = vec![0; 200];
                assert_eq!(
                    Content::new(kind, 1, len).read_at(0, &mut bytes) as u64,
                    len
                );
            }
        }
    }

    #[test]
    fn magic_numbers_are_those_of_the_kind() {
        let start = |kind| {
            let mut bytes = [0; 4];
            Content::new(kind, 9, 4096).read_at(0, &mut bytes);
            bytes
        };
        assert_eq!(&start(Kind::Gguf), b"GGUF");
        assert_eq!(&start(Kind::Zip), b"PK\x03\x04");
        assert_eq!(start(Kind::Pickle)[..3], [0x80, 4, 0x8e]);
    }
}

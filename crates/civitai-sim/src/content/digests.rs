//! The digests Civitai publishes for a file, from one pass over its bytes.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::Content;

/// Digests of one file, upper-case hex as the API prints them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Digests {
    /// SHA-256 of the whole file.
    pub sha256: String,
    /// BLAKE3 of the whole file.
    pub blake3: String,
    /// IEEE CRC-32, printed least significant byte first.
    pub crc32: String,
    /// First 8 digits of the SHA-256 of 64 KiB at 1 MiB; absent below 2 MiB.
    pub auto_v1: Option<String>,
    /// First 10 digits of the SHA-256.
    pub auto_v2: String,
    /// First 12 digits of the SHA-256 of what follows the safetensors header; absent where no header fits.
    pub auto_v3: Option<String>,
}

impl Digests {
    pub(super) fn of(content: &Content) -> Self {
        let len = content.len();
        let mut whole = Sha256::new();
        let mut blake3 = blake3::Hasher::new();
        let mut crc32 = crc32fast::Hasher::new();
        let mut window = Sha256::new();
        let mut payload = Sha256::new();
        let payload_start = payload_start(content);

        let mut buf = vec![0; 256 << 10];
        let mut offset = 0;
        while offset < len {
            let read = content.read_at(offset, &mut buf);
            let bytes = &buf[..read];
            whole.update(bytes);
            blake3.update(bytes);
            crc32.update(bytes);
            window.update(overlap(bytes, offset, WINDOW_START, WINDOW_END));
            if let Some(start) = payload_start {
                payload.update(overlap(bytes, offset, start, len));
            }
            offset += read as u64;
        }

        let sha256 = hex(&whole.finalize());
        Self {
            auto_v1: (len >= WINDOW_MIN_LEN).then(|| hex(&window.finalize())[..8].to_owned()),
            auto_v2: sha256[..10].to_owned(),
            auto_v3: payload_start.map(|_| hex(&payload.finalize())[..12].to_owned()),
            sha256,
            blake3: hex(blake3.finalize().as_bytes()),
            crc32: hex(&crc32.finalize().to_le_bytes()),
        }
    }
}

/// Where the scanner starts its third digest: after a plausible header length and that many bytes, else after the
/// eight bytes it read. It does not look at the file's kind.
fn payload_start(content: &Content) -> Option<u64> {
    let mut prefix = [0; 8];
    if content.read_at(0, &mut prefix) < prefix.len() {
        return None;
    }
    let header = u64::from_le_bytes(prefix);
    let start = if header < MAX_HEADER { 8 + header } else { 8 };
    (start < content.len()).then_some(start)
}

/// The part of `bytes`, which lie at `offset`, that is within `start..end` of the file.
fn overlap(bytes: &[u8], offset: u64, start: u64, end: u64) -> &[u8] {
    let clamp = |at: u64| {
        usize::try_from(at.saturating_sub(offset))
            .unwrap_or(usize::MAX)
            .min(bytes.len())
    };
    &bytes[clamp(start)..clamp(end)]
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            write!(text, "{byte:02X}").expect("a string takes any text");
            text
        })
}

const WINDOW_START: u64 = 1 << 20;
const WINDOW_END: u64 = WINDOW_START + (64 << 10);
const WINDOW_MIN_LEN: u64 = 2 << 20;
const MAX_HEADER: u64 = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::Kind;

    #[test]
    fn digests_of_a_known_text_are_those_the_scanner_prints() {
        let content = Content::literal(*b"hello world");
        let digests = content.digests();
        assert_eq!(
            digests.sha256,
            "B94D27B9934D3E08A52E52D7DA7DABFAC484EFE37A5380EE9088F7ACE2EFCDE9"
        );
        assert_eq!(digests.auto_v2, "B94D27B993");
        assert_eq!(
            digests.blake3,
            "D74981EFA70A0C880B8D8C1985D075DBCBF679B99A5F9914E5AAF96B831A9E24"
        );
        assert_eq!(digests.crc32, "85114A0D");
        assert_eq!(digests.auto_v1, None);
    }

    #[test]
    fn the_third_digest_starts_after_the_safetensors_header() {
        let content = Content::new(Kind::SafeTensors, 3, 3 << 20);
        let mut bytes = vec![0; 3 << 20];
        content.read_at(0, &mut bytes);
        let header = usize::try_from(u64::from_le_bytes(bytes[..8].try_into().unwrap())).unwrap();
        let expected = hex(&Sha256::digest(&bytes[8 + header..]));
        assert_eq!(content.digests().auto_v3.as_deref(), Some(&expected[..12]));
        let window = hex(&Sha256::digest(&bytes[1 << 20..(1 << 20) + 65_536]));
        assert_eq!(content.digests().auto_v1.as_deref(), Some(&window[..8]));
    }

    #[test]
    fn files_without_room_for_a_header_have_no_third_digest() {
        assert_eq!(
            Content::new(Kind::SafeTensors, 1, 0).digests().auto_v3,
            None
        );
        assert_eq!(
            Content::new(Kind::SafeTensors, 1, 1).digests().auto_v3,
            None
        );
    }
}

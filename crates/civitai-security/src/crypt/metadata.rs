//! What a container keeps of the file that is in it.

use std::str;

use super::CryptError;

/// What is known of a file beside its bytes; sealed like its content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// The name it had, without folders. Not to be trusted as the name of a file: it may come from a stranger.
    pub name: Option<String>,
    /// What kind of file it is, as a media type or a word such as `safetensors`.
    pub media: Option<String>,
    /// Its length.
    pub bytes: Option<u64>,
    /// Its SHA-256, where it was known when the container was written; it is not computed for this.
    pub sha256: Option<[u8; 32]>,
}

impl Metadata {
    /// Writes the fields in the order of their tags and fills up with zeros, so that the length tells little.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, CryptError> {
        let size = self.bytes.map(u64::to_be_bytes);
        let fields = [
            (NAME, self.name.as_deref().map(str::as_bytes)),
            (MEDIA, self.media.as_deref().map(str::as_bytes)),
            (BYTES, size.as_ref().map(<[u8; 8]>::as_slice)),
            (SHA256, self.sha256.as_ref().map(<[u8; 32]>::as_slice)),
        ];
        let mut out = Vec::new();
        for (tag, value) in fields {
            let Some(value) = value else { continue };
            let too_long = CryptError::MetadataTooLong {
                bytes: value.len(),
                limit: MAX_BYTES,
            };
            let Ok(length) = u16::try_from(value.len()) else {
                return Err(too_long);
            };
            out.push(tag);
            out.extend(length.to_be_bytes());
            out.extend(value);
        }
        out.resize(out.len().next_multiple_of(GRAIN), 0);
        if out.len() > MAX_BYTES {
            return Err(CryptError::MetadataTooLong {
                bytes: out.len(),
                limit: MAX_BYTES,
            });
        }
        Ok(out)
    }

    /// Reads what [`encode`](Self::encode) writes, and nothing else.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut metadata = Self::default();
        let mut rest = bytes;
        let mut before = 0;
        while let Some((&tag, after)) = rest.split_first() {
            if tag == 0 {
                return after.iter().all(|byte| *byte == 0).then_some(metadata);
            }
            let (length, after) = after.split_first_chunk()?;
            let (value, after) = after.split_at_checked(u16::from_be_bytes(*length).into())?;
            if tag <= before {
                return None;
            }
            let text = || str::from_utf8(value).ok().map(str::to_owned);
            match tag {
                NAME => metadata.name = Some(text()?),
                MEDIA => metadata.media = Some(text()?),
                BYTES => metadata.bytes = Some(u64::from_be_bytes(value.try_into().ok()?)),
                SHA256 => metadata.sha256 = Some(value.try_into().ok()?),
                _ => return None,
            }
            before = tag;
            rest = after;
        }
        Some(metadata)
    }
}

/// The most that the sealed fields may take, without their tag.
pub(crate) const MAX_BYTES: usize = 4096;
const GRAIN: usize = 256;
const NAME: u8 = 1;
const MEDIA: u8 = 2;
const BYTES: u8 = 3;
const SHA256: u8 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_else_is() {
        let all = Metadata {
            name: Some("モデル.safetensors".to_owned()),
            media: Some("safetensors".to_owned()),
            bytes: Some(u64::MAX),
            sha256: Some([9; 32]),
        };
        for metadata in [Metadata::default(), all.clone()] {
            let bytes = metadata.encode().expect("it is short");
            assert_eq!(bytes.len() % GRAIN, 0);
            assert_eq!(Metadata::decode(&bytes), Some(metadata));
        }
        let bytes = all.encode().expect("it is short");
        assert_eq!(Metadata::decode(&bytes[..20]), None, "cut in a field");
        assert_eq!(Metadata::decode(&[5, 0, 0]), None, "unknown field");
        assert_eq!(Metadata::decode(&[1, 0, 0, 1, 0, 0]), None, "twice");
        assert_eq!(Metadata::decode(&[1, 0, 1, 0xff]), None, "not UTF-8");
        assert_eq!(Metadata::decode(&[0, 0, 1]), None, "bytes behind the end");
    }

    #[test]
    fn a_name_that_does_not_fit_is_refused() {
        for length in [MAX_BYTES, 70_000] {
            let metadata = Metadata {
                name: Some("x".repeat(length)),
                ..Metadata::default()
            };
            let result = metadata.encode();
            assert!(matches!(result, Err(CryptError::MetadataTooLong { .. })));
        }
    }
}

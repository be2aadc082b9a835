//! The keys of one file, all drawn from its file key by HKDF-SHA-256.

use aws_lc_rs::{hkdf, hmac};
use zeroize::Zeroizing;

use super::FileId;
use super::key::FileKey;
use super::primitive::{MAC_BYTES, hkdf_expand, hmac_key};

/// What a derived key is for; each is a different `info` of HKDF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Binds a header to one file key.
    Commitment,
    /// HMAC key of the two MACs in the header.
    Header,
    /// Encryption of the metadata.
    Metadata,
    /// HMAC key of the metadata, in suites that have one.
    MetadataMac,
    /// The first seven bytes of each chunk's nonce.
    Nonce,
    /// HMAC key of the note that a header is being replaced.
    Note,
    /// Encryption of the chunks.
    Payload,
    /// HMAC key of the chunks, in suites that have one.
    PayloadMac,
    /// HMAC key of the trailer.
    Trailer,
}

impl Purpose {
    fn info(self) -> &'static [u8] {
        match self {
            Self::Commitment => b"cke1 commit",
            Self::Header => b"cke1 header",
            Self::Metadata => b"cke1 metadata",
            Self::MetadataMac => b"cke1 metadata mac",
            Self::Nonce => b"cke1 nonce",
            Self::Note => b"cke1 note",
            Self::Payload => b"cke1 payload",
            Self::PayloadMac => b"cke1 payload mac",
            Self::Trailer => b"cke1 file",
        }
    }
}

/// One file's key, ready to derive from.
pub(crate) struct Keys(hkdf::Prk);

impl Keys {
    pub(crate) fn new(key: &FileKey, file: FileId) -> Self {
        Self(hkdf::Salt::new(hkdf::HKDF_SHA256, file.as_bytes()).extract(key.expose()))
    }

    pub(crate) fn derive<const N: usize>(&self, purpose: Purpose) -> Zeroizing<[u8; N]> {
        let mut key = Zeroizing::new([0; N]);
        hkdf_expand(&self.0, purpose.info(), &mut *key)
            .expect("HKDF gives 255 blocks, one is asked for");
        key
    }

    pub(crate) fn mac(&self, purpose: Purpose) -> hmac::Key {
        hmac_key(&*self.derive::<MAC_BYTES>(purpose))
    }
}

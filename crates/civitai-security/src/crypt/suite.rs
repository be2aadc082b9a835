//! How chunks and metadata are encrypted and authenticated.

use aws_lc_rs::cipher::{AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;

use super::derive::{Keys, Purpose};
use super::primitive::{Aead, GCM_TAG_BYTES, MAC_BYTES, check_mac, hmac_sha256};
use super::{CryptError, Level};

/// The ciphers of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Suite {
    Gcm128,
    Gcm256,
    CtrHmac,
}

impl Suite {
    /// The suite of the container that stands in the file; that of level maximum holds another of level standard.
    pub(crate) fn of(level: Level) -> Self {
        match level {
            Level::Basic => Self::Gcm128,
            Level::Standard => Self::Gcm256,
            Level::High | Level::Maximum => Self::CtrHmac,
        }
    }

    /// The length of what authenticates a chunk.
    pub(crate) fn tag_bytes(self) -> usize {
        match self {
            Self::Gcm128 | Self::Gcm256 => GCM_TAG_BYTES,
            Self::CtrHmac => MAC_BYTES,
        }
    }

    pub(crate) fn payload(self, keys: &Keys) -> Result<Cipher, CryptError> {
        self.cipher(keys, Purpose::Payload, Purpose::PayloadMac)
    }

    pub(crate) fn metadata(self, keys: &Keys) -> Result<Cipher, CryptError> {
        self.cipher(keys, Purpose::Metadata, Purpose::MetadataMac)
    }

    fn cipher(self, keys: &Keys, cipher: Purpose, mac: Purpose) -> Result<Cipher, CryptError> {
        Ok(match self {
            Self::Gcm128 => Cipher::Gcm(Aead::gcm(&*keys.derive::<16>(cipher))?),
            Self::Gcm256 => Cipher::Gcm(Aead::gcm(&*keys.derive::<32>(cipher))?),
            Self::CtrHmac => Cipher::CtrHmac(Box::new(CtrHmac {
                stream: UnboundCipherKey::new(&AES_256, &*keys.derive::<32>(cipher))
                    .and_then(EncryptingKey::ctr)
                    .map_err(|_| FAILED)?,
                mac: keys.mac(mac),
            })),
        })
    }
}

/// What is used once under a key: seven bytes of the file, the number of the chunk, whether it is the last.
pub(crate) type ChunkNonce = [u8; 12];

pub(crate) fn chunk_nonce(prefix: [u8; 7], index: u32, is_last: bool) -> ChunkNonce {
    let mut nonce = [0; 12];
    nonce[..7].copy_from_slice(&prefix);
    nonce[7..11].copy_from_slice(&index.to_be_bytes());
    nonce[11] = is_last.into();
    nonce
}

/// The key of a suite.
pub(crate) enum Cipher {
    Gcm(Aead),
    CtrHmac(Box<CtrHmac>),
}

/// Encrypt, then authenticate, each with a key of its own.
pub(crate) struct CtrHmac {
    stream: EncryptingKey,
    mac: hmac::Key,
}

impl Cipher {
    /// Encrypts in place.
    pub(crate) fn seal(&self, nonce: ChunkNonce, bytes: &mut [u8]) -> Result<Tag, CryptError> {
        match self {
            Self::Gcm(key) => Ok(Tag::from_slice(&key.seal(&nonce, &[], bytes)?)),
            Self::CtrHmac(keys) => {
                keystream(&keys.stream, nonce, bytes)?;
                Ok(Tag::from_slice(&hmac_sha256(&keys.mac, &[&nonce, bytes])))
            }
        }
    }

    /// Checks, and only then decrypts in place.
    pub(crate) fn open(
        &self,
        nonce: ChunkNonce,
        bytes: &mut [u8],
        tag: &[u8],
    ) -> Result<(), CryptError> {
        match self {
            Self::Gcm(key) => key.open(&nonce, &[], bytes, tag),
            Self::CtrHmac(keys) => {
                check_mac(&hmac_sha256(&keys.mac, &[&nonce, bytes]), tag)?;
                keystream(&keys.stream, nonce, bytes)
            }
        }
    }
}

/// What authenticates a chunk.
pub(crate) struct Tag {
    bytes: [u8; MAC_BYTES],
    length: usize,
}

impl Tag {
    fn from_slice(tag: &[u8]) -> Self {
        let mut bytes = [0; MAC_BYTES];
        bytes[..tag.len()].copy_from_slice(tag);
        Self {
            bytes,
            length: tag.len(),
        }
    }
}

impl AsRef<[u8]> for Tag {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// The counter block is the nonce and four bytes that count the blocks of a chunk: at most 2^18 of them.
fn keystream(key: &EncryptingKey, nonce: ChunkNonce, bytes: &mut [u8]) -> Result<(), CryptError> {
    let mut block = [0; 16];
    block[..nonce.len()].copy_from_slice(&nonce);
    key.less_safe_encrypt(bytes, EncryptionContext::Iv128(FixedLength::from(block)))
        .map(|_| ())
        .map_err(|_| FAILED)
}

const FAILED: CryptError = CryptError::Primitive {
    operation: "encrypting a chunk",
};

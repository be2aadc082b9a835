//! The primitives of the formats, each with the parameters that are taken here and no others.

use aws_lc_rs::aead::{
    AES_128_GCM, AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey,
};
use aws_lc_rs::kem::{Ciphertext, DecapsulationKey, EncapsulationKey, ML_KEM_768};
use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrapPadded};
use aws_lc_rs::rsa::{
    OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, OaepPublicEncryptingKey,
    PrivateDecryptingKey, PublicEncryptingKey,
};
use aws_lc_rs::{constant_time, hkdf, hmac};
use thiserror::Error;
use zeroize::Zeroizing;

use super::CryptError;

/// A parameter that the primitive may well take, but no format here has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Error)]
#[non_exhaustive]
pub enum Unsupported {
    /// A key of another length.
    #[error("a key of {0} bytes")]
    KeyBytes(usize),
    /// A nonce of another length than 12 bytes.
    #[error("a nonce of {0} bytes")]
    NonceBytes(usize),
    /// More output than HKDF-SHA-256 has.
    #[error("an output of {0} bytes")]
    OutputBytes(usize),
    /// A tag that is cut.
    #[error("a tag of {0} bytes")]
    TagBytes(usize),
}

/// An AEAD under one key.
pub(crate) struct Aead(LessSafeKey);

impl Aead {
    /// AES-GCM with the length of the key, 16 or 32 bytes.
    pub(crate) fn gcm(key: &[u8]) -> Result<Self, CryptError> {
        match key.len() {
            16 => Self::new(&AES_128_GCM, key),
            32 => Self::new(&AES_256_GCM, key),
            bytes => Err(Unsupported::KeyBytes(bytes).into()),
        }
    }

    pub(crate) fn chacha20_poly1305(key: &[u8; 32]) -> Result<Self, CryptError> {
        Self::new(&CHACHA20_POLY1305, key)
    }

    fn new(algorithm: &'static Algorithm, key: &[u8]) -> Result<Self, CryptError> {
        let key = UnboundKey::new(algorithm, key).map_err(failed("setting up a cipher"))?;
        Ok(Self(LessSafeKey::new(key)))
    }

    /// Encrypts in place; a nonce is used once under a key.
    pub(crate) fn seal(
        &self,
        nonce: &[u8],
        aad: &[u8],
        bytes: &mut [u8],
    ) -> Result<[u8; GCM_TAG_BYTES], CryptError> {
        let tag = self
            .0
            .seal_in_place_separate_tag(self::nonce(nonce)?, Aad::from(aad), bytes)
            .map_err(failed("encrypting"))?;
        Ok(tag
            .as_ref()
            .try_into()
            .expect("these AEADs have one length of tag"))
    }

    /// Checks and decrypts in place. After an error `bytes` hold nothing of use.
    pub(crate) fn open(
        &self,
        nonce: &[u8],
        aad: &[u8],
        bytes: &mut [u8],
        tag: &[u8],
    ) -> Result<(), CryptError> {
        if tag.len() != GCM_TAG_BYTES {
            return Err(Unsupported::TagBytes(tag.len()).into());
        }
        self.0
            .open_in_place_separate_tag(self::nonce(nonce)?, Aad::from(aad), tag, bytes)
            .map_err(|_| CryptError::Refused)?;
        Ok(())
    }
}

/// AES-256-KWP (RFC 5649).
pub(crate) fn kwp_wrap(with: &[u8], key: &[u8]) -> Result<Vec<u8>, CryptError> {
    // The padded key and the integrity block.
    let mut wrapped = vec![0; key.len().next_multiple_of(8) + 8];
    let length = kek(with)?
        .wrap_with_padding(key, &mut wrapped)
        .map_err(failed("wrapping a key"))?
        .len();
    wrapped.truncate(length);
    Ok(wrapped)
}

/// Undoes [`kwp_wrap`].
pub(crate) fn kwp_unwrap(with: &[u8], wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, CryptError> {
    let mut key = Zeroizing::new(vec![0; wrapped.len()]);
    let length = kek(with)?
        .unwrap_with_padding(wrapped, &mut key)
        .map_err(|_| CryptError::Refused)?
        .len();
    key.truncate(length);
    Ok(key)
}

/// HKDF-SHA-256 (RFC 5869), which fills `out`.
pub(crate) fn hkdf_sha256(
    secret: &[u8],
    salt: &[u8],
    info: &[u8],
    out: &mut [u8],
) -> Result<(), CryptError> {
    hkdf_expand(
        &hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(secret),
        info,
        out,
    )
}

/// The second half of [`hkdf_sha256`].
pub(crate) fn hkdf_expand(
    secret: &hkdf::Prk,
    info: &[u8],
    out: &mut [u8],
) -> Result<(), CryptError> {
    let length = out.len();
    secret
        .expand(&[info], Length(length))
        .and_then(|okm| okm.fill(out))
        .map_err(|_| Unsupported::OutputBytes(length).into())
}

/// HMAC-SHA-256 over all parts.
pub(crate) fn hmac_sha256(key: &hmac::Key, parts: &[&[u8]]) -> [u8; MAC_BYTES] {
    let mut mac = hmac::Context::with_key(key);
    for part in parts {
        mac.update(part);
    }
    mac_bytes(mac.sign())
}

pub(crate) fn hmac_key(key: &[u8]) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, key)
}

pub(crate) fn mac_bytes(tag: hmac::Tag) -> [u8; MAC_BYTES] {
    tag.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

/// Compares a tag in a time that depends on no byte of it.
pub(crate) fn check_mac(expected: &[u8; MAC_BYTES], found: &[u8]) -> Result<(), CryptError> {
    if found.len() != MAC_BYTES {
        return Err(Unsupported::TagBytes(found.len()).into());
    }
    if equal(expected, found) {
        Ok(())
    } else {
        Err(CryptError::Refused)
    }
}

/// Compares in a time that depends on the lengths alone.
pub(crate) fn equal(left: &[u8], right: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(left, right).is_ok()
}

/// RSA-OAEP, SHA-256 for the hash and for MGF1.
pub(crate) fn oaep_encrypt(
    to: &PublicEncryptingKey,
    label: &[u8],
    secret: &[u8],
) -> Result<Vec<u8>, CryptError> {
    let mut wrapped = vec![0; to.key_size_bytes()];
    OaepPublicEncryptingKey::new(to.clone())
        .and_then(|key| {
            key.encrypt(&OAEP_SHA256_MGF1SHA256, secret, &mut wrapped, Some(label))
                .map(|out| out.len())
        })
        .map_err(failed("encrypting by RSA"))?;
    Ok(wrapped)
}

/// Undoes [`oaep_encrypt`].
pub(crate) fn oaep_decrypt(
    with: &PrivateDecryptingKey,
    label: &[u8],
    wrapped: &[u8],
) -> Result<Zeroizing<Vec<u8>>, CryptError> {
    let mut secret = Zeroizing::new(vec![0; with.key_size_bytes()]);
    let length = OaepPrivateDecryptingKey::new(with.clone())
        .and_then(|key| {
            key.decrypt(&OAEP_SHA256_MGF1SHA256, wrapped, &mut secret, Some(label))
                .map(|out| out.len())
        })
        .map_err(|_| CryptError::Refused)?;
    secret.truncate(length);
    Ok(secret)
}

/// ML-KEM-768: returns the ciphertext and what it holds.
pub(crate) fn mlkem_encapsulate(to: &[u8]) -> Result<(Vec<u8>, Zeroizing<Vec<u8>>), CryptError> {
    let failed = failed("encrypting by ML-KEM");
    let key =
        EncapsulationKey::new(&ML_KEM_768, to).map_err(|_| Unsupported::KeyBytes(to.len()))?;
    let (ciphertext, secret) = key.encapsulate().map_err(failed)?;
    Ok((
        ciphertext.as_ref().to_vec(),
        Zeroizing::new(secret.as_ref().to_vec()),
    ))
}

/// Undoes [`mlkem_encapsulate`]. A ciphertext that was changed gives another secret, not an error.
pub(crate) fn mlkem_decapsulate(
    with: &[u8],
    ciphertext: &[u8],
) -> Result<Zeroizing<Vec<u8>>, CryptError> {
    let key =
        DecapsulationKey::new(&ML_KEM_768, with).map_err(|_| Unsupported::KeyBytes(with.len()))?;
    let secret = key
        .decapsulate(Ciphertext::from(ciphertext))
        .map_err(|_| CryptError::Refused)?;
    Ok(Zeroizing::new(secret.as_ref().to_vec()))
}

fn kek(key: &[u8]) -> Result<AesKek, CryptError> {
    AesKek::new(&AES_256, key).map_err(|_| Unsupported::KeyBytes(key.len()).into())
}

fn nonce(bytes: &[u8]) -> Result<Nonce, CryptError> {
    Nonce::try_assume_unique_for_key(bytes).map_err(|_| Unsupported::NonceBytes(bytes.len()).into())
}

fn failed(operation: &'static str) -> impl Fn(aws_lc_rs::error::Unspecified) -> CryptError {
    move |_| CryptError::Primitive { operation }
}

#[derive(Clone, Copy)]
struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// The length of every MAC and of the commitment.
pub(crate) const MAC_BYTES: usize = 32;
/// Of Poly1305, too.
pub(crate) const GCM_TAG_BYTES: usize = 16;

#[cfg(test)]
mod vectors;

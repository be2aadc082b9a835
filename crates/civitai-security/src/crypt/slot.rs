//! Key slots: the file key, wrapped for one recipient.

use std::fmt;

use aws_lc_rs::digest;
use aws_lc_rs::kem::{Ciphertext, DecapsulationKey, EncapsulationKey, ML_KEM_768};
use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrapPadded};
use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, OaepPublicEncryptingKey};
use zeroize::Zeroizing;

use super::CryptError;
use super::derive::hkdf_sha256;
use super::key::{
    FileId, FileKey, KEY_BYTES, KeyId, PrivateKey, PublicKey, Recipient, Unlocked, WrappingKey,
    WrappingKind, random,
};

/// How a slot wraps the file key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SlotKind {
    /// AES-256-KWP under a machine key.
    Machine,
    /// AES-256-KWP under a version of the master key.
    Master,
    /// RSA-OAEP with SHA-256 in both places.
    Rsa,
    /// RSA-OAEP and ML-KEM-768, of which both must be undone.
    RsaMlKem,
}

impl fmt::Display for SlotKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Machine => "machine",
            Self::Master => "master",
            Self::Rsa | Self::RsaMlKem => "private",
        })
    }
}

impl From<WrappingKind> for SlotKind {
    fn from(kind: WrappingKind) -> Self {
        match kind {
            WrappingKind::Machine => Self::Machine,
            WrappingKind::Master => Self::Master,
        }
    }
}

impl Recipient {
    /// The id that its slots carry.
    pub fn id(&self) -> KeyId {
        match self {
            Self::Symmetric(key) => key.id(),
            Self::Public(key) => key.id(),
        }
    }

    /// The kind of its slots.
    pub fn kind(&self) -> SlotKind {
        match self {
            Self::Symmetric(key) => key.kind().into(),
            Self::Public(key) if key.mlkem().is_some() => SlotKind::RsaMlKem,
            Self::Public(_) => SlotKind::Rsa,
        }
    }
}

/// A file key, wrapped for one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// How it is wrapped.
    pub kind: SlotKind,
    /// The key that opens it.
    pub key: KeyId,
    /// The wrapped bytes.
    pub wrapped: Vec<u8>,
}

/// Wraps the key of one file for one recipient.
pub fn wrap(key: &FileKey, file: FileId, to: &Recipient) -> Result<Slot, CryptError> {
    let wrapped = match to {
        Recipient::Symmetric(wrapping) => wrap_symmetric(key.expose(), wrapping.expose())?,
        Recipient::Public(public) => match public.mlkem() {
            None => wrap_rsa(key.expose(), file, public)?,
            Some(share) => wrap_both(key, file, public, share)?,
        },
    };
    Ok(Slot {
        kind: to.kind(),
        key: to.id(),
        wrapped,
    })
}

/// Unwraps a slot with whichever key fits it; `None` where the key it names is not among `keys`.
///
/// # Errors
/// [`CryptError::Refused`] where that key is there and does not open the slot.
pub fn unwrap(slot: &Slot, file: FileId, keys: &Unlocked) -> Result<Option<FileKey>, CryptError> {
    match slot.kind {
        SlotKind::Machine | SlotKind::Master => keys
            .symmetric
            .iter()
            .find(|key| key.id() == slot.key && SlotKind::from(key.kind()) == slot.kind)
            .map(|key| unwrap_symmetric(&slot.wrapped, key))
            .transpose(),
        SlotKind::Rsa | SlotKind::RsaMlKem => keys
            .private
            .iter()
            .find(|key| key.id() == slot.key)
            .map(|key| unwrap_private(slot, file, key))
            .transpose(),
    }
}

fn wrap_symmetric(key: &[u8; KEY_BYTES], with: &[u8; KEY_BYTES]) -> Result<Vec<u8>, CryptError> {
    // KWP writes the padded key and one block more.
    let mut wrapped = vec![0; KWP_BYTES + 8];
    let length = AesKek::new(&AES_256, with)
        .and_then(|kek| {
            kek.wrap_with_padding(key, &mut wrapped)
                .map(|out| out.len())
        })
        .map_err(|_| CryptError::Primitive {
            operation: "wrapping the file key",
        })?;
    wrapped.truncate(length);
    Ok(wrapped)
}

fn unwrap_symmetric(wrapped: &[u8], with: &WrappingKey) -> Result<FileKey, CryptError> {
    unwrap_kwp(wrapped, with.expose())
}

fn unwrap_kwp(wrapped: &[u8], with: &[u8; KEY_BYTES]) -> Result<FileKey, CryptError> {
    if wrapped.len() != KWP_BYTES {
        return Err(CryptError::Refused);
    }
    let mut plain = Zeroizing::new([0; KWP_BYTES]);
    let key = AesKek::new(&AES_256, with)
        .and_then(|kek| kek.unwrap_with_padding(wrapped, &mut *plain))
        .map_err(|_| CryptError::Refused)?;
    FileKey::from_slice(key).ok_or(CryptError::Refused)
}

fn wrap_rsa(secret: &[u8; KEY_BYTES], file: FileId, to: &PublicKey) -> Result<Vec<u8>, CryptError> {
    let mut wrapped = vec![0; to.bits().div_ceil(8)];
    OaepPublicEncryptingKey::new(to.rsa().clone())
        .and_then(|key| {
            key.encrypt(
                &OAEP_SHA256_MGF1SHA256,
                secret,
                &mut wrapped,
                Some(&oaep_label(file)),
            )
            .map(|out| out.len())
        })
        .map_err(|_| CryptError::Primitive {
            operation: "wrapping the file key by RSA",
        })?;
    Ok(wrapped)
}

fn unwrap_rsa(wrapped: &[u8], file: FileId, with: &PrivateKey) -> Result<FileKey, CryptError> {
    let mut plain = Zeroizing::new(vec![0; with.rsa().key_size_bytes()]);
    let key = OaepPrivateDecryptingKey::new(with.rsa().clone())
        .and_then(|key| {
            key.decrypt(
                &OAEP_SHA256_MGF1SHA256,
                wrapped,
                &mut plain,
                Some(&oaep_label(file)),
            )
        })
        .map_err(|_| CryptError::Refused)?;
    FileKey::from_slice(key).ok_or(CryptError::Refused)
}

/// RSA ciphertext of a fresh secret, ML-KEM ciphertext, file key under the key that both secrets make.
fn wrap_both(
    key: &FileKey,
    file: FileId,
    to: &PublicKey,
    share: &[u8],
) -> Result<Vec<u8>, CryptError> {
    let failed = CryptError::Primitive {
        operation: "wrapping the file key by ML-KEM",
    };
    let secret = random()?;
    let mut wrapped = wrap_rsa(&secret, file, to)?;
    let Ok((ciphertext, shared)) = EncapsulationKey::new(&ML_KEM_768, share)
        .map_or(Err(()), |key| key.encapsulate().map_err(|_| ()))
    else {
        return Err(failed);
    };
    wrapped.extend_from_slice(ciphertext.as_ref());
    let kek = combine(&*secret, shared.as_ref(), to.id(), file, &wrapped);
    wrapped.extend(wrap_symmetric(key.expose(), &kek)?);
    Ok(wrapped)
}

fn unwrap_private(slot: &Slot, file: FileId, with: &PrivateKey) -> Result<FileKey, CryptError> {
    let rsa_bytes = with.rsa().key_size_bytes();
    let share = match (slot.kind, with.mlkem()) {
        (SlotKind::Rsa, _) if slot.wrapped.len() == rsa_bytes => {
            return unwrap_rsa(&slot.wrapped, file, with);
        }
        (SlotKind::RsaMlKem, Some(share))
            if slot.wrapped.len() == rsa_bytes + MLKEM_CIPHERTEXT_BYTES + KWP_BYTES =>
        {
            share
        }
        _ => return Err(CryptError::Refused),
    };
    let (public, wrapped) = slot.wrapped.split_at(rsa_bytes + MLKEM_CIPHERTEXT_BYTES);
    let (rsa, mlkem) = public.split_at(rsa_bytes);
    let secret = unwrap_rsa(rsa, file, with)?;
    let shared = DecapsulationKey::new(&ML_KEM_768, share)
        .map_err(|_| CryptError::Refused)?
        .decapsulate(Ciphertext::from(mlkem))
        .map_err(|_| CryptError::Refused)?;
    let kek = combine(secret.expose(), shared.as_ref(), with.id(), file, public);
    unwrap_kwp(wrapped, &kek)
}

/// The key that wraps the file key is lost unless both secrets are known, and bound to all that was sent.
fn combine(
    rsa_secret: &[u8],
    mlkem_secret: &[u8],
    key: KeyId,
    file: FileId,
    ciphertexts: &[u8],
) -> Zeroizing<[u8; KEY_BYTES]> {
    let secrets = Zeroizing::new([rsa_secret, mlkem_secret].concat());
    let mut sent = digest::Context::new(&digest::SHA256);
    sent.update(key.as_bytes());
    sent.update(ciphertexts);
    let info = [b"cke1 hybrid".as_slice(), sent.finish().as_ref()].concat();
    hkdf_sha256(&secrets, file.as_bytes(), &info)
}

fn oaep_label(file: FileId) -> Vec<u8> {
    [b"cke1 high".as_slice(), file.as_bytes()].concat()
}

/// 32 bytes and the integrity block of RFC 5649.
const KWP_BYTES: usize = KEY_BYTES + 8;
const MLKEM_CIPHERTEXT_BYTES: usize = 1088;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypt::{RsaSize, Share};

    #[test]
    fn every_kind_of_slot_opens_with_its_key_for_its_file_alone() {
        let pairs = [Share::RsaOnly, Share::WithMlKem]
            .map(|share| PrivateKey::generate(RsaSize::Rsa3072, share).expect("a pair is drawn"));
        let symmetric = [WrappingKind::Machine, WrappingKind::Master]
            .map(|kind| WrappingKey::random(kind).expect("a key is drawn"));
        let recipients = pairs
            .iter()
            .map(|pair| Recipient::Public(pair.public().clone()))
            .chain(symmetric.iter().cloned().map(Recipient::Symmetric))
            .collect::<Vec<_>>();
        let keys = Unlocked {
            symmetric: symmetric.to_vec(),
            private: pairs.into(),
        };
        let key = FileKey::random().expect("a key is drawn");
        let file = FileId::from_bytes([7; 16]);
        for to in &recipients {
            let slot = wrap(&key, file, to).expect("a slot is made");
            let opened = unwrap(&slot, file, &keys)
                .expect("the key fits")
                .expect("it is there");
            assert_eq!(opened.expose(), key.expose(), "{:?}", slot.kind);
            assert!(unwrap(&slot, file, &Unlocked::default()).is_ok_and(|key| key.is_none()));
            for index in 0..slot.wrapped.len() {
                let mut damaged = slot.clone();
                damaged.wrapped[index] ^= 1;
                let result = unwrap(&damaged, file, &keys);
                assert!(
                    matches!(result, Err(CryptError::Refused)),
                    "{:?} {index}",
                    slot.kind
                );
            }
            if matches!(to, Recipient::Public(_)) {
                let elsewhere = unwrap(&slot, FileId::from_bytes([8; 16]), &keys);
                assert!(
                    matches!(elsewhere, Err(CryptError::Refused)),
                    "{:?}",
                    slot.kind
                );
            }
        }
    }
}

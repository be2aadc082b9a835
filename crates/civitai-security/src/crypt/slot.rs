//! Key slots: the file key, wrapped for one recipient.

use std::fmt;

use aws_lc_rs::digest;
use zeroize::Zeroizing;

use super::key::{
    FileId, FileKey, KEY_BYTES, KeyId, PrivateKey, PublicKey, Recipient, Unlocked, WrappingKind,
    random,
};
use super::primitive::{
    hkdf_sha256, kwp_unwrap, kwp_wrap, mlkem_decapsulate, mlkem_encapsulate, oaep_decrypt,
    oaep_encrypt,
};
use super::{CryptError, Level};

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

impl SlotKind {
    const ALL: [Self; 4] = [Self::Machine, Self::Master, Self::Rsa, Self::RsaMlKem];

    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Machine => 1,
            Self::Master => 2,
            Self::Rsa => 3,
            Self::RsaMlKem => 4,
        }
    }

    pub(crate) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// Whether a slot of this kind holds the key of the standard container within one of level maximum.
    pub(crate) fn is_inner(self, level: Level) -> bool {
        level == Level::Maximum && self == Self::Master
    }
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
        Recipient::Symmetric(wrapping) => kwp_wrap(wrapping.expose(), key.expose())?,
        Recipient::Public(public) => match public.mlkem() {
            None => oaep_encrypt(public.rsa(), &oaep_label(file), key.expose())?,
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
            .map(|key| unwrap_kwp(&slot.wrapped, key.expose()))
            .transpose(),
        SlotKind::Rsa | SlotKind::RsaMlKem => keys
            .private
            .iter()
            .find(|key| key.id() == slot.key)
            .map(|key| unwrap_private(slot, file, key))
            .transpose(),
    }
}

/// RSA ciphertext of a fresh secret, ML-KEM ciphertext, file key under the key that both secrets make.
fn wrap_both(
    key: &FileKey,
    file: FileId,
    to: &PublicKey,
    share: &[u8],
) -> Result<Vec<u8>, CryptError> {
    let secret: Zeroizing<[u8; KEY_BYTES]> = random()?;
    let mut wrapped = oaep_encrypt(to.rsa(), &oaep_label(file), &*secret)?;
    let (ciphertext, shared) = mlkem_encapsulate(share)?;
    wrapped.extend(ciphertext);
    let kek = combine((&*secret, &shared), to.id(), file, &wrapped)?;
    wrapped.extend(kwp_wrap(&*kek, key.expose())?);
    Ok(wrapped)
}

fn unwrap_kwp(wrapped: &[u8], with: &[u8; KEY_BYTES]) -> Result<FileKey, CryptError> {
    if wrapped.len() != KWP_BYTES {
        return Err(CryptError::Refused);
    }
    file_key(&kwp_unwrap(with, wrapped)?)
}

fn unwrap_private(slot: &Slot, file: FileId, with: &PrivateKey) -> Result<FileKey, CryptError> {
    let rsa_bytes = with.rsa().key_size_bytes();
    let label = oaep_label(file);
    let share = match (slot.kind, with.mlkem()) {
        (SlotKind::Rsa, _) if slot.wrapped.len() == rsa_bytes => {
            return file_key(&oaep_decrypt(with.rsa(), &label, &slot.wrapped)?);
        }
        (SlotKind::RsaMlKem, Some(share))
            if slot.wrapped.len() == rsa_bytes + MLKEM_CIPHERTEXT_BYTES + KWP_BYTES =>
        {
            share
        }
        _ => return Err(CryptError::Refused),
    };
    let (sent, wrapped) = slot.wrapped.split_at(rsa_bytes + MLKEM_CIPHERTEXT_BYTES);
    let (rsa, mlkem) = sent.split_at(rsa_bytes);
    let secret = oaep_decrypt(with.rsa(), &label, rsa)?;
    let shared = mlkem_decapsulate(share, mlkem)?;
    let kek = combine((&secret, &shared), with.id(), file, sent)?;
    unwrap_kwp(wrapped, &kek)
}

fn file_key(bytes: &[u8]) -> Result<FileKey, CryptError> {
    FileKey::from_slice(bytes).ok_or(CryptError::Refused)
}

/// The key that wraps the file key is lost unless both secrets are known, and bound to all that was sent.
fn combine(
    secrets: (&[u8], &[u8]),
    key: KeyId,
    file: FileId,
    sent: &[u8],
) -> Result<Zeroizing<[u8; KEY_BYTES]>, CryptError> {
    let secrets = Zeroizing::new([secrets.0, secrets.1].concat());
    let mut all = digest::Context::new(&digest::SHA256);
    all.update(key.as_bytes());
    all.update(sent);
    let info = [b"cke1 hybrid".as_slice(), all.finish().as_ref()].concat();
    let mut kek = Zeroizing::new([0; KEY_BYTES]);
    hkdf_sha256(&secrets, file.as_bytes(), &info, &mut *kek)?;
    Ok(kek)
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
    use crate::crypt::{RsaSize, Share, WrappingKey};

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

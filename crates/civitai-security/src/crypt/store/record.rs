//! One key as it is on the disk: a JSON file.

use std::fmt;
use std::path::Path;

use aws_lc_rs::hkdf;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::seal::Sealed;
use super::{Key, Place, State, StoreError, hex};
use crate::crypt::{KeyId, PrivateKey, PublicKey, SlotKind, WrappingKey, WrappingKind};

/// What the store keeps of a key.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::crypt) struct Record {
    version: u32,
    #[serde(with = "as_text")]
    pub(super) id: KeyId,
    #[serde(with = "as_word")]
    pub(super) kind: SlotKind,
    pub(super) state: State,
    pub(super) created: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    /// Where the secret is; absent for a public key of somebody else and for a destroyed key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) secret: Option<Kept>,
    /// The public half of a pair.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) public: Option<Public>,
}

/// Where a secret is kept.
#[derive(Clone, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kept {
    /// Here, for whoever can read this file.
    Open(#[serde(with = "hex")] Zeroizing<Vec<u8>>),
    /// In the keyring of the system, under the key's id.
    Keyring,
    /// Here, under a passphrase.
    Sealed(Sealed),
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open(_) => "Open(..)",
            Self::Keyring => "Keyring",
            Self::Sealed(_) => "Sealed(..)",
        })
    }
}

/// The public half of a pair.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Public {
    #[serde(with = "hex")]
    rsa_spki: Vec<u8>,
    #[serde(with = "hex", default, skip_serializing_if = "Vec::is_empty")]
    ml_kem_768: Vec<u8>,
}

impl Record {
    pub(super) fn new(id: KeyId, kind: SlotKind, secret: Option<Kept>) -> Self {
        Self {
            version: VERSION,
            id,
            kind,
            state: State::Active,
            created: Timestamp::now(),
            name: None,
            secret,
            public: None,
        }
    }

    pub(super) fn with_public(mut self, public: &PublicKey) -> Self {
        self.public = Some(Public {
            rsa_spki: public.spki_der().to_vec(),
            ml_kem_768: public.mlkem().unwrap_or_default().to_vec(),
        });
        self
    }

    /// Reads a record, and believes nothing of it that can be checked without a secret.
    pub(super) fn parse(bytes: &[u8], path: &Path) -> Result<Self, StoreError> {
        #[derive(Deserialize)]
        struct Head {
            version: u32,
        }
        let damaged = || StoreError::Damaged {
            path: path.to_owned(),
        };
        let head: Head = serde_json::from_slice(bytes).map_err(|_| damaged())?;
        if head.version > VERSION {
            return Err(StoreError::FutureVersion {
                path: path.to_owned(),
                version: head.version,
            });
        }
        let record: Self = serde_json::from_slice(bytes).map_err(|_| damaged())?;
        if record.is_plausible() {
            Ok(record)
        } else {
            Err(damaged())
        }
    }

    pub(super) fn to_json(&self) -> Zeroizing<Vec<u8>> {
        // Room from the start, so that growing leaves no copies behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(64 * 1024));
        serde_json::to_writer_pretty(&mut *bytes, self)
            .expect("records have text keys and no failing serializer");
        bytes.push(b'\n');
        bytes
    }

    fn is_plausible(&self) -> bool {
        let secret_fits = match &self.secret {
            Some(Kept::Sealed(sealed)) => sealed.is_plausible(),
            Some(Kept::Keyring) => self.kind == SlotKind::Machine,
            Some(Kept::Open(_)) | None => true,
        };
        let public_fits = match self.kind {
            SlotKind::Machine | SlotKind::Master => self.public.is_none(),
            SlotKind::Rsa | SlotKind::RsaMlKem => {
                self.public().is_some_and(|public| public.id() == self.id)
            }
        };
        let state_fits = self.state != State::Destroyed || self.secret.is_none();
        self.version == VERSION && secret_fits && public_fits && state_fits
    }

    pub(in crate::crypt) fn public(&self) -> Option<PublicKey> {
        let public = self.public.as_ref()?;
        let share = (self.kind == SlotKind::RsaMlKem).then_some(&public.ml_kem_768[..]);
        if share.is_none() && !public.ml_kem_768.is_empty() {
            return None;
        }
        PublicKey::new(&public.rsa_spki, share).ok()
    }

    pub(in crate::crypt) fn key(&self) -> Key {
        Key {
            id: self.id,
            kind: self.kind,
            state: self.state,
            created: self.created,
            name: self.name.clone(),
            place: match (&self.secret, self.state) {
                (_, State::Destroyed) => Place::Nowhere,
                (Some(Kept::Open(_)), _) => Place::File,
                (Some(Kept::Keyring), _) => Place::Keyring,
                (Some(Kept::Sealed(_)), _) => Place::Passphrase,
                (None, _) => Place::Elsewhere,
            },
            bits: self.public().map(|public| public.bits()),
        }
    }

    /// Makes a machine or master key of its bytes, if they are those of this record.
    pub(super) fn wrapping_key(&self, secret: &[u8]) -> Option<WrappingKey> {
        let kind = match self.kind {
            SlotKind::Machine => WrappingKind::Machine,
            SlotKind::Master => WrappingKind::Master,
            SlotKind::Rsa | SlotKind::RsaMlKem => return None,
        };
        let mut key = Zeroizing::new([0; 32]);
        if secret.len() != key.len() {
            return None;
        }
        key.copy_from_slice(secret);
        (id_of(kind, &key) == self.id).then(|| WrappingKey::new(self.id, kind, key))
    }

    /// Makes a private key of its bytes, if they are those of this record.
    pub(super) fn private_key(&self, secret: &[u8]) -> Option<PrivateKey> {
        let (len, rest) = secret.split_first_chunk::<4>()?;
        let len = usize::try_from(u32::from_be_bytes(*len)).ok()?;
        let (pkcs8, share) = rest.split_at_checked(len)?;
        let share = (!share.is_empty()).then_some(share);
        let private = PrivateKey::from_parts(pkcs8, share).ok()?;
        (private.id() == self.id).then_some(private)
    }
}

/// A private key as one secret: the length of its PKCS#8 document, big-endian in four bytes, the document, and what
/// decapsulates its share of ML-KEM-768, if it has one.
pub(super) fn pack(private: &PrivateKey) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let pkcs8 = private.pkcs8_der().map_err(|_| StoreError::NoResources)?;
    let share = private.mlkem().unwrap_or_default();
    let mut packed = Zeroizing::new(Vec::with_capacity(4 + pkcs8.len() + share.len()));
    let len = u32::try_from(pkcs8.len()).expect("a private key has a few kilobytes");
    packed.extend_from_slice(&len.to_be_bytes());
    packed.extend_from_slice(&pkcs8);
    packed.extend_from_slice(share);
    Ok(packed)
}

/// The id of a machine or master key, which follows from the key: who brings the key back from a phrase has its id, too.
pub(super) fn id_of(kind: WrappingKind, key: &[u8; 32]) -> KeyId {
    let info: &[u8] = match kind {
        WrappingKind::Machine => b"cke1 key id machine",
        WrappingKind::Master => b"cke1 key id master",
    };
    let mut id = [0; 16];
    hkdf::Salt::new(hkdf::HKDF_SHA256, &[])
        .extract(key)
        .expand(&[info], Len(id.len()))
        .and_then(|okm| okm.fill(&mut id))
        .expect("HKDF gives 255 times its hash");
    KeyId::from_bytes(id)
}

struct Len(usize);

impl hkdf::KeyType for Len {
    fn len(&self) -> usize {
        self.0
    }
}

/// The word for a kind of key, in files and in JSON lines.
pub(super) const fn word(kind: SlotKind) -> &'static str {
    match kind {
        SlotKind::Machine => "machine",
        SlotKind::Master => "master",
        SlotKind::Rsa => "rsa",
        SlotKind::RsaMlKem => "rsa_ml_kem",
    }
}

mod as_text {
    //! An id as its digits.

    use std::str::FromStr;

    use serde::{Deserialize as _, Deserializer, Serializer, de};

    use crate::crypt::KeyId;

    pub(super) fn serialize<S: Serializer>(id: &KeyId, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(id)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<KeyId, D::Error> {
        let text = String::deserialize(from)?;
        KeyId::from_str(&text).map_err(|_| de::Error::custom("not the id of a key"))
    }
}

mod as_word {
    //! A kind of key as its word.

    use serde::{Deserialize as _, Deserializer, Serializer, de};

    use super::{KINDS, word};
    use crate::crypt::SlotKind;

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde calls it with a reference"
    )]
    pub(super) fn serialize<S: Serializer>(
        kind: &SlotKind,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(word(*kind))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SlotKind, D::Error> {
        let text = String::deserialize(from)?;
        let kind = KINDS.into_iter().find(|kind| word(*kind) == text);
        kind.ok_or_else(|| de::Error::custom("no kind of key"))
    }
}

const KINDS: [SlotKind; 4] = [
    SlotKind::Machine,
    SlotKind::Master,
    SlotKind::Rsa,
    SlotKind::RsaMlKem,
];
const VERSION: u32 = 1;

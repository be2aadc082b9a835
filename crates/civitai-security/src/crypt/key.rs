//! Keys: the file's own, those that wrap it, and their names.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::kem::{DecapsulationKey, EncapsulationKey, ML_KEM_768};
use aws_lc_rs::rsa::{KeySize, PrivateDecryptingKey, PublicEncryptingKey};
use aws_lc_rs::{digest, rand};
use thiserror::Error;
use zeroize::Zeroizing;

use super::CryptError;

/// The name of a key: 16 bytes, written as 32 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; ID_BYTES]);

/// The name of one container, drawn when it is written; part of everything that its file key is used for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId([u8; ID_BYTES]);

macro_rules! id {
    ($name:ident) => {
        impl $name {
            /// Draws an id.
            pub fn random() -> Result<Self, CryptError> {
                random().map(|bytes| Self(*bytes))
            }

            /// Takes the bytes as they stand in a header.
            pub fn from_bytes(bytes: [u8; ID_BYTES]) -> Self {
                Self(bytes)
            }

            /// Returns the bytes as they stand in a header.
            pub fn as_bytes(&self) -> &[u8; ID_BYTES] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = BadId;

            fn from_str(text: &str) -> Result<Self, BadId> {
                parse_id(text).map(Self)
            }
        }
    };
}

id!(KeyId);
id!(FileId);

/// A text that is not 32 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not 32 hex digits")]
pub struct BadId;

/// The 32 random bytes that all keys of one file are derived from; wiped when dropped.
pub struct FileKey(Zeroizing<[u8; KEY_BYTES]>);

impl FileKey {
    /// Draws a key; no two files share one.
    pub fn random() -> Result<Self, CryptError> {
        random().map(Self)
    }

    pub(crate) fn from_slice(bytes: &[u8]) -> Option<Self> {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        if bytes.len() != KEY_BYTES {
            return None;
        }
        key.copy_from_slice(bytes);
        Some(Self(key))
    }

    pub(crate) fn expose(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

impl fmt::Debug for FileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileKey(..)")
    }
}

/// Whose symmetric key it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WrappingKind {
    /// Of this machine; nobody is asked for it.
    Machine,
    /// One version of the master key, which a passphrase unlocks.
    Master,
}

/// A 256-bit key that wraps file keys by AES-256-KWP (RFC 5649); wiped when dropped.
#[derive(Clone)]
pub struct WrappingKey {
    id: KeyId,
    kind: WrappingKind,
    key: Zeroizing<[u8; KEY_BYTES]>,
}

impl WrappingKey {
    /// Takes a key that was drawn before.
    pub fn new(id: KeyId, kind: WrappingKind, key: Zeroizing<[u8; KEY_BYTES]>) -> Self {
        Self { id, kind, key }
    }

    /// Draws a key and its id.
    pub fn random(kind: WrappingKind) -> Result<Self, CryptError> {
        Ok(Self::new(KeyId::random()?, kind, random()?))
    }

    /// The name under which slots refer to it.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// Whose it is.
    pub fn kind(&self) -> WrappingKind {
        self.kind
    }

    /// Returns the key itself, for the key store to keep sealed.
    pub fn expose(&self) -> &[u8; KEY_BYTES] {
        &self.key
    }
}

impl fmt::Debug for WrappingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WrappingKey")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// The half of a key pair that encrypts: RSA of at least 3072 bits, where wanted with an ML-KEM-768 share.
#[derive(Clone, Debug)]
pub struct PublicKey {
    id: KeyId,
    rsa: PublicEncryptingKey,
    spki: Box<[u8]>,
    mlkem: Option<Box<[u8]>>,
}

impl PublicKey {
    /// Reads an RSA key in DER (`SubjectPublicKeyInfo`) and the 1184 bytes of an ML-KEM-768 encapsulation key.
    ///
    /// The id is the first half of the SHA-256 over both, so a copy has the id of the original.
    pub fn new(spki_der: &[u8], mlkem: Option<&[u8]>) -> Result<Self, UnusableKey> {
        let rsa = PublicEncryptingKey::from_der(spki_der).map_err(|_| UnusableKey::Rsa)?;
        if rsa.key_size_bits() < MIN_RSA_BITS {
            return Err(UnusableKey::TooShort {
                bits: rsa.key_size_bits(),
            });
        }
        // What is named is the key, not how it was written down: DER has one form, and this is it.
        let spki: Box<[u8]> = rsa.as_der().map_err(|_| UnusableKey::Rsa)?.as_ref().into();
        if let Some(share) = mlkem {
            EncapsulationKey::new(&ML_KEM_768, share).map_err(|_| UnusableKey::MlKem)?;
        }
        let mut named = digest::Context::new(&digest::SHA256);
        named.update(&spki);
        named.update(mlkem.unwrap_or_default());
        let mut id = [0; ID_BYTES];
        id.copy_from_slice(&named.finish().as_ref()[..ID_BYTES]);
        Ok(Self {
            id: KeyId(id),
            rsa,
            spki,
            mlkem: mlkem.map(Into::into),
        })
    }

    /// The name under which slots refer to the pair.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The RSA key in DER.
    pub fn spki_der(&self) -> &[u8] {
        &self.spki
    }

    /// The encapsulation key of the second share, if there is one.
    pub fn mlkem(&self) -> Option<&[u8]> {
        self.mlkem.as_deref()
    }

    /// The length of the RSA modulus.
    pub fn bits(&self) -> usize {
        self.rsa.key_size_bits()
    }

    pub(crate) fn rsa(&self) -> &PublicEncryptingKey {
        &self.rsa
    }
}

/// How long an RSA key is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RsaSize {
    /// 3072 bits, the least that is accepted.
    Rsa3072,
    /// 4096 bits.
    Rsa4096,
}

/// Whether a key pair has a second share that a quantum computer does not break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// RSA alone: the `openssl` program can open the files.
    RsaOnly,
    /// RSA and ML-KEM-768; both must be broken to get at a file key.
    WithMlKem,
}

/// A key pair of a custodian; its secrets are wiped when dropped.
pub struct PrivateKey {
    public: PublicKey,
    rsa: PrivateDecryptingKey,
    mlkem: Option<Zeroizing<Vec<u8>>>,
}

impl PrivateKey {
    /// Draws a pair. RSA takes from a tenth of a second to several.
    pub fn generate(size: RsaSize, share: Share) -> Result<Self, CryptError> {
        let size = match size {
            RsaSize::Rsa3072 => KeySize::Rsa3072,
            RsaSize::Rsa4096 => KeySize::Rsa4096,
        };
        let drawn = |_| CryptError::Primitive {
            operation: "drawing a key pair",
        };
        let rsa = PrivateDecryptingKey::generate(size).map_err(drawn)?;
        let mlkem = match share {
            Share::RsaOnly => None,
            Share::WithMlKem => {
                let key = DecapsulationKey::generate(&ML_KEM_768).map_err(drawn)?;
                let bytes = key.key_bytes().map_err(drawn)?;
                Some(Zeroizing::new(bytes.as_ref().to_vec()))
            }
        };
        Self::assemble(rsa, mlkem).map_err(|_| CryptError::Primitive {
            operation: "checking the key pair that was drawn",
        })
    }

    /// Reads an RSA key in PKCS #8 DER and the 2400 bytes of an ML-KEM-768 decapsulation key (FIPS 203, expanded).
    pub fn from_parts(pkcs8_der: &[u8], mlkem: Option<&[u8]>) -> Result<Self, UnusableKey> {
        let rsa = PrivateDecryptingKey::from_pkcs8(pkcs8_der).map_err(|_| UnusableKey::Rsa)?;
        if let Some(share) = mlkem {
            DecapsulationKey::new(&ML_KEM_768, share).map_err(|_| UnusableKey::MlKem)?;
        }
        Self::assemble(rsa, mlkem.map(|share| Zeroizing::new(share.to_vec())))
    }

    /// The name under which slots refer to the pair.
    pub fn id(&self) -> KeyId {
        self.public.id
    }

    /// The half that encrypts.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Returns the RSA key in PKCS #8 DER, for the key store to keep sealed.
    pub fn pkcs8_der(&self) -> Result<Zeroizing<Vec<u8>>, CryptError> {
        let der = self.rsa.as_der().map_err(|_| CryptError::Primitive {
            operation: "writing a private key",
        })?;
        Ok(Zeroizing::new(der.as_ref().to_vec()))
    }

    /// Returns the decapsulation key of the second share, for the key store to keep sealed.
    pub fn mlkem(&self) -> Option<&[u8]> {
        self.mlkem.as_ref().map(|share| share.as_slice())
    }

    pub(crate) fn rsa(&self) -> &PrivateDecryptingKey {
        &self.rsa
    }

    fn assemble(
        rsa: PrivateDecryptingKey,
        mlkem: Option<Zeroizing<Vec<u8>>>,
    ) -> Result<Self, UnusableKey> {
        let spki = rsa.public_key().as_der().map_err(|_| UnusableKey::Rsa)?;
        let share = mlkem
            .as_ref()
            .map(|share| &share[ENCAPSULATION_IN_DECAPSULATION]);
        Ok(Self {
            public: PublicKey::new(spki.as_ref(), share)?,
            rsa,
            mlkem,
        })
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey")
            .field("id", &self.public.id)
            .finish_non_exhaustive()
    }
}

/// Key material that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UnusableKey {
    /// Not an RSA key in the form that is read here, or one whose parts contradict each other.
    #[error("not an RSA key of 2048 to 8192 bits in DER")]
    Rsa,
    /// An RSA key that is shorter than anything still protects.
    #[error("an RSA key of {bits} bits, at least {MIN_RSA_BITS} are needed")]
    TooShort {
        /// The length of its modulus.
        bits: usize,
    },
    /// Not an ML-KEM-768 key.
    #[error("not an ML-KEM-768 key")]
    MlKem,
}

/// Whom a file is encrypted to.
#[derive(Clone, Debug)]
pub enum Recipient {
    /// Who holds this key.
    Symmetric(WrappingKey),
    /// Who holds the private half.
    Public(PublicKey),
}

/// The keys with which this process may open files.
#[derive(Debug, Default)]
pub struct Unlocked {
    /// Machine keys and versions of the master key.
    pub symmetric: Vec<WrappingKey>,
    /// Key pairs.
    pub private: Vec<PrivateKey>,
}

pub(crate) fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, CryptError> {
    let mut bytes = Zeroizing::new([0; N]);
    rand::fill(&mut *bytes).map_err(|_| CryptError::Primitive {
        operation: "drawing random bytes",
    })?;
    Ok(bytes)
}

fn parse_id(text: &str) -> Result<[u8; ID_BYTES], BadId> {
    let mut id = [0; ID_BYTES];
    if text.len() != 2 * ID_BYTES || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(BadId);
    }
    for (index, byte) in id.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).map_err(|_| BadId)?;
    }
    Ok(id)
}

/// The length of every symmetric key.
pub(crate) const KEY_BYTES: usize = 32;
pub(crate) const ID_BYTES: usize = 16;
const MIN_RSA_BITS: usize = 3072;
/// FIPS 203, algorithm 16: the decapsulation key holds the encapsulation key behind its own 1152 bytes.
const ENCAPSULATION_IN_DECAPSULATION: std::ops::Range<usize> = 1152..2336;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_million_files_have_a_million_keys() {
        let draw = |_| {
            let key = FileKey::random().expect("there is randomness");
            let file = FileId::random().expect("there is randomness");
            (*key.expose(), file)
        };
        let drawn: Vec<_> = (0..1_000_000).map(draw).collect();
        let keys: HashSet<_> = drawn.iter().map(|(key, _)| key).collect();
        let files: HashSet<_> = drawn.iter().map(|(_, file)| file).collect();
        assert_eq!((keys.len(), files.len()), (1_000_000, 1_000_000));
    }

    #[test]
    fn an_id_is_32_hex_digits() {
        let id = KeyId::from_bytes(*b"0123456789abcdef");
        assert_eq!(id.to_string(), "30313233343536373839616263646566");
        assert_eq!(id.to_string().to_uppercase().parse(), Ok(id));
        for text in [
            "",
            "30",
            "3031323334353637383961626364656g",
            "+0313233343536373839616263646566",
        ] {
            assert_eq!(text.parse::<KeyId>(), Err(BadId), "{text}");
        }
    }

    #[test]
    fn a_pair_survives_being_written_down() {
        let pair = PrivateKey::generate(RsaSize::Rsa3072, Share::WithMlKem).expect("it is drawn");
        let der = pair.pkcs8_der().expect("it is written");
        let again = PrivateKey::from_parts(&der, pair.mlkem()).expect("it is read");
        assert_eq!(again.id(), pair.id());
        let public = PublicKey::new(pair.public().spki_der(), pair.public().mlkem());
        assert_eq!(public.map(|key| key.id()), Ok(pair.id()));
        let alone = PublicKey::new(pair.public().spki_der(), None).expect("it is read");
        assert_ne!(
            alone.id(),
            pair.id(),
            "a share that is missing is another key"
        );
    }
}

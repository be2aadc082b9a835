//! The format `age-encryption.org/v1`, so that files can be exchanged with people who have `age`.
//!
//! Recipients are X25519 keys or a passphrase (scrypt); reading takes binary and armored files, writing makes binary ones.
//! Recipients of other kinds in a header are passed over as the format asks; an identity of another kind is refused by
//! name. Written here because the primitives are at hand and the published crate brings a hundred others.

mod armor;
mod bech32;
mod header;
mod stream;

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::str::FromStr;

use aws_lc_rs::agreement::{self, PrivateKey, UnparsedPublicKey, X25519, agree};
use thiserror::Error;
use zeroize::Zeroizing;

use self::armor::Dearmored;
use self::header::{Header, Stanza};
use super::CryptError;
use super::key::random;
use super::primitive::{Aead, hkdf_sha256, hmac_key, hmac_sha256};
use crate::Secret;

pub use self::stream::AgeWriter;

/// Why an age file, a recipient or an identity was not taken.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AgeError {
    /// The armor around it is not as it must be.
    #[error("the armor is malformed")]
    Armor,
    /// The header is not as it must be.
    #[error("the header is malformed")]
    Header,
    /// The header was changed.
    #[error("the header was changed")]
    HeaderMac,
    /// The system refused to read or write.
    #[error("reading or writing the age file failed")]
    Io(#[source] io::Error),
    /// It is for other recipients, or the passphrase is another.
    #[error("it is not for this identity or passphrase")]
    NoMatch,
    /// The content was changed or cut.
    #[error("the content was changed or cut")]
    Payload,
    /// The cryptographic library failed with arguments that it should take.
    #[error("age file")]
    Primitive(#[source] CryptError),
    /// Not an identity or recipient of `age`, or one with a mistake in it.
    #[error("not an age recipient or identity, or mistyped")]
    BadKey,
    /// An identity or recipient of a kind that is not taken here.
    #[error("keys of the kind `{prefix}` are not taken, X25519 ones are")]
    UnsupportedKey {
        /// What the text begins with.
        prefix: String,
    },
}

impl AgeError {
    pub(crate) fn from_io(error: io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(inner) => inner,
            Err(error) => Self::Io(error),
        }
    }
}

impl From<AgeError> for io::Error {
    fn from(error: AgeError) -> Self {
        match error {
            AgeError::Io(error) => error,
            error => Self::new(io::ErrorKind::InvalidData, error),
        }
    }
}

/// The secret half of an X25519 pair: `AGE-SECRET-KEY-1…`.
pub struct AgeIdentity {
    secret: Zeroizing<[u8; 32]>,
    public: AgeRecipient,
}

impl AgeIdentity {
    /// Draws a pair.
    pub fn random() -> Result<Self, AgeError> {
        Self::new(random().map_err(AgeError::Primitive)?)
    }

    /// The text that `age -i` takes.
    pub fn to_text(&self) -> Secret {
        Secret::new(bech32::encode("age-secret-key-", &*self.secret).to_uppercase())
    }

    /// The half that encrypts.
    pub fn recipient(&self) -> &AgeRecipient {
        &self.public
    }

    fn new(secret: Zeroizing<[u8; 32]>) -> Result<Self, AgeError> {
        let key = private(&secret)?;
        let public = key.compute_public_key().map_err(|_| failed())?;
        let public = public.as_ref().try_into().map_err(|_| failed())?;
        Ok(Self {
            secret,
            public: AgeRecipient(public),
        })
    }
}

impl fmt::Debug for AgeIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AgeIdentity(..)")
    }
}

impl FromStr for AgeIdentity {
    type Err = AgeError;

    fn from_str(text: &str) -> Result<Self, AgeError> {
        let (prefix, bytes) = bech32::decode(text).ok_or(AgeError::BadKey)?;
        if prefix != "age-secret-key-" {
            return Err(AgeError::UnsupportedKey { prefix });
        }
        let secret: [u8; 32] = bytes.as_slice().try_into().map_err(|_| AgeError::BadKey)?;
        Self::new(Zeroizing::new(secret))
    }
}

/// The public half of an X25519 pair: `age1…`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgeRecipient([u8; 32]);

impl fmt::Display for AgeRecipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&bech32::encode("age", &self.0))
    }
}

impl FromStr for AgeRecipient {
    type Err = AgeError;

    fn from_str(text: &str) -> Result<Self, AgeError> {
        let (prefix, bytes) = bech32::decode(text).ok_or(AgeError::BadKey)?;
        if prefix != "age" {
            return Err(AgeError::UnsupportedKey { prefix });
        }
        bytes
            .as_slice()
            .try_into()
            .map(Self)
            .map_err(|_| AgeError::BadKey)
    }
}

/// With what an age file is opened.
#[derive(Debug)]
pub enum AgeKey {
    /// The secret half of a pair.
    Identity(AgeIdentity),
    /// A passphrase. Trying it takes a second and 256 MiB with the usual cost, at most 4 GiB.
    Passphrase(Secret),
}

/// Whom an age file is for.
#[derive(Debug)]
pub enum AgeTo<'a> {
    /// Any of these pairs.
    Recipients(&'a [AgeRecipient]),
    /// Who knows the passphrase.
    Passphrase(&'a Secret),
}

/// Whether a file that begins with these bytes is an age file, as it is or armored.
pub fn is_age(beginning: &[u8]) -> bool {
    beginning.starts_with(header::VERSION_LINE)
        || beginning
            .trim_ascii_start()
            .starts_with(armor::BEGIN.as_bytes())
}

/// Begins an age file on `sink`.
///
/// # Errors
/// [`AgeError::Header`] for an empty list of recipients, of which the file would be lost.
pub fn encrypt_age<W: Write>(sink: W, to: &AgeTo<'_>) -> Result<AgeWriter<W>, AgeError> {
    let file_key: FileKey = random().map_err(AgeError::Primitive)?;
    let stanzas = match to {
        AgeTo::Recipients([]) => return Err(AgeError::Header),
        AgeTo::Recipients(recipients) => recipients
            .iter()
            .map(|to| wrap_x25519(&file_key, to))
            .collect::<Result<Vec<_>, _>>()?,
        AgeTo::Passphrase(passphrase) => vec![wrap_scrypt(&file_key, passphrase, COST_WRITTEN)?],
    };
    let mac_key = header_key(&file_key)?;
    AgeWriter::begin(sink, &header::encode(&stanzas, &mac_key), &file_key)
}

/// Decrypts an age file to `out` and returns the length of its content.
///
/// What was written before an error is authentic, and only the beginning of the content.
pub fn decrypt_age(
    source: impl Read,
    keys: &[AgeKey],
    out: &mut dyn Write,
) -> Result<u64, AgeError> {
    let mut source = BufReader::with_capacity(stream::SEALED_BYTES, source);
    let beginning = source.fill_buf().map_err(AgeError::Io)?;
    if beginning.starts_with(header::VERSION_LINE) || beginning.is_empty() {
        open(source, keys, out)
    } else if is_armored(beginning) {
        open(BufReader::new(Dearmored::new(source)), keys, out)
    } else {
        Err(AgeError::Header)
    }
}

fn is_armored(beginning: &[u8]) -> bool {
    beginning.trim_ascii_start().starts_with(b"-----")
}

fn open(mut source: impl BufRead, keys: &[AgeKey], out: &mut dyn Write) -> Result<u64, AgeError> {
    let header = Header::read(&mut source)?;
    let file_key = header
        .stanzas
        .iter()
        .find_map(|stanza| {
            let mut opened = keys.iter().map(|key| unwrap(stanza, key));
            opened.find_map(Result::transpose)
        })
        .unwrap_or(Err(AgeError::NoMatch))?;
    header.check(&header_key(&file_key)?)?;
    let mut nonce = [0; 16];
    source
        .read_exact(&mut nonce)
        .map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => AgeError::Header,
            _ => AgeError::from_io(error),
        })?;
    let key = stream::payload_key(&file_key, &nonce)?;
    stream::open(source, &key, out)
}

/// The key of one file, 16 bytes as the format has it.
pub(crate) type FileKey = Zeroizing<[u8; 16]>;

fn header_key(file_key: &FileKey) -> Result<aws_lc_rs::hmac::Key, AgeError> {
    Ok(hmac_key(&*derive(&**file_key, &[], b"header")?))
}

pub(crate) fn derive(
    secret: &[u8],
    salt: &[u8],
    info: &[u8],
) -> Result<Zeroizing<[u8; 32]>, AgeError> {
    let mut key = Zeroizing::new([0; 32]);
    hkdf_sha256(secret, salt, info, &mut *key).map_err(AgeError::Primitive)?;
    Ok(key)
}

fn wrap_x25519(file_key: &FileKey, to: &AgeRecipient) -> Result<Stanza, AgeError> {
    let own = AgeIdentity::random()?;
    let key = x25519_key(&own, &to.0, (&own.public.0, &to.0))?;
    Ok(Stanza {
        kind: X25519_KIND.to_owned(),
        arguments: vec![header::base64(&own.public.0)],
        body: seal(file_key, &key)?,
    })
}

fn wrap_scrypt(file_key: &FileKey, passphrase: &Secret, cost: u8) -> Result<Stanza, AgeError> {
    let salt: Zeroizing<[u8; 16]> = random().map_err(AgeError::Primitive)?;
    let key = scrypt_key(passphrase, &salt, cost)?;
    Ok(Stanza {
        kind: SCRYPT_KIND.to_owned(),
        arguments: vec![header::base64(&*salt), cost.to_string()],
        body: seal(file_key, &key)?,
    })
}

/// The file key; `None` where the stanza is not for this key.
fn unwrap(stanza: &Stanza, key: &AgeKey) -> Result<Option<FileKey>, AgeError> {
    match (stanza.kind.as_str(), key) {
        (X25519_KIND, AgeKey::Identity(identity)) => {
            let share = stanza.share()?;
            let key = x25519_key(identity, &share, (&share, &identity.public.0))?;
            Ok(unseal(&stanza.body, &key))
        }
        (SCRYPT_KIND, AgeKey::Passphrase(passphrase)) => {
            let (salt, cost) = stanza.salt_and_cost()?;
            let key = scrypt_key(passphrase, &salt, cost)?;
            Ok(unseal(&stanza.body, &key))
        }
        _ => Ok(None),
    }
}

fn x25519_key(
    own: &AgeIdentity,
    theirs: &[u8; 32],
    (share, recipient): (&[u8; 32], &[u8; 32]),
) -> Result<Zeroizing<[u8; 32]>, AgeError> {
    let salt = [share.as_slice(), recipient].concat();
    let theirs = UnparsedPublicKey::new(&X25519, theirs.as_slice());
    // A share of low order makes a secret of zeros, which the library refuses.
    agree(&private(&own.secret)?, theirs, AgeError::Header, |secret| {
        derive(secret, &salt, b"age-encryption.org/v1/X25519")
    })
}

fn private(secret: &[u8; 32]) -> Result<PrivateKey, AgeError> {
    agreement::PrivateKey::from_private_key(&X25519, secret).map_err(|_| AgeError::BadKey)
}

fn scrypt_key(
    passphrase: &Secret,
    salt: &[u8; 16],
    cost: u8,
) -> Result<Zeroizing<[u8; 32]>, AgeError> {
    let salt = [b"age-encryption.org/v1/scrypt".as_slice(), salt].concat();
    let params = scrypt::Params::new(cost, 8, 1).map_err(|_| AgeError::Header)?;
    let mut key = Zeroizing::new([0; 32]);
    scrypt::scrypt(passphrase.expose().as_bytes(), &salt, &params, &mut *key)
        .map_err(|_| failed())?;
    Ok(key)
}

fn seal(file_key: &FileKey, key: &[u8; 32]) -> Result<Vec<u8>, AgeError> {
    let mut body = file_key.to_vec();
    let tag = Aead::chacha20_poly1305(key)
        .and_then(|aead| aead.seal(&[0; 12], &[], &mut body))
        .map_err(AgeError::Primitive)?;
    body.extend(tag);
    Ok(body)
}

fn unseal(body: &[u8], key: &[u8; 32]) -> Option<FileKey> {
    let (body, tag) = body.split_first_chunk::<16>()?;
    let mut file_key = Zeroizing::new(*body);
    Aead::chacha20_poly1305(key)
        .and_then(|aead| aead.open(&[0; 12], &[], &mut *file_key, tag))
        .ok()?;
    Some(file_key)
}

fn failed() -> AgeError {
    AgeError::Primitive(CryptError::Primitive {
        operation: "deriving a key",
    })
}

fn mac(key: &aws_lc_rs::hmac::Key, bytes: &[u8]) -> [u8; 32] {
    hmac_sha256(key, &[bytes])
}

const X25519_KIND: &str = "X25519";
const SCRYPT_KIND: &str = "scrypt";
/// What `age` writes, too: 2^18 blocks, about a second.
const COST_WRITTEN: u8 = 18;
/// What is tried at most; 2^22 blocks are 4 GiB.
const COST_READ: u8 = 22;

#[cfg(test)]
mod kit;

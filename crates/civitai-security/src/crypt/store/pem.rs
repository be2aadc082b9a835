//! Keys as other programs write them.

use pem::{EncodeConfig, LineEnding, Pem};
use zeroize::Zeroizing;

use crate::Secret;
use crate::crypt::{PrivateKey, PublicKey, UnusableKey};
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::KeyPair;

/// What a file of keys holds.
pub(super) enum Taken {
    Public(PublicKey),
    Private(PrivateKey),
}

/// Why a text is no key we can take.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PemProblem {
    /// The private key is under a passphrase of its own.
    #[error(
        "the private key is encrypted; `openssl pkey -in FILE` writes it without its passphrase"
    )]
    Encrypted,
    /// It holds other things.
    #[error("no RSA key in PEM")]
    NoKey,
    /// It holds more keys than those of one pair.
    #[error("more than one key")]
    Several,
    /// It is a key, but none that protects files.
    #[error("{0}")]
    Unusable(#[from] UnusableKey),
}

/// Reads PEM: the two public halves of a pair, or a private RSA key.
pub(super) fn read(text: &Secret) -> Result<Taken, PemProblem> {
    let blocks = pem::parse_many(text.expose()).map_err(|_| PemProblem::NoKey)?;
    let blocks: Vec<Block> = blocks.into_iter().map(Block::from).collect();
    let (mut rsa, mut share, mut private) = (None, None, None);
    for block in &blocks {
        let place = match &*block.tag {
            "PUBLIC KEY" => match block.bytes.strip_prefix(ML_KEM_768_SPKI) {
                Some(key) => {
                    if share.replace(key).is_some() {
                        return Err(PemProblem::Several);
                    }
                    continue;
                }
                None => &mut rsa,
            },
            "PRIVATE KEY" | "RSA PRIVATE KEY" => &mut private,
            "ENCRYPTED PRIVATE KEY" => return Err(PemProblem::Encrypted),
            _ => continue,
        };
        if place.replace(block).is_some() {
            return Err(PemProblem::Several);
        }
    }
    match (rsa, private) {
        (_, Some(block)) => Ok(Taken::Private(block.private()?)),
        (Some(block), None) => Ok(Taken::Public(PublicKey::new(&block.bytes, share)?)),
        (None, None) => Err(PemProblem::NoKey),
    }
}

/// Writes what [`read`] takes back and `openssl pkey -pubin` understands.
pub(super) fn write(public: &PublicKey) -> String {
    let mut blocks = vec![Pem::new("PUBLIC KEY", public.spki_der())];
    if let Some(share) = public.mlkem() {
        let der = [ML_KEM_768_SPKI, share].concat();
        blocks.push(Pem::new("PUBLIC KEY", der));
    }
    pem::encode_many_config(&blocks, EncodeConfig::new().set_line_ending(LineEnding::LF))
}

/// A block whose bytes are wiped.
struct Block {
    tag: String,
    bytes: Zeroizing<Vec<u8>>,
}

impl From<Pem> for Block {
    fn from(pem: Pem) -> Self {
        Self {
            tag: pem.tag().to_owned(),
            bytes: Zeroizing::new(pem.into_contents()),
        }
    }
}

impl Block {
    fn private(&self) -> Result<PrivateKey, PemProblem> {
        if self.tag == "PRIVATE KEY" {
            return Ok(PrivateKey::from_parts(&self.bytes, None)?);
        }
        let pair = KeyPair::from_der(&self.bytes).map_err(|_| UnusableKey::Rsa)?;
        let pkcs8: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| UnusableKey::Rsa)?;
        Ok(PrivateKey::from_parts(pkcs8.as_ref(), None)?)
    }
}

/// What stands before the 1184 bytes of an encapsulation key in a `SubjectPublicKeyInfo` (RFC 9935): a sequence of the
/// algorithm 2.16.840.1.101.3.4.4.2 without parameters, and a bit string.
const ML_KEM_768_SPKI: &[u8] = &[
    0x30, 0x82, 0x04, 0xb2, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x04,
    0x02, 0x03, 0x82, 0x04, 0xa1, 0x00,
];

//! The header of an age file: who can open it.

use std::io::{BufRead, Read};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::{AgeError, COST_READ, SCRYPT_KIND, X25519_KIND, mac};
use crate::crypt::primitive::equal;

/// One way to the file key.
#[derive(Debug)]
pub(super) struct Stanza {
    pub(super) kind: String,
    pub(super) arguments: Vec<String>,
    pub(super) body: Vec<u8>,
}

/// A header, of which the kinds known here are well formed.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) stanzas: Vec<Stanza>,
    /// What the MAC is over.
    signed: Vec<u8>,
    mac: Vec<u8>,
}

impl Header {
    pub(super) fn read(source: &mut impl BufRead) -> Result<Self, AgeError> {
        let mut lines = Lines {
            source,
            read: Vec::new(),
        };
        if lines.next()? != VERSION_LINE.trim_ascii_end() {
            return Err(AgeError::Header);
        }
        let mut stanzas = Vec::new();
        loop {
            let start = lines.read.len();
            let line = lines.next()?;
            if let Some(mac) = line.strip_prefix(b"--- ") {
                let mac = decode(mac)?;
                if stanzas.is_empty() || mac.len() != 32 {
                    return Err(AgeError::Header);
                }
                lines.read.truncate(start + b"---".len());
                let header = Self {
                    stanzas,
                    signed: lines.read,
                    mac,
                };
                return header.checked();
            }
            let arguments = line.strip_prefix(b"-> ").ok_or(AgeError::Header)?.to_vec();
            stanzas.push(lines.stanza(&arguments)?);
        }
    }

    pub(super) fn check(&self, key: &hmac::Key) -> Result<(), AgeError> {
        if equal(&mac(key, &self.signed), &self.mac) {
            Ok(())
        } else {
            Err(AgeError::HeaderMac)
        }
    }

    /// A stanza of a known kind that is wrong makes the header wrong, whoever opens it; scrypt stands alone.
    fn checked(self) -> Result<Self, AgeError> {
        for stanza in &self.stanzas {
            match stanza.kind.as_str() {
                X25519_KIND => drop(stanza.share()?),
                SCRYPT_KIND if self.stanzas.len() > 1 => return Err(AgeError::Header),
                SCRYPT_KIND => drop(stanza.salt_and_cost()?),
                _ => continue,
            }
            if stanza.body.len() != WRAPPED_BYTES {
                return Err(AgeError::Header);
            }
        }
        Ok(self)
    }
}

impl Stanza {
    pub(super) fn share(&self) -> Result<[u8; 32], AgeError> {
        match self.arguments.as_slice() {
            [share] => decode(share.as_bytes())?
                .try_into()
                .map_err(|_| AgeError::Header),
            _ => Err(AgeError::Header),
        }
    }

    pub(super) fn salt_and_cost(&self) -> Result<([u8; 16], u8), AgeError> {
        let [salt, cost] = self.arguments.as_slice() else {
            return Err(AgeError::Header);
        };
        let salt = decode(salt.as_bytes())?
            .try_into()
            .map_err(|_| AgeError::Header)?;
        let is_plain = !cost.starts_with('0') && cost.bytes().all(|byte| byte.is_ascii_digit());
        match cost.parse() {
            Ok(cost) if is_plain && cost <= COST_READ => Ok((salt, cost)),
            _ => Err(AgeError::Header),
        }
    }
}

/// Writes a header with its MAC.
pub(super) fn encode(stanzas: &[Stanza], key: &hmac::Key) -> Vec<u8> {
    let mut out = VERSION_LINE.to_vec();
    for stanza in stanzas {
        out.extend(b"-> ");
        out.extend(stanza.kind.as_bytes());
        for argument in &stanza.arguments {
            out.push(b' ');
            out.extend(argument.as_bytes());
        }
        out.push(b'\n');
        let body = base64(&stanza.body);
        let mut lines = body.as_bytes().chunks_exact(COLUMNS);
        for line in &mut lines {
            out.extend(line);
            out.push(b'\n');
        }
        out.extend(lines.remainder());
        out.push(b'\n');
    }
    out.extend(b"---");
    let mac = mac(key, &out);
    out.push(b' ');
    out.extend(base64(&mac).into_bytes());
    out.push(b'\n');
    out
}

pub(super) fn base64(bytes: &[u8]) -> String {
    STANDARD_NO_PAD.encode(bytes)
}

/// Takes what is canonical: no padding, no stray bits.
fn decode(text: &[u8]) -> Result<Vec<u8>, AgeError> {
    STANDARD_NO_PAD.decode(text).map_err(|_| AgeError::Header)
}

struct Lines<'a, R> {
    source: &'a mut R,
    /// All so far, with the ends of the lines.
    read: Vec<u8>,
}

impl<R: BufRead> Lines<'_, R> {
    /// Returns the next line, which must have its end.
    fn next(&mut self) -> Result<&[u8], AgeError> {
        let start = self.read.len();
        let room = (MOST_BYTES - start) as u64;
        let read = self.source.take(room).read_until(b'\n', &mut self.read);
        read.map_err(AgeError::from_io)?;
        self.read[start..]
            .strip_suffix(b"\n")
            .ok_or(AgeError::Header)
    }

    fn stanza(&mut self, line: &[u8]) -> Result<Stanza, AgeError> {
        let mut words = Vec::new();
        for word in line.split(|byte| *byte == b' ') {
            let is_plain = !word.is_empty() && word.iter().all(|byte| (33..=126).contains(byte));
            let word = std::str::from_utf8(word).ok().filter(|_| is_plain);
            words.push(word.ok_or(AgeError::Header)?.to_owned());
        }
        let mut body = Vec::new();
        loop {
            let line = self.next()?;
            if line.len() > COLUMNS {
                return Err(AgeError::Header);
            }
            body.extend(decode(line)?);
            if line.len() < COLUMNS {
                break;
            }
        }
        Ok(Stanza {
            kind: words.remove(0),
            arguments: words,
            body,
        })
    }
}

pub(super) const VERSION_LINE: &[u8] = b"age-encryption.org/v1\n";
const COLUMNS: usize = 64;
/// The file key and its tag.
const WRAPPED_BYTES: usize = 32;
/// Thousands of recipients.
const MOST_BYTES: usize = 1024 * 1024;

//! Secrets under a passphrase: Argon2id makes a key of the passphrase, AES-256-KWP wraps the secret with it.
//!
//! The passphrase counts as UTF-8 in normal form C, so that it does not matter how a keyboard composes a letter.

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrapPadded as _};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use super::hex;
use crate::Secret;

/// What deriving a key from a passphrase costs: each guess costs whoever guesses the same.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// Memory in KiB.
    #[serde(rename = "memoryKib")]
    pub memory_kib: u32,
    /// How often the memory is gone through.
    pub passes: u32,
    /// Parts of the memory that could be filled at a time.
    pub lanes: u32,
}

impl Default for Cost {
    /// 64 MiB, three passes, one lane: the second choice of RFC 9106 with one lane, for machines with few cores.
    fn default() -> Self {
        Self {
            memory_kib: 64 * 1024,
            passes: 3,
            lanes: 1,
        }
    }
}

impl Cost {
    /// Whether opening a file that asks for this cost is something one can wait for.
    pub(super) fn is_bearable(self) -> bool {
        (8..=MOST.memory_kib).contains(&self.memory_kib)
            && (1..=MOST.passes).contains(&self.passes)
            && (1..=MOST.lanes).contains(&self.lanes)
            && self.memory_kib >= 8 * self.lanes
    }
}

/// A secret that only its passphrase opens.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sealed {
    argon2id: Cost,
    #[serde(with = "hex")]
    salt: Vec<u8>,
    #[serde(with = "hex")]
    wrapped: Vec<u8>,
}

impl Sealed {
    /// Puts `secret` under `passphrase`, with a salt of its own.
    ///
    /// # Errors
    /// [`Unsealable`] when there is no memory for the cost, or no randomness.
    pub(super) fn new(secret: &[u8], passphrase: &Secret, cost: Cost) -> Result<Self, Unsealable> {
        let mut salt = vec![0; SALT];
        aws_lc_rs::rand::fill(&mut salt).map_err(|_| Unsealable)?;
        let kek = kek(passphrase, &salt, cost)?;
        // At most seven bytes of padding, and eight that prove integrity.
        let mut wrapped = vec![0; secret.len() + 15];
        let len = kek
            .wrap_with_padding(secret, &mut wrapped)
            .map_err(|_| Unsealable)?
            .len();
        wrapped.truncate(len);
        Ok(Self {
            argon2id: cost,
            salt,
            wrapped,
        })
    }

    /// The secret. A wrong passphrase and damage are not told apart.
    pub(super) fn open(&self, passphrase: &Secret) -> Result<Zeroizing<Vec<u8>>, Unsealable> {
        let kek = kek(passphrase, &self.salt, self.argon2id)?;
        let mut secret = Zeroizing::new(vec![0; self.wrapped.len()]);
        let len = kek
            .unwrap_with_padding(&self.wrapped, &mut secret)
            .map_err(|_| Unsealable)?
            .len();
        secret.truncate(len);
        Ok(secret)
    }

    /// Whether what was read is of a shape and a cost that opening may be tried.
    pub(super) fn is_plausible(&self) -> bool {
        self.argon2id.is_bearable()
            && (8..=64).contains(&self.salt.len())
            && (16..=LONGEST).contains(&self.wrapped.len())
            && self.wrapped.len().is_multiple_of(8)
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealed")
            .field("argon2id", &self.argon2id)
            .finish_non_exhaustive()
    }
}

/// The passphrase is wrong, or what it should open is damaged.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the passphrase does not open it, or it is damaged")]
pub(super) struct Unsealable;

fn kek(passphrase: &Secret, salt: &[u8], cost: Cost) -> Result<AesKek, Unsealable> {
    let params =
        Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(KEK)).map_err(|_| Unsealable)?;
    let passphrase: Zeroizing<String> = Zeroizing::new(passphrase.expose().nfc().collect());
    let mut key = Zeroizing::new([0; KEK]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), salt, &mut *key)
        .map_err(|_| Unsealable)?;
    AesKek::new(&AES_256, &*key).map_err(|_| Unsealable)
}

const KEK: usize = 32;
const SALT: usize = 16;
/// A private key of 8192 bits with its ML-KEM share is below 10 KiB.
const LONGEST: usize = 16 * 1024;
/// A key file from elsewhere may not take all memory, nor minutes.
const MOST: Cost = Cost {
    memory_kib: 1024 * 1024,
    passes: 64,
    lanes: 16,
};

#[cfg(test)]
mod tests {
    use argon2::{AssociatedData, ParamsBuilder};

    use super::*;

    const CHEAP: Cost = Cost {
        memory_kib: 8,
        passes: 1,
        lanes: 1,
    };

    fn passphrase(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    #[test]
    fn only_the_passphrase_opens_and_no_bit_may_differ() {
        for secret in [&[7_u8; 32][..], &[1; 2373], &[9]] {
            let sealed = Sealed::new(secret, &passphrase("open"), CHEAP).expect("it seals");
            assert!(sealed.is_plausible());
            assert_eq!(
                &**sealed.open(&passphrase("open")).expect("it opens"),
                secret
            );
            assert_eq!(sealed.open(&passphrase("Open")), Err(Unsealable));
            for index in 0..sealed.wrapped.len() {
                let mut damaged = sealed.clone();
                damaged.wrapped[index] ^= 0x10;
                assert_eq!(
                    damaged.open(&passphrase("open")),
                    Err(Unsealable),
                    "{index}"
                );
            }
        }
    }

    #[test]
    fn equal_secrets_are_sealed_differently() {
        let seal = || Sealed::new(&[7; 32], &passphrase("open"), CHEAP).expect("it seals");
        let (one, other) = (seal(), seal());
        assert_ne!(one.salt, other.salt);
        assert_ne!(one.wrapped, other.wrapped);
    }

    #[test]
    fn a_file_cannot_ask_for_all_memory_or_for_hours() {
        for cost in [
            Cost {
                memory_kib: u32::MAX,
                ..CHEAP
            },
            Cost {
                passes: u32::MAX,
                ..CHEAP
            },
            Cost {
                lanes: 1 << 20,
                ..CHEAP
            },
            Cost {
                memory_kib: 0,
                ..CHEAP
            },
            Cost { passes: 0, ..CHEAP },
            Cost { lanes: 0, ..CHEAP },
        ] {
            assert!(!cost.is_bearable(), "{cost:?}");
        }
        assert!(Cost::default().is_bearable());
    }

    /// RFC 9106, 5.3: with a secret and associated data, which are not used otherwise.
    #[test]
    fn the_derivation_is_that_of_rfc_9106() {
        let params = ParamsBuilder::new()
            .m_cost(32)
            .t_cost(3)
            .p_cost(4)
            .data(AssociatedData::new(&[4; 12]).expect("it is short"))
            .build()
            .expect("the parameters are allowed");
        let mut out = [0; 32];
        Argon2::new_with_secret(&[3; 8], Algorithm::Argon2id, Version::V0x13, params)
            .and_then(|argon2| argon2.hash_password_into(&[1; 32], &[2; 16], &mut out))
            .expect("it derives");
        assert_eq!(
            hex::text(&out),
            "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659"
        );
    }

    /// Of the reference program: `echo -n password | argon2 somesalt -id -t 2 -k 65536 -p 1 -l 32 -r`.
    #[test]
    fn the_derivation_is_argon2id() {
        let params = Params::new(65536, 2, 1, Some(32)).expect("the parameters are allowed");
        let mut out = [0; 32];
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(b"password", b"somesalt", &mut out)
            .expect("it derives");
        assert_eq!(
            hex::text(&out),
            "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7"
        );
    }
}

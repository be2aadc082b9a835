//! Files encrypted at rest: the container `CKE`, its four levels, and the keys that open it.
//!
//! * [`FileKey`] encrypts one file; [`wrap`] seals it for a [`Recipient`] into a [`Slot`] of the header and
//!   [`unwrap`] opens it with one of the [`Unlocked`] keys.
//!
//! The format is described byte by byte in `docs/container-format.md`.

mod derive;
mod error;
mod key;
mod level;
mod slot;

pub use error::CryptError;
pub use key::{
    BadId, FileId, FileKey, KeyId, PrivateKey, PublicKey, Recipient, RsaSize, Share, Unlocked,
    UnusableKey, WrappingKey, WrappingKind,
};
pub use level::{Level, UnknownLevel};
pub use slot::{Slot, SlotKind, unwrap, wrap};

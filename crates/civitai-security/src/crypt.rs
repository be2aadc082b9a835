//! Files encrypted at rest: the container `CKE`, its four levels, and the keys that open it.
//!
//! * [`Writer`] encrypts what is written to it, [`Reader`] decrypts what is read from it, from any position.
//! * [`encrypt_file`] and [`decrypt_file`] do so with whole files, [`translate_file`] takes them from one form to another.
//! * [`encrypt_age`] and [`decrypt_age`] exchange files with people who have `age`.
//! * [`peek`] says which keys a container needs; [`rewrap`] gives it others without touching its content.
//! * [`FileKey`] encrypts one file; [`wrap`] seals it for a [`Recipient`] into a [`Slot`] of the header and
//!   [`unwrap`] opens it with one of the [`Unlocked`] keys.
//! * [`store`] keeps the keys, [`phrase`] writes them down as words, [`rotate`] puts another in the place of one.
//!
//! The format is described byte by byte in `docs/container-format.md`.
//!
//! ```
//! use std::io::{Cursor, Write};
//!
//! use civitai_security::crypt::{
//!     ChunkSize, Level, Metadata, Reader, Recipe, Recipient, Unlocked, Writer, WrappingKey, WrappingKind,
//! };
//!
//! let key = WrappingKey::random(WrappingKind::Machine)?;
//! let recipe = Recipe {
//!     level: Level::Basic,
//!     recipients: &[Recipient::Symmetric(key.clone())],
//!     metadata: Metadata::default(),
//!     chunk: ChunkSize::default(),
//! };
//! let mut writer = Writer::new(Vec::new(), &recipe)?;
//! writer.write_all(b"weights")?;
//! let container = writer.finish()?;
//!
//! let keys = Unlocked { symmetric: vec![key], private: Vec::new() };
//! let mut content = Vec::new();
//! Reader::open(Cursor::new(container), &keys)?.extract(&mut content)?;
//! assert_eq!(content, b"weights");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod age;
mod body;
mod code;
mod derive;
mod error;
mod file;
mod header;
mod key;
mod layout;
mod level;
mod metadata;
pub mod phrase;
mod primitive;
mod reader;
mod region;
mod rewrap;
pub mod rotate;
mod slot;
pub mod store;
mod suite;
mod writer;

pub use age::{
    AgeError, AgeIdentity, AgeKey, AgeRecipient, AgeTo, AgeWriter, decrypt_age, encrypt_age, is_age,
};
pub use error::CryptError;
pub use file::{
    Decrypted, FileError, Form, Origin, decrypt_file, encrypt_file, extract_file, translate_file,
};
pub use header::ChunkSize;
pub use key::{
    BadId, FileId, FileKey, KeyId, PrivateKey, PublicKey, Recipient, RsaSize, Share, Unlocked,
    UnusableKey, WrappingKey, WrappingKind,
};
pub use level::{Level, UnknownLevel};
pub use metadata::Metadata;
pub use primitive::Unsupported;
pub use reader::Reader;
pub use region::{Peek, is_container, peek};
pub use rewrap::{Rewrapped, rewrap};
pub use slot::{Slot, SlotKind, unwrap, wrap};
pub use writer::{Recipe, Writer};

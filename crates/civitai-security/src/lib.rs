//! What is in a model file, secrets that cannot be printed, safe file names, paths under a root, addresses worth connecting to.
//!
//! Everything that comes from outside is judged here before it is used; this crate itself opens no
//! connection.
//!
//! * [`scan`](mod@scan) says what a model file could do, without running any of it.
//! * [`Secret`] holds a token: it cannot be formatted and is wiped when dropped.
//! * [`RedactedUrl`] prints a URL without what is signed into it; [`redact_text`] does it for prose.
//! * [`FileName`] makes a name given by a server legal and harmless on every system.
//! * [`join_under`] keeps a path below its root.
//! * [`Policy`] says which URLs and addresses may be asked.
//! * [`crypt`] encrypts files at rest and keeps the keys that open them.
//!
//! # Features
//! `reqwest` (off by default): [`address::Resolver`], which keeps [`Policy`] where `reqwest` connects.

pub mod address;
pub mod crypt;
pub mod name;
pub mod path;
pub mod redact;
pub mod scan;
pub mod secret;

pub use address::{AllowPrivate, Policy, UnsafeAddress};
pub use name::FileName;
pub use path::{PathError, join_under};
pub use redact::{RedactedUrl, redact_causes, redact_text};
pub use secret::Secret;

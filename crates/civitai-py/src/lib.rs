//! The Python module `civitai_rs`: what the libraries do, in the terms of Python. Conversions only.
//!
//! Every call has two forms: one that waits without the interpreter's lock, and one whose name ends in `_async` and that
//! returns a coroutine. The types are described in the `.pyi` files beside the Python package, one for each file here.

#![expect(
    clippy::needless_pass_by_value,
    clippy::too_many_arguments,
    reason = "arguments of Python come by value, and each keyword is one"
)]

#[macro_use]
mod twins;

mod choose;
mod client;
mod crypt;
mod desk;
mod errors;
mod failures;
mod fetch;
mod fetched;
mod give;
mod keep;
mod keys;
mod library;
mod line;
mod link;
mod listing;
mod look;
mod project;
mod record;
mod runtime;
mod settings;
mod sim;
mod site;
mod stock;
mod table;
mod take;
mod transfer;
mod upkeep;

use pyo3::prelude::*;

/// The compiled part of `civitai_rs`.
#[pymodule]
mod _civitai_rs {
    use super::{Bound, PyModule, PyModuleMethods as _, PyResult, errors};

    #[pymodule_export]
    use super::client::Client;
    #[pymodule_export]
    use super::crypt::{decrypt, decrypt_async, encrypt, encrypt_async};
    #[pymodule_export]
    use super::fetch::{fetch, fetch_async};
    #[pymodule_export]
    use super::fetched::Fetched;
    #[pymodule_export]
    use super::keys::Keys;
    #[pymodule_export]
    use super::library::Library;
    #[pymodule_export]
    use super::line::{
        Backup, Checked, Duplicate, Entry, FileHashes, Finding, Held, Identity, Key, Locked,
        Operation, Orphan, Placement, Planned, Progress, Reference, Repaired, Rotated, Scan,
        Scanned, Sealed, Trashed, Update,
    };
    #[pymodule_export]
    use super::link::Link;
    #[pymodule_export]
    use super::listing::{Listing, Pages};
    #[pymodule_export]
    use super::look::{hash, hash_async, identify_async, identify_file, scan, scan_async};
    #[pymodule_export]
    use super::project::Project;
    #[pymodule_export]
    use super::record::{
        Article, Collection, Creator, Enums, File, FileMetadata, HashMatch, Hashes, Image, Me,
        Model, PaidAccess, Stats, Tag, User, Version, VersionModel,
    };
    #[pymodule_export]
    use super::sim::Sim;
    #[pymodule_export]
    use super::table::Table;
    #[pymodule_export]
    use super::transfer::Transfer;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        errors::register(module)
    }
}

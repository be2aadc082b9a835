//! Civitai over HTTP, typed: models, images, search, links, downloads.
//!
//! [`Client`] asks the site; its methods are the API's endpoints, plus [`search`](Client::search) with the filters that
//! the API ignores, [`look_up`](Client::look_up) for whatever a person pastes, and [`exchange`](Client::exchange), which
//! turns a file into a signed URL. Listings are streams that say whether they are complete.
//!
//! ```no_run
//! use civitai_api::{Client, Search};
//! use futures::TryStreamExt;
//!
//! # async fn example() -> Result<(), civitai_api::Error> {
//! let client = Client::builder(reqwest::Client::builder()).build()?;
//! let search = Search::default().with_query("watercolour").with_limit(20);
//! let models: Vec<_> = client.search(&search).try_collect().await?;
//! # Ok(())
//! # }
//! ```
//!
//! The wire types ([`Model`], [`Version`], [`File`], [`Image`] and the smaller ones in their modules) read every spelling
//! the API has used and lose nothing on the way back; [`wire`] says how. Enumerations such as [`ModelType`] carry values
//! they do not know. [`Link`] understands links without network; [`select`] chooses the files of a version; [`hash`]
//! compares digests.
//!
//! # Errors
//! [`Error`] has a [kind](Error::kind) with the details needed to act: which of the two 401s it was, until when early
//! access lasts, whether a "not found" hides a storage outage. Each operation has one budget of retries; what is worth a
//! retry has been retried when an error arrives. Only the exchange tries once, because the transfer owns its budget.
//!
//! # What leaves this machine
//! The token goes to the configured origins, `civitai.com` and `civitai.red`, in a header; redirects elsewhere lose it.
//! Addresses are judged where they are connected to, so neither a redirect nor a name leads into a private network.
//!
//! # Features
//! None: the crate is always whole.

mod absent;
pub mod article;
pub mod base_model;
mod cache;
mod call;
pub mod category;
mod client;
pub mod collection;
pub mod creator;
mod download;
pub mod envelope;
mod error;
pub mod file;
pub mod hash;
mod host;
pub mod id;
pub mod image;
mod json;
pub mod link;
mod lookup;
pub mod meta;
pub mod model;
pub mod nsfw;
mod observe;
pub mod open_enum;
mod page;
pub mod query;
mod redirect;
mod search;
pub mod select;
pub mod tag;
pub mod tensor;
pub mod text;
pub mod time;
mod transport;
pub mod vault;
pub mod version;
pub mod wire;
pub mod words;

pub use base_model::BaseModel;
pub use cache::{Cache, CacheError, Tally};
pub use civitai_reliability::{RateConfig, RetryPolicy};
pub use civitai_security::{RedactedUrl, Secret};
pub use client::{Builder, Client, TensorDetail};
pub use download::{SignedUrl, VaultPart};
pub use error::{Error, ErrorKind, Page, RedirectProblem};
pub use file::{File, FileFormat, FileType};
pub use hash::{HashKey, HashKind};
pub use id::{
    ArticleId, BountyId, CollectionId, FileId, ImageId, ModelId, PostId, TagId, UserId,
    VaultItemId, VersionId,
};
pub use image::Image;
pub use json::Malformed;
pub use link::Link;
pub use lookup::{Followed, Found};
pub use model::{Model, ModelType};
pub use nsfw::NsfwLevel;
pub use observe::Observed;
pub use open_enum::UnknownName;
pub use page::{Completeness, Gap, Listing};
pub use search::Search;
pub use time::Timestamp;
pub use version::Version;

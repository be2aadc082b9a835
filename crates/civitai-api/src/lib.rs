//! Civitai over HTTP, typed: models, images, search, links, downloads.
//!
//! The wire types ([`Model`], [`Version`], [`File`], [`Image`] and the smaller ones in their modules) read every spelling
//! the API has used and lose nothing on the way back; [`wire`] says how. Enumerations such as [`ModelType`] carry values
//! they do not know. [`Link`] understands whatever a person pastes, without network; [`select`] chooses the files of a
//! version; [`hash`] compares digests.

pub mod article;
pub mod base_model;
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
pub mod meta;
pub mod model;
pub mod nsfw;
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
pub use civitai_reliability::{RateConfig, RetryPolicy};
pub use civitai_security::{RedactedUrl, Secret};
pub use client::{Builder, Client, TensorDetail};
pub use download::{DownloadRequest, SignedUrl, VaultPart};
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
pub use model::{Model, ModelType};
pub use nsfw::NsfwLevel;
pub use open_enum::UnknownName;
pub use page::{Completeness, Gap, Listing};
pub use search::Search;
pub use time::Timestamp;
pub use version::Version;

//! What a person pastes to say what they mean: numbers, page and API addresses, resource names, digests.
//!
//! Reading a link needs no network. Everything outside of the known forms is refused with the reason; credentials in an
//! address are dropped and appear neither in the link nor in an error.

mod air;
mod error;
mod url;

use std::fmt;
use std::str::FromStr;

use ::url::Url;
use serde_json::{Map, Value};

pub use air::{Air, InvalidAir};
pub use error::LinkError;

use crate::hash::{HashKey, InvalidHash};
use crate::id::{
    ArticleId, BountyId, CollectionId, FileId, ImageId, InvalidId, ModelId, PostId, UserId,
    VersionId,
};
use crate::open_enum::nearest;
use crate::select::Variant;

/// A link, read.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    input: String,
    target: Target,
    air: Option<Air>,
}

/// What a link names.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Target {
    /// A bare number: a model, and failing that a version.
    Number(ModelId),
    /// A model; its first version is meant.
    Model(ModelId),
    /// A version, perhaps narrowed down to files with some properties.
    Version {
        /// The model, if the link names it too.
        model: Option<ModelId>,
        /// The version.
        version: VersionId,
        /// Properties of the file that is meant.
        variant: Variant,
    },
    /// A file.
    File {
        /// The model, if the link names it too.
        model: Option<ModelId>,
        /// The version, if the link names it too. The API cannot find a file without it.
        version: Option<VersionId>,
        /// The file.
        file: FileId,
    },
    /// Whatever has this digest.
    Hash(HashKey),
    /// A picture or video, to be followed to its models.
    Image(ImageId),
    /// A picture by the name of its stored file, from which the API finds nothing.
    ImageFile(String),
    /// A post, to be followed to its pictures.
    Post(PostId),
    /// A creator by name.
    User(String),
    /// A creator by number.
    UserNumber(UserId),
    /// A collection.
    Collection(CollectionId),
    /// An article.
    Article(ArticleId),
    /// A bounty.
    Bounty(BountyId),
    /// Models with a tag.
    Tag(String),
    /// Models that a search finds.
    Search(String),
    /// Something of the site, or of another one, that this crate has no use for.
    Unsupported(Unsupported),
}

/// Why a link that was understood leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unsupported {
    /// A page of the site that names no model.
    Page,
    /// A kind of content that the API does not serve.
    Kind,
    /// A download of something else than a published model file.
    Download,
    /// An address of the file storage, good for a day and tied to an account.
    Storage,
    /// A resource name of another source.
    Source,
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Page => "this page names no model, version, picture or creator",
            Self::Kind => "the API does not serve this kind of content",
            Self::Download => "only the files of published models can be fetched",
            Self::Storage => {
                "storage addresses expire; use the address of the model's page instead"
            }
            Self::Source => "this resource name is of another source than civitai",
        })
    }
}

impl Link {
    /// Reads any form of link to the public site.
    pub fn parse(text: &str) -> Result<Self, LinkError> {
        Self::parse_with(text, None)
    }

    /// Reads any form of link to the public site or to `origin`, the site that is worked with instead.
    pub fn parse_with(text: &str, origin: Option<&Url>) -> Result<Self, LinkError> {
        let text = text.trim_matches([' ', '\t', '\r', '\n']);
        check(text)?;
        let (target, air) = read(text, origin)?;
        let input = match target {
            _ if air.is_none() => url::without_credentials(text),
            _ => text.to_owned(),
        };
        Ok(Self { input, target, air })
    }

    /// Returns the text of the link without credentials.
    pub fn input(&self) -> &str {
        &self.input
    }

    /// Returns what the link names.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Returns the resource name, if the link is one.
    pub fn air(&self) -> Option<&Air> {
        self.air.as_ref()
    }

    /// Says whether it takes a look at the site to know what is meant.
    pub fn is_ambiguous(&self) -> bool {
        matches!(self.target, Target::Number(_))
    }

    /// Returns what can not be done with this kind of link, in a sentence for people; `None` if it can be followed.
    pub fn caveat(&self) -> Option<&'static str> {
        match &self.target {
            Target::Collection(_) => {
                Some("the API describes collections and does not list what they hold")
            }
            Target::Article(_) => Some("articles name their models only in prose"),
            Target::Bounty(_) => Some("the API does not serve bounties"),
            Target::ImageFile(_) => {
                Some("the API finds no picture by its file; use the address of the picture's page")
            }
            Target::File { version: None, .. } => Some("the API finds no file without its version"),
            Target::UserNumber(_) => Some("the API lists a creator's models by name only"),
            _ => None,
        }
    }

    /// Returns the kind of target in a word.
    pub fn kind(&self) -> &'static str {
        match &self.target {
            Target::Number(_) | Target::Model(_) => "model",
            Target::Version { .. } => "version",
            Target::File { .. } => "file",
            Target::Hash(_) => "hash",
            Target::Image(_) | Target::ImageFile(_) => "image",
            Target::Post(_) => "post",
            Target::User(_) | Target::UserNumber(_) => "user",
            Target::Collection(_) => "collection",
            Target::Article(_) => "article",
            Target::Bounty(_) => "bounty",
            Target::Tag(_) => "tag",
            Target::Search(_) => "search",
            Target::Unsupported(_) => "unsupported",
        }
    }

    /// Returns the link as JSON: `input`, `kind`, `ambiguous`, then only the fields that apply; hex is in lower case.
    pub fn to_json(&self) -> Map<String, Value> {
        let mut out = Map::new();
        let mut put = |key: &str, value: Value| {
            out.insert(key.to_owned(), value);
        };
        put("input", self.input.as_str().into());
        put("kind", self.kind().into());
        put("ambiguous", self.is_ambiguous().into());
        match &self.target {
            Target::Number(id) | Target::Model(id) => put("modelId", id.get().into()),
            Target::Version {
                model,
                version,
                variant,
            } => {
                if let Some(id) = model {
                    put("modelId", id.get().into());
                }
                put("versionId", version.get().into());
                if !variant.is_empty() {
                    put("variant", variant.to_json().into());
                }
            }
            Target::File {
                model,
                version,
                file,
            } => {
                if let Some(id) = model {
                    put("modelId", id.get().into());
                }
                if let Some(id) = version {
                    put("versionId", id.get().into());
                }
                put("fileId", file.get().into());
            }
            Target::Hash(hash) => put("hash", hash.as_str().to_ascii_lowercase().into()),
            Target::Image(id) => put("imageId", id.get().into()),
            Target::ImageFile(name) => put("imageFile", name.as_str().into()),
            Target::Post(id) => put("postId", id.get().into()),
            Target::User(name) => put("username", name.as_str().into()),
            Target::UserNumber(id) => put("userId", id.get().into()),
            Target::Collection(id) => put("collectionId", id.get().into()),
            Target::Article(id) => put("articleId", id.get().into()),
            Target::Bounty(id) => put("bountyId", id.get().into()),
            Target::Tag(name) => put("tag", name.as_str().into()),
            Target::Search(query) => put("query", query.as_str().into()),
            Target::Unsupported(reason) => put("reason", reason.to_string().into()),
        }
        if let Some(air) = &self.air {
            put("air", air.to_string().into());
        }
        out
    }
}

impl FromStr for Link {
    type Err = LinkError;

    fn from_str(text: &str) -> Result<Self, LinkError> {
        Self::parse(text)
    }
}

/// Writes the text of the link without credentials, which reads as the same link again.
impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.input)
    }
}

/// Refuses what no link is made of, before anything is read or copied.
fn check(text: &str) -> Result<(), LinkError> {
    const LIMIT: usize = 4096;
    if text.is_empty() {
        return Err(LinkError::Empty);
    }
    if text.len() > LIMIT {
        return Err(LinkError::TooLong {
            bytes: text.len(),
            limit: LIMIT,
        });
    }
    match text
        .chars()
        .find(|c| is_hostile(*c) || matches!(c, ' ' | '\\'))
    {
        Some(character) => Err(LinkError::Character { character }),
        None => Ok(()),
    }
}

/// Says whether a character is invisible, changes the direction of text, or controls a terminal.
pub fn is_hostile(c: char) -> bool {
    c.is_control()
        || (c.is_whitespace() && c != ' ')
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffc}' | '\u{e0000}'..='\u{e007f}')
}

fn read(text: &str, origin: Option<&Url>) -> Result<(Target, Option<Air>), LinkError> {
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return Ok((Target::Number(id("model", text)?), None));
    }
    if let Some(target) = model_at_version(text).or_else(|| named(text)) {
        return Ok((target?, None));
    }
    if let Some(read) = resource_name(text) {
        return read.map(|(target, air)| (target, Some(air)));
    }
    if url::looks_like_address(text, origin) {
        return Ok((url::read(text, origin)?, None));
    }
    if let Ok(hash) = text.parse() {
        return Ok((Target::Hash(hash), None));
    }
    Err(unrecognised(text))
}

/// Reads `MODEL@VERSION`.
fn model_at_version(text: &str) -> Option<Result<Target, LinkError>> {
    let (model, version) = text.split_once('@')?;
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    (is_number(model) && is_number(version)).then(|| {
        Ok(Target::Version {
            model: Some(id("model", model)?),
            version: id("version", version)?,
            variant: Variant::default(),
        })
    })
}

/// Reads `model:N` and the like; `None` if it begins otherwise.
fn named(text: &str) -> Option<Result<Target, LinkError>> {
    let (word, rest) = text.split_once(':')?;
    if rest.contains(':') || rest.starts_with('/') {
        return None;
    }
    Some(match word.to_ascii_lowercase().as_str() {
        "model" => id("model", rest).map(Target::Model),
        "version" => id("version", rest).map(|version| Target::Version {
            model: None,
            version,
            variant: Variant::default(),
        }),
        "file" => id("file", rest).map(|file| Target::File {
            model: None,
            version: None,
            file,
        }),
        "image" => id("image", rest).map(Target::Image),
        "hash" => hash(rest),
        _ => return None,
    })
}

/// Reads a resource name; `None` if it is none and does not claim to be one.
fn resource_name(text: &str) -> Option<Result<(Target, Air), LinkError>> {
    const SOURCES: [&str; 4] = ["civitai", "civitai-r2", "huggingface", "orchestrator"];
    let start = text.get(..4).map(str::to_ascii_lowercase);
    let claims = matches!(start.as_deref(), Some("urn:" | "air:"));
    match text.parse::<Air>() {
        // Without a prefix anything with colons has the shape of a resource name, `javascript:alert` for one.
        Ok(air)
            if claims
                || SOURCES
                    .iter()
                    .any(|source| air.source.eq_ignore_ascii_case(source)) =>
        {
            Some(target_of(&air).map(|target| (target, air)))
        }
        Err(source) if claims => Some(Err(LinkError::Air { source })),
        _ => None,
    }
}

fn target_of(air: &Air) -> Result<Target, LinkError> {
    if !air.is_civitai() {
        return Ok(Target::Unsupported(Unsupported::Source));
    }
    let model = air
        .model_id()
        .ok_or(LinkError::Air { source: InvalidAir })?;
    if air.version.is_some() && air.version_id().is_none() {
        return Err(LinkError::Air { source: InvalidAir });
    }
    Ok(match (air.version_id(), air.file) {
        (version, Some(file)) => Target::File {
            model: Some(model),
            version,
            file,
        },
        (Some(version), None) => Target::Version {
            model: Some(model),
            version,
            variant: Variant::default(),
        },
        (None, None) => Target::Model(model),
    })
}

fn unrecognised(text: &str) -> LinkError {
    if let Some((scheme, _)) = text.split_once(':')
        && !scheme.is_empty()
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
    {
        let forms = ["model:", "version:", "file:", "hash:", "image:", "urn:air:"];
        return match nearest(scheme, &forms) {
            Some(form) => LinkError::Unrecognised {
                given: shown(text),
                nearest: Some(form),
            },
            None => LinkError::Scheme {
                scheme: shown(scheme),
            },
        };
    }
    if let Err(source @ InvalidHash::OfNothing) = text.parse::<HashKey>() {
        return LinkError::Hash { source };
    }
    LinkError::Unrecognised {
        given: shown(text),
        nearest: None,
    }
}

/// Returns the beginning of `text` for a message, without a query, where credentials would be.
fn shown(text: &str) -> String {
    text.split(['?', '#'])
        .next()
        .unwrap_or_default()
        .chars()
        .take(60)
        .collect()
}

fn id<T: FromStr<Err = InvalidId>>(what: &'static str, text: &str) -> Result<T, LinkError> {
    text.parse().map_err(|source: InvalidId| LinkError::Id {
        what,
        source: InvalidId {
            given: shown(&source.given),
        },
    })
}

fn hash(text: &str) -> Result<Target, LinkError> {
    text.parse()
        .map(Target::Hash)
        .map_err(|source| LinkError::Hash {
            source: match source {
                InvalidHash::NotHex { given } => InvalidHash::NotHex {
                    given: shown(&given),
                },
                other => other,
            },
        })
}

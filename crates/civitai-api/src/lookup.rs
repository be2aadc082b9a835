//! From what a person pasted to what it means on the site.

use std::collections::BTreeSet;

use futures::TryStreamExt;
use serde_json::{Map, Value};

use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::hash::HashKey;
use crate::id::{FileId, ImageId, ModelId, PostId, UserId, VersionId};
use crate::link::{Link, Target, Unsupported};
use crate::model::Model;
use crate::nsfw::NsfwLevel;
use crate::query::{ImageQuery, UserQuery};
use crate::search::Search;
use crate::select::Variant;
use crate::version::Version;

/// What a link led to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Found {
    /// A model, whose first version is meant.
    Model(Box<Model>),
    /// A version, perhaps narrowed down.
    Version {
        /// The version.
        version: Box<Version>,
        /// The very file that is meant, if the link or the digest says so.
        file: Option<FileId>,
        /// Properties of the file that is meant.
        variant: Variant,
    },
    /// The versions that a picture, or the pictures of a post, were made with. May be empty: not every picture tells.
    Versions(Vec<VersionId>),
    /// Models to be listed: a creator's, those with a tag, those that a text finds.
    Models(Box<Search>),
}

/// What a link led to, with what alone tells the licence of a version.
#[derive(Debug)]
#[non_exhaustive]
pub struct Followed {
    /// What the link led to.
    pub found: Found,
    /// The model of the version that was found: none where the site does not show it, as with real persons, or where no
    /// version was found. An error if it could not be asked for.
    pub owner: Result<Option<Box<Model>>, Error>,
}

impl Client {
    /// Follows a link to what can be downloaded, and asks for the model of a version, too.
    ///
    /// Where the link names a model and its version, one request does: what the site says of the model has its versions.
    ///
    /// # Errors
    /// Those of [`Client::look_up`]. That the model of a version cannot be had is told beside the version.
    pub async fn follow(&self, link: &Link) -> Result<Followed, Error> {
        let (model, version, file) = match link.target() {
            Target::Version {
                model: Some(model),
                version,
                ..
            } => (*model, *version, None),
            Target::File {
                model: Some(model),
                version: Some(version),
                file,
            } => (*model, *version, Some(*file)),
            _ => {
                let found = self.look_up(link).await?;
                let owner = self.owner_of(&found).await;
                return Ok(Followed { found, owner });
            }
        };
        let owner = self.shown(model).await;
        let listed = owner.as_ref().ok().and_then(|model| {
            let model = model.as_deref()?;
            let version = model.versions.iter().find(|one| one.id == version)?;
            tells(model, version, file).then(|| version.clone())
        });
        if let Some(version) = listed {
            let variant = match link.target() {
                Target::Version { variant, .. } => variant.clone(),
                _ => Variant::default(),
            };
            let found = Found::Version {
                version: Box::new(version),
                file,
                variant,
            };
            return Ok(Followed { found, owner });
        }
        let found = self.look_up(link).await?;
        let is_other = match (&found, &owner) {
            (Found::Version { version, .. }, Ok(owner)) => {
                let named = owner.as_ref().map_or(model, |owner| owner.id);
                version.owner().is_some_and(|owner| owner != named)
            }
            _ => false,
        };
        // A link that somebody wrote by hand may name another model than the version's.
        let owner = if is_other {
            self.owner_of(&found).await
        } else {
            owner
        };
        Ok(Followed { found, owner })
    }

    async fn owner_of(&self, found: &Found) -> Result<Option<Box<Model>>, Error> {
        match found {
            Found::Version { version, .. } => match version.owner() {
                Some(id) => self.shown(id).await,
                None => Ok(None),
            },
            _ => Ok(None),
        }
    }

    /// A model, unless the site does not show it.
    async fn shown(&self, id: ModelId) -> Result<Option<Box<Model>>, Error> {
        match self.model(id).await {
            Ok(model) => Ok(Some(Box::new(model))),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Follows a link.
    ///
    /// A bare number is a model, and failing that a version. A digest leads to the version published first of those that
    /// have such a file, and to the file itself if it is among the version's public ones.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] for what the API cannot list or find, such as the contents of a collection.
    pub async fn look_up(&self, link: &Link) -> Result<Found, Error> {
        match link.target() {
            Target::Number(id) => self.by_number(*id).await,
            Target::Model(id) => self.model(*id).await.map(Box::new).map(Found::Model),
            Target::Version {
                version, variant, ..
            } => self.one_version(*version, None, variant.clone()).await,
            Target::File {
                version: Some(version),
                file,
                ..
            } => {
                self.one_version(*version, Some(*file), Variant::default())
                    .await
            }
            Target::File { version: None, .. } => {
                Err(unsupported("find a file without its version"))
            }
            Target::Hash(key) => self.by_digest(key).await,
            Target::Image(id) => self.by_image(*id).await,
            Target::Post(id) => self.by_post(*id).await,
            Target::User(name) => Ok(everything(Search::default().with_username(name))),
            Target::UserNumber(id) => self.by_user(*id).await,
            Target::Tag(tag) => Ok(everything(Search::default().with_tag(tag))),
            Target::Search(text) => Ok(everything(Search::default().with_query(text))),
            Target::ImageFile(_) => Err(unsupported("find a picture by its file's name")),
            Target::Collection(_) => Err(unsupported("list what is in a collection")),
            Target::Article(_) => Err(unsupported("list the models of an article")),
            Target::Bounty(_) => Err(unsupported("serve bounties")),
            Target::Unsupported(reason) => Err(unsupported(match reason {
                Unsupported::Page => {
                    "make anything of this page, which names no model, version, picture or creator"
                }
                Unsupported::Kind => "serve this kind of content",
                Unsupported::Download => "serve other files than those of published models",
                Unsupported::Storage => {
                    "tell what a storage address holds; use the address of the model's page"
                }
                Unsupported::Source => "resolve names of other sources than civitai",
            })),
        }
    }

    /// Returns a link as JSON like [`Link::to_json`], completed and corrected by what the site knows.
    ///
    /// What the site cannot be asked about is returned as it was read.
    ///
    /// # Errors
    /// Those of [`Client::look_up`].
    pub async fn resolve(&self, link: &Link) -> Result<Map<String, Value>, Error> {
        let mut fields = link.to_json();
        if link.caveat().is_some() || matches!(link.target(), Target::Unsupported(_)) {
            return Ok(fields);
        }
        match self.look_up(link).await? {
            Found::Model(model) => {
                fields.insert("kind".into(), "model".into());
                fields.insert("modelId".into(), model.id.get().into());
                if let Some(version) = model.default_version() {
                    fields.insert("versionId".into(), version.id.get().into());
                }
            }
            Found::Version { version, file, .. } => {
                let kind = if file.is_some() { "file" } else { "version" };
                fields.insert("kind".into(), kind.into());
                // What a link says of the model may be wrong.
                fields.shift_remove("modelId");
                if let Some(model) = version.owner() {
                    fields.insert("modelId".into(), model.get().into());
                }
                fields.insert("versionId".into(), version.id.get().into());
                if let Some(file) = file {
                    fields.insert("fileId".into(), file.get().into());
                }
            }
            Found::Versions(ids) => {
                let ids = ids.iter().map(|id| Value::from(id.get())).collect();
                fields.insert("versionIds".into(), ids);
            }
            Found::Models(_) => {}
        }
        fields.insert("ambiguous".into(), false.into());
        Ok(fields)
    }

    async fn by_number(&self, id: ModelId) -> Result<Found, Error> {
        let not_a_model = match self.model(id).await {
            Ok(model) => return Ok(Found::Model(Box::new(model))),
            Err(error) if error.is_not_found() => error,
            Err(error) => return Err(error),
        };
        let Some(version) = VersionId::new(u64::from(id)) else {
            return Err(not_a_model);
        };
        match self.one_version(version, None, Variant::default()).await {
            // What the site says of a model is the better answer to a number that is neither.
            Err(error) if error.is_not_found() => Err(not_a_model),
            answer => answer,
        }
    }

    async fn one_version(
        &self,
        id: VersionId,
        file: Option<FileId>,
        variant: Variant,
    ) -> Result<Found, Error> {
        let version = Box::new(self.version(id).await?);
        Ok(Found::Version {
            version,
            file,
            variant,
        })
    }

    async fn by_digest(&self, key: &HashKey) -> Result<Found, Error> {
        let version = Box::new(self.version_by_hash(key).await?);
        let file = key.files_of(&version).first().map(|(file, _)| file.id);
        Ok(Found::Version {
            version,
            file,
            variant: Variant::default(),
        })
    }

    async fn by_image(&self, id: ImageId) -> Result<Found, Error> {
        let image = self
            .image(id)
            .await?
            .ok_or_else(|| Error::new(ErrorKind::NotFound { message: None }))?;
        Ok(Found::Versions(image.version_ids))
    }

    async fn by_post(&self, id: PostId) -> Result<Found, Error> {
        let query = ImageQuery {
            post: Some(id),
            levels: Some(NsfwLevel::ALL),
            with_meta: true,
            ..ImageQuery::default()
        };
        let images: Vec<_> = self.images(&query).try_collect().await?;
        if images.is_empty() {
            return Err(Error::new(ErrorKind::NotFound { message: None }));
        }
        let versions: BTreeSet<VersionId> = images
            .into_iter()
            .flat_map(|image| image.version_ids)
            .collect();
        Ok(Found::Versions(versions.into_iter().collect()))
    }

    async fn by_user(&self, id: UserId) -> Result<Found, Error> {
        let users = self.users(&UserQuery::Ids(vec![id])).await?;
        let name = users
            .into_iter()
            .find(|user| user.id == Some(id))
            .and_then(|user| user.username);
        let name = name.ok_or_else(|| Error::new(ErrorKind::NotFound { message: None }))?;
        Ok(everything(Search::default().with_username(name)))
    }
}

/// Says whether what a model tells of its version is enough to fetch what a link means: a file that was replaced stands
/// only in what the site says of the version.
fn tells(model: &Model, version: &Version, file: Option<FileId>) -> bool {
    match file {
        Some(id) => version.files.iter().any(|file| file.id == id),
        None => !version.files.is_empty() || model.is_archived(),
    }
}

/// A link says nothing about levels, so it leaves none out.
fn everything(search: Search) -> Found {
    Found::Models(Box::new(search.with_level(NsfwLevel::XXX)))
}

fn unsupported(what: &'static str) -> Error {
    Error::new(ErrorKind::Unsupported { what })
}

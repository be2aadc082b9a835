//! The client: what the site knows, asked for and waited for, or asked for and awaited.

use std::path::PathBuf;
use std::time::Duration;

use civitai_api::query::{ArticleQuery, CollectionQuery, ImageQuery, NameQuery};
use civitai_api::{Found, HashKey, NsfwLevel, Search, Secret};
use civitai_security::AllowPrivate;
use pyo3::prelude::*;

use crate::errors::Failure;
use crate::give::Later;
use crate::link::Link;
use crate::listing::Listing;
use crate::record::{Article, Collection, Enums, HashMatch, Image, Me, Model, Version};
use crate::runtime::{Coroutine, coroutine, wait};
use crate::settings::Settings;
use crate::take::{self, Moment, Words};

/// Civitai's public API.
#[pyclass(frozen, module = "civitai_rs")]
pub(crate) struct Client {
    api: Api,
    settings: Settings,
}

impl Client {
    pub(crate) fn with(settings: Settings) -> PyResult<Self> {
        let api = settings.client(&settings.network()?)?;
        Ok(Self { api, settings })
    }

    /// What it was made with, for those who need another way to the same site.
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }
}

#[pymethods]
impl Client {
    #[new]
    #[pyo3(signature = (
        *, token = None, base_url = None, timeout = None, max_wait = None, retries = None, rate = None, proxy = None,
        ca_file = None, cache_dir = None, product = None, allow_private_network = false
    ))]
    fn new(
        token: Option<String>,
        base_url: Option<&str>,
        timeout: Option<Duration>,
        max_wait: Option<Duration>,
        retries: Option<u32>,
        rate: Option<f64>,
        proxy: Option<&str>,
        ca_file: Option<PathBuf>,
        cache_dir: Option<PathBuf>,
        product: Option<String>,
        allow_private_network: bool,
    ) -> PyResult<Self> {
        let settings = Settings {
            origin: take::maybe("base_url", base_url)?,
            token: token.map(Secret::new),
            timeout,
            max_wait,
            retries,
            rate,
            proxy: take::maybe("proxy", proxy)?,
            ca_file,
            cache_dir,
            product,
            private: if allow_private_network {
                AllowPrivate::Yes
            } else {
                AllowPrivate::No
            },
        };
        Self::with(settings.or_environment()?)
    }

    /// The site's root.
    #[getter]
    fn base_url(&self) -> &str {
        self.api.origin().as_str()
    }

    /// Whether requests to the site carry a token.
    #[getter]
    fn has_token(&self) -> bool {
        self.api.has_token()
    }

    /// Searches models.
    #[pyo3(signature = (
        query = None, *, types = Words::default(), base_models = Words::default(), tag = None, username = None, sort = None,
        period = None, nsfw = None, checkpoint_type = None, commercial = Words::default(), min_downloads = None,
        max_downloads = None, since = None, until = None, category = None, format = None, limit = None
    ))]
    fn search(
        &self,
        query: Option<String>,
        types: Words,
        base_models: Words,
        tag: Option<String>,
        username: Option<String>,
        sort: Option<&str>,
        period: Option<&str>,
        nsfw: Option<&str>,
        checkpoint_type: Option<&str>,
        commercial: Words,
        min_downloads: Option<u64>,
        max_downloads: Option<u64>,
        since: Option<Moment>,
        until: Option<Moment>,
        category: Option<String>,
        format: Option<&str>,
        limit: Option<usize>,
    ) -> PyResult<Listing> {
        let mut search = Search::default();
        search.query = query;
        search.types = take::all("types", &types)?;
        // Base models are added every week: one that is not known yet is sent as it is.
        search.base_models = base_models
            .0
            .iter()
            .map(|name| name.as_str().into())
            .collect();
        search.tag = tag;
        search.username = username;
        search.sort = take::maybe("sort", sort)?;
        search.period = take::maybe("period", period)?;
        search.level = take::maybe("nsfw", nsfw)?;
        search.checkpoint_type = take::maybe("checkpoint_type", checkpoint_type)?;
        search.commercial_use = take::all("commercial", &commercial)?;
        search.min_downloads = min_downloads;
        search.max_downloads = max_downloads;
        search.since = since.map(Into::into);
        search.until = until.map(Into::into);
        search.category = category;
        search.format = format
            .map(civitai_api::FileFormat::named)
            .transpose()
            .map_err(|error| Failure::argument("format", &error))?;
        search.limit = limit;
        Ok(Listing::new(self.api.search(&search)))
    }

    /// Lists pictures.
    #[pyo3(signature = (
        *, model_id = None, version_id = None, post_id = None, username = None, nsfw = None, sort = None, period = None,
        r#type = None, base_models = Words::default(), with_meta = true, with_tags = false, limit = None
    ))]
    fn images(
        &self,
        model_id: Option<u64>,
        version_id: Option<u64>,
        post_id: Option<u64>,
        username: Option<String>,
        nsfw: Option<&str>,
        sort: Option<&str>,
        period: Option<&str>,
        r#type: Option<&str>,
        base_models: Words,
        with_meta: bool,
        with_tags: bool,
        limit: Option<usize>,
    ) -> PyResult<Listing> {
        let mut query = ImageQuery::default();
        query.model = model_id.map(|id| take::id("model_id", id)).transpose()?;
        query.version = version_id
            .map(|id| take::id("version_id", id))
            .transpose()?;
        query.post = post_id.map(|id| take::id("post_id", id)).transpose()?;
        query.username = username;
        query.levels = take::maybe::<NsfwLevel>("nsfw", nsfw)?.map(NsfwLevel::and_below);
        query.sort = take::maybe("sort", sort)?;
        query.period = take::maybe("period", period)?;
        query.kind = take::maybe("type", r#type)?;
        query.base_models = base_models
            .0
            .iter()
            .map(|name| name.as_str().into())
            .collect();
        query.with_meta = with_meta;
        query.with_tags = with_tags;
        Ok(limited(self.api.images(&query), limit))
    }

    /// Lists creators.
    #[pyo3(signature = (query = None, *, limit = None))]
    fn creators(&self, query: Option<String>, limit: Option<usize>) -> Listing {
        limited(self.api.creators(&named(query)), limit)
    }

    /// Lists tags.
    #[pyo3(signature = (query = None, *, limit = None))]
    fn tags(&self, query: Option<String>, limit: Option<usize>) -> Listing {
        limited(self.api.tags(&named(query)), limit)
    }

    /// Lists collections.
    #[pyo3(signature = (query = None, *, limit = None))]
    fn collections(&self, query: Option<String>, limit: Option<usize>) -> Listing {
        let mut wanted = CollectionQuery::default();
        wanted.query = query;
        limited(self.api.collections(&wanted), limit)
    }

    /// Lists articles.
    #[pyo3(signature = (query = None, *, username = None, limit = None))]
    fn articles(
        &self,
        query: Option<String>,
        username: Option<String>,
        limit: Option<usize>,
    ) -> Listing {
        let mut wanted = ArticleQuery::default();
        wanted.query = query;
        wanted.username = username;
        limited(self.api.articles(&wanted), limit)
    }

    /// Returns a model with all its versions.
    fn model(&self, py: Python<'_>, model_id: u64) -> PyResult<Model> {
        wait(py, model(self.api.clone(), model_id))
    }

    /// Returns a model with all its versions.
    fn model_async(&self, model_id: u64) -> Coroutine {
        coroutine(model(self.api.clone(), model_id))
    }

    /// Returns models by their ids, those that exist, in no particular order.
    fn models(&self, py: Python<'_>, model_ids: Vec<u64>) -> PyResult<Vec<Model>> {
        wait(py, models(self.api.clone(), model_ids))
    }

    /// Returns models by their ids, those that exist, in no particular order.
    fn models_async(&self, model_ids: Vec<u64>) -> Coroutine {
        coroutine(models(self.api.clone(), model_ids))
    }

    /// Returns a version.
    fn version(&self, py: Python<'_>, version_id: u64) -> PyResult<Version> {
        wait(py, version(self.api.clone(), version_id))
    }

    /// Returns a version.
    fn version_async(&self, version_id: u64) -> Coroutine {
        coroutine(version(self.api.clone(), version_id))
    }

    /// Returns the version that has a file with this hash.
    fn by_hash(&self, py: Python<'_>, hash: String) -> PyResult<Version> {
        wait(py, by_hash(self.api.clone(), hash))
    }

    /// Returns the version that has a file with this hash.
    fn by_hash_async(&self, hash: String) -> Coroutine {
        coroutine(by_hash(self.api.clone(), hash))
    }

    /// Returns which versions have files with these SHA-256 digests.
    fn match_hashes(&self, py: Python<'_>, hashes: Vec<String>) -> PyResult<Vec<HashMatch>> {
        wait(py, match_hashes(self.api.clone(), hashes))
    }

    /// Returns which versions have files with these SHA-256 digests.
    fn match_hashes_async(&self, hashes: Vec<String>) -> Coroutine {
        coroutine(match_hashes(self.api.clone(), hashes))
    }

    /// Returns one picture with its generation data.
    fn image(&self, py: Python<'_>, image_id: u64) -> PyResult<Image> {
        wait(py, image(self.api.clone(), image_id))
    }

    /// Returns one picture with its generation data.
    fn image_async(&self, image_id: u64) -> Coroutine {
        coroutine(image(self.api.clone(), image_id))
    }

    /// Returns a collection's description.
    fn collection(&self, py: Python<'_>, collection_id: u64) -> PyResult<Collection> {
        wait(py, collection(self.api.clone(), collection_id))
    }

    /// Returns a collection's description.
    fn collection_async(&self, collection_id: u64) -> Coroutine {
        coroutine(collection(self.api.clone(), collection_id))
    }

    /// Returns an article.
    fn article(&self, py: Python<'_>, article_id: u64) -> PyResult<Article> {
        wait(py, article(self.api.clone(), article_id))
    }

    /// Returns an article.
    fn article_async(&self, article_id: u64) -> Coroutine {
        coroutine(article(self.api.clone(), article_id))
    }

    /// Returns what a link leads to: a model, a version, or the versions that a picture was made with.
    fn info(&self, py: Python<'_>, link: String) -> PyResult<Later> {
        wait(py, info(self.api.clone(), link))
    }

    /// Returns what a link leads to: a model, a version, or the versions that a picture was made with.
    fn info_async(&self, link: String) -> Coroutine {
        coroutine(info(self.api.clone(), link))
    }

    /// Reads a link; with `online`, completes and corrects it by what the site knows.
    #[pyo3(signature = (link, *, online = false))]
    fn resolve(&self, py: Python<'_>, link: String, online: bool) -> PyResult<Link> {
        wait(py, resolve(self.api.clone(), link, online))
    }

    /// Reads a link; with `online`, completes and corrects it by what the site knows.
    #[pyo3(signature = (link, *, online = false))]
    fn resolve_async(&self, link: String, online: bool) -> Coroutine {
        coroutine(resolve(self.api.clone(), link, online))
    }

    /// Returns the account that the token belongs to.
    fn whoami(&self, py: Python<'_>) -> PyResult<Me> {
        wait(py, whoami(self.api.clone()))
    }

    /// Returns the account that the token belongs to.
    fn whoami_async(&self) -> Coroutine {
        coroutine(whoami(self.api.clone()))
    }

    /// Returns the values of the site's enumerations today.
    fn enums(&self, py: Python<'_>) -> PyResult<Enums> {
        wait(py, enums(self.api.clone()))
    }

    /// Returns the values of the site's enumerations today.
    fn enums_async(&self) -> Coroutine {
        coroutine(enums(self.api.clone()))
    }

    fn __repr__(&self) -> String {
        let token = if self.api.has_token() {
            ", token=..."
        } else {
            ""
        };
        format!("Client(base_url={:?}{token})", self.api.origin().as_str())
    }
}

type Api = civitai_api::Client;

async fn model(api: Api, id: u64) -> PyResult<Model> {
    let id = take::id("model_id", id)?;
    let found = api.model(id).await.map(Model::from);
    Ok(found.map_err(|error| Failure::from(error).with("model_id", Some(id.get())))?)
}

async fn models(api: Api, ids: Vec<u64>) -> PyResult<Vec<Model>> {
    let ids = ids.into_iter().map(|id| take::id("model_ids", id));
    let ids = ids.collect::<PyResult<Vec<_>>>()?;
    let found = api.models_by_id(&ids).await.map_err(Failure::from)?;
    Ok(found.into_iter().map(Model::from).collect())
}

async fn version(api: Api, id: u64) -> PyResult<Version> {
    let id = take::id("version_id", id)?;
    let found = api.version(id).await.map(Version::from);
    Ok(found.map_err(|error| Failure::from(error).with("version_id", Some(id.get())))?)
}

async fn by_hash(api: Api, hash: String) -> PyResult<Version> {
    let hash: HashKey = take::one("hash", &hash)?;
    let found = api.version_by_hash(&hash).await.map(Version::from);
    Ok(found.map_err(Failure::from)?)
}

async fn match_hashes(api: Api, hashes: Vec<String>) -> PyResult<Vec<HashMatch>> {
    let hashes: Vec<HashKey> = take::all("hashes", &Words(hashes))?;
    let found = api
        .version_ids_by_hash(&hashes)
        .await
        .map_err(Failure::from)?;
    Ok(found.into_iter().map(HashMatch::from).collect())
}

async fn image(api: Api, id: u64) -> PyResult<Image> {
    let found = api
        .image(take::id("image_id", id)?)
        .await
        .map_err(Failure::from)?;
    found
        .map(Image::from)
        .ok_or_else(|| Failure::saying("not_found", format!("there is no picture {id}")).into())
}

async fn collection(api: Api, id: u64) -> PyResult<Collection> {
    let found = api.collection(take::id("collection_id", id)?).await;
    Ok(found.map(Collection::from).map_err(Failure::from)?)
}

async fn article(api: Api, id: u64) -> PyResult<Article> {
    let found = api.article(take::id("article_id", id)?).await;
    Ok(found.map(Article::from).map_err(Failure::from)?)
}

async fn whoami(api: Api) -> PyResult<Me> {
    Ok(api.me().await.map(Me::from).map_err(Failure::from)?)
}

async fn enums(api: Api) -> PyResult<Enums> {
    Ok(api.enums().await.map(Enums::from).map_err(Failure::from)?)
}

async fn info(api: Api, link: String) -> PyResult<Later> {
    let link = read(&api, &link)?;
    match api.look_up(&link).await.map_err(Failure::from)? {
        Found::Model(model) => Ok(Later::new(Model::from(*model))),
        Found::Version { version, .. } => Ok(Later::new(Version::from(*version))),
        Found::Versions(ids) => {
            let mut versions = Vec::with_capacity(ids.len());
            for id in ids {
                let version = api.version(id).await.map_err(Failure::from)?;
                versions.push(Version::from(version));
            }
            Ok(Later::new(versions))
        }
        _ => Err(Failure::saying(
            "usage",
            format!("{link} stands for many models: use search()"),
        )
        .into()),
    }
}

async fn resolve(api: Api, link: String, online: bool) -> PyResult<Link> {
    let link = read(&api, &link)?;
    if online {
        let fields = api.resolve(&link).await.map_err(Failure::from)?;
        return Ok(fields.into());
    }
    Ok((&link).into())
}

fn read(api: &Api, link: &str) -> PyResult<civitai_api::Link> {
    civitai_api::Link::parse_with(link, Some(api.origin()))
        .map_err(|error| Failure::argument("link", &error).into())
}

fn limited<T: crate::listing::Listed>(
    listing: civitai_api::Listing<T>,
    limit: Option<usize>,
) -> Listing {
    Listing::new(match limit {
        Some(limit) => listing.with_limit(limit),
        None => listing,
    })
}

fn named(query: Option<String>) -> NameQuery {
    let mut wanted = NameQuery::default();
    wanted.query = query;
    wanted
}

//! Models, versions, pictures: what the site has.

use std::collections::BTreeMap;

use crate::client::Client;
use crate::envelope::Enums;
use crate::error::Route;
use crate::error::{Error, ErrorKind};
use crate::hash::{HashKey, HashKind};
use crate::id::{FileId, ModelId, VersionId};
use crate::image::Image;
use crate::model::Model;
use crate::query::{ModelQuery, Parameters};
use crate::tensor::TensorMetadata;
use crate::transport::Request;
use crate::version::{HashMatch, MiniVersion, Version};
use crate::wire::List;
use crate::{ImageId, NsfwLevel};

/// The site takes 100 hashes at a time for whole versions.
const HASHES_FOR_VERSIONS: usize = 100;
/// It takes 10,000 for ids; smaller bodies pass every proxy on the way.
const HASHES_FOR_IDS: usize = 1000;

/// How much of a file's tensors to report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TensorDetail {
    /// Counts and sizes.
    #[default]
    Summary,
    /// Every tensor with its shape.
    Everything,
}

impl Client {
    /// Returns a model with all its versions, of any level.
    ///
    /// Null fields and empty lists are left out by this endpoint; private and unscanned models are "not found".
    pub async fn model(&self, id: ModelId) -> Result<Model, Error> {
        self.get(format!("models/{id}"), &Parameters::default(), "a model")
            .await
    }

    /// Returns models by id, a hundred a request, each at most once and in no particular order.
    ///
    /// Archived models are included; deleted and private ones are missing from the result.
    pub async fn models_by_id(&self, ids: &[ModelId]) -> Result<Vec<Model>, Error> {
        let mut found: BTreeMap<ModelId, Model> = BTreeMap::new();
        // Neither reading holds the other: models flagged as depicting minors come only without `nsfw`, those whose
        // pictures are all mature only with it.
        for nsfw in [true, false] {
            let missing: Vec<ModelId> = ids
                .iter()
                .copied()
                .filter(|id| !found.contains_key(id))
                .collect();
            for batch in missing.chunks(ModelQuery::LARGEST_PAGE as usize) {
                let query = ModelQuery {
                    ids: batch.to_vec(),
                    archived: true,
                    nsfw,
                    ..ModelQuery::default()
                };
                let parameters = query.parameters().with("limit", ModelQuery::LARGEST_PAGE);
                let page: crate::envelope::Page<Model> = self
                    .get("models".to_owned(), &parameters, "a page of models")
                    .await?;
                found.extend(page.items.into_iter().map(|model| (model.id, model)));
            }
        }
        Ok(found.into_values().collect())
    }

    /// Returns a version as `/model-versions` describes it: with `usage_control` and `air`, without the model's other
    /// versions. Versions that were not scanned yet are "not found".
    pub async fn version(&self, id: VersionId) -> Result<Version, Error> {
        self.get(
            format!("model-versions/{id}"),
            &Parameters::default(),
            "a version",
        )
        .await
    }

    /// Returns the version that has a file with this hash.
    ///
    /// If several have, the site decides for the one published first. [`HashKey::files_of`] tells which file matches; it
    /// may be one that is not shown. "Not found" may be up to an hour old; for that long it is repeated without a request.
    pub async fn version_by_hash(&self, hash: &HashKey) -> Result<Version, Error> {
        let absent = &self.core().absent;
        if absent.has(hash) {
            return Err(Error::new(ErrorKind::NotFound { message: None }));
        }
        let found = self
            .get(
                format!("model-versions/by-hash/{}", hash.as_str()),
                &Parameters::default(),
                "a version",
            )
            .await;
        if found.as_ref().is_err_and(Error::is_not_found) {
            absent.note(hash);
        }
        found
    }

    /// Returns the versions that have files with these SHA-256 digests, each once, in no particular order.
    ///
    /// Digests that the site does not know have no answer. The URLs inside are unusable: ask for files by their ids.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`] if a key is no SHA-256.
    pub async fn versions_by_hash(&self, hashes: &[HashKey]) -> Result<Vec<Version>, Error> {
        let mut found: BTreeMap<VersionId, Version> = BTreeMap::new();
        for batch in sha256(hashes)?.chunks(HASHES_FOR_VERSIONS) {
            let versions: List<Version> = self
                .post("model-versions/by-hash", &batch, "a list of versions")
                .await?;
            found.extend(
                versions
                    .items
                    .into_iter()
                    .map(|version| (version.id, version)),
            );
        }
        Ok(found.into_values().collect())
    }

    /// Returns which versions have files with these SHA-256 digests: the way to match a whole library.
    ///
    /// A digest has no row if the site does not know it, and several if several versions have the file.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`] if a key is no SHA-256.
    pub async fn version_ids_by_hash(&self, hashes: &[HashKey]) -> Result<Vec<HashMatch>, Error> {
        let mut rows: BTreeMap<(VersionId, String), HashMatch> = BTreeMap::new();
        for batch in sha256(hashes)?.chunks(HASHES_FOR_IDS) {
            let matches: List<HashMatch> = self
                .post("model-versions/by-hash/ids", &batch, "a list of matches")
                .await?;
            rows.extend(
                matches
                    .items
                    .into_iter()
                    .map(|row| ((row.version_id, row.hash.clone()), row)),
            );
        }
        Ok(rows.into_values().collect())
    }

    /// Returns what the generator needs to know of a version, for its default file or the one named.
    pub async fn version_mini(
        &self,
        id: VersionId,
        file: Option<FileId>,
    ) -> Result<MiniVersion, Error> {
        let mut parameters = Parameters::default();
        parameters.maybe("modelFileId", file);
        self.get(
            format!("model-versions/mini/{id}"),
            &parameters,
            "a version in brief",
        )
        .await
    }

    /// Returns one picture of any level with its generation data, or `None` if there is none of this id.
    pub async fn image(&self, id: ImageId) -> Result<Option<Image>, Error> {
        let query = crate::query::ImageQuery {
            image: Some(id),
            levels: Some(NsfwLevel::ALL),
            with_meta: true,
            ..Default::default()
        };
        let page: crate::envelope::Page<Image> = self
            .get(
                "images".to_owned(),
                &query.parameters(),
                "a page of pictures",
            )
            .await?;
        Ok(page
            .items
            .into_iter()
            .find(|image| image.id_from_any() == Some(id)))
    }

    /// Returns the values of the site's enumerations today.
    pub async fn enums(&self) -> Result<Enums, Error> {
        self.get(
            "enums".to_owned(),
            &Parameters::default(),
            "the enumerations",
        )
        .await
    }

    /// Returns what is inside a file, as the site read it. The same rules as for its download apply.
    pub async fn tensor_metadata(
        &self,
        file: FileId,
        detail: TensorDetail,
    ) -> Result<TensorMetadata, Error> {
        let mut parameters = Parameters::default();
        parameters.flag("summaryOnly", detail == TensorDetail::Summary);
        let mut request = Request::get(format!("model-files/{file}/tensor-metadata"), &parameters);
        request.route = Route::Tensors;
        self.call(&request, "a tensor report", &mut 0).await
    }

    /// Says for each version whether anybody may generate with it on the site. Not a word about downloads.
    pub async fn can_generate(
        &self,
        versions: &[VersionId],
    ) -> Result<BTreeMap<VersionId, bool>, Error> {
        if versions.is_empty() {
            return Ok(BTreeMap::new());
        }
        let mut parameters = Parameters::default();
        parameters.joined("entityIds", versions);
        parameters.push("entityType", "ModelVersion");
        parameters.push("permission", "Generate");
        let answers: BTreeMap<String, bool> = self
            .get(
                "permissions/check".to_owned(),
                &parameters,
                "a list of permissions",
            )
            .await?;
        Ok(answers
            .into_iter()
            .filter_map(|(id, may)| Some((id.parse().ok()?, may)))
            .collect())
    }
}

fn sha256(hashes: &[HashKey]) -> Result<Vec<&str>, Error> {
    let is_sha256 = |hash: &&HashKey| hash.kinds().contains(&HashKind::Sha256);
    if !hashes.iter().all(|hash| is_sha256(&hash)) {
        return Err(Error::new(ErrorKind::Argument {
            name: "hashes",
            problem: "must be SHA-256 digests of 64 digits",
        }));
    }
    Ok(hashes.iter().map(HashKey::as_str).collect())
}

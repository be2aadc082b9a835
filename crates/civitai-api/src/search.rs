//! Search that tells the truth: what the API ignores or refuses is filtered here.

use crate::base_model::BaseModel;
use crate::client::{Client, model_key, model_pass};
use crate::envelope::{ModelSort, Period};
use crate::file::FileFormat;
use crate::model::{CheckpointType, CommercialUse, Model, ModelType};
use crate::nsfw::NsfwLevel;
use crate::page::{Listing, Walk};
use crate::query::ModelQuery;
use crate::time::Timestamp;

/// What to search models by. Every model found meets every condition set.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Search {
    /// Full text; the order is then by relevance.
    pub query: Option<String>,
    /// Any of these types.
    pub types: Vec<ModelType>,
    /// Any of these base models.
    pub base_models: Vec<BaseModel>,
    /// This tag, whatever its case.
    pub tag: Option<String>,
    /// This category, see [`crate::category`].
    pub category: Option<String>,
    /// This creator's.
    pub username: Option<String>,
    /// The order; the highest rated first by default.
    pub sort: Option<ModelSort>,
    /// When the newest version must have been published, by the site's reckoning.
    pub period: Option<Period>,
    /// The highest level to include, PG by default. A model counts by its mildest picture.
    pub level: Option<NsfwLevel>,
    /// How a checkpoint came to be; models of other types are left out, unless `types` names them.
    pub checkpoint_type: Option<CheckpointType>,
    /// Any of these commercial uses permitted.
    pub commercial_use: Vec<CommercialUse>,
    /// Whether it may be used without naming the creator.
    pub no_credit: Option<bool>,
    /// Whether derivatives may be shared.
    pub derivatives: Option<bool>,
    /// Whether derivatives may carry other permissions.
    pub different_license: Option<bool>,
    /// At least this many downloads. Models that hide their number are left out by either bound.
    pub min_downloads: Option<u64>,
    /// At most this many downloads.
    pub max_downloads: Option<u64>,
    /// The newest version was published at this moment or later. Models without a date are left out by either bound.
    pub since: Option<Timestamp>,
    /// The newest version was published at this moment or earlier.
    pub until: Option<Timestamp>,
    /// A file of this format in any version.
    pub format: Option<FileFormat>,
    /// The most models to return.
    pub limit: Option<usize>,
}

impl Client {
    /// Searches models.
    ///
    /// Above PG the site must be asked twice, because neither of its readings holds the other: the second brings, at the
    /// end, the models that it withholds from listings with mature content.
    pub fn search(&self, search: &Search) -> Listing<Model> {
        let milder = search.to_query();
        let mature = ModelQuery {
            nsfw: true,
            ..milder.clone()
        };
        let wanted = search.clone();
        let walk = |pass| {
            Walk::new(self.clone(), pass, model_key).keeping(move |model| wanted.accepts(model))
        };
        let mut walk = match search.highest() {
            NsfwLevel::PG => walk(model_pass(&milder)),
            _ => walk(model_pass(&mature)).then(model_pass(&milder)),
        };
        if let Some(tag) = search.tag.clone().or_else(|| search.category.clone()) {
            walk = walk.provided(move |model| has_tag(model, &tag));
        }
        let listing = Listing::new(walk);
        match search.limit {
            Some(limit) => listing.with_limit(limit),
            None => listing,
        }
    }
}

impl Search {
    /// Sets the text to search for.
    #[must_use]
    pub fn with_query(mut self, query: impl Into<String>) -> Self {
        self.query = Some(query.into());
        self
    }

    /// Sets the creator.
    #[must_use]
    pub fn with_username(mut self, username: impl Into<String>) -> Self {
        self.username = Some(username.into());
        self
    }

    /// Sets the tag.
    #[must_use]
    pub fn with_tag(mut self, tag: impl Into<String>) -> Self {
        self.tag = Some(tag.into());
        self
    }

    /// Sets the order.
    #[must_use]
    pub fn with_sort(mut self, sort: ModelSort) -> Self {
        self.sort = Some(sort);
        self
    }

    /// Sets the highest level to include.
    #[must_use]
    pub fn with_level(mut self, level: NsfwLevel) -> Self {
        self.level = Some(level);
        self
    }

    /// Sets the most models to return.
    #[must_use]
    pub fn with_limit(mut self, models: usize) -> Self {
        self.limit = Some(models);
        self
    }

    /// Says whether a model meets every condition that can be told from the model itself.
    pub fn accepts(&self, model: &Model) -> bool {
        self.accepts_subject(model)
            && self.accepts_licence(model)
            && self.accepts_numbers(model)
            && self.accepts_level(model)
    }

    fn accepts_subject(&self, model: &Model) -> bool {
        let types = self.types();
        let is_base = |base: &BaseModel| {
            model.base_models.iter().any(|name| name == base.as_str())
                || model
                    .versions
                    .iter()
                    .any(|version| version.base_model.as_ref() == Some(base))
        };
        let has_format = |format: &FileFormat| {
            model
                .versions
                .iter()
                .flat_map(|version| &version.files)
                .any(|file| file.format().as_ref() == Some(format))
        };
        (types.is_empty() || model.kind.as_ref().is_some_and(|kind| types.contains(kind)))
            && (self.base_models.is_empty() || self.base_models.iter().any(is_base))
            && [&self.tag, &self.category]
                .into_iter()
                .flatten()
                .all(|tag| has_tag(model, tag))
            && self.format.as_ref().is_none_or(has_format)
    }

    fn accepts_licence(&self, model: &Model) -> bool {
        let is_as_wanted =
            |wanted: Option<bool>, value: Option<bool>| wanted.is_none() || wanted == value;
        let permits = |wanted| {
            model
                .allow_commercial_use
                .as_ref()
                .is_some_and(|uses| uses.permits(wanted))
        };
        (self.commercial_use.is_empty() || self.commercial_use.iter().any(permits))
            && is_as_wanted(self.no_credit, model.allow_no_credit)
            && is_as_wanted(self.derivatives, model.allow_derivatives)
            && is_as_wanted(self.different_license, model.allow_different_license)
    }

    fn accepts_numbers(&self, model: &Model) -> bool {
        let downloads = model.stats.as_ref().and_then(|stats| stats.download_count);
        let published = model
            .newest_version()
            .and_then(|version| version.published_at);
        self.min_downloads
            .is_none_or(|least| downloads.is_some_and(|count| count >= least))
            && self
                .max_downloads
                .is_none_or(|most| downloads.is_some_and(|count| count <= most))
            && self
                .since
                .is_none_or(|since| published.is_some_and(|at| at >= since))
            && self
                .until
                .is_none_or(|until| published.is_some_and(|at| at <= until))
    }

    fn accepts_level(&self, model: &Model) -> bool {
        match model.nsfw_level {
            Some(levels) => levels.intersects(self.highest().and_below()),
            // Bodies from before 2024 have only the creator's own flag.
            None => model.nsfw != Some(true) || self.highest() > NsfwLevel::PG13,
        }
    }

    fn highest(&self) -> NsfwLevel {
        self.level.map_or(NsfwLevel::PG, NsfwLevel::highest)
    }

    fn types(&self) -> &[ModelType] {
        const CHECKPOINTS: &[ModelType] = &[ModelType::Checkpoint];
        if self.checkpoint_type.is_some() && self.types.is_empty() {
            CHECKPOINTS
        } else {
            &self.types
        }
    }

    fn to_query(&self) -> ModelQuery {
        ModelQuery {
            query: self.query.clone(),
            types: self.types().to_vec(),
            base_models: self.base_models.clone(),
            tag: self.tag.clone().or_else(|| self.category.clone()),
            username: self.username.clone(),
            sort: self.sort.clone(),
            period: self.period.clone(),
            checkpoint_type: self.checkpoint_type.clone(),
            commercial_use: self.commercial_use.clone(),
            file_formats: self.format.clone().into_iter().collect(),
            page_size: self.page_size(),
            ..ModelQuery::default()
        }
    }

    /// Returns a smaller page where all of it is wanted.
    fn page_size(&self) -> Option<u32> {
        let is_filtered = self.no_credit.is_some()
            || self.derivatives.is_some()
            || self.different_license.is_some()
            || self.min_downloads.is_some()
            || self.max_downloads.is_some()
            || self.since.is_some()
            || self.until.is_some()
            || (self.tag.is_some() && self.category.is_some())
            || self.highest() > NsfwLevel::PG && self.highest() < NsfwLevel::XXX;
        self.limit
            .filter(|_| !is_filtered && self.query.is_none())
            .and_then(|limit| u32::try_from(limit).ok())
    }
}

fn has_tag(model: &Model, tag: &str) -> bool {
    model
        .tags
        .iter()
        .any(|known| known.eq_ignore_ascii_case(tag) || known.to_lowercase() == tag.to_lowercase())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn model() -> Model {
        serde_json::from_value(json!({
            "id": 1, "name": "m", "type": "LORA", "nsfwLevel": 12, "tags": ["Style", "Été"],
            "allowCommercialUse": "{Image,Rent}", "allowNoCredit": true, "allowDerivatives": false,
            "stats": {"downloadCount": 50},
            "modelVersions": [
                {"id": 2, "baseModel": "SD 1.5", "publishedAt": "2025-01-01T00:00:00.000Z",
                 "files": [{"id": 3, "metadata": {"format": "SafeTensor"}}]},
                {"id": 4, "baseModel": "Pony", "publishedAt": "2025-06-01T12:00:00.000Z", "files": []},
            ],
        }))
        .expect("a model")
    }

    fn mature() -> Search {
        Search {
            level: Some(NsfwLevel::R),
            ..Search::default()
        }
    }

    #[test]
    fn each_condition_admits_and_refuses() {
        type Set = fn(&mut Search);
        let cases: [(&str, Set, Set); 12] = [
            (
                "type",
                |s| s.types = vec![ModelType::Vae, ModelType::Lora],
                |s| s.types = vec![ModelType::Vae],
            ),
            (
                "base model",
                |s| s.base_models = vec!["Pony".into()],
                |s| s.base_models = vec!["SDXL 1.0".into()],
            ),
            (
                "tag",
                |s| s.tag = Some("sTYLE".into()),
                |s| s.tag = Some("sty".into()),
            ),
            (
                "category",
                |s| s.category = Some("ÉTÉ".into()),
                |s| s.category = Some("animal".into()),
            ),
            (
                "level",
                |s| s.level = Some(NsfwLevel::XXX),
                |s| s.level = Some(NsfwLevel::PG13),
            ),
            (
                "commercial",
                |s| s.commercial_use = vec!["Sell".into(), "Rent".into()],
                |s| s.commercial_use = vec!["Sell".into()],
            ),
            (
                "credit",
                |s| s.no_credit = Some(true),
                |s| s.no_credit = Some(false),
            ),
            (
                "derivatives",
                |s| s.derivatives = Some(false),
                |s| s.derivatives = Some(true),
            ),
            (
                "downloads",
                |s| (s.min_downloads, s.max_downloads) = (Some(50), Some(50)),
                |s| s.min_downloads = Some(51),
            ),
            (
                "since",
                |s| s.since = "2025-06-01".parse().ok(),
                |s| s.since = "2025-06-02".parse().ok(),
            ),
            (
                "until",
                |s| s.until = "2025-06-02".parse().ok(),
                |s| s.until = "2025-05-31".parse().ok(),
            ),
            (
                "format",
                |s| s.format = Some("SafeTensor".into()),
                |s| s.format = Some("GGUF".into()),
            ),
        ];
        for (what, admits, refuses) in cases {
            for (set, expected) in [(admits, true), (refuses, false)] {
                let mut search = mature();
                set(&mut search);
                assert_eq!(search.accepts(&model()), expected, "{what}: {search:?}");
            }
        }
    }

    #[test]
    fn a_hidden_number_or_an_unsaid_permission_meets_no_condition() {
        let bare: Model =
            serde_json::from_value(json!({"id": 1, "stats": {"downloadCount": null}}))
                .expect("a model");
        assert!(Search::default().accepts(&bare));
        let conditions: [fn(&mut Search); 4] = [
            |s| s.max_downloads = Some(9),
            |s| s.since = "2000-01-01".parse().ok(),
            |s| s.no_credit = Some(false),
            |s| s.commercial_use = vec!["None".into()],
        ];
        for set in conditions {
            let mut search = Search::default();
            set(&mut search);
            assert!(!search.accepts(&bare), "{search:?}");
        }
    }

    #[test]
    fn a_checkpoint_type_leaves_out_what_is_no_checkpoint() {
        let mut search = Search {
            checkpoint_type: Some(CheckpointType::Merge),
            ..mature()
        };
        assert!(!search.accepts(&model()));
        search.types = vec![ModelType::Lora];
        assert!(search.accepts(&model()));
    }

    #[test]
    fn a_small_search_asks_for_a_small_page_only_where_nothing_is_filtered_here() {
        let small = Search {
            limit: Some(20),
            ..Search::default()
        };
        assert_eq!(small.to_query().page_size, Some(20));
        assert_eq!(
            Search {
                min_downloads: Some(1),
                ..small
            }
            .to_query()
            .page_size,
            None
        );
    }
}

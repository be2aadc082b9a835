//! What comes in pages.

use crate::Image;
use crate::article::Article;
use crate::client::Client;
use crate::collection::Collection;
use crate::creator::Creator;
use crate::envelope::ModelSort;
use crate::model::Model;
use crate::page::{Boundary, Listing, Paging, Pass, Walk, hash};
use crate::query::{ArticleQuery, CollectionQuery, ImageQuery, ModelQuery, NameQuery, VaultQuery};
use crate::tag::Tag;
use crate::vault::VaultItem;
use crate::wire::Wire;

impl Client {
    /// Lists models, with the API's own filters; [`search`](Self::search) also has those that it ignores.
    ///
    /// In the order `Newest` the site loses one model at each page boundary; these come at the end.
    pub fn models(&self, query: &ModelQuery) -> Listing<Model> {
        Listing::new(Walk::new(self.clone(), model_pass(query), model_key))
    }

    /// Lists pictures.
    ///
    /// Of a model without a version the site loses one picture at each page boundary; these come at the end.
    pub fn images(&self, query: &ImageQuery) -> Listing<Image> {
        let page_size = query
            .page_size
            .unwrap_or(ImageQuery::LARGEST_PAGE)
            .clamp(1, ImageQuery::LARGEST_PAGE);
        let boundary = if query.loses_at_boundaries() {
            Boundary::LosesImage
        } else {
            Boundary::Kept
        };
        let pass = Pass::new("images", query.parameters(), page_size, Paging::Cursor)
            .with_boundary(boundary);
        Listing::new(Walk::new(self.clone(), pass, |image| {
            image.id.map(u64::from)
        }))
    }

    /// Lists creators. The site gives them in no fixed order, so one may be missing from a listing of several pages; it
    /// is noticed unless the query has a name.
    pub fn creators(&self, query: &NameQuery) -> Listing<Creator> {
        let key = |creator: &Creator| creator.username.as_deref().map(hash);
        Listing::new(Walk::new(self.clone(), name_pass("creators", query), key))
    }

    /// Lists tags of models.
    pub fn tags(&self, query: &NameQuery) -> Listing<Tag> {
        Listing::new(Walk::new(self.clone(), name_pass("tags", query), |tag| {
            Some(hash(&tag.name))
        }))
    }

    /// Lists public collections. The API cannot list what is in them.
    pub fn collections(&self, query: &CollectionQuery) -> Listing<Collection> {
        let page_size = query
            .page_size
            .unwrap_or(CollectionQuery::LARGEST_PAGE)
            .clamp(1, CollectionQuery::LARGEST_PAGE);
        let pass = Pass::new("collections", query.parameters(), page_size, Paging::Cursor);
        Listing::new(Walk::new(self.clone(), pass, |collection| {
            Some(collection.id.into())
        }))
    }

    /// Lists articles.
    pub fn articles(&self, query: &ArticleQuery) -> Listing<Article> {
        let page_size = query
            .page_size
            .unwrap_or(ArticleQuery::LARGEST_PAGE)
            .clamp(1, ArticleQuery::LARGEST_PAGE);
        let pass = Pass::new("articles", query.parameters(), page_size, Paging::Cursor);
        Listing::new(Walk::new(self.clone(), pass, |article| {
            Some(article.id.into())
        }))
    }

    /// Lists the vault of the token's account.
    pub fn vault_items(&self, query: &VaultQuery) -> Listing<VaultItem> {
        let page_size = query
            .page_size
            .unwrap_or(VaultQuery::LARGEST_PAGE)
            .clamp(1, VaultQuery::LARGEST_PAGE);
        let pass = Pass::new("vault/all", query.parameters(), page_size, Paging::Number);
        let query = query.clone();
        let walk = Walk::new(self.clone(), pass, |item: &VaultItem| Some(item.id.into()));
        Listing::new(walk.keeping(move |item| query.accepts(item)))
    }
}

pub(crate) fn model_key(model: &Model) -> Option<u64> {
    model.key()
}

/// Returns the pass for a query, prepared for the defects of its order.
pub(crate) fn model_pass(query: &ModelQuery) -> Pass {
    let page_size = query
        .page_size
        .unwrap_or(ModelQuery::LARGEST_PAGE)
        .clamp(1, ModelQuery::LARGEST_PAGE);
    let pass = Pass::new("models", query.parameters(), page_size, Paging::Cursor);
    // Full text has its own order and its own kind of cursor.
    if query.query.is_some() || matches!(query.sort, None | Some(ModelSort::HighestRated)) {
        return pass;
    }
    let steady = query.parameters().with("sort", ModelSort::HighestRated);
    let repair = Pass::new("models", steady, ModelQuery::LARGEST_PAGE, Paging::Cursor);
    let boundary = if query.sort == Some(ModelSort::Newest) {
        Boundary::LosesModel
    } else {
        Boundary::Kept
    };
    pass.with_boundary(boundary).with_repair(repair)
}

fn name_pass(route: &'static str, query: &NameQuery) -> Pass {
    let page_size = query
        .page_size
        .unwrap_or(NameQuery::LARGEST_PAGE)
        .clamp(1, NameQuery::LARGEST_PAGE);
    Pass::new(route, query.parameters(), page_size, Paging::Number)
}

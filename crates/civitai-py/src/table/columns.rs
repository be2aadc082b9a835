//! The columns of each listing. What is nested is reduced to what a table is asked: of a model's versions the default one,
//! of its files the one that would be fetched. Everything is in `to_dict()`.

use civitai_api::article::Article;
use civitai_api::collection::{Collection, CollectionType};
use civitai_api::creator::Creator;
use civitai_api::image::MediaType;
use civitai_api::select::{Choice, select};
use civitai_api::tag::Tag;
use civitai_api::{BaseModel, File, HashKind, Image, Model, ModelType};

use super::Cells;
use crate::listing::Listed;
use crate::record;

/// A thing that makes a row.
pub(crate) trait Columns: Sized + 'static {
    const COLUMNS: &'static [(&'static str, Cells<Self>)];
}

macro_rules! listed {
    ($($ty:ty => $class:ident { $($name:literal $kind:ident $of:expr,)* })*) => { $(
        impl Columns for $ty {
            const COLUMNS: &'static [(&'static str, Cells<Self>)] = &[$( ($name, Cells::$kind($of)), )*];
        }

        impl Listed for $ty {
            type Class = record::$class;
        }
    )* };
}

listed! {
    Model => Model {
        "id" Number |model| Some(model.id.get().into()),
        "name" Text |model| Some(&model.name),
        "type" Text |model| model.kind.as_ref().map(ModelType::as_str),
        "nsfw_level" Number |model| model.nsfw_level.map(|level| level.bits().into()),
        "creator" Text |model| model.creator.as_ref()?.username.as_deref(),
        "tags" Texts |model| &model.tags,
        "download_count" Number |model| model.stats.as_ref()?.download_count,
        "thumbs_up_count" Number |model| model.stats.as_ref()?.thumbs_up_count,
        "comment_count" Number |model| model.stats.as_ref()?.comment_count,
        "allow_no_credit" Flag |model| model.allow_no_credit,
        "allow_derivatives" Flag |model| model.allow_derivatives,
        "version_id" Number |model| Some(model.default_version()?.id.get().into()),
        "version_name" Text |model| Some(&model.default_version()?.name),
        "base_model" Text |model| model.default_version()?.base_model.as_ref().map(BaseModel::as_str),
        "published_at" Moment |model| model.default_version()?.published_at,
        "file_id" Number |model| Some(file(model)?.id.get().into()),
        "file_name" Text |model| Some(file(model)?.display_name()),
        "bytes" Number |model| file(model)?.bytes(),
        "sha256" Text |model| file(model)?.hash(HashKind::Sha256),
        "download_url" Text |model| file(model)?.download_url.as_deref(),
    }

    Image => Image {
        "id" Number |image| image.id_from_any().map(|id| id.get().into()),
        "url" Text |image| Some(&image.url),
        "type" Text |image| image.kind.as_ref().map(MediaType::as_str),
        "width" Number |image| image.width,
        "height" Number |image| image.height,
        "nsfw_level" Number |image| image.level().map(|level| level.bits().into()),
        "created_at" Moment |image| image.created_at,
        "post_id" Number |image| image.post_id.map(|id| id.get().into()),
        "username" Text |image| image.username.as_deref(),
        "base_model" Text |image| image.base_model.as_ref().map(BaseModel::as_str),
        "like_count" Number |image| image.stats.as_ref()?.like_count,
        "heart_count" Number |image| image.stats.as_ref()?.heart_count,
        "comment_count" Number |image| image.stats.as_ref()?.comment_count,
        "prompt" Text |image| image.meta.as_ref()?.get("prompt")?.as_str(),
    }

    Creator => Creator {
        "username" Text |creator| creator.username.as_deref(),
        "model_count" Number |creator| creator.model_count,
        "link" Text |creator| creator.link.as_deref(),
        "image" Text |creator| creator.image.as_deref(),
    }

    Tag => Tag {
        "id" Number |tag| tag.id.map(|id| id.get().into()),
        "name" Text |tag| Some(&tag.name),
        "link" Text |tag| tag.link.as_deref(),
        "model_count" Number |tag| tag.model_count,
    }

    Collection => Collection {
        "id" Number |collection| Some(collection.id.get().into()),
        "name" Text |collection| Some(&collection.name),
        "type" Text |collection| collection.kind.as_ref().map(CollectionType::as_str),
        "description" Text |collection| collection.description.as_deref(),
        "item_count" Number |collection| collection.item_count,
        "username" Text |collection| collection.user.as_ref()?.username.as_deref(),
    }

    Article => Article {
        "id" Number |article| Some(article.id.get().into()),
        "title" Text |article| Some(&article.title),
        "published_at" Moment |article| article.published_at,
        "username" Text |article| article.user.as_ref()?.username.as_deref(),
        "view_count" Number |article| article.stats.as_ref()?.view_count,
        "comment_count" Number |article| article.stats.as_ref()?.comment_count,
    }
}

/// The file that a download of the model would fetch.
fn file(model: &Model) -> Option<&File> {
    let chosen = select(
        model.default_version()?,
        &Choice::default(),
        model.kind.as_ref(),
    );
    chosen.ok()?.first().copied()
}

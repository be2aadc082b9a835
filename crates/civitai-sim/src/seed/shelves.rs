//! Tags, collections, articles, and the gallery that other people fill.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{
    ARTICLE, ATTACHMENT, COLLECTION, GALLERY, LORA, OWNER, PLAIN, PRIVATE_ATTACHMENT,
    PRIVATE_COLLECTION, UNLISTED_COLLECTION,
};
use crate::content::{Content, Kind};
use crate::state::{
    Article, Attachment, Collection, CollectionRead, Image, ImageStats, State, Tag,
};

pub(super) fn fill(state: &mut State) {
    for (id, name) in (1..).zip(CATEGORIES) {
        state.tags.push(Tag {
            id,
            name: name.to_owned(),
            featured: true,
        });
    }
    for (id, name) in (101..).zip(["anime", "watercolour", "photo realism"]) {
        state.tags.push(Tag {
            id,
            name: name.to_owned(),
            featured: false,
        });
    }
    collections(state);
    articles(state);
    for (id, name, only_for) in [
        (ATTACHMENT, "workflow.zip", None),
        (PRIVATE_ATTACHMENT, "entry.zip", Some(OWNER.id)),
    ] {
        let attachment = Attachment {
            id,
            name: name.to_owned(),
            content: Content::new(Kind::Zip, u64::from(id), 20_000),
            only_for,
        };
        state.attachments.insert(id, attachment);
    }
    state.gallery.extend(GALLERY.map(picture));
}

fn collections(state: &mut State) {
    let tags = vec![(101, "anime".to_owned())];
    let base = Collection {
        user_id: OWNER.id,
        tags,
        items: 42,
        ..Collection::new(0, "")
    };
    for (id, name, read) in [
        (COLLECTION, "Watercolour favourites", CollectionRead::Public),
        (UNLISTED_COLLECTION, "For friends", CollectionRead::Unlisted),
        (PRIVATE_COLLECTION, "For me", CollectionRead::Private),
    ] {
        state.collections.insert(
            id,
            Collection {
                id,
                name: name.to_owned(),
                read,
                ..base.clone()
            },
        );
    }
    for (id, followers) in (310..322).zip([5, 9, 1, 7, 3, 8, 2, 6, 4, 11, 10, 12]) {
        let name = format!("Shelf {id}");
        state.collections.insert(
            id,
            Collection {
                id,
                name,
                followers,
                user_id: PLAIN.id,
                ..base.clone()
            },
        );
    }
}

fn articles(state: &mut State) {
    for nth in 0..5 {
        let article = Article {
            published_at: Some(after_start(24 * i64::from(nth))),
            user_id: OWNER.id,
            tags: vec![(101, "anime".to_owned())],
            favorites: 10 * (nth % 3),
            ..Article::new(
                ARTICLE + nth,
                &format!("Painting with noise, part {}", nth + 1),
            )
        };
        state.articles.insert(article.id, article);
    }
}

/// A picture made with the seed's first model. Every fifth is mature, every seventh hides how it was made.
fn picture(id: u32) -> Image {
    let nth = id - GALLERY.start();
    let meta = json!({
        "prompt": "a field at dawn <lora:watercolour_fields:0.8>",
        "negativePrompt": "text",
        "steps": 30,
        "cfgScale": 5.5,
        "seed": u64::from(nth) * 7919,
        "sampler": "Euler a",
        "Size": "832x1216",
        "civitaiResources": [{ "type": "lora", "weight": 0.8, "modelVersionId": LORA.version(0) }],
    });
    Image {
        user_id: PLAIN.id,
        post_id: 60_000 + nth / 3,
        level: if nth.is_multiple_of(5) { 4 } else { 1 },
        created_at: after_start(i64::from(nth)),
        hide_meta: nth.is_multiple_of(7),
        tags: vec![(102, "watercolour".to_owned())],
        stats: ImageStats {
            like: nth * 3 % 17,
            heart: nth % 4,
            comments: nth % 3,
            ..ImageStats::default()
        },
        ..Image::new(id)
            .with_meta(meta)
            .with_resources(&[LORA.version(0)])
    }
}

/// A moment some hours after the first day of the seed's history, 2026-05-01.
pub(super) fn after_start(hours: i64) -> Timestamp {
    START + SignedDuration::from_hours(hours)
}

const START: Timestamp = Timestamp::constant(1_777_593_600, 0);

/// The tags that the site's own pages call categories.
const CATEGORIES: [&str; 15] = [
    "character",
    "style",
    "concept",
    "clothing",
    "base model",
    "poses",
    "background",
    "tool",
    "vehicle",
    "buildings",
    "objects",
    "assets",
    "animal",
    "action",
    "celebrity",
];

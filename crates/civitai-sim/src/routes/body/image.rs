//! Pictures as JSON.

use serde_json::{Map, Value, json};

use super::{Shape, View, object};
use crate::state::{Image, Mode, Model, Version};

impl View<'_> {
    pub(super) fn images<'v>(
        &self,
        model: &Model,
        version: &'v Version,
        most: usize,
    ) -> impl Iterator<Item = &'v Image> {
        let shown = model.mode != Some(Mode::TakenDown);
        let levels = self.levels;
        version
            .images
            .iter()
            .filter(move |image| shown && image.level & levels != 0)
            .take(most)
    }

    pub(super) fn brief_image(&self, image: &Image) -> Value {
        let mut body = Map::new();
        if self.shape == Shape::Listed {
            body.insert("id".to_owned(), image.id.into());
        }
        body.extend(object(json!({
            "url": image_url(image, &image.id.to_string()),
            "nsfwLevel": image.level,
            "width": image.width,
            "height": image.height,
            "hash": image.hash,
            "type": image.kind,
            "minor": image.minor,
            "poi": image.poi,
        })));
        body.extend(provenance(image));
        Value::Object(body)
    }
}

/// Where the picture host keeps the upload.
pub(in crate::routes) fn image_url(image: &Image, name: &str) -> String {
    let extension = match image.kind.as_str() {
        "video" => "mp4",
        "audio" => "mp3",
        _ => "jpeg",
    };
    format!(
        "{IMAGE_HOST}/{}/original=true/{name}.{extension}",
        image.uuid
    )
}

/// Where the picture host keeps a user's portrait.
pub(in crate::routes) fn portrait(path: Option<&str>) -> Option<String> {
    path.map(|path| format!("{IMAGE_HOST}/{path}"))
}

pub(super) fn full_image(image: &Image) -> Value {
    let mut body = object(json!({
        "url": image_url(image, &image.id.to_string()),
        "nsfwLevel": image.level,
        "width": image.width,
        "height": image.height,
        "hash": image.hash,
        "type": image.kind,
        "metadata": {
            "hash": image.hash,
            "size": u64::from(image.width) * u64::from(image.height),
            "width": image.width,
            "height": image.height,
        },
        "minor": image.minor,
        "poi": image.poi,
        "meta": image.visible_meta(),
        "availability": "Public",
    }));
    body.extend(provenance(image));
    Value::Object(body)
}

fn provenance(image: &Image) -> Map<String, Value> {
    let prompt = image.meta.as_ref().and_then(|meta| meta.get("prompt"));
    object(json!({
        "hasMeta": image.visible_meta().is_some(),
        "hasPositivePrompt": prompt.is_some(),
        "onSite": image.on_site,
        "remixOfId": image.remix_of,
    }))
}

const IMAGE_HOST: &str = "https://image.civitai.com/xG1nkqKTMzGDvpLrqFT7WA";

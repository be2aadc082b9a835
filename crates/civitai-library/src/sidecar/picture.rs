//! The pictures that belong beside a model.

use std::path::{Path, PathBuf};

use civitai_api::image::MediaType;
use civitai_api::{Image, Version};
use civitai_security::address::is_loopback_url;
use url::Url;

use super::Beside;
use super::write::with_suffix;

/// A picture that is to be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Where it is; the claim of a server.
    pub url: String,
    suffix: String,
}

impl Picture {
    /// Returns the pictures wanted of a version: the preview, and as many examples.
    ///
    /// The preview is the first picture, or the first video where there is no picture. It is called `STEM.preview.png`
    /// whatever it is stored as, because that is the one name every interface looks for, and they all judge by the bytes.
    pub fn of(version: &Version, examples: usize) -> Vec<Self> {
        let is_still = |image: &&Image| {
            image
                .kind
                .as_ref()
                .is_none_or(|kind| *kind == MediaType::Image)
        };
        let first = version.images.iter().find(is_still);
        let preview = first.or_else(|| version.images.first()).map(|image| Self {
            url: image.url.clone(),
            suffix: match medium(image) {
                "mp4" => ".preview.mp4".to_owned(),
                _ => ".preview.png".to_owned(),
            },
        });
        let examples = version.images.iter().take(examples).zip(1..);
        let examples = examples.map(|(image, number)| Self {
            url: image.url.clone(),
            suffix: format!(".example.{number}.{}", medium(image)),
        });
        preview.into_iter().chain(examples).collect()
    }

    /// The address to ask for it, if that may be asked: over https, and on this machine alone while the site is there. What a
    /// simulator tells must not send anybody to the real host.
    pub fn address(&self, site: &Url) -> Option<Url> {
        let url = Url::parse(&self.url).ok()?;
        let is_allowed = if is_loopback_url(site) {
            is_loopback_url(&url)
        } else {
            url.scheme() == "https" || url.origin() == site.origin()
        };
        is_allowed.then_some(url)
    }

    /// Returns where it goes beside a model.
    pub fn path(&self, model: &Path) -> PathBuf {
        with_suffix(model, &self.suffix)
    }

    /// Says whether the model has it, or in place of the preview one of the user's own.
    pub fn is_there(&self, model: &Path, beside: &Beside) -> bool {
        let is_preview = self.suffix.starts_with(".preview.");
        (is_preview && beside.preview().is_some()) || self.path(model).exists()
    }
}

/// The extension that tells what kind of medium it is.
fn medium(image: &Image) -> &'static str {
    let path = image.url.split(['?', '#']).next().unwrap_or_default();
    let extension = path
        .rsplit('/')
        .next()
        .and_then(|name| name.rsplit_once('.'));
    let extension = extension.map(|(_, extension)| extension.to_ascii_lowercase());
    let named = KNOWN
        .iter()
        .find(|known| extension.as_deref() == Some(**known));
    match (named, &image.kind) {
        (Some(named), _) => named,
        (None, Some(MediaType::Video)) => "mp4",
        (None, _) => "jpeg",
    }
}

const KNOWN: [&str; 8] = ["jpeg", "jpg", "png", "webp", "gif", "avif", "mp4", "webm"];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_still_picture_is_the_preview() {
        let version: Version = serde_json::from_value(json!({
            "id": 1,
            "images": [
                { "url": "https://a.example/1.mp4", "type": "video" },
                { "url": "https://a.example/2.jpeg?x=y.png", "type": "image" },
            ],
        }))
        .expect("a version");
        let pictures = Picture::of(&version, 1);
        let model = Path::new("d/x.y.safetensors");
        let paths: Vec<_> = pictures.iter().map(|picture| picture.path(model)).collect();
        assert_eq!(
            paths,
            [
                PathBuf::from("d/x.y.preview.png"),
                "d/x.y.example.1.mp4".into()
            ]
        );
        assert_eq!(pictures[0].url, "https://a.example/2.jpeg?x=y.png");
    }
}

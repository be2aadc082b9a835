//! How a picture was made, as its generation data tells.
//!
//! The data is free-form: numbers come as strings, objects where text is expected, and every tool spells keys its own way.
//! Nothing here fails; what cannot be understood is absent.

use serde_json::{Map, Value};

use crate::hash::HashKey;
use crate::id::VersionId;
use crate::image::Image;
use crate::link::Air;
use crate::wire::Wire;

/// Returns the data itself, whether it came flat or wrapped as `{id, meta}`; `None` if the wrapper is empty.
pub fn unwrapped(meta: &Map<String, Value>) -> Option<&Map<String, Value>> {
    let mut inner = meta;
    while inner.len() == 2 && inner.contains_key("id") {
        match inner.get("meta") {
            Some(Value::Object(next)) => inner = next,
            Some(Value::Null) => return None,
            _ => break,
        }
    }
    Some(inner)
}

/// A reading of generation data.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GenerationMeta<'a>(&'a Map<String, Value>);

impl<'a> GenerationMeta<'a> {
    /// Reads flat data; see [`unwrapped`].
    pub fn new(meta: &'a Map<String, Value>) -> Self {
        Self(meta)
    }

    /// Returns what was asked for.
    pub fn prompt(self) -> Option<&'a str> {
        self.text("prompt")
    }

    /// Returns what was asked to be left out.
    pub fn negative_prompt(self) -> Option<&'a str> {
        self.text("negativePrompt")
    }

    /// Returns the number of steps.
    pub fn steps(self) -> Option<u64> {
        u64::read(self.0.get("steps")?.clone()).0
    }

    /// Returns the seed.
    pub fn seed(self) -> Option<u64> {
        u64::read(self.0.get("seed")?.clone()).0
    }

    /// Returns how strictly the prompt was followed.
    pub fn cfg_scale(self) -> Option<f64> {
        f64::read(self.0.get("cfgScale")?.clone()).0
    }

    /// Returns the sampler's name.
    pub fn sampler(self) -> Option<&'a str> {
        self.text("sampler")
    }

    /// Returns width and height in pixels.
    pub fn size(self) -> Option<(u64, u64)> {
        if let Some((width, height)) = self.text("Size").and_then(|size| size.split_once('x')) {
            return Some((width.trim().parse().ok()?, height.trim().parse().ok()?));
        }
        Some((
            u64::read(self.0.get("width")?.clone()).0?,
            u64::read(self.0.get("height")?.clone()).0?,
        ))
    }

    /// Returns the models used, in the order of trust: versions by id, by resource name, digests, names alone.
    ///
    /// The same model may be named in several ways; only repetitions of the same id, digest or name are left out. At most
    /// 1000 are returned.
    pub fn references(self) -> Vec<Reference> {
        let mut found = References::default();
        for resource in self.objects("civitaiResources") {
            found.version(resource.get("modelVersionId"), resource);
            found.air(resource.get("air"), resource);
        }
        for resource in self.objects("additionalResources") {
            found.air(resource.get("air"), resource);
        }
        for resource in self.objects("resources") {
            found.hash(
                resource.get("hash"),
                text_of(resource, "type"),
                text_of(resource, "name"),
                weight_of(resource),
            );
        }
        if let Some(Value::Object(hashes)) = self.0.get("hashes") {
            for (key, hash) in hashes.iter().take(MOST) {
                let (kind, name) = key
                    .split_once(':')
                    .map_or((key.as_str(), None), |(kind, name)| (kind, Some(name)));
                found.hash(Some(hash), Some(kind), name, None);
            }
        }
        found.hash(
            self.0.get("Model hash"),
            Some("model"),
            self.text("Model"),
            None,
        );
        for resource in self
            .objects("additionalResources")
            .chain(self.objects("resources"))
        {
            found.name(
                text_of(resource, "type"),
                text_of(resource, "name"),
                weight_of(resource),
            );
        }
        found.name(Some("model"), self.text("Model"), None);
        found.0
    }

    fn text(self, key: &str) -> Option<&'a str> {
        text_of(self.0, key)
    }

    fn objects(self, key: &str) -> impl Iterator<Item = &'a Map<String, Value>> + use<'a> {
        let list = self
            .0
            .get(key)
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice);
        list.iter().take(MOST).filter_map(Value::as_object)
    }
}

/// A model that a picture was made with.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Reference {
    /// What identifies it.
    pub by: ReferenceBy,
    /// The role it had in the tool's words, such as `lora` or `model`.
    pub kind: Option<String>,
    /// The name the tool knew it by.
    pub name: Option<String>,
    /// How strongly it was applied.
    pub weight: Option<f64>,
}

/// What identifies a model in generation data.
#[derive(Clone, Debug, PartialEq)]
pub enum ReferenceBy {
    /// A version, as the site knows it.
    Version(VersionId),
    /// A digest of its file.
    Hash(HashKey),
    /// Its name alone, which is good for a suggestion and no more.
    Name,
}

/// Returns the models a picture was made with: first the server's own list, then what its generation data tells.
pub fn references(image: &Image) -> Vec<Reference> {
    let mut found = References::default();
    for version in image.version_ids.iter().take(MOST) {
        found.push(Reference {
            by: ReferenceBy::Version(*version),
            kind: None,
            name: None,
            weight: None,
        });
    }
    for reference in image
        .generation()
        .map(GenerationMeta::references)
        .unwrap_or_default()
    {
        found.push(reference);
    }
    found.0
}

#[derive(Default)]
struct References(Vec<Reference>);

impl References {
    /// Adds a reference, or what it tells beyond the same one found before.
    fn push(&mut self, reference: Reference) {
        let is_same = |known: &&mut Reference| match &reference.by {
            ReferenceBy::Name => known.name == reference.name,
            by => known.by == *by,
        };
        if let Some(known) = self.0.iter_mut().find(is_same) {
            known.kind = known.kind.take().or(reference.kind);
            known.name = known.name.take().or(reference.name);
            known.weight = known.weight.or(reference.weight);
        } else if self.0.len() < MOST {
            self.0.push(reference);
        }
    }

    fn version(&mut self, id: Option<&Value>, resource: &Map<String, Value>) {
        if let Some(id) = id.and_then(|id| VersionId::read(id.clone()).0) {
            self.push(described(ReferenceBy::Version(id), resource));
        }
    }

    fn air(&mut self, air: Option<&Value>, resource: &Map<String, Value>) {
        let air = air
            .and_then(Value::as_str)
            .and_then(|text| text.parse::<Air>().ok());
        if let Some(version) = air.and_then(|air| air.version_id()) {
            self.push(described(ReferenceBy::Version(version), resource));
        }
    }

    fn hash(
        &mut self,
        hash: Option<&Value>,
        kind: Option<&str>,
        name: Option<&str>,
        weight: Option<f64>,
    ) {
        if let Some(key) = hash
            .and_then(Value::as_str)
            .and_then(|text| HashKey::from_metadata(text).ok())
        {
            self.push(Reference {
                by: ReferenceBy::Hash(key),
                kind: kind.map(str::to_owned),
                name: name.map(str::to_owned),
                weight,
            });
        }
    }

    fn name(&mut self, kind: Option<&str>, name: Option<&str>, weight: Option<f64>) {
        if let Some(name) = name.filter(|name| !name.is_empty()) {
            let (kind, name) = (kind.map(str::to_owned), Some(name.to_owned()));
            self.push(Reference {
                by: ReferenceBy::Name,
                kind,
                name,
                weight,
            });
        }
    }
}

fn described(by: ReferenceBy, resource: &Map<String, Value>) -> Reference {
    let text = |key| text_of(resource, key).map(str::to_owned);
    Reference {
        by,
        kind: text("type"),
        name: text("name"),
        weight: weight_of(resource),
    }
}

fn text_of<'a>(object: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    object.get(key).and_then(Value::as_str)
}

fn weight_of(resource: &Map<String, Value>) -> Option<f64> {
    let weight = resource
        .get("weight")
        .or_else(|| resource.get("strength"))?;
    f64::read(weight.clone()).0
}

/// Nobody uses this many models at once; the lists come from files that anybody may write.
const MOST: usize = 1000;

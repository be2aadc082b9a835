//! What is known of one file, from whichever sidecars tell it.

use std::collections::BTreeMap;

use civitai_api::{FileId, Model, Version};
use serde_json::{Map, Value, json};

use super::table::Field;
use super::{Fact, Form};

/// The key under which a sidecar carries the others it was translated from, as `{"file": ID, "documents": {FORM: …}}`.
pub const CARRIED: &str = "civitai-dl";

type Document = Map<String, Value>;

/// What is known of one file.
///
/// It keeps every sidecar it was read from as it was, so that writing the same form again changes nothing but what was
/// changed on purpose.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Card {
    documents: BTreeMap<Form, Document>,
    /// What was changed in a translation after it was made.
    edits: BTreeMap<Fact, Value>,
    /// What no sidecar told.
    known: BTreeMap<Fact, Value>,
    /// Which file of the version it is about.
    file: Option<u64>,
}

impl Card {
    /// What Civitai tells of a file.
    ///
    /// The model's own fields stand under `model`, where a version's answer has only some of them.
    pub fn of_file(model: Option<&Model>, version: &Version, file: FileId) -> Self {
        let mut info = object(serde_json::to_value(version));
        if let Some(model) = model {
            let mut summary = object(serde_json::to_value(model));
            summary.shift_remove("modelVersions");
            let creator = summary.shift_remove("creator");
            info.entry("modelId").or_insert(json!(model.id));
            if let Some(creator) = creator.filter(Value::is_object) {
                info.entry("creator").or_insert(creator);
            }
            match info.entry("model").or_insert(Value::Null) {
                Value::Object(known) => {
                    for (key, value) in summary {
                        known.entry(key).or_insert(value);
                    }
                }
                slot => *slot = Value::Object(summary),
            }
        }
        Self::about(info, Some(file.get().into()))
    }

    /// An answer of Civitai, and which of its files the card is about.
    pub(super) fn about(info: Document, file: Option<u64>) -> Self {
        Self {
            documents: BTreeMap::from([(Form::CivitaiInfo, info)]),
            file,
            ..Self::default()
        }
    }

    pub(super) fn file_id(&self) -> Option<u64> {
        self.file
    }

    /// Reads a sidecar, with those it carries.
    pub fn read(form: Form, mut document: Document) -> Self {
        let Cargo {
            file,
            mut documents,
            differs,
        } = Cargo::unpack(form, &mut document);
        let mut edits = BTreeMap::new();
        if let Some(differs) = differs {
            let before = facts(&documents, file);
            for (field, seen, expected) in compared(form, &document, &before, file) {
                let expected = differs.get(&field.name()).unwrap_or(&expected);
                if let Some(told) = field.coding.decode(seen)
                    && !field.coding.is_same(seen, expected)
                {
                    edits.insert(field.fact, told);
                }
            }
        }
        documents.insert(form, document);
        Self {
            documents,
            edits,
            known: BTreeMap::new(),
            file,
        }
    }

    /// Adds what another card knows and this one does not.
    pub fn absorb(&mut self, other: Self) {
        for (form, document) in other.documents {
            self.documents.entry(form).or_insert(document);
        }
        for (fact, value) in other.edits {
            self.edits.entry(fact).or_insert(value);
        }
        for (fact, value) in other.known {
            self.known.entry(fact).or_insert(value);
        }
        self.file = self.file.or(other.file);
    }

    /// Takes over what a newer answer of Civitai tells: its fields replace the old ones, and what it does not tell stays.
    pub fn refresh(&mut self, newer: Self) {
        self.file = newer.file.or(self.file);
        self.known.extend(newer.known);
        for (form, document) in newer.documents {
            match self.documents.get_mut(&form) {
                Some(old) => update(old, document),
                None => {
                    self.documents.insert(form, document);
                }
            }
        }
    }

    /// Adds something that no sidecar tells, such as the place of the file on this disk. What a sidecar tells goes before it.
    #[must_use]
    pub fn with(mut self, fact: Fact, value: impl Into<Value>) -> Self {
        self.known.insert(fact, value.into());
        self
    }

    /// Returns what is known of one thing.
    pub fn fact(&self, fact: Fact) -> Option<Value> {
        self.facts().remove(&fact)
    }

    /// Returns the sidecar as it was read, changed only where the user changed a translation of it; a new one where none
    /// was read.
    pub fn document(&self, form: Form) -> Document {
        let Some(document) = self.documents.get(&form) else {
            return self.fresh(form);
        };
        let mut document = document.clone();
        let nested = nested(form, &document).filter(|_| form == Form::MetadataJson);
        let is_nested =
            nested.is_some() && nested.as_ref() == self.documents.get(&Form::CivitaiInfo);
        let file = file_index(&document, self.file);
        for field in form.fields() {
            let Some(edit) = self.edits.get(&field.fact) else {
                continue;
            };
            let present = field.of(&document, file);
            let Some(new) = field.coding.encode(edit, present) else {
                continue;
            };
            if present.is_none_or(|present| !field.coding.is_same(present, &new)) {
                field.put(&mut document, file, new);
            }
        }
        if is_nested {
            let info = Value::Object(self.document(Form::CivitaiInfo));
            document.insert(NESTED.to_owned(), info);
        }
        document
    }

    /// Returns the sidecar with every field filled that says nothing and could.
    pub fn completed(&self, form: Form) -> Document {
        let mut document = self.document(form);
        if !self.documents.contains_key(&form) {
            return document;
        }
        let facts = self.facts();
        let file = file_index(&document, self.file);
        for field in form.fields() {
            let present = field.of(&document, file);
            if present
                .and_then(|present| field.coding.decode(present))
                .is_some()
            {
                continue;
            }
            if let Some(new) = said(field, &facts, present) {
                field.put(&mut document, file, new);
            }
        }
        if form == Form::MetadataJson && self.documents.contains_key(&Form::CivitaiInfo) {
            let info = document.entry(NESTED).or_insert(Value::Null);
            if info.as_object().is_none_or(Map::is_empty) && (info.is_null() || info.is_object()) {
                *info = Value::Object(self.document(Form::CivitaiInfo));
            }
        }
        document
    }

    /// Adds to a document of this card everything else the card was read from, so that nothing is lost if only this
    /// sidecar remains.
    pub fn packed(&self, form: Form, mut document: Document) -> Document {
        let own = nested(form, &document);
        let mut carried: Vec<(Form, Document)> = self
            .documents
            .keys()
            .filter(|other| **other != form)
            .map(|other| (*other, self.document(*other)))
            .filter(|(other, info)| *other != Form::CivitaiInfo || own.as_ref() != Some(info))
            .collect();
        if carried.is_empty() {
            return document;
        }
        let info = self.document(Form::CivitaiInfo);
        for (other, carried) in &mut carried {
            // Known from elsewhere in the same file.
            let is_nested = nested(*other, carried).as_ref() == Some(&info);
            if *other == Form::MetadataJson && is_nested {
                carried.insert(NESTED.to_owned(), Form::CivitaiInfo.name().into());
            }
        }
        let documents: Document = carried
            .into_iter()
            .map(|(other, carried)| (other.name().to_owned(), Value::Object(carried)))
            .collect();
        let mut carried = json!({ "file": self.file, "documents": documents });
        document.insert(CARRIED.to_owned(), carried.clone());
        let differs = Cargo::differing(form, document.clone());
        if !differs.is_empty() {
            carried["differs"] = Value::Object(differs);
            document.insert(CARRIED.to_owned(), carried);
        }
        document
    }

    /// A sidecar that nobody wrote yet.
    fn fresh(&self, form: Form) -> Document {
        let mut document = object(serde_json::from_str(form.constants()));
        let facts = self.facts();
        for field in form.fields() {
            let present = field.of(&document, 0);
            if let Some(new) = said(field, &facts, present) {
                field.put(&mut document, 0, new);
            }
        }
        if form == Form::MetadataJson {
            let info = Value::Object(self.document(Form::CivitaiInfo));
            document.insert(NESTED.to_owned(), info);
        }
        document
    }

    fn facts(&self) -> BTreeMap<Fact, Value> {
        let mut facts = facts(&self.documents, self.file);
        for (fact, value) in &self.known {
            facts.entry(*fact).or_insert_with(|| value.clone());
        }
        for (fact, value) in &self.edits {
            facts.insert(*fact, value.clone());
        }
        facts
    }
}

/// What a field says when the facts are these.
fn said(field: &Field, facts: &BTreeMap<Fact, Value>, present: Option<&Value>) -> Option<Value> {
    let own = facts.get(&field.fact);
    let fact = own.or_else(|| facts.get(&field.or?))?;
    field.coding.encode(fact, present)
}

/// What the sidecars tell; of two that tell different things, the one that says more goes first.
fn facts(documents: &BTreeMap<Form, Document>, file: Option<u64>) -> BTreeMap<Fact, Value> {
    let mut facts = BTreeMap::new();
    for form in PRECEDENCE {
        let Some(document) = documents.get(&form) else {
            continue;
        };
        let file = file_index(document, file);
        for field in form.fields() {
            if let Some(told) = field
                .of(document, file)
                .and_then(|seen| field.coding.decode(seen))
            {
                facts.entry(field.fact).or_insert(told);
            }
        }
    }
    derive(&mut facts);
    facts
}

/// Adds what follows from the facts, and removes a title that only repeats them.
fn derive(facts: &mut BTreeMap<Fact, Value>) {
    let text = |fact| facts.get(&fact).and_then(Value::as_str);
    let full = match (text(Fact::ModelName), text(Fact::VersionName)) {
        (Some(model), Some(version)) => Some(format!("{model} - {version}")),
        (Some(model), None) => Some(model.to_owned()),
        (None, _) => None,
    };
    let title = text(Fact::Title);
    let repeats = title.is_some() && (title == text(Fact::ModelName) || title == full.as_deref());
    let number = |fact| facts.get(&fact).and_then(Value::as_u64);
    let page = number(Fact::ModelId).map(|model| match number(Fact::VersionId) {
        Some(version) => format!("https://civitai.com/models/{model}?modelVersionId={version}"),
        None => format!("https://civitai.com/models/{model}"),
    });
    if repeats {
        facts.remove(&Fact::Title);
    }
    if let Some(full) = full {
        facts.insert(Fact::FullName, full.into());
    }
    if let Some(page) = page {
        facts.entry(Fact::PageUrl).or_insert(page.into());
    }
}

/// What a sidecar was translated from.
struct Cargo {
    file: Option<u64>,
    documents: BTreeMap<Form, Document>,
    /// What the fields of the translation said that did not follow from the originals; absent where nothing was carried.
    differs: Option<Document>,
}

impl Cargo {
    /// Takes the carried sidecars out of a document. What is there under our key and not ours stays.
    fn unpack(form: Form, document: &mut Document) -> Self {
        let carried = document.get(CARRIED).and_then(Value::as_object);
        let originals = carried.and_then(|carried| carried.get("documents")?.as_object());
        let mut cargo = Self {
            file: None,
            documents: BTreeMap::new(),
            differs: None,
        };
        if let (Some(carried), Some(originals)) = (carried, originals) {
            cargo.file = carried.get("file").and_then(Value::as_u64);
            let differs = carried.get("differs").and_then(Value::as_object);
            cargo.differs = Some(differs.cloned().unwrap_or_default());
            let originals = originals.iter().filter_map(|(name, original)| {
                let other = Form::named(name).filter(|other| *other != form)?;
                Some((other, original.as_object()?.clone()))
            });
            cargo.documents = originals.collect();
            document.shift_remove(CARRIED);
            cargo.resolve(form, document);
        }
        if let Some(info) = nested(form, document) {
            cargo.documents.entry(Form::CivitaiInfo).or_insert(info);
        }
        if cargo.file.is_none() {
            cargo.file = file_of(form, document, &cargo.documents);
        }
        cargo
    }

    /// Puts the answer of Civitai back where it was left out because it is carried as well.
    fn resolve(&mut self, form: Form, document: &Document) {
        let info = if form == Form::CivitaiInfo {
            Some(document.clone())
        } else {
            self.documents.get(&Form::CivitaiInfo).cloned()
        };
        if let (Some(metadata), Some(info)) = (self.documents.get_mut(&Form::MetadataJson), info)
            && metadata.get(NESTED).and_then(Value::as_str) == Some(Form::CivitaiInfo.name())
        {
            metadata.insert(NESTED.to_owned(), Value::Object(info));
        }
    }

    /// What the fields of a packed document say that does not follow from what it carries.
    fn differing(form: Form, mut document: Document) -> Document {
        let cargo = Self::unpack(form, &mut document);
        let before = facts(&cargo.documents, cargo.file);
        compared(form, &document, &before, cargo.file)
            .filter(|(field, seen, expected)| !field.coding.is_same(seen, expected))
            .map(|(field, seen, _)| (field.name(), seen.clone()))
            .collect()
    }
}

/// Fields that say something, with what they would say by the facts.
fn compared<'d>(
    form: Form,
    document: &'d Document,
    facts: &BTreeMap<Fact, Value>,
    file: Option<u64>,
) -> impl Iterator<Item = (&'static Field, &'d Value, Value)> {
    let file = file_index(document, file);
    form.fields().iter().filter_map(move |field| {
        let seen = field.of(document, file)?;
        Some((field, seen, said(field, facts, None)?))
    })
}

/// The answer of Civitai inside a document of another form: LoRA Manager keeps one, and some tools give the answer the name
/// that is A1111's.
fn nested(form: Form, document: &Document) -> Option<Document> {
    match form {
        Form::MetadataJson => {
            let info = document.get(NESTED)?.as_object()?;
            (!info.is_empty()).then(|| info.clone())
        }
        Form::A1111 => {
            let is_answer = ["modelId", "files", "trainedWords"]
                .iter()
                .all(|key| document.contains_key(*key));
            is_answer.then(|| document.clone())
        }
        _ => None,
    }
}

/// Which file a sidecar is about, as far as it tells.
fn file_of(form: Form, document: &Document, documents: &BTreeMap<Form, Document>) -> Option<u64> {
    let told = |fact| {
        let field = form.fields().iter().find(|field| field.fact == fact)?;
        field.coding.decode(field.of(document, 0)?)
    };
    if form == Form::CivitaiInfo {
        return None;
    }
    if let Some(id) = told(Fact::FileId).and_then(|id| id.as_u64()) {
        return Some(id);
    }
    let sha256 = told(Fact::Sha256)?;
    let files = documents
        .get(&Form::CivitaiInfo)?
        .get("files")?
        .as_array()?;
    let same = |file: &&Value| {
        let hash = file.pointer("/hashes/SHA256").and_then(Value::as_str);
        hash.is_some_and(|hash| Some(hash.to_ascii_uppercase().as_str()) == sha256.as_str())
    };
    files.iter().find(same)?.get("id")?.as_u64()
}

/// Where in `files` the file stands: the one of the id, else the primary one, else the first.
fn file_index(document: &Document, file: Option<u64>) -> usize {
    let Some(files) = document.get("files").and_then(Value::as_array) else {
        return 0;
    };
    let with = |key: &str, value: &Value| {
        files
            .iter()
            .position(|file| file.get(key).is_some_and(|found| found == value))
    };
    file.and_then(|id| with("id", &json!(id)))
        .or_else(|| with("primary", &json!(true)))
        .unwrap_or(0)
}

/// Replaces what is told anew and keeps the rest; lists are replaced whole, unless the new one is empty.
fn update(old: &mut Document, newer: Document) {
    for (key, value) in newer {
        match (old.get_mut(&key), value) {
            (Some(Value::Object(old)), Value::Object(newer)) => update(old, newer),
            (Some(_), Value::Null) => {}
            (Some(old), Value::Array(newer)) if newer.is_empty() && !old.is_null() => {}
            (Some(old), newer) => *old = newer,
            (None, newer) => {
                old.insert(key, newer);
            }
        }
    }
}

fn object(value: serde_json::Result<Value>) -> Document {
    match value.expect("models and constants are JSON") {
        Value::Object(map) => map,
        other => unreachable!("models and constants are objects, not {other}"),
    }
}

/// Where LoRA Manager keeps the answer of Civitai.
const NESTED: &str = "civitai";

/// What a user set in LoRA Manager goes before what Civitai says; A1111 and SwarmUI shorten.
const PRECEDENCE: [Form; 5] = [
    Form::MetadataJson,
    Form::CivitaiInfo,
    Form::CmInfo,
    Form::Swarm,
    Form::A1111,
];

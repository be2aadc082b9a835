//! Sidecars of five forms, translated each way without a loss.

use civitai_api::{FileId, Model, Version};
use civitai_library::sidecar::{CARRIED, Card, Fact, Form};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

type Document = Map<String, Value>;

fn object(value: Value) -> Document {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is no object"),
    }
}

/// Writes a card in a form, as text, and reads that text alone.
fn through(card: &Card, form: Form) -> (Document, Card) {
    let text = serde_json::to_string(&card.packed(form, card.document(form))).expect("JSON");
    let written: Document = serde_json::from_str(&text).expect("an object");
    (written.clone(), Card::read(form, written))
}

/// A → B → A gives A again, and what both forms have a place for stands in B's own place.
#[track_caller]
fn assert_nothing_is_lost(from: Form, document: &Document) {
    let card = Card::read(from, document.clone());
    for to in Form::ALL.into_iter().filter(|to| *to != from) {
        let (written, read) = through(&card, to);
        let back = read.document(from);
        assert_eq!(
            Value::Object(back),
            Value::Object(document.clone()),
            "{} by {}",
            from.name(),
            to.name()
        );
        // An answer of Civitai inside another form stays Civitai's, whatever the user set around it.
        let is_inside = to == Form::CivitaiInfo && from != Form::CmInfo && from != Form::Swarm;
        for fact in visible(to).iter().filter(|_| !is_inside) {
            let Some(known) = card.fact(*fact) else {
                continue;
            };
            let mut alone = written.clone();
            alone.remove(CARRIED);
            let told = Card::read(to, alone).fact(*fact);
            assert_eq!(told, Some(known), "{fact:?} in {}", to.name());
        }
    }
}

/// Facts that a form tells to the letter.
fn visible(form: Form) -> &'static [Fact] {
    match form {
        Form::CivitaiInfo => &[
            Fact::ModelId,
            Fact::VersionId,
            Fact::VersionName,
            Fact::BaseModel,
            Fact::TrainedWords,
            Fact::ModelName,
            Fact::Tags,
            Fact::Sha256,
        ],
        Form::A1111 => &[Fact::Notes, Fact::Weight, Fact::PageUrl],
        Form::CmInfo => &[
            Fact::ModelId,
            Fact::ModelName,
            Fact::ModelDescription,
            Fact::VersionId,
            Fact::VersionName,
            Fact::BaseModel,
            Fact::TrainedWords,
            Fact::Hashes,
            Fact::Thumbnail,
            Fact::Creator,
        ],
        Form::MetadataJson => &[
            Fact::ModelName,
            Fact::BaseModel,
            Fact::Sha256,
            Fact::Tags,
            Fact::Notes,
            Fact::Weight,
            Fact::TrainedWords,
        ],
        Form::Swarm => &[Fact::Creator, Fact::PublishedAt],
        _ => &[],
    }
}

/// One of each form, with fields that only it has and some that nobody knows.
fn samples() -> Vec<(Form, Document)> {
    let info = json!({
        "id": 20, "modelId": 10, "name": "v1", "baseModel": "SDXL 1.0", "description": null,
        "trainedWords": ["red, green", "blue"], "publishedAt": "2024-05-06T07:08:09.000Z",
        "model": {"name": "Rain", "type": "LORA", "nsfw": false, "poi": false, "tags": ["a", "b c"]},
        "stats": {"downloadCount": 3}, "newField": {"deep": [1, {"x": null}]},
        "files": [
            {"id": 1, "name": "config.yaml", "hashes": {}},
            {"id": 2, "name": "rain.safetensors", "primary": true, "metadata": {"fp": "fp16"},
             "hashes": {"SHA256": "AB12", "AutoV3": "CD34"}},
        ],
        "images": [{"url": "https://image.example/1.png", "nsfwLevel": 1}],
    });
    let a1111 = json!({
        "description": "soft light", "sd version": "SDXL", "activation text": "red,green , blue",
        "preferred weight": 0.7, "negative text": "blurry", "notes": "mine",
        "activation text groups": [["a"]], "extensions": {"x": 1},
    });
    let cm = json!({
        "ModelId": 10, "ModelName": "Rain", "ModelDescription": "<p>soft <b>light</b></p>", "Nsfw": false,
        "Tags": ["a"], "ModelType": "LORA", "VersionId": 20, "VersionName": "v1", "VersionDescription": null,
        "BaseModel": "SDXL 1.0", "RemoteFileName": "rain.safetensors", "FileMetadata": {"fp": "fp16"},
        "ImportedAt": "2024-05-06T07:08:09+00:00", "Hashes": {"SHA256": "AB12", "CRC32": "00"},
        "TrainedWords": ["red"], "Stats": {"downloadCount": 3}, "UserTitle": "My rain", "InferenceDefaults": {"Steps": 20},
    });
    let metadata = json!({
        "file_name": "rain", "model_name": "Rain, renamed", "file_path": "/m/rain.safetensors", "size": 12,
        "modified": 17.5, "sha256": "ab12", "base_model": "Illustrious", "preview_url": "/m/rain.webp",
        "preview_nsfw_level": 4, "notes": "n", "from_civitai": true, "tags": ["z"], "favorite": true,
        "usage_tips": "{\"strength\":0.8,\"clip_skip\":2}", "civitai": info, "hash_status": "completed",
        "_unknown_fields": {"q": 1},
    });
    let swarm = json!({
        "modelspec.title": "My title", "modelspec.author": "me", "modelspec.trigger_phrase": "red; blue",
        "modelspec.usage_hint": "softly", "modelspec.thumbnail": "data:image/png;base64,AA==",
        "modelspec.tags": "a, b", "modelspec.hash_sha256": "0xab12", "modelspec.resolution": "1024x1024",
        "other": [null],
    });
    vec![
        (Form::CivitaiInfo, object(info)),
        (Form::A1111, object(a1111)),
        (Form::CmInfo, object(cm)),
        (Form::MetadataJson, object(metadata)),
        (Form::Swarm, object(swarm)),
    ]
}

#[test]
fn a_sample_of_each_form_comes_back_to_the_letter() {
    for (form, document) in samples() {
        assert_nothing_is_lost(form, &document);
    }
}

#[test]
fn a_chain_of_translations_keeps_the_first() {
    let (form, document) = samples().remove(0);
    let mut card = Card::read(form, document.clone());
    for to in [Form::A1111, Form::Swarm, Form::MetadataJson, Form::CmInfo] {
        card = through(&card, to).1;
    }
    assert_eq!(card.document(form), document);
}

#[test]
fn a_change_in_the_translation_reaches_the_original() {
    let (form, document) = samples().remove(3);
    let card = Card::read(form, document.clone());
    let mut a1111 = card.packed(Form::A1111, card.document(Form::A1111));
    assert_eq!(a1111["preferred weight"], json!(0.8));
    a1111["preferred weight"] = json!(0.5);
    let back = Card::read(Form::A1111, a1111).document(form);
    assert_eq!(
        back["usage_tips"],
        json!("{\"strength\":0.5,\"clip_skip\":2}")
    );
    let mut expected = document;
    expected["usage_tips"] = back["usage_tips"].clone();
    assert_eq!(back, expected, "nothing else changes");
}

#[test]
fn what_a_user_wrote_is_completed_and_not_replaced() {
    let mine = object(json!({ "activation text": "mine", "sd version": "Unknown", "x": 1 }));
    let (form, document) = samples().remove(0);
    let mut card = Card::read(Form::A1111, mine);
    card.absorb(Card::read(form, document));
    let completed = card.completed(Form::A1111);
    assert_eq!(completed["activation text"], json!("mine"));
    assert_eq!(completed["sd version"], json!("SDXL"));
    assert_eq!(completed["x"], json!(1));
    assert_eq!(
        completed["modelPageURL"],
        json!("https://civitai.com/models/10?modelVersionId=20")
    );
}

#[test]
fn a_newer_answer_keeps_what_it_does_not_tell() {
    let (form, document) = samples().remove(0);
    let mut card = Card::read(form, document);
    let newer = object(json!({
        "id": 20, "name": "v1, renamed", "description": null, "trainedWords": [], "files": [],
    }));
    card.refresh(Card::read(form, newer));
    let refreshed = card.document(form);
    assert_eq!(refreshed["name"], json!("v1, renamed"));
    assert_eq!(refreshed["trainedWords"], json!(["red, green", "blue"]));
    assert_eq!(refreshed["newField"], json!({"deep": [1, {"x": null}]}));
}

#[test]
fn an_answer_under_the_name_of_a1111_is_understood() {
    let (_, document) = samples().remove(0);
    let swarm = Card::read(Form::A1111, document.clone()).document(Form::Swarm);
    assert_eq!(swarm["modelspec.title"], json!("Rain - v1"));
    assert_nothing_is_lost(Form::A1111, &document);
}

#[test]
fn what_stands_under_our_key_and_is_not_ours_stays() {
    for foreign in [
        json!(null),
        json!(3),
        json!({"documents": 1}),
        json!({"a": {}}),
    ] {
        let document = object(json!({ "notes": "n", CARRIED: foreign }));
        let card = Card::read(Form::A1111, document.clone());
        assert_eq!(card.document(Form::A1111), document);
    }
}

/// Recorded answers: raw bodies of versions, models taken apart, and LoRA Manager's own files.
fn corpus() -> Option<Vec<(Form, Document)>> {
    let folder = std::env::var_os("CIVITAI_CORPUS")?;
    let mut documents = Vec::new();
    let folder = std::path::Path::new(&folder).join("api");
    for entry in fs_err::read_dir(folder).expect("the corpus has a folder of answers") {
        let path = entry.expect("an entry").path();
        let text = fs_err::read_to_string(&path).expect("a text");
        let Ok(body) = serde_json::from_str::<Value>(&text) else {
            continue;
        };
        let items = match &body {
            Value::Object(map) => match map.get("items") {
                Some(Value::Array(items)) => items.clone(),
                _ => vec![body.clone()],
            },
            Value::Array(items) => items.clone(),
            _ => Vec::new(),
        };
        for item in items {
            let Value::Object(map) = &item else { continue };
            if map.contains_key("file_path") {
                documents.push((Form::MetadataJson, map.clone()));
            } else if map.contains_key("modelVersions") {
                documents.extend(of_model(&item));
                documents.push((Form::A1111, map.clone()));
            } else if map.contains_key("files") && map.contains_key("baseModel") {
                documents.push((Form::CivitaiInfo, map.clone()));
                documents.push((Form::A1111, map.clone()));
            }
        }
    }
    Some(documents)
}

/// Every form of a file of each of a model's first versions; the others differ in nothing that matters here.
fn of_model(body: &Value) -> Vec<(Form, Document)> {
    let Ok(model) = serde_json::from_value::<Model>(body.clone()) else {
        return Vec::new();
    };
    let versions = model.versions.iter().take(2);
    let files = versions.filter_map(|version| Some((version, version.files.last()?.id)));
    files
        .flat_map(|(version, file)| forms(&model, version, file))
        .collect()
}

fn forms(model: &Model, version: &Version, file: FileId) -> Vec<(Form, Document)> {
    let card = Card::of_file(Some(model), version, file);
    Form::ALL
        .into_iter()
        .flat_map(|form| {
            let lean = card.document(form);
            [(form, card.packed(form, lean.clone())), (form, lean)]
        })
        .map(|(form, mut document)| {
            // What carries others is read as the others too; here it stands for itself.
            document.remove(CARRIED);
            (form, document)
        })
        .collect()
}

#[test]
fn no_field_of_the_recorded_answers_is_lost_in_any_of_the_twenty_pairs() {
    let Some(documents) = corpus() else {
        println!("skipped: no corpus");
        return;
    };
    for (form, document) in &documents {
        assert_nothing_is_lost(*form, document);
    }
    println!("{} documents, 4 ways each", documents.len());
    assert!(documents.len() > 500, "{} documents", documents.len());
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        (-1e6..1e6f64).prop_map(Value::from),
        "[a-c ,<>&;]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("[a-d]{1,3}", inner), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// Replaces, adds and removes fields anywhere in a document.
fn mutated(document: &Document, changes: &[(usize, Option<Value>)]) -> Document {
    let mut value = Value::Object(document.clone());
    for (place, new) in changes {
        let mut pointers = Vec::new();
        pointers_of(&value, String::new(), &mut pointers);
        let pointer = &pointers[place % pointers.len()];
        let (parent, key) = pointer.rsplit_once('/').expect("pointers have a slash");
        let key = key.replace("~1", "/").replace("~0", "~");
        match (value.pointer_mut(parent), new) {
            (Some(Value::Object(map)), Some(new)) => {
                map.insert(
                    format!("{key}{}", if place % 3 == 0 { "_" } else { "" }),
                    new.clone(),
                );
            }
            (Some(Value::Object(map)), None) => {
                map.remove(&key);
            }
            (Some(Value::Array(list)), Some(new)) => list.push(new.clone()),
            _ => {}
        }
    }
    object(value)
}

fn pointers_of(value: &Value, at: String, pointers: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let key = key.replace('~', "~0").replace('/', "~1");
                pointers_of(value, format!("{at}/{key}"), pointers);
            }
            pointers.push(format!("{at}/added"));
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                pointers_of(value, format!("{at}/{index}"), pointers);
            }
        }
        _ => {}
    }
    if !at.is_empty() {
        pointers.push(at);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn nothing_is_lost_whatever_a_sidecar_says(
        which in 0..5usize,
        changes in prop::collection::vec((any::<usize>(), prop::option::weighted(0.7, json_value())), 0..12),
    ) {
        let (form, document) = samples().remove(which);
        let document = mutated(&document, &changes);
        let card = Card::read(form, document.clone());
        for to in Form::ALL.into_iter().filter(|to| *to != form) {
            let (_, read) = through(&card, to);
            prop_assert_eq!(
                Value::Object(read.document(form)), Value::Object(document.clone()),
                "{} by {}", form.name(), to.name()
            );
        }
    }

    #[test]
    fn no_sidecar_is_too_odd_to_read(fields in prop::collection::vec(("[a-zA-Z .]{1,12}", json_value()), 0..6)) {
        let document: Document = fields.into_iter().collect();
        for form in Form::ALL {
            let card = Card::read(form, document.clone());
            prop_assert_eq!(card.document(form), document.clone());
            for to in Form::ALL {
                card.packed(to, card.completed(to));
            }
        }
    }
}

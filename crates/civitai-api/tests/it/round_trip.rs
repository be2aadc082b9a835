//! Payloads of every endpoint, and endless damaged ones, through the types that they are.

use civitai_api::article::Article;
use civitai_api::collection::Collection;
use civitai_api::creator::{Creator, Me, User};
use civitai_api::envelope::{Enums, ErrorBody, Page};
use civitai_api::tag::Tag;
use civitai_api::tensor::TensorMetadata;
use civitai_api::vault::{VaultAnswer, VaultCheck, VaultItem, VaultToggle};
use civitai_api::version::{HashMatch, MiniVersion};
use civitai_api::wire::{List, Wire};
use civitai_api::{Image, Model, Version};
use proptest::prelude::*;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use crate::leaves::differing;

/// Reads `value` as `T`, by way of bytes as from the network, and writes it again.
pub(crate) fn through<T: DeserializeOwned + Serialize>(value: &Value) -> Option<Value> {
    let bytes = serde_json::to_vec(value).expect("JSON can be written");
    let typed: T = serde_json::from_slice(&bytes).ok()?;
    Some(serde_json::to_value(typed).expect("wire types can be written"))
}

type RoundTrip = fn(&Value) -> Option<Value>;

/// Payloads of every endpoint, each with the type that it is.
const FIXTURES: &[(&str, &str, RoundTrip)] = &[
    (
        "articles",
        include_str!("fixtures/articles.json"),
        through::<Page<Article>>,
    ),
    (
        "collection",
        include_str!("fixtures/collection.json"),
        through::<Collection>,
    ),
    (
        "collections",
        include_str!("fixtures/collections.json"),
        through::<Page<Collection>>,
    ),
    (
        "creators",
        include_str!("fixtures/creators.json"),
        through::<Page<Creator>>,
    ),
    (
        "enums",
        include_str!("fixtures/enums.json"),
        through::<Enums>,
    ),
    (
        "error",
        include_str!("fixtures/error.json"),
        through::<ErrorBody>,
    ),
    (
        "error_object",
        include_str!("fixtures/error_object.json"),
        through::<ErrorBody>,
    ),
    (
        "images",
        include_str!("fixtures/images.json"),
        through::<Page<Image>>,
    ),
    ("me", include_str!("fixtures/me.json"), through::<Me>),
    (
        "mini",
        include_str!("fixtures/mini.json"),
        through::<MiniVersion>,
    ),
    (
        "model",
        include_str!("fixtures/model.json"),
        through::<Model>,
    ),
    (
        "models",
        include_str!("fixtures/models.json"),
        through::<Page<Model>>,
    ),
    (
        "tags",
        include_str!("fixtures/tags.json"),
        through::<Page<Tag>>,
    ),
    (
        "tensors",
        include_str!("fixtures/tensors.json"),
        through::<TensorMetadata>,
    ),
    (
        "users",
        include_str!("fixtures/users.json"),
        through::<Page<User>>,
    ),
    (
        "vault",
        include_str!("fixtures/vault.json"),
        through::<VaultAnswer>,
    ),
    (
        "vault_check",
        include_str!("fixtures/vault_check.json"),
        through::<List<VaultCheck>>,
    ),
    (
        "vault_items",
        include_str!("fixtures/vault_items.json"),
        through::<Page<VaultItem>>,
    ),
    (
        "vault_none",
        include_str!("fixtures/vault_none.json"),
        through::<VaultAnswer>,
    ),
    (
        "vault_toggle",
        include_str!("fixtures/vault_toggle.json"),
        through::<VaultToggle>,
    ),
    (
        "version",
        include_str!("fixtures/version.json"),
        through::<Version>,
    ),
    (
        "version_ids_by_hash",
        include_str!("fixtures/version_ids_by_hash.json"),
        through::<List<HashMatch>>,
    ),
    (
        "versions_by_hash",
        include_str!("fixtures/versions_by_hash.json"),
        through::<List<Version>>,
    ),
];

/// Reads a fixture.
pub(crate) fn fixture(name: &str) -> Value {
    let (_, text, _) = FIXTURES
        .iter()
        .find(|(known, ..)| *known == name)
        .expect("a known fixture");
    serde_json::from_str(text).expect("JSON")
}

/// Reads a fixture as the type that it is.
pub(crate) fn read<T: DeserializeOwned>(name: &str) -> T {
    serde_json::from_value(fixture(name)).expect("readable")
}

#[test]
fn every_fixture_survives_its_type() {
    for (name, text, through) in FIXTURES {
        let before: Value = serde_json::from_str(text).expect("JSON");
        let after = through(&before).unwrap_or_else(|| panic!("{name} is not readable"));
        assert_eq!(differing(&before, &after), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn unknown_fields_keep_their_order() {
    let before = json!({"zeta": 1, "id": 5, "alpha": {"b": 1, "a": 2}, "mid": []});
    let after = through::<Model>(&before).expect("readable");
    assert_eq!(
        after.to_string(),
        r#"{"id":5,"zeta":1,"alpha":{"b":1,"a":2},"mid":[]}"#
    );
}

#[test]
fn odd_spellings_are_read_and_written_back_as_they_came() {
    let before = json!({
        "id": "5", "name": null, "nsfw": "true", "nsfwLevel": "Soft", "tags": null, "userId": -1,
        "stats": {"downloadCount": "12", "rating": 5, "ratingCount": 3.0},
        "modelVersions": [null, {"id": 6, "publishedAt": "2023-02-11T07:55:58.459", "index": "0"}, {"name": "no id"}],
        "description": {"not": "text"}, "allowCommercialUse": "Sell",
    });
    let model: Model = serde_json::from_value(before.clone()).expect("readable");
    let stats = model.stats.clone().expect("an object");
    assert_eq!((model.id.get(), model.nsfw), (5, Some(true)));
    assert_eq!(
        (stats.download_count, stats.rating, stats.rating_count),
        (Some(12), Some(5.0), Some(3))
    );
    assert_eq!(model.versions.len(), 1);
    assert_eq!(model.description, None);
    let after = serde_json::to_value(&model).expect("writable");
    assert_eq!(differing(&before, &after), Vec::<String>::new());
}

#[test]
fn a_changed_field_is_written_and_not_what_stood_there() {
    let mut version: Version = serde_json::from_value(
        json!({"id": 6, "publishedAt": "2023-02-11T07:55:58.459", "air": null}),
    )
    .expect("readable");
    version.published_at = "2024-01-01".parse().ok();
    version.air = Some("urn:air:sd1:lora:civitai:5@6".to_owned());
    assert_eq!(
        serde_json::to_value(&version).expect("writable"),
        json!({"id": 6, "publishedAt": "2024-01-01T00:00:00.000Z", "air": "urn:air:sd1:lora:civitai:5@6"})
    );
    version.air = None;
    assert_eq!(
        serde_json::to_value(&version).expect("writable")["air"],
        Value::Null
    );
}

#[test]
fn what_makes_no_sense_is_an_error_that_says_why() {
    let error = |value: Value| {
        serde_json::from_value::<Model>(value)
            .expect_err("unreadable")
            .to_string()
    };
    assert_eq!(error(json!({"name": "x"})), "Model without `id`");
    assert_eq!(
        error(json!({"id": 0})),
        r#"Model whose ["id"] cannot be read"#
    );
    assert_eq!(error(json!([1])), "a list where a Model was expected");
    for body in [json!({"error": "x"}), json!({"items": null}), json!({})] {
        assert!(serde_json::from_value::<Page<Model>>(body).is_err());
    }
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    assert!(serde_json::from_str::<Model>(&format!(r#"{{"id":1,"x":{deep}}}"#)).is_err());
}

#[test]
fn a_newer_reading_adds_and_changes_but_never_forgets() {
    let mut known: Version = read("version");
    let before = known.clone();
    known.absorb(before.clone());
    assert_eq!(known, before);
    known.absorb(
        serde_json::from_value(json!({"id": 21, "air": null, "files": [], "trainedWords": null}))
            .expect("readable"),
    );
    assert_eq!(
        serde_json::to_value(&known).expect("writable"),
        serde_json::to_value(&before).expect("writable")
    );
    known.absorb(
        serde_json::from_value(json!({"id": 21, "name": "v2.1", "novelty": 1})).expect("readable"),
    );
    assert_eq!(
        (known.name.as_str(), &known.rest["novelty"]),
        ("v2.1", &json!(1))
    );
    assert_eq!(known.files, before.files);
}

/// One thing that may happen to a payload on its way: at which node, and what.
#[derive(Clone, Debug)]
struct Edit {
    node: prop::sample::Index,
    change: Change,
}

#[derive(Clone, Debug)]
enum Change {
    Drop,
    Rename,
    Replace(Value),
    Stringify,
    Wrap,
    AddField(String, Value),
    Repeat,
}

fn any_change() -> impl Strategy<Value = Change> {
    let value = prop_oneof![
        Just(Value::Null),
        Just(json!([])),
        Just(json!({})),
        Just(json!("")),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-zA-Z0-9:+,{}.-]{0,30}".prop_map(Value::from),
        Just(json!([null, 1, {"id": "7"}, [[]]])),
    ];
    let name = prop_oneof![
        "[a-zA-Z]{1,8}",
        Just("id".to_owned()),
        Just("rest".to_owned()),
        Just("files".to_owned())
    ];
    prop_oneof![
        Just(Change::Drop),
        Just(Change::Rename),
        value.clone().prop_map(Change::Replace),
        Just(Change::Stringify),
        Just(Change::Wrap),
        (name, value).prop_map(|(name, value)| Change::AddField(name, value)),
        Just(Change::Repeat),
    ]
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(list) => list.iter().map(count).sum(),
        Value::Object(map) => map.values().map(count).sum(),
        _ => 0,
    }
}

/// Applies a change to the node with this number, counted depth first.
fn apply(value: &mut Value, node: &mut usize, change: &Change) {
    if *node == 0 {
        *node = usize::MAX;
        match change {
            Change::Replace(new) => *value = new.clone(),
            Change::Stringify => *value = Value::String(value.to_string()),
            Change::Wrap => *value = json!([value.take()]),
            Change::AddField(name, new) => {
                if let Value::Object(map) = value {
                    map.insert(name.clone(), new.clone());
                }
            }
            Change::Repeat => {
                if let Value::Array(list) = value {
                    list.extend(list.clone());
                }
            }
            Change::Rename | Change::Drop => {
                if let Value::Object(map) = value {
                    let kept = map.len() / 2;
                    let renamed = |key: String| {
                        if matches!(change, Change::Rename) {
                            key + "X"
                        } else {
                            key
                        }
                    };
                    let old: Map<String, Value> = std::mem::take(map);
                    let changed = old.into_iter().enumerate().filter_map(
                        |(index, (key, value))| match change {
                            Change::Drop if index == kept => None,
                            Change::Rename if index == kept => Some((renamed(key), value)),
                            _ => Some((key, value)),
                        },
                    );
                    map.extend(changed);
                } else if let Value::Array(list) = value {
                    list.truncate(list.len() / 2);
                }
            }
        }
        return;
    }
    let children: Box<dyn Iterator<Item = &mut Value>> = match value {
        Value::Array(list) => Box::new(list.iter_mut()),
        Value::Object(map) => Box::new(map.values_mut()),
        _ => return,
    };
    for child in children {
        if *node == usize::MAX {
            return;
        }
        *node -= 1;
        apply(child, node, change);
        if *node == usize::MAX {
            return;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn no_damage_makes_a_type_panic_or_lose_a_leaf(
        fixture in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any_change()), 1..12),
    ) {
        let (name, text, through) = fixture.get(FIXTURES);
        let mut payload: Value = serde_json::from_str(text).expect("JSON");
        for edit in edits.into_iter().map(|(node, change)| Edit { node, change }) {
            let mut node = edit.node.index(count(&payload));
            apply(&mut payload, &mut node, &edit.change);
        }
        if let Some(after) = through(&payload) {
            prop_assert_eq!(differing(&payload, &after), Vec::<String>::new(), "{}", name);
        }
    }
}

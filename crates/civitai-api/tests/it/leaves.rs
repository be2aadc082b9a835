//! A comparison of two JSON values, leaf by leaf.

use std::collections::BTreeMap;

use serde_json::Value;

/// Returns every leaf of `value` by its path. Empty lists and objects are leaves, too.
pub(crate) fn leaves(value: &Value) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    collect(value, String::new(), &mut found);
    found
}

/// Returns the paths at which two values differ; numbers must be equal to the last digit, order of keys does not count.
pub(crate) fn differing(before: &Value, after: &Value) -> Vec<String> {
    let (before, after) = (leaves(before), leaves(after));
    let lost = before
        .iter()
        .filter(|(path, leaf)| after.get(*path) != Some(leaf))
        .map(|(path, _)| path);
    let made_up = after.keys().filter(|path| !before.contains_key(*path));
    lost.chain(made_up).cloned().collect()
}

fn collect(value: &Value, path: String, found: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                collect(
                    value,
                    format!("{path}/{}", key.replace('~', "~0").replace('/', "~1")),
                    found,
                );
            }
        }
        Value::Array(list) if !list.is_empty() => {
            for (index, value) in list.iter().enumerate() {
                collect(value, format!("{path}/{index}"), found);
            }
        }
        leaf => {
            found.insert(path, leaf.to_string());
        }
    }
}

#[test]
fn a_change_of_any_leaf_is_seen() {
    let before = serde_json::json!({"a": [1, {"b": null}], "c": {}, "d": 1.0});
    assert_eq!(differing(&before, &before), Vec::<String>::new());
    for after in [
        serde_json::json!({"a": [1, {}], "c": {}, "d": 1.0}),
        serde_json::json!({"a": [1, {"b": null}], "d": 1.0}),
        serde_json::json!({"a": [1, {"b": null}], "c": {}, "d": 1}),
        serde_json::json!({"a": [1, {"b": null}, 2], "c": {}, "d": 1.0}),
        serde_json::json!({"a": [1, {"b": null}], "c": {}, "d": 1.0, "e": []}),
    ] {
        assert!(!differing(&before, &after).is_empty(), "{after}");
    }
}

//! What trainers wrote beside the tensors: trigger words, ranks, and names of what they trained on.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde_json::Value;

use super::MOST_TRIGGER_WORDS;
use super::header::Header;

/// A trigger word longer than this is a caption.
const MOST_WORD_BYTES: usize = 120;

/// Words that call the effect up: what the author wrote, else the tags that nearly every picture of a set carries.
pub(super) fn trigger_words(header: &Header) -> Vec<String> {
    let mut words = Vec::new();
    for key in [
        "modelspec.trigger_phrase",
        "ss_trigger_words",
        "trigger_word",
        "instance_prompt",
    ] {
        if let Some(text) = header.metadata.get(key) {
            for word in text.split([',', ';', '\n']) {
                add(&mut words, word);
            }
        }
    }
    if words.is_empty() {
        for word in constant_tags(header) {
            add(&mut words, &word);
        }
    }
    words
}

fn add(words: &mut Vec<String>, word: &str) {
    let word = word.trim();
    let fits = !word.is_empty() && word.len() <= MOST_WORD_BYTES;
    if fits && words.len() < MOST_TRIGGER_WORDS && !words.iter().any(|known| known == word) {
        words.push(word.to_owned());
    }
}

/// The tags of kohya's statistics that at least nine in ten of the captions of their set have.
fn constant_tags(header: &Header) -> Vec<String> {
    let Some(Value::Object(sets)) = header
        .metadata
        .get("ss_tag_frequency")
        .and_then(|text| serde_json::from_str(text).ok())
    else {
        return Vec::new();
    };
    let mut counted: BTreeMap<String, u64> = BTreeMap::new();
    for tags in sets.values().filter_map(Value::as_object) {
        let counts = tags
            .iter()
            .filter_map(|(tag, count)| Some((tag.trim(), count.as_u64()?)));
        let Some(most) = counts.clone().map(|(_, count)| count).max() else {
            continue;
        };
        for (tag, count) in
            counts.filter(|(_, count)| count.saturating_mul(10) >= most.saturating_mul(9))
        {
            let sum = counted.entry(tag.to_owned()).or_default();
            *sum = sum.saturating_add(count);
        }
    }
    let mut tags: Vec<(String, u64)> = counted.into_iter().collect();
    tags.sort_by_key(|(_, count)| Reverse(*count));
    tags.into_iter().map(|(tag, _)| tag).collect()
}

/// The rank that the trainer wrote down.
pub(super) fn rank(header: &Header) -> Option<u64> {
    let text = header.metadata.get("ss_network_dim")?;
    text.parse().ok()
}

/// The metadata's value of `key`, in lower case.
pub(super) fn lower(header: &Header, key: &str) -> Option<String> {
    header.metadata.get(key).map(|text| text.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identify::Format;

    #[test]
    fn tags_of_every_picture_are_triggers() {
        let mut header = Header::new(Format::Safetensors);
        header.metadata.insert(
            "ss_tag_frequency".to_owned(),
            r#"{"10_hero": {"hero": 40, "1girl": 39, "smile": 7}}"#.to_owned(),
        );
        assert_eq!(trigger_words(&header), ["hero", "1girl"]);
        header.metadata.insert(
            "modelspec.trigger_phrase".to_owned(),
            "Hero, cape".to_owned(),
        );
        assert_eq!(trigger_words(&header), ["Hero", "cape"]);
    }

    #[test]
    fn metadata_that_is_no_json_says_nothing() {
        let mut header = Header::new(Format::Safetensors);
        header
            .metadata
            .insert("ss_tag_frequency".to_owned(), "{\"a\": ".to_owned());
        assert_eq!(trigger_words(&header), Vec::<String>::new());
    }
}

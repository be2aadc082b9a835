//! The site's categories. They are ordinary tags: a model is in a category if it carries the tag.

use crate::model::Model;

/// Names of the tags that the site uses as categories of models.
pub const CATEGORIES: [&str; 15] = [
    "action",
    "animal",
    "assets",
    "background",
    "base model",
    "buildings",
    "celebrity",
    "character",
    "clothing",
    "concept",
    "objects",
    "poses",
    "style",
    "tool",
    "vehicle",
];

/// Returns the categories a model is in, in the order of its tags.
pub fn of(model: &Model) -> Vec<&'static str> {
    let category = |tag: &String| {
        CATEGORIES
            .into_iter()
            .find(|name| name.eq_ignore_ascii_case(tag.trim()))
    };
    model.tags.iter().filter_map(category).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_in_the_categories_among_its_tags() {
        let model: Model =
            serde_json::from_str(r#"{"id": 1, "tags": ["fog", "Style", "base model"]}"#)
                .expect("readable");
        assert_eq!(of(&model), ["style", "base model"]);
        assert!(CATEGORIES.is_sorted());
    }
}

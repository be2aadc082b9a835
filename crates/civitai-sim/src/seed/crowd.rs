//! A catalogue to page through, with ties wherever a cursor could trip over one.

use super::shelves::after_start;
use super::{Case, PROLIFIC, PROLIFIC_MODELS};
use crate::state::{File, Model, ModelStats, State, Version};

pub(super) fn fill(state: &mut State) {
    for id in PROLIFIC_MODELS {
        state.add_model(member(id));
    }
}

fn member(id: u32) -> Model {
    let nth = id - PROLIFIC_MODELS.start();
    let case = Case { model: id };
    // Blocks of thirty on one date do not line up with any page size people use.
    let date = after_start(-24 * i64::from(nth / 30));
    let version = Version::new(case.version(0), "v1")
        .with_base_model(BASE_MODELS[nth as usize % BASE_MODELS.len()])
        .with_date(date)
        .with_file(File::new(
            case.file(0),
            &format!("study_{nth:03}.safetensors"),
            2_048,
        ));
    Model {
        stats: ModelStats {
            downloads: nth % 5,
            thumbs_up: nth / 50,
            comments: nth % 2,
            collected: nth % 3,
            images: nth % 4,
            ..ModelStats::default()
        },
        published_at: Some(date),
        ..Model::new(id, &format!("Study {nth:03}"), "LORA")
    }
    .with_user(PROLIFIC.id)
    .with_tags(&["concept"])
    .with_date(date)
    .with_version(version)
}

const BASE_MODELS: [&str; 4] = ["SD 1.5", "SDXL 1.0", "Pony", "Illustrious"];

//! Models as most people publish them, and what the site may do to them.

use jiff::Timestamp;
use serde_json::json;

use super::shelves::after_start;
use super::{
    ARCHIVED, CHECKPOINT, Case, DELETED, EMBEDDING, EXPIRED_GATE, GENERATION_ONLY, LORA, MATURE,
    MINOR, OWNER, PERMANENT_GATE, PRIVATE, QUANTS, REAL_PERSON, TAKEN_DOWN, TIMED_GATE,
    UNPUBLISHED, UNSCANNED,
};
use crate::state::{
    Availability, File, Image, Mode, Model, ModelStats, PaidAccess, ScanResult, State, Status,
    UsageControl, Version,
};

pub(super) fn fill(state: &mut State) {
    state.add_model(lora());
    state.add_model(checkpoint());
    state.add_model(quants());
    state.add_model(embedding());
    gated(state);
    for (case, name, mode) in [
        (ARCHIVED, "Old Ink", Some(Mode::Archived)),
        (TAKEN_DOWN, "Grey Studio", Some(Mode::TakenDown)),
    ] {
        state.add_model(Model {
            mode,
            ..simple(case, name)
        });
    }
    for (case, name, status) in [
        (DELETED, "Lost Study", Status::Deleted),
        (UNPUBLISHED, "Withdrawn Study", Status::Unpublished),
    ] {
        state.add_model(Model {
            status,
            ..simple(case, name)
        });
    }
    state.add_model(Model {
        availability: Availability::Private,
        ..simple(PRIVATE, "Private Study")
    });
    state.add_model(Model {
        nsfw: true,
        ..pictured(MATURE, "Night Figures", &[8, 16])
    });
    state.add_model(Model {
        minor: true,
        ..pictured(MINOR, "School Days", &[1, 4])
    });
    state.add_model(Model {
        poi: true,
        ..simple(REAL_PERSON, "Somebody Known")
    });
    let disabled = simple(GENERATION_ONLY, "Closed Workshop");
    state.add_model(edit(disabled, |version| {
        version.usage_control = UsageControl::Generation;
    }));
    let fresh = pictured(UNSCANNED, "Fresh Upload", &[0]);
    state.add_model(edit(fresh, |version| {
        for file in &mut version.files {
            file.scanned_at = None;
            file.pickle_scan = ScanResult::Pending;
            file.virus_scan = ScanResult::Pending;
        }
    }));
}

/// A low-rank model of one version and one file of 256 KiB, by [`OWNER`], with a safe picture.
pub(super) fn simple(case: Case, name: &str) -> Model {
    pictured(case, name, &[1])
}

/// Like [`simple`], with a picture of each of these levels.
fn pictured(case: Case, name: &str, levels: &[u32]) -> Model {
    let stored = format!("{}.safetensors", name.to_lowercase().replace(' ', "_"));
    let mut version = Version::new(case.version(0), "v1.0")
        .with_date(date(case))
        .with_file(File::new(case.file(0), &stored, 256 << 10));
    version.images = showcase(case, levels);
    model(case, name, "LORA")
        .with_version(version)
        .with_level(levels.iter().fold(0, |mask, level| mask | level))
}

/// The owner's pictures of a model, one of each of these levels.
fn showcase(case: Case, levels: &[u32]) -> Vec<Image> {
    let picture = |(nth, &level)| Image {
        user_id: OWNER.id,
        created_at: date(case),
        level,
        ..Image::new(case.model * 10 + nth)
    };
    (0..).zip(levels).map(picture).collect()
}

/// A model by [`OWNER`] whose counters and dates are its own.
pub(super) fn model(case: Case, name: &str, kind: &str) -> Model {
    let nth = case.model - LORA.model;
    let stats = ModelStats {
        downloads: 9_000 - nth * 150,
        thumbs_up: 800 - nth * 10,
        thumbs_down: nth % 4,
        comments: nth * 7 % 60,
        collected: nth * 11 % 90,
        images: nth * 5 % 40,
        tipped: nth * 3,
        hidden: false,
    };
    Model {
        description: Some(format!("<p>{name}.</p>")),
        stats,
        published_at: Some(date(case)),
        ..Model::new(case.model, name, kind)
    }
    .with_user(OWNER.id)
    .with_tags(&["style"])
    .with_date(date(case))
}

/// Changes every version of a model.
pub(super) fn edit(mut model: Model, change: impl Fn(&mut Version)) -> Model {
    model.versions.iter_mut().for_each(change);
    model
}

/// Every case on its own day.
pub(super) fn date(case: Case) -> Timestamp {
    after_start(24 * i64::from(case.model - LORA.model))
}

fn lora() -> Model {
    let meta = json!({
        "prompt": "watercolour fields, dawn <lora:watercolour_fields:0.7>",
        "steps": 20,
        "seed": 1,
        "resources": [{ "type": "lora", "name": "watercolour_fields", "weight": 0.7 }],
    });
    let mut version = Version::new(LORA.version(0), "v1.0")
        .with_base_model("Illustrious")
        .with_date(date(LORA))
        .with_trained_words(&["watercolour fields"])
        .with_file(File::new(
            LORA.file(0),
            "watercolour_fields.safetensors",
            3 << 20,
        ));
    version.images = showcase(LORA, &[1, 1, 2, 4, 8, 16]);
    for image in &mut version.images {
        image.meta = Some(meta.clone());
    }
    model(LORA, "Watercolour Fields", "LORA")
        .with_tags(&["watercolour", "anime"])
        .with_version(version)
        .with_level(31)
}

fn checkpoint() -> Model {
    let mut first = Version::new(CHECKPOINT.version(0), "v1.0")
        .with_date(date(CHECKPOINT))
        .with_file(
            File::new(CHECKPOINT.file(0), "mix-fp16.safetensors", 6 << 20).with_metadata(
                "SafeTensor",
                "pruned",
                "fp16",
            ),
        )
        .with_file(
            File::new(CHECKPOINT.file(1), "mix-fp32.safetensors", 9 << 20).with_metadata(
                "SafeTensor",
                "full",
                "fp32",
            ),
        )
        .with_file(
            File::new(CHECKPOINT.file(2), "kl-f8.safetensors", 1 << 20)
                .with_kind("VAE")
                .with_metadata("SafeTensor", "", ""),
        )
        .with_file(
            File::new(CHECKPOINT.file(3), "pictures.zip", 300_000)
                .with_kind("Training Data")
                .with_metadata("Other", "", ""),
        );
    first.images = showcase(CHECKPOINT, &[1]);
    // The newest release is not the first in the creator's order.
    let second = Version::new(CHECKPOINT.version(1), "v1.1 Preview")
        .with_date(after_start(24 * 30))
        .with_file(
            File::new(CHECKPOINT.file(4), "mix-preview.safetensors", 2 << 20).with_metadata(
                "SafeTensor",
                "pruned",
                "bf16",
            ),
        );
    model(CHECKPOINT, "Harbour Mix XL", "Checkpoint")
        .with_tags(&["base model"])
        .with_version(first)
        .with_version(second)
        .with_date(after_start(24 * 30))
}

fn quants() -> Model {
    let gguf = |nth, quant: &str, bytes| {
        File::new(QUANTS.file(nth), &format!("riverbed-{quant}.gguf"), bytes)
            .with_kind("Diffusion Model")
            .with_metadata("GGUF", "", "")
            .with_quant(quant)
    };
    let safetensors = |nth, size, fp| {
        File::new(
            QUANTS.file(nth),
            &format!("riverbed-{fp}.safetensors"),
            2 << 20,
        )
        .with_kind("Diffusion Model")
        .with_metadata("SafeTensor", size, fp)
    };
    let version = Version::new(QUANTS.version(0), "v2.0")
        .with_base_model("Flux.1 D")
        .with_date(date(QUANTS))
        .with_file(gguf(0, "Q8_0", 1 << 20))
        .with_file(gguf(1, "Q4_K_M", 700 << 10))
        .with_file(gguf(2, "Q2_K", 400 << 10))
        .with_file(safetensors(3, "pruned", "fp16"))
        .with_file(safetensors(4, "", "int8"));
    model(QUANTS, "Riverbed Flux", "Checkpoint")
        .with_tags(&["base model"])
        .with_version(version)
}

fn embedding() -> Model {
    let version = Version::new(EMBEDDING.version(0), "v1")
        .with_base_model("SD 1.5")
        .with_date(date(EMBEDDING))
        .with_trained_words(&["inkwash", "ink, wash, <lora:none:1>", ""])
        .with_file(File::new(EMBEDDING.file(0), "inkwash.pt", 24_000))
        .with_file(File::new(EMBEDDING.file(1), "inkwash-n.pt", 24_000).with_kind("Negative"));
    model(EMBEDDING, "Ink Wash", "TextualInversion").with_version(version)
}

fn gated(state: &mut State) {
    for (case, name, gate) in [
        (TIMED_GATE, "Early Light", PaidAccess::until(FAR)),
        (PERMANENT_GATE, "Patron Light", PaidAccess::permanent()),
        (EXPIRED_GATE, "Released Light", PaidAccess::until(PAST)),
    ] {
        state.add_model(edit(simple(case, name), |version| {
            version.paid_access = Some(gate);
        }));
    }
}

/// 2099-01-01, after any moment a test sets its clock to.
const FAR: Timestamp = Timestamp::constant(4_070_908_800, 0);
/// 2026-01-01.
const PAST: Timestamp = Timestamp::constant(1_767_225_600, 0);

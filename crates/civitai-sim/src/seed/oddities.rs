//! What goes wrong in a database that is ten years old, and what people call their files.

use super::models::{date, edit, model, simple};
use super::people::{DELETED_ACCOUNT, HOUSE_ACCOUNT};
use super::{
    Case, DANGER, EMPTY, GHOST, HIDDEN_METRICS, HIDDEN_PRIMARY, HOUSE, HUGE, LATER_TWIN,
    LINKED_VAE, LOGIN_ONLY, NULL_METADATA, ODD_NAMES, ODD_TITLES, REPLACED, SECOND_STORAGE, SMALL,
    TWIN, UNSEARCHABLE, VAE, WRONG_HASH,
};
use crate::content::{Content, Kind};
use crate::state::{Availability, Backend, File, Model, ScanResult, State, Version, Visibility};

pub(super) fn fill(state: &mut State) {
    for (case, name) in [
        (TWIN, "Stone Relief"),
        (LATER_TWIN, "Stone Relief Reupload"),
    ] {
        state.add_model(simple(case, name));
    }
    let claimed = "0BADC0DE".repeat(8);
    state.add_model(edit(simple(WRONG_HASH, "Smudged Label"), |version| {
        for file in &mut version.files {
            file.claimed_hashes
                .insert("SHA256".to_owned(), Some(claimed.clone()));
            file.claimed_hashes
                .insert("AutoV2".to_owned(), Some(claimed[..10].to_owned()));
        }
    }));
    linked(state);
    let mut hidden = simple(HIDDEN_METRICS, "Quiet Counter");
    hidden.stats.hidden = true;
    state.add_model(hidden);
    state.add_model(simple(HOUSE, "House Style").with_user(HOUSE_ACCOUNT));
    state.add_model(simple(GHOST, "Ghost Style").with_user(DELETED_ACCOUNT));
    state.add_model(odd_names());
    for (nth, name) in (0..).zip([
        "🎨🖌️ Brush",
        "某个模型",
        &"Endless Title ".repeat(22)[..300],
    ]) {
        state.add_model(titled(
            Case {
                model: ODD_TITLES.model + nth,
            },
            name,
        ));
    }
    state.add_model(small());
    state.add_model(huge());
    state.add_model(model(EMPTY, "Announced Only", "LORA"));
    state.add_model(hidden_primary());
    state.add_model(replaced());
    state.add_model(danger());
    state.add_model(edit(simple(LOGIN_ONLY, "Members Only"), |version| {
        version.require_auth = true;
    }));
    state.add_model(edit(simple(NULL_METADATA, "Torn Form"), |version| {
        version
            .files
            .iter_mut()
            .for_each(|file| file.metadata = None);
    }));
    state.add_model(edit(simple(SECOND_STORAGE, "Second Harbour"), |version| {
        version
            .files
            .iter_mut()
            .for_each(|file| file.backend = Backend::B2);
    }));
    state.add_model(Model {
        availability: Availability::Unsearchable,
        ..simple(UNSEARCHABLE, "Whispered Study")
    });
}

/// Gives the later twin the bytes of the first.
pub(super) fn share_bytes(state: &mut State) {
    let Some(content) = state
        .find_file(TWIN.file(0))
        .map(|(_, _, file)| file.content.clone())
    else {
        return;
    };
    if let Some(file) = state.file_mut(LATER_TWIN.file(0)) {
        file.content = content;
    }
}

fn linked(state: &mut State) {
    let lender = Version::new(VAE.version(0), "v1")
        .with_date(date(VAE))
        .with_file(File::new(VAE.file(0), "clear-eye.vae.safetensors", 330_000));
    state.add_model(model(VAE, "Clear Eye", "VAE").with_version(lender));
    let mut borrower = Version::new(LINKED_VAE.version(0), "v3")
        .with_date(date(LINKED_VAE))
        .with_file(
            File::new(LINKED_VAE.file(0), "lantern.safetensors", 1 << 20).with_metadata(
                "SafeTensor",
                "pruned",
                "fp16",
            ),
        );
    borrower.linked_vae = Some(VAE.version(0));
    state.add_model(model(LINKED_VAE, "Lantern", "Checkpoint").with_version(borrower));
}

fn odd_names() -> Model {
    let long = format!("{}.safetensors", "n".repeat(288));
    let names = [
        "🎨 brush.safetensors",
        "某个模型.safetensors",
        &long,
        "..\\..\\evil.safetensors",
        "CON.safetensors",
        "100%25%20pure%2Fwhite.safetensors",
        "../../escape.safetensors",
        "gnp\u{202e}srosnetefas.safetensors",
        "trailing.safetensors. ",
    ];
    let version = (0..).zip(names).fold(
        Version::new(ODD_NAMES.version(0), "v1").with_date(date(ODD_NAMES)),
        |version, (nth, name)| {
            version.with_file(File::new(ODD_NAMES.file(nth), name, 2_000 + u64::from(nth)))
        },
    );
    // Low-rank models keep their stored names, so these are what a client is told.
    model(ODD_NAMES, "Odd Names", "LORA").with_version(version)
}

fn titled(case: Case, name: &str) -> Model {
    let version = Version::new(case.version(0), "v1")
        .with_date(date(case))
        .with_file(File::new(case.file(0), "stored name.safetensors", 5_000));
    model(case, name, "Checkpoint").with_version(version)
}

fn small() -> Model {
    let files = [
        ("empty", 0),
        ("byte", 1),
        ("under", (2 << 20) - 1),
        ("at", 2 << 20),
    ];
    let version = (0..).zip(files).fold(
        Version::new(SMALL.version(0), "v1").with_date(date(SMALL)),
        |version, (nth, (name, bytes))| {
            version.with_file(File::new(
                SMALL.file(nth),
                &format!("{name}.safetensors"),
                bytes,
            ))
        },
    );
    model(SMALL, "Small Things", "LORA").with_version(version)
}

fn huge() -> Model {
    let mut file = File::new(HUGE.file(0), "mountain.safetensors", 20 << 30)
        .with_metadata("SafeTensor", "full", "fp32")
        .with_content(Content::new(Kind::SafeTensors, HUGE_SEED, 20 << 30));
    for (kind, hash) in HUGE_HASHES {
        file = file.with_claimed_hash(kind, hash);
    }
    let version = Version::new(HUGE.version(0), "v1")
        .with_date(date(HUGE))
        .with_file(file);
    model(HUGE, "Mountain", "Checkpoint").with_version(version)
}

fn hidden_primary() -> Model {
    let version = Version::new(HIDDEN_PRIMARY.version(0), "v1")
        .with_date(date(HIDDEN_PRIMARY))
        .with_file(
            File::new(HIDDEN_PRIMARY.file(0), "secret.safetensors", 50_000)
                .with_metadata("SafeTensor", "pruned", "fp16")
                .with_visibility(Visibility::Private),
        )
        .with_file(
            File::new(HIDDEN_PRIMARY.file(1), "shown.safetensors", 60_000).with_metadata(
                "SafeTensor",
                "full",
                "fp32",
            ),
        );
    model(HIDDEN_PRIMARY, "Curtain", "Checkpoint").with_version(version)
}

fn replaced() -> Model {
    let old = |nth, bytes| File {
        replaced_at: Some(date(REPLACED)),
        ..File::new(REPLACED.file(nth), "restored.safetensors", bytes)
    };
    let first = Version::new(REPLACED.version(0), "v1")
        .with_date(date(REPLACED))
        .with_file(old(0, 40_000))
        .with_file(File::new(REPLACED.file(1), "restored.safetensors", 41_000));
    let second = Version::new(REPLACED.version(1), "v2")
        .with_date(date(REPLACED))
        .with_file(old(2, 42_000));
    model(REPLACED, "Restored Panel", "LORA")
        .with_version(first)
        .with_version(second)
}

fn danger() -> Model {
    let file = File {
        pickle_scan: ScanResult::Danger,
        pickle_message: Some("**Detected Pickle imports (1)**\n*Dangerous import detected*\n```\n[\n  \"os.system\"\n]\n```".to_owned()),
        ..File::new(DANGER.file(0), "poisoned.ckpt", 10_000)
    };
    let version = Version::new(DANGER.version(0), "v1")
        .with_base_model("SD 1.5")
        .with_date(date(DANGER))
        .with_file(file);
    model(DANGER, "Poisoned Well", "Checkpoint").with_version(version)
}

/// The huge file does not follow the simulator's seed, so that its digests can be written down.
const HUGE_SEED: u64 = 20;
/// Proved by an ignored test that reads the file.
const HUGE_HASHES: [(&str, &str); 6] = [
    ("AutoV1", "77DBDD4A"),
    ("AutoV2", "341A7A2D59"),
    (
        "SHA256",
        "341A7A2D596FBA6CE64F4BBFCD246B9FA64EFEB381C3FC74F0737384A622DC6C",
    ),
    ("CRC32", "96E8D815"),
    (
        "BLAKE3",
        "8322C0C8E7300414A8229AE7D14F1D8030FFE66BD19B6E1B69A143FDCC8DA0E6",
    ),
    ("AutoV3", "4F1188E85993"),
];

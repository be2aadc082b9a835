//! What is odd about Civitai's answers, each oddity by its number; those of requests are tested elsewhere.

use civitai_api::creator::Creator;
use civitai_api::envelope::Page;
use civitai_api::link::Target;
use civitai_api::meta::{GenerationMeta, ReferenceBy, references};
use civitai_api::model::CommercialUse;
use civitai_api::select::{Choice, FileRequest, select};
use civitai_api::version::{Gate, HashMatch, UsageControl};
use civitai_api::wire::{List, Wire};
use civitai_api::{
    BaseModel, File, FileType, HashKey, HashKind, Image, ImageId, Link, Model, ModelType,
    NsfwLevel, Version, text, words,
};
use civitai_security::name::FileName;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use url::Url;

use crate::round_trip::{fixture, read, through};

fn from<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("readable")
}

#[test]
fn quirk_12_commercial_use_has_three_spellings() {
    for spelling in [
        json!(["Image", "RentCivit"]),
        json!("{Image,RentCivit}"),
        json!("{\"Image\",RentCivit}"),
    ] {
        let payload = json!({"id": 1, "allowCommercialUse": spelling});
        let uses = from::<Model>(payload.clone())
            .allow_commercial_use
            .expect("readable");
        assert!(
            uses.permits(&CommercialUse::Image) && uses.permits(&CommercialUse::RentCivit),
            "{spelling}"
        );
        assert!(!uses.permits(&CommercialUse::Sell), "{spelling}");
        assert_eq!(through::<Model>(&payload), Some(payload));
    }
    let uses = |value: Value| {
        from::<Model>(json!({"id": 1, "allowCommercialUse": value})).allow_commercial_use
    };
    let granted = |value: Value| {
        uses(value)
            .expect("readable")
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    assert_eq!(granted(json!("Sell")), ["Sell"]);
    assert_eq!(granted(json!("None")), Vec::<String>::new());
    assert_eq!(granted(json!("{}")), Vec::<String>::new());
    assert_eq!(granted(json!([])), Vec::<String>::new());
    assert_eq!(granted(json!("{Lease}")), ["Lease"]);
}

#[test]
fn quirk_13_counters_creators_and_names_may_be_missing() {
    let models: Page<Model> = read("models");
    assert_eq!(
        models.items[0]
            .stats
            .as_ref()
            .expect("an object")
            .download_count,
        None
    );
    assert_eq!(
        models.items[0]
            .creator
            .as_ref()
            .expect("an object")
            .username,
        None
    );
    assert_eq!(models.items[1].creator, None);
    let creators: Page<Creator> = read("creators");
    assert_eq!(creators.items[1].model_count, None);
}

#[test]
fn quirk_14_times_without_a_zone_are_utc() {
    let version: Version =
        from(json!({"id": 1, "files": [{"id": 2, "scannedAt": "2024-05-06T07:08:09.1"}]}));
    let scanned = version.files[0].scanned_at.expect("readable");
    assert_eq!(scanned.to_string(), "2024-05-06T07:08:09.100Z");
    assert_eq!(
        serde_json::to_value(&version).expect("writable")["files"][0]["scannedAt"],
        "2024-05-06T07:08:09.1"
    );
}

#[test]
fn quirk_15_empty_lists_and_nulls_are_left_out() {
    let model: Model = from(json!({"id": 1, "modelVersions": [{"id": 2}]}));
    let version = &model.versions[0];
    assert!(model.tags.is_empty() && version.files.is_empty() && version.images.is_empty());
    assert!(
        version.trained_words.is_empty()
            && version.published_at.is_none()
            && version.description.is_none()
    );
}

#[test]
fn quirk_16_endpoints_are_merged_and_absent_never_overwrites_known() {
    let mut listed = read::<Page<Model>>("models").items.swap_remove(0);
    let version: Version = read("version");
    let known = &mut listed.versions[0];
    known.absorb(version);
    // From the version's own endpoint:
    assert_eq!(known.usage_control, Some(UsageControl::Download));
    assert_eq!(
        known.air.as_deref(),
        Some("urn:air:sdxl:lora:civitai:11@21")
    );
    assert_eq!(known.owner(), civitai_api::ModelId::new(11));
    assert_eq!(
        known.stats.as_ref().expect("an object").download_count,
        Some(130)
    );
    // Known from the listing and absent there:
    assert_eq!(known.index, Some(0));
    assert!(known.base_model_type.is_some() && known.description.is_some());
    assert_eq!(known.trained_words.len(), 3);
    assert_eq!(known.files.len(), 4);
    assert!(known.files[0].is_primary());
    // The same picture, without an id there and with its generation data:
    assert_eq!(known.images.len(), 1);
    assert!(known.images[0].id.is_some() && known.images[0].generation().is_some());
    // The other way round nothing is lost, either.
    let by_id: Model = read("model");
    listed.absorb(by_id);
    assert!(listed.versions[0].air.is_some() && listed.versions[0].files[0].is_primary());
    assert_eq!(listed.versions[0].covered, Some(true));
}

#[test]
fn quirk_17_lists_may_be_empty_or_hold_null() {
    let models: Page<Model> = read("models");
    assert_eq!(models.items[1].default_version(), None);
    let empty = &models.items[0].versions[1];
    assert!(select(empty, &Choice::default(), None).is_err());
    let mut hidden_primary = models.items[0].versions[0].clone();
    hidden_primary.files[0].primary = None;
    let chosen =
        select(&hidden_primary, &Choice::default(), Some(&ModelType::Lora)).expect("a file");
    assert_eq!(chosen[0].id, hidden_primary.files[0].id);
    let bulk: List<Version> = read("versions_by_hash");
    assert_eq!(bulk.items.len(), 2);
    assert_eq!(
        serde_json::to_value(&bulk).expect("writable"),
        fixture("versions_by_hash")
    );
}

#[test]
fn quirk_18_download_addresses_are_made_here() {
    let bulk: List<Version> = read("versions_by_hash");
    let version = &bulk.items[0];
    assert!(
        version
            .download_url
            .as_deref()
            .is_some_and(|url| url.starts_with("https://undefined/"))
    );
    let origin = Url::parse("https://civitai.red").expect("valid");
    let url = FileRequest::new(version, &version.files[0]).url(&origin);
    assert_eq!(
        url.as_str(),
        "https://civitai.red/api/download/models/21?fileId=31"
    );
}

#[test]
fn quirk_19_a_file_is_asked_for_by_id_and_not_by_its_listed_address() {
    let version: Version = from(json!({"id": 5, "files": [{"id": 6, "type": "Model",
        "downloadUrl": "https://civitai.com/api/download/models/5?type=Model&format=SafeTensor&fp=int8"}]}));
    let request = FileRequest::new(&version, &version.files[0]);
    assert_eq!(
        (request.file, request.variant.is_empty()),
        (Some(version.files[0].id), true)
    );
}

#[test]
fn quirk_20_disabled_downloads_are_known_beforehand() {
    let with = |control: &str| {
        from::<Version>(json!({"id": 5, "usageControl": control})).is_download_disabled()
    };
    assert_eq!(with("Download"), Some(false));
    assert_eq!(with("InternalGeneration"), Some(true));
    assert_eq!(with("SomethingNew"), Some(true));
    assert_eq!(
        from::<Version>(json!({"id": 5})).is_download_disabled(),
        None
    );
}

#[test]
fn quirk_33_every_place_of_a_file_is_shown_and_not_just_the_oldest() {
    let matches: List<HashMatch> = read("version_ids_by_hash");
    let sha256 = matches.items[0].hash.to_lowercase();
    let versions: Vec<u32> = HashMatch::candidates(&matches.items, &sha256)
        .iter()
        .map(|m| m.version_id.get())
        .collect();
    assert_eq!(versions, [21, 20]);
}

#[test]
fn quirk_36_generation_data_comes_flat_wrapped_or_not_at_all() {
    let images: Page<Image> = read("images");
    let prompts: Vec<Option<&str>> = images
        .items
        .iter()
        .map(|image| image.generation().and_then(GenerationMeta::prompt))
        .collect();
    assert_eq!(prompts, [Some("fog"), Some("fog"), None, None]);
    let flat = images.items[0].generation().expect("flat");
    assert_eq!(
        (flat.steps(), flat.cfg_scale(), flat.size()),
        (Some(30), Some(6.5), Some((768, 1024)))
    );
    let shown: Vec<String> = references(&images.items[1])
        .iter()
        .map(|reference| match &reference.by {
            ReferenceBy::Version(id) => format!("version {id}"),
            ReferenceBy::Hash(hash) => format!("hash {hash}"),
            ReferenceBy::Name => format!("name {}", reference.name.as_deref().unwrap_or_default()),
        })
        .collect();
    assert_eq!(
        shown,
        [
            "version 21",
            "version 640",
            "version 71",
            "hash 7E57A1A1A1A1",
            "hash B2B2B2B2B2",
            "hash DEADBEEF",
            "name tide"
        ]
    );
}

#[test]
fn quirk_40_both_hosts_name_the_same_things() {
    let target = |text: &str| Link::parse(text).expect(text).target().clone();
    for path in [
        "models/5",
        "models/5?modelVersionId=6",
        "api/download/models/6?fileId=7",
        "images/8",
    ] {
        assert_eq!(
            target(&format!("https://civitai.com/{path}")),
            target(&format!("https://civitai.red/{path}"))
        );
    }
}

#[test]
fn quirk_42_updates_go_by_date_and_base_model_and_not_by_order() {
    let version = |id: u32, base: &str, published: &str| json!({"id": id, "baseModel": base, "publishedAt": published});
    let model: Model = from(json!({"id": 1, "modelVersions": [
        version(1, "SDXL 1.0", "2024-01-01T00:00:00.000Z"),
        version(2, "SDXL 1.0", "2024-03-01T00:00:00"),
        version(3, "Pony", "2024-05-01T00:00:00.000Z"),
        {"id": 4, "baseModel": "SDXL 1.0"},
    ]}));
    let id = |version: Option<&Version>| version.map(|version| version.id.get());
    assert_eq!(id(model.default_version()), Some(1));
    assert_eq!(id(model.newest_version()), Some(3));
    assert_eq!(id(model.update_for(&model.versions[0])), Some(2));
    assert_eq!(id(model.update_for(&model.versions[1])), None);
    assert_eq!(id(model.update_for(&model.versions[3])), None);
}

#[test]
fn quirk_43_names_are_cleaned_and_told_apart_by_id() {
    let version = &read::<Page<Model>>("models").items[0].versions[0];
    let name = |file: &File| FileName::clean(file.display_name(), &format!("{}.bin", file.id));
    let (first, second) = (name(&version.files[0]), name(&version.files[1]));
    assert_eq!(first.collision_key(), second.collision_key());
    assert_eq!(
        second.with_id(version.files[1].id.into()).as_str(),
        "harbourMoods_v20.32.safetensors"
    );
    let hostile: File = from(json!({"id": 9, "name": "x.bin", "overrideName": "..\\..\\CON"}));
    let clean = name(&hostile);
    assert!(
        !clean.as_str().contains(['/', '\\']) && clean.as_str() != "CON",
        "{clean}"
    );
}

#[test]
fn quirk_44_sizes_are_kibibytes_with_a_fraction() {
    let bytes = |kib: Value| from::<File>(json!({"id": 1, "sizeKB": kib})).bytes();
    assert_eq!(bytes(json!(147_456.507_812_5)), Some(150_995_464));
    assert_eq!(bytes(json!(2)), Some(2048));
    assert_eq!(bytes(json!("2.5")), Some(2560));
    for nonsense in [
        json!(-1),
        json!(1e300),
        json!(null),
        json!("NaN"),
        json!([]),
    ] {
        assert_eq!(bytes(nonsense.clone()), None, "{nonsense}");
    }
}

#[test]
fn quirk_45_crc32_is_swapped_and_autov3_is_cut() {
    assert!(HashKind::Crc32.is_same("0D4A1185", "85114A0D"));
    let full = "762FC1903204".to_owned() + &"0".repeat(52);
    assert!(HashKind::AutoV3.is_same(&full, "762fc1903204"));
    let key: HashKey = full.parse().expect("64 digits");
    let file: File = from(json!({"id": 1, "hashes": {"AutoV3": "762FC1903204", "SHA256": "00"}}));
    assert_eq!(key.matches(&file), Some(HashKind::AutoV3));
    assert!("E3B0C44298FC".parse::<HashKey>().is_err());
}

#[test]
fn quirk_46_ecosystem_and_type_of_a_resource_name_do_not_count() {
    let target = |text: &str| Link::parse(text).expect(text).target().clone();
    let plain = target("civitai:5@6");
    assert!(matches!(plain, Target::Version { .. }));
    for text in [
        "urn:air:sd15:lora:civitai:5@6",
        "urn:air:illustrious:unknown:civitai:5@6",
        "air:sdxl:civitai:5@6.ckpt",
    ] {
        assert_eq!(target(text), plain, "{text}");
    }
}

#[test]
fn quirk_48_unscanned_files_are_recognised() {
    let version = &read::<Page<Model>>("models").items[0].versions[0];
    assert!(!version.is_unscanned() && version.files[0].is_scanned());
    assert!(!version.files[3].is_scanned() && !version.files[3].is_flagged());
    let fresh: Version =
        from(json!({"id": 1, "files": [{"id": 2, "hashes": {}, "pickleScanResult": "Pending"}]}));
    assert!(fresh.is_unscanned());
    let flagged: File =
        from(json!({"id": 2, "pickleScanResult": "Danger", "virusScanResult": "Success"}));
    assert!(flagged.is_flagged() && flagged.is_scanned());
}

#[test]
fn quirk_50_the_end_of_a_gate_is_read_from_every_spelling() {
    let gate = |value: Value| from::<Version>(value).gate();
    let until = Gate::Until("2026-08-26T04:10:00Z".parse().expect("valid"));
    assert_eq!(
        gate(
            json!({"id": 1, "paidAccess": {"permanent": false, "endsAt": "2026-08-26T04:10:00.000Z"}})
        ),
        Some(until)
    );
    assert_eq!(
        gate(json!({"id": 1, "earlyAccessDeadline": "2026-08-26T04:10:00"})),
        Some(until)
    );
    assert_eq!(
        gate(json!({"id": 1, "paidAccess": {"permanent": true, "endsAt": null}})),
        Some(Gate::Permanent)
    );
    assert_eq!(
        gate(json!({"id": 1, "availability": "EarlyAccess"})),
        Some(Gate::Unknown)
    );
    assert_eq!(
        gate(json!({"id": 1, "paidAccess": null, "availability": "Public"})),
        None
    );
}

#[test]
fn quirk_51_a_link_cut_by_the_shell_still_names_its_version() {
    let cut = Link::parse("https://civitai.com/api/download/models/6?type=Model").expect("valid");
    assert!(matches!(cut.target(), Target::Version { version, .. } if version.get() == 6));
    assert!(matches!(
        Link::parse("6").expect("valid").target(),
        Target::Number(_)
    ));
}

#[test]
fn quirk_52_trained_words_are_split_for_display_and_kept_as_typed() {
    let version = &read::<Page<Model>>("models").items[0].versions[0];
    assert_eq!(
        words::clean(&version.trained_words),
        ["harbour mood", "fog"]
    );
    assert_eq!(version.trained_words[0], "harbour mood, fog");
}

#[test]
fn quirk_53_descriptions_are_shown_as_text_and_load_nothing() {
    let html = r#"<p>See <a href="https://e.example/?q=1">this</a></p><img src="https://e.example/track.png"><script>x()</script>"#;
    assert_eq!(text::plain(html, 1000), "See this");
    let long = format!("<p>{}</p>", "word ".repeat(100_000));
    assert_eq!(text::plain(&long, 80).chars().count(), 80);
}

#[test]
fn quirk_54_enumerations_grow() {
    let payload = json!({"id": 1, "type": "Hologram", "modelVersions": [{"id": 2, "baseModel": "Flux 9 Ultra",
        "usageControl": "Rental", "files": [{"id": 3, "type": "Spice", "metadata": {"format": "X9"}}]}]});
    let model: Model = from(payload.clone());
    assert_eq!(model.kind, Some(ModelType::Other("Hologram".into())));
    assert_eq!(
        model.versions[0].base_model,
        Some(BaseModel::Other("Flux 9 Ultra".into()))
    );
    assert_eq!(
        model.versions[0].files[0].kind,
        Some(FileType::Other("Spice".into()))
    );
    assert_eq!(serde_json::to_value(&model).expect("writable"), payload);
    assert_eq!(
        (
            ModelType::KNOWN.len(),
            FileType::KNOWN.len(),
            BaseModel::KNOWN.len()
        ),
        (23, 17, 99)
    );
    let level: Image =
        from(json!({"nsfwLevel": "X", "browsingLevel": 16, "url": "https://x/9.jpeg"}));
    assert_eq!(
        (level.level(), level.id_from_any().map(ImageId::get)),
        (Some(NsfwLevel::XXX), Some(9))
    );
}

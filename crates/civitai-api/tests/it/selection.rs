//! Which file of a version is chosen, and how it is asked for.

use civitai_api::file::{FileSize, Precision, QuantType};
use civitai_api::select::{Choice, FileRequest, SelectError, Variant, select};
use civitai_api::{FileFormat, FileId, FileType, Model, ModelType, Version};
use serde_json::{Value, json};
use url::Url;

use crate::round_trip::read;

fn file(id: u32, kind: &str, name: &str, metadata: &Value) -> Value {
    json!({"id": id, "type": kind, "name": name, "metadata": metadata})
}

fn version(files: &[Value]) -> Version {
    serde_json::from_value(json!({"id": 9, "files": files})).expect("readable")
}

fn chosen(version: &Version, variant: Variant, model: Option<&ModelType>) -> u32 {
    let files = select(version, &Choice::Best(variant), model).expect("a file");
    assert_eq!(files.len(), 1);
    files[0].id.get()
}

fn primary(mut file: Value) -> Value {
    file["primary"] = json!(true);
    file
}

#[test]
fn the_main_file_is_the_default() {
    let version = version(&[
        file(
            1,
            "Training Data",
            "x_trainingData.zip",
            &json!({"format": "Other"}),
        ),
        file(
            2,
            "Model",
            "x.safetensors",
            &json!({"format": "SafeTensor", "size": "pruned", "fp": "fp16"}),
        ),
        primary(file(
            3,
            "Model",
            "x.safetensors",
            &json!({"format": "SafeTensor", "size": "full", "fp": "fp32"}),
        )),
        file(
            4,
            "VAE",
            "x.vae.safetensors",
            &json!({"format": "SafeTensor"}),
        ),
    ]);
    assert_eq!(chosen(&version, Variant::default(), None), 3);
    let pruned = Variant {
        size: Some(FileSize::Pruned),
        ..Variant::default()
    };
    assert_eq!(chosen(&version, pruned, None), 2);
    let vae = Variant {
        kind: Some(FileType::Vae),
        ..Variant::default()
    };
    assert_eq!(chosen(&version, vae, None), 4);
    let all = select(&version, &Choice::All, None).expect("files");
    assert_eq!(all.len(), 4);
    let one = select(
        &version,
        &Choice::File(FileId::new(1).expect("positive")),
        None,
    )
    .expect("a file");
    assert_eq!(one[0].name, "x_trainingData.zip");
}

#[test]
fn safe_tensors_go_before_pickle_among_weights() {
    let version = version(&[
        primary(file(
            1,
            "Model",
            "x.ckpt",
            &json!({"format": "PickleTensor"}),
        )),
        file(
            2,
            "Pruned Model",
            "x-pruned.safetensors",
            &json!({"format": "SafeTensor"}),
        ),
        file(
            3,
            "VAE",
            "x.vae.safetensors",
            &json!({"format": "SafeTensor"}),
        ),
    ]);
    assert_eq!(chosen(&version, Variant::default(), None), 2);
    let pickle = Variant {
        format: Some(FileFormat::named("ckpt").expect("known")),
        ..Variant::default()
    };
    assert_eq!(chosen(&version, pickle, None), 1);
}

#[test]
fn without_a_marked_file_the_model_type_and_the_sites_defaults_decide() {
    let files = [
        file(
            1,
            "VAE",
            "a.vae.safetensors",
            &json!({"format": "SafeTensor"}),
        ),
        file(2, "Model", "a.gguf", &json!({"format": "GGUF"})),
        file(
            3,
            "Model",
            "a-fp32.safetensors",
            &json!({"format": "SafeTensor", "size": "full", "fp": "fp32"}),
        ),
        file(
            4,
            "Model",
            "a-fp16.safetensors",
            &json!({"format": "SafeTensor", "size": "full", "fp": "fp16"}),
        ),
        file(
            5,
            "Model",
            "a-copy.safetensors",
            &json!({"format": "SafeTensor", "size": "full", "fp": "fp16"}),
        ),
    ];
    assert_eq!(
        chosen(
            &version(&files),
            Variant::default(),
            Some(&ModelType::Checkpoint)
        ),
        4
    );
    let poses = [
        file(1, "Model", "preview.pt", &json!({})),
        file(2, "Archive", "poses.zip", &json!({})),
        file(3, "Training Data", "t.zip", &json!({})),
    ];
    assert_eq!(
        chosen(
            &version(&poses),
            Variant::default(),
            Some(&ModelType::Poses)
        ),
        2
    );
    assert_eq!(chosen(&version(&poses), Variant::default(), None), 1);
}

#[test]
fn a_quantisation_is_found_by_name_where_the_endpoint_leaves_it_out() {
    let version = version(&[
        file(1, "Model", "k_v2_Q8_0.gguf", &json!({"format": "GGUF"})),
        file(2, "Model", "k-v2-q4_k_m.gguf", &json!({"format": "GGUF"})),
        file(
            3,
            "Model",
            "k_Q4_K_S.gguf",
            &json!({"format": "GGUF", "quantType": "Q2_K"}),
        ),
    ]);
    let quant = |text: &str| Variant {
        quant: Some(text.parse().expect("known")),
        ..Variant::default()
    };
    assert_eq!(chosen(&version, quant("q8_0"), None), 1);
    assert_eq!(chosen(&version, quant("Q4-K-M"), None), 2);
    assert_eq!(
        chosen(
            &version,
            Variant {
                quant: Some(QuantType::Q2K),
                ..Variant::default()
            },
            None
        ),
        3
    );
}

#[test]
fn a_wrong_wish_is_answered_with_what_there_is() {
    let only = version(&[file(
        7,
        "Model",
        "x.safetensors",
        &json!({"format": "SafeTensor", "fp": "fp16"}),
    )]);
    let wish = Variant {
        fp: Some(Precision::Fp8),
        format: Some(FileFormat::Gguf),
        ..Variant::default()
    };
    let error = select(&only, &Choice::Best(wish), None).expect_err("no such file");
    assert_eq!(
        error.to_string(),
        "version 9 has no file with format GGUF, fp fp8, only 7 x.safetensors (Model, SafeTensor, fp16)"
    );
    let error = select(
        &only,
        &Choice::File(FileId::new(8).expect("positive")),
        None,
    )
    .expect_err("no such file");
    assert_eq!(
        error.to_string(),
        "version 9 has no file 8, only 7 x.safetensors (Model, SafeTensor, fp16)"
    );
    assert!(matches!(
        select(&version(&[]), &Choice::All, None),
        Err(SelectError::NoFiles { .. })
    ));
}

#[test]
fn a_file_is_asked_for_by_id_and_a_linked_vae_by_role() {
    let model: Model = read::<civitai_api::envelope::Page<Model>>("models")
        .items
        .swap_remove(0);
    let version = &model.versions[0];
    let origin = Url::parse("https://civitai.com/").expect("valid");
    let url = |file: usize| {
        FileRequest::new(version, &version.files[file])
            .url(&origin)
            .to_string()
    };
    assert_eq!(
        url(0),
        "https://civitai.com/api/download/models/21?fileId=31"
    );
    assert_eq!(
        url(1),
        "https://civitai.com/api/download/models/21?fileId=32"
    );
    assert_eq!(
        url(2),
        "https://civitai.com/api/download/models/21?type=VAE&format=PickleTensor"
    );
    let training = &version.files[3];
    assert_eq!(
        FileRequest::new(version, training).alternative(training),
        None
    );
    let vae = &version.files[2];
    let by_id = FileRequest::new(version, vae)
        .alternative(vae)
        .expect("another way");
    assert_eq!(by_id.url(&origin).query(), Some("fileId=990"));
    assert!(
        by_id
            .alternative(vae)
            .is_some_and(|request| request.file.is_none())
    );
    let by_role = FileRequest {
        version: version.id,
        file: None,
        variant: Variant {
            kind: Some(FileType::TrainingData),
            ..Variant::default()
        },
    };
    let mirror = Url::parse("http://127.0.0.1:4010/mirror/?x=1#y").expect("valid");
    assert_eq!(
        by_role.url(&mirror).as_str(),
        "http://127.0.0.1:4010/mirror/api/download/models/21?type=Training%20Data"
    );
}

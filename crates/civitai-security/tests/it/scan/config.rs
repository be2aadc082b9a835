use civitai_security::scan::Verdict;

use super::{assert_clean, judged, scan};

#[test]
fn takes_configurations_of_models() {
    for (name, text) in [
        (
            "model_index.json",
            r#"{"_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "UNet2DConditionModel"], "image_encoder": [null, null], "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"]}"#,
        ),
        ("build.yaml", "target: test.run\nsize: {target: code}\n"),
        (
            "v1-inference.yaml",
            "model:\n  base_learning_rate: 1.0e-04\n  target: ldm.models.diffusion.ddpm.LatentDiffusion\n  params:\n    unet_config:\n      target: my_fork.modules.UNet\n      params: {in_channels: 4}\n",
        ),
        (
            "config.json",
            r#"{"_class_name": "UNet2DConditionModel", "_diffusers_version": "0.6.0", "act_fn": "silu"}"#,
        ),
        (
            "config.json",
            r#"{"auto_map": {"AutoModel": "modeling_x.XModel"}, "architectures": ["XModel"]}"#,
        ),
        (
            "hydra.yaml",
            "optimizer:\n  _target_: torch.optim.AdamW\n  lr: 1.0e-4\ncollate:\n  _target_: builtins.dict\n",
        ),
        (
            "hparams.yaml",
            "shape: !!python/tuple [1, 2]\npath: !!python/object/apply:pathlib.PosixPath [a, b]\n",
        ),
        (
            "tokenizer_config.json",
            r#"{"chat_template": "{% for m in messages %}{{ m['content'] }}{% endfor %}"}"#,
        ),
        (
            "words.json",
            r#"{"note": "os.system and !!python/object/apply:os.system are only words"}"#,
        ),
        (
            "notes.yaml",
            "note: 'a tag is written !!python/object/apply:os.system'\n# !!python/name:os.system\n",
        ),
        (
            "workflow.yml",
            "- uses: actions/checkout@v4\n  with: {key: \"${{ secrets['A' ] }}\"}\n",
        ),
        (
            "tsconfig.json",
            "{\n  // a comment\n  \"target\": \"es2020\",\n}\n",
        ),
        (
            "settings.json",
            "/* two */ {\"a\": [1, 2,], # three\n \"b\": \"a\ttab\"} // end",
        ),
        ("empty.json", "\n"),
        (
            "README.md",
            "Load `!!python/object/apply:os.system` with care:\n\n    _target_: os.system\n    - [x\n",
        ),
        (
            "model.safetensors.index.json",
            r#"{"metadata": {}, "weight_map": {"w": "model-00001-of-00002.safetensors"}}"#,
        ),
        ("lines.jsonl", "{\"a\": 1}\n{\"a\": NaN}\n"),
        (
            "metadata.json",
            r#"{"keras_version": "3.15.1", "date_saved": "2026-01-01@00:00:00"}"#,
        ),
    ] {
        assert_clean(name, text);
    }
}

#[test]
fn a_call_of_something_that_runs_is_malicious() {
    for (name, text) in [
        ("a.yaml", "x:\n  _target_: os.system\n  command: id\n"),
        ("a.yaml", "x: {\"_target\\x5f\": builtins.exec}\n"),
        ("a.yaml", "f: &f subprocess.Popen\nx: {_target_: *f}\n"),
        (
            "a.yaml",
            "x: {class_path: importlib.import_module, init_args: {name: os}}\n",
        ),
        (
            "a.yaml",
            "x:\n  target: os.system\n  params: {command: id}\n",
        ),
        ("a.json", r#"{"a": [{"_target_": "torch.hub.load"}]}"#),
        (
            "a.json",
            r#"{"_target_": "torch.nn.Linear", "_target_": "os.system"}"#,
        ),
        (
            "a.json",
            r#"{"_target_": "torch.nn.Linear.__init__.__globals__"}"#,
        ),
        (
            "a.txt",
            r#"{"py/reduce": [{"py/function": "os.system"}, {"py/tuple": ["id"]}]}"#,
        ),
        ("a", "_target_: runpy.run_path\n"),
        ("a.yaml", "target: builtins.exec\n"),
        (
            "model_index.json",
            r#"{"unet": ["os", "system"], "_class_name": "StableDiffusionPipeline"}"#,
        ),
    ] {
        assert_eq!(
            judged(name, text),
            (Verdict::Malicious, vec!["config_call"]),
            "{text}"
        );
    }
    let report = scan("a.json", r#"{"x": {"_target_": "os.system"}}"#);
    assert_eq!(report.findings[0].callable.as_deref(), Some("os.system"));
    assert_eq!(report.findings[0].offset, 19);
}

#[test]
fn what_resolves_a_name_is_judged_by_the_name() {
    let text = "_target_: hydra.utils.get_method\npath: os.system\n";
    assert_eq!(scan("a.yaml", text).verdict, Verdict::Malicious);
    let text = "_target_: hydra.utils.get_method\npath: torch.nn.functional.relu\n";
    assert_eq!(scan("a.yaml", text).verdict, Verdict::Suspicious);
}

#[test]
fn aliases_that_blow_up_are_found() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        text = format!("{text}a{level}: &a{level} [{aliases}]\n");
    }
    assert_eq!(
        judged("a.yaml", &text),
        (Verdict::Suspicious, vec!["config_expansion"])
    );
    let few = text.lines().take(4).collect::<Vec<_>>().join("\n");
    assert_clean("a.yaml", &few);
}

#[test]
fn a_call_of_something_on_no_list_is_suspicious() {
    for text in ["_target_: some_project.Net\n", "_target_: ${model.class}\n"] {
        assert_eq!(
            judged("a.yaml", text),
            (Verdict::Suspicious, vec!["config_unresolved"]),
            "{text}"
        );
    }
}

#[test]
fn tags_that_construct_are_malicious() {
    for text in [
        "model: !!python/object/apply:os.system [\"id\"]\n",
        "model: !!python/object/new:some.Class [1]\n",
        "model: !!python/object:subprocess.Popen {args: id}\n",
        "model: !!python/name:os.system\n",
        "model: !!python/module:os\n",
        "model: !<tag:yaml.org,2002:python/object/apply:os.system> [id]\n",
        "%TAG !p! tag:yaml.org,2002:python/\n---\nmodel: !p!object/apply:os.system [id]\n",
        "model: !!python%2Fobject%2Fapply:os.system [id]\n",
        "---\na: 1\n---\nb: !!python/object/apply:os.system [id]\n",
    ] {
        for name in ["a.yaml", "a.txt"] {
            let (verdict, rules) = judged(name, text);
            assert_eq!(
                (verdict, rules[0]),
                (Verdict::Malicious, "yaml_object"),
                "{text}"
            );
        }
    }
    for text in [
        "a: !!python/object:some.Class {}\n",
        "a: !ruby/object:Gem::Requirement {}\n",
    ] {
        assert_eq!(
            judged("a.yaml", text),
            (Verdict::Suspicious, vec!["yaml_tag"]),
            "{text}"
        );
    }
    assert_eq!(
        judged("a.yaml", "a: !new:os.system [id]\n"),
        (Verdict::Malicious, vec!["config_call"])
    );
    let broken = "a: [\n b: !!python/object/apply:os.system [id\n";
    assert_eq!(judged("a.yaml", broken).0, Verdict::Malicious);
    let unread = "a: }\nb: !!python/object/apply:os.system [id]\n";
    let expected = (Verdict::Suspicious, vec!["config_unreadable"]);
    assert_eq!(judged("a.yaml", unread), expected);
}

#[test]
fn text_of_other_encodings_is_read() {
    let yaml = "a: !!python/object/apply:os.system [id]\n";
    let utf16: Vec<u8> = [0xfeff]
        .into_iter()
        .chain(yaml.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_eq!(judged("a.yaml", utf16).0, Verdict::Malicious);
    assert_eq!(
        judged("a.yaml", [b"\xef\xbb\xbf", yaml.as_bytes()].concat()).0,
        Verdict::Malicious
    );
}

#[test]
fn code_and_files_elsewhere_are_suspicious() {
    let remote = r#"{"auto_map": {"AutoModel": "someone/else--modeling.Model"}}"#;
    assert_eq!(
        judged("config.json", remote),
        (Verdict::Suspicious, vec!["config_code_elsewhere"])
    );
    let index = r#"{"weight_map": {"w": "../../x.safetensors"}}"#;
    assert_eq!(
        judged("a.index.json", index),
        (Verdict::Suspicious, vec!["config_path"])
    );
    let template = r#"{"chat_template": [{"name": "default", "template": "{{ ''.__class__ }}"}]}"#;
    assert_eq!(
        judged("tokenizer_config.json", template),
        (Verdict::Malicious, vec!["template_internals"])
    );
}

#[test]
fn what_is_named_json_and_is_none_is_malformed() {
    for text in [
        r#"{"module": "keras", "class_name": "Sequential", "config": {"layers": ["#,
        r#"{"a": 1} and more"#,
        "{'a': 1, 'b'}}",
        "not found",
        "<!DOCTYPE html><html></html>",
    ] {
        assert_eq!(
            judged("config.json", text),
            (Verdict::Malformed, vec!["config_broken"]),
            "{text}"
        );
    }
    let called = "{\"_target_\": \"os.system\", // a comment\n}";
    assert_eq!(judged("config.json", called).0, Verdict::Malicious);
}

#[test]
fn nesting_ends_at_the_limit() {
    let json = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(
        judged("a.json", json),
        (Verdict::Unscannable, vec!["config_depth"])
    );
    let yaml = format!("a: {}{}", "[".repeat(200), "]".repeat(200));
    assert_eq!(judged("a.yaml", yaml).0, Verdict::Unscannable);
}

fn keras(object: &str) -> (Verdict, Vec<&'static str>) {
    judged(
        "config.json",
        format!(
            r#"{{"module": "keras", "class_name": "Sequential", "config": {{"layers": [{object}]}}, "registered_name": null}}"#
        ),
    )
}

#[test]
fn takes_models_of_keras() {
    for object in [
        r#"{"module": "keras.layers", "class_name": "Dense", "config": {"units": 3, "activation": "relu", "kernel_initializer": {"module": "keras.initializers", "class_name": "GlorotUniform", "config": {"seed": null}, "registered_name": null}}}"#,
        r#"{"module": "keras.src.models.functional", "class_name": "Functional", "config": {}}"#,
        r#"{"module": "builtins", "class_name": "function", "config": "mse", "registered_name": "function"}"#,
        r#"{"module": null, "class_name": "MyLayer", "config": {}, "registered_name": "Custom>MyLayer"}"#,
        r#"{"class_name": "Conv2D", "config": {"filters": 4}}"#,
        r#"{"class_name": "__tensor__", "config": {"value": [1.0], "dtype": "float32"}}"#,
        r#"{"module": "keras.layers", "class_name": "StringLookup", "config": {"vocabulary": ["a", "b"]}}"#,
        r#"{"module": "keras.activations", "class_name": "function", "config": "gelu"}"#,
    ] {
        assert_eq!(keras(object), (Verdict::Clean, vec![]), "{object}");
    }
}

#[test]
fn objects_of_keras_that_run_something_are_malicious() {
    for (object, rule) in [
        (
            r#"{"class_name": "Lambda", "module": "keras.layers", "config": {"function": {"class_name": "__lambda__", "config": {"code": "4wEA"}}}}"#,
            "keras_lambda",
        ),
        (
            r#"{"class_name": "__lambda__", "config": {"value": "4wEA"}}"#,
            "keras_lambda",
        ),
        (
            r#"{"class_name": "Wrap", "config": {"function": ["4wEA", null, null], "function_type": "lambda"}}"#,
            "keras_lambda",
        ),
        (
            r#"{"class_name": "Dense", "class_name": "Lambda", "config": {}}"#,
            "keras_lambda",
        ),
        (
            r#"{"class_name": "Lambda", "class_name": "Dense", "config": {}}"#,
            "keras_lambda",
        ),
        (
            r#"{"module": "keras.layers", "class_name": "TFSMLayer", "config": {"filepath": "/tmp/x"}}"#,
            "keras_unsafe",
        ),
        (
            r#"{"module": "keras.layers", "class_name": "TorchModuleWrapper", "config": {"module": "UEsDBA=="}}"#,
            "keras_unsafe",
        ),
        (
            r#"{"module": "keras.utils", "class_name": "function", "config": "get_file"}"#,
            "keras_unsafe",
        ),
        (
            r#"{"module": "keras.models", "class_name": "function", "config": "load_model"}"#,
            "keras_unsafe",
        ),
        (
            r#"{"module": "os", "class_name": "system", "config": {"command": "id"}}"#,
            "keras_module",
        ),
        (
            r#"{"module": "subprocess", "class_name": "Popen", "config": {}}"#,
            "keras_module",
        ),
        (
            r#"{"module": "builtins", "class_name": "exec", "config": {}}"#,
            "keras_module",
        ),
        (
            r#"{"module": "builtins", "class_name": "function", "config": "eval"}"#,
            "keras_module",
        ),
        (
            r#"{"module": "keras.layers", "module": "os", "class_name": "system", "config": {}}"#,
            "keras_module",
        ),
        (
            r#"{"module": "keras.layers", "class_name": "StringLookup", "config": {"vocabulary": "/etc/passwd"}}"#,
            "keras_file",
        ),
    ] {
        let (verdict, rules) = keras(object);
        assert_eq!(verdict, Verdict::Malicious, "{object}");
        assert!(rules.contains(&rule), "{object}: {rules:?}");
    }
    let unlisted = r#"{"module": "some_package.layers", "class_name": "Layer", "config": {}}"#;
    assert_eq!(
        keras(unlisted),
        (Verdict::Suspicious, vec!["keras_unlisted"])
    );
}

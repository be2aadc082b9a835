use std::path::Path;

use super::*;
use crate::document::ReadError;
use crate::manifest::Manifest;

fn path(text: &str) -> LibraryPath {
    LibraryPath::parse(text).expect("a path")
}

fn file(at: &str, id: u64) -> Locked {
    Locked {
        path: path(at),
        wanted: Want::new(format!("model:{id}")),
        model: ModelId::new(id),
        version: VersionId::new(id * 10).expect("an id"),
        file: FileId::new(id * 100).expect("an id"),
        name: path(at).name().to_owned(),
        bytes: Some(1 << 20),
        sha256: Some(Digest::new([7; 32])),
        blake3: None,
        about: About {
            model_type: Some(ModelType::Lora),
            base: Some(BaseModel::from("SDXL 1.0")),
            title: Some("An \"odd\" title 水彩".to_owned()),
            licence: Licence {
                no_credit: Some(true),
                commercial_use: Some(vec!["Image".into()]),
                ..Licence::default()
            },
            ..About::default()
        },
    }
}

fn lock(files: &[Locked]) -> Lock {
    Lock::new(files.to_vec()).expect("no two share a path")
}

fn text(lock: &Lock, over: Option<&str>) -> String {
    lock.text_over(Path::new("civitai.lock"), over)
        .expect("written")
}

fn read(text: &str) -> Result<Lock, String> {
    read::lock(Path::new("civitai.lock"), text).map_err(|error| error.to_string())
}

#[test]
fn what_is_written_is_read_and_written_again_without_a_change() {
    let full = lock(&[
        file("loras/b.safetensors", 2),
        file("loras/a.safetensors", 1),
    ]);
    let written = text(&full, None);
    insta::assert_snapshot!(written);
    assert_eq!(read(&written).expect("it is right"), full);
    assert_eq!(text(&full, Some(&written)), written);
    let crlf = written.replace('\n', "\r\n");
    assert_eq!(read(&crlf).expect("it is right"), full);
    assert_eq!(text(&full, Some(&crlf)), crlf);
}

#[test]
fn a_change_shows_only_where_it_is() {
    let (a, b, c) = (file("a.gguf", 1), file("b.gguf", 2), file("c.gguf", 3));
    let old = text(&lock(&[a.clone(), c.clone()]), None);
    let remarked = old.replace("path = \"c.gguf\"", "path = \"c.gguf\" # the big one");
    let new = text(&lock(&[a.clone(), b, c.clone()]), Some(&remarked));
    let gone: Vec<_> = remarked
        .lines()
        .filter(|line| !new.contains(line))
        .collect();
    assert_eq!(gone, Vec::<&str>::new());
    assert!(new.contains("# the big one"), "{new}");
    let order: Vec<_> = new
        .lines()
        .filter(|line| line.starts_with("path"))
        .collect();
    assert_eq!(order.len(), 3);
    assert!(order.is_sorted(), "{order:?}");
    assert_eq!(text(&lock(&[a, c]), Some(&new)), remarked);
}

#[test]
fn two_branches_merge_by_themselves() {
    let all: Vec<_> = (1..=4).map(|id| file(&format!("{id}.gguf"), id)).collect();
    let base = text(&lock(&[all[0].clone(), all[3].clone()]), None);
    let mut ours_first = all[0].clone();
    ours_first.bytes = Some(5);
    let ours = text(&lock(&[ours_first.clone(), all[3].clone()]), Some(&base));
    let theirs = text(
        &lock(&[all[0].clone(), all[2].clone(), all[3].clone()]),
        Some(&base),
    );
    // Neither side touches a line that the other side touches, so a merge by lines takes both.
    let changed: Vec<_> = base.lines().filter(|line| !ours.contains(line)).collect();
    assert_eq!(
        changed,
        ["bytes = 1048576"; 1][..0],
        "both blocks hold such a line"
    );
    let both = text(
        &lock(&[ours_first, all[2].clone(), all[3].clone()]),
        Some(&ours),
    );
    let added: Vec<_> = theirs.lines().filter(|line| !base.contains(line)).collect();
    assert!(added.iter().all(|line| both.contains(line)), "{both}");
}

#[test]
fn a_lock_that_cannot_be_right_is_named_with_its_line_and_left_alone() {
    let good = text(&lock(&[file("a.gguf", 1)]), None);
    for (from, to, said) in [
        (
            "version = 1\n",
            "version = 2\n",
            "line 3: it has format 2, and this version knows only 1",
        ),
        (
            "version = 1\n",
            "",
            "`version` is missing in the top of the file",
        ),
        (
            "sha256",
            "sha265",
            "[[file]] has no key `sha265`, did you mean `sha256`?",
        ),
        (
            "\"a.gguf\"\nwanted",
            "\"../a.gguf\"\nwanted",
            "`path` must be a path within the library",
        ),
        ("\"0707", "\"7", "`sha256` must be 64 hexadecimal digits"),
        ("file = 100", "file = -1", "`file` must be an id, not -1"),
        (
            "[[file]]",
            "[file]",
            "`file` must be one or more tables [[file]], not a table",
        ),
        (
            "[[file]]",
            "<<<<<<< HEAD\n[[file]]",
            "there are marks of an unfinished merge",
        ),
        (
            "bytes = 1048576",
            "bytes = 1.5",
            "`bytes` must be a number of bytes, not a broken number",
        ),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good, "{from}");
        let error = read(&bad).expect_err(to);
        assert!(error.contains(said), "{error}");

        let directory = tempfile::tempdir().expect("a directory");
        let at = directory.path().join(LOCK);
        fs_err::write(&at, &bad).expect("written");
        let error = lock(&[]).save(&at).expect_err("it is not overwritten");
        assert!(matches!(error, ReadError::Bad(_)), "{error}");
        assert_eq!(fs_err::read_to_string(&at).expect("there"), bad);
    }
    let twice = format!(
        "{good}\n{}",
        good.split("version = 1\n\n").nth(1).expect("a block")
    );
    let twice = twice.replacen("path = \"a.gguf\"", "path = \"A.gguf\"", 1);
    assert!(
        read(&twice)
            .expect_err("twice")
            .contains("`a.gguf` stands there twice")
    );
}

#[test]
fn the_schema_has_the_keys_that_are_read() {
    let schema = include_str!("../../../../docs/lock.schema.json");
    let schema: serde_json::Value = serde_json::from_str(schema).expect("it is JSON");
    let properties = schema
        .pointer("/properties/file/items/properties")
        .and_then(serde_json::Value::as_object)
        .expect("the schema describes a file");
    let keys: Vec<_> = properties.keys().map(String::as_str).collect();
    assert_eq!(keys, read::KEYS);
}

#[test]
fn drift_is_what_only_one_side_has() {
    let locked = lock(&[file("a.gguf", 1), file("b.gguf", 2)]);
    let manifest = |text| Manifest::of_text(Path::new("civitai.toml"), text).expect("it is right");
    let same = manifest("[[model]]\nlink = \"model:2\"\n[[model]]\nlink = \"model:1\"\n");
    assert!(locked.drift(&same).is_none());
    let other = manifest(
        "[[model]]\nlink = \"model:2\"\nversion = \"latest\"\n[[model]]\nlink = \"model:1\"\n",
    );
    let drift = locked.drift(&other);
    assert_eq!(drift.missing.len(), 1);
    assert_eq!(drift.unwanted, [path("b.gguf")]);
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "(version = 1\n)?(\\[\\[file\\]\\]\n)?[a-z0-9=\\[\\]{}\"',.\n #-]{0,200}") {
        let _ = read(&text);
        let _ = Manifest::of_text(Path::new("civitai.toml"), &text);
    }
}

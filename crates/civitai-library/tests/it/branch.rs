//! Manifests and locks under version control: written again they do not change, and branches merge.

use std::path::Path;
use std::process::Command;

use civitai_api::{FileId, ModelId, VersionId};
use civitai_download::digest::Digest;
use civitai_library::lock::{About, LOCK, Lock, Locked};
use civitai_library::manifest::{Draft, MANIFEST, Manifest, Want};
use civitai_library::path::LibraryPath;
use proptest::prelude::*;

fn want(id: u64) -> Want {
    Want::new(format!("https://civitai.com/models/{id}"))
}

fn locked(id: u64) -> Locked {
    let byte = u8::try_from(id % 251).expect("a byte");
    Locked {
        path: LibraryPath::parse(&format!("loras/{id:05}.safetensors")).expect("a path"),
        wanted: want(id),
        model: ModelId::new(id),
        version: VersionId::new(id * 10).expect("an id"),
        file: FileId::new(id * 100).expect("an id"),
        name: format!("{id}.safetensors"),
        bytes: Some(1 << 20),
        sha256: Some(Digest::new([byte; 32])),
        blake3: None,
        about: About::default(),
    }
}

/// Writes the manifest and the lock of these models, as `add` does one after another.
fn write(directory: &Path, ids: &[u64]) {
    let manifest = directory.join(MANIFEST);
    if !manifest.exists() {
        fs_err::write(&manifest, "# Ours.\n[policy]\npickle = \"refuse\"\n").expect("written");
    }
    let mut draft = Draft::read(&manifest)
        .expect("it is right")
        .expect("it is there");
    for id in ids {
        if !draft.wants().contains(&want(*id)) {
            draft.put(want(*id), None, &format!("Model {id}"));
        }
    }
    draft.save().expect("written");
    let files = ids.iter().map(|id| locked(*id)).collect();
    let lock = Lock::new(files).expect("each has its path");
    lock.save(&directory.join(LOCK)).expect("written");
}

/// A branch of `base` that also wants these.
fn branch(base: &Path, ids: &[u64]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    for name in [MANIFEST, LOCK] {
        fs_err::copy(base.join(name), directory.path().join(name)).expect("copied");
    }
    write(directory.path(), ids);
    directory
}

/// Merges one file of two branches as git does; none where that leaves conflicts.
fn merged(name: &str, [ours, base, theirs]: [&Path; 3]) -> Option<String> {
    let output = Command::new("git")
        .args(["merge-file", "-p"])
        .args([ours, base, theirs].map(|directory| directory.join(name)))
        .output()
        .expect("git is there");
    let text = String::from_utf8(output.stdout).expect("it is text");
    output.status.success().then_some(text)
}

fn has_git() -> bool {
    Command::new("git").arg("--version").output().is_ok()
}

#[test]
fn branches_that_add_different_models_merge() {
    if !has_git() {
        println!("skipped: no git");
        return;
    }
    let base = tempfile::tempdir().expect("a directory");
    write(base.path(), &[200, 300, 1000]);
    let ours = branch(base.path(), &[100, 200, 300, 1000, 2000]);
    let theirs = branch(base.path(), &[200, 250, 300, 400, 1000]);
    let three = [ours.path(), base.path(), theirs.path()];
    let both = tempfile::tempdir().expect("a directory");
    for name in [MANIFEST, LOCK] {
        let text = merged(name, three).unwrap_or_else(|| panic!("{name} does not merge"));
        fs_err::write(both.path().join(name), text).expect("written");
    }
    let ids = [100, 200, 250, 300, 400, 1000, 2000];
    let manifest = Manifest::read(&both.path().join(MANIFEST)).expect("it is right");
    let manifest = manifest.expect("it is there");
    assert_eq!(manifest.models, ids.map(want));
    let lock = Lock::read(&both.path().join(LOCK)).expect("it is right");
    let lock = lock.expect("it is there");
    assert_eq!(lock.files(), ids.map(locked));
    // As if one person had done it all.
    let alone = branch(base.path(), &ids);
    for name in [MANIFEST, LOCK] {
        let read = |directory: &Path| fs_err::read_to_string(directory.join(name)).expect("there");
        assert_eq!(read(both.path()), read(alone.path()));
    }
}

#[test]
fn branches_that_change_one_model_leave_marks_that_are_named() {
    if !has_git() {
        println!("skipped: no git");
        return;
    }
    let base = tempfile::tempdir().expect("a directory");
    write(base.path(), &[200]);
    let [ours, theirs] = [5, 6].map(|bytes| {
        let mut file = locked(200);
        file.bytes = Some(bytes);
        let directory = branch(base.path(), &[200]);
        let lock = Lock::new(vec![file]).expect("one path");
        lock.save(&directory.path().join(LOCK)).expect("written");
        directory
    });
    let three = [ours.path(), base.path(), theirs.path()];
    assert_eq!(merged(LOCK, three), None);
    Command::new("git")
        .args(["merge-file", "-q"])
        .args(three.map(|directory| directory.join(LOCK)))
        .status()
        .expect("git is there");
    let path = ours.path().join(LOCK);
    let text = fs_err::read_to_string(&path).expect("there");
    let error = Lock::read(&path).expect_err("it has marks").to_string();
    assert!(error.contains("unfinished merge"), "{error}");
    let lock = Lock::new(vec![locked(200)]).expect("one path");
    lock.save(&path).expect_err("nothing is written over marks");
    assert_eq!(fs_err::read_to_string(&path).expect("there"), text);
}

/// A manifest as people write them: with comments, in any order, with any line ends.
fn handwritten() -> impl Strategy<Value = (Vec<u64>, String)> {
    let block = (1_u64..9999, any::<bool>(), 0_usize..4);
    (proptest::collection::vec(block, 0..6), any::<bool>()).prop_map(|(blocks, has_crlf)| {
        let mut text = "# Ours.\n\n[settings]\nlayout   = 'comfyui' # as everywhere\n".to_owned();
        let mut ids = Vec::new();
        for (id, is_remarked, lines) in blocks {
            if ids.contains(&id) {
                continue;
            }
            ids.push(id);
            text.push_str(&"\n".repeat(lines));
            if is_remarked {
                text.push_str("# The best.\n");
            }
            let link = format!("https://civitai.com/models/{id}");
            text.extend(["[[model]]\nlink =  '", &link, "'  # his\n"]);
        }
        if has_crlf {
            text = text.replace('\n', "\r\n");
        }
        (ids, text)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_put_in_and_taken_out_again_leaves_no_trace((ids, text) in handwritten(), new in 10_000_u64..20_000) {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join(MANIFEST);
        fs_err::write(&path, &text).expect("written");
        let draft = || Draft::read(&path).expect("it is right").expect("it is there");
        prop_assert_eq!(draft().text(), text.clone());
        draft().save().expect("nothing to write");
        prop_assert_eq!(fs_err::read_to_string(&path).expect("there"), text.clone());
        let mut changed = draft();
        changed.put(want(new), None, "New");
        changed.save().expect("written");
        let mut again = draft();
        let place = again.wants().iter().position(|known| *known == want(new));
        prop_assert_eq!(again.wants().len(), ids.len() + 1);
        again.take(place.into_iter().collect());
        again.save().expect("written");
        prop_assert_eq!(fs_err::read_to_string(&path).expect("there"), text);
    }

    #[test]
    fn a_lock_is_the_same_bytes_whatever_was_in_it_meanwhile(
        mut ids in proptest::collection::btree_set(1_u64..500, 0..8),
        new in 500_u64..600,
    ) {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join(LOCK);
        let save = |ids: &std::collections::BTreeSet<u64>| {
            let lock = Lock::new(ids.iter().map(|id| locked(*id)).collect()).expect("paths");
            lock.save(&path).expect("written");
            let read = Lock::read(&path).expect("it is right").expect("it is there");
            assert_eq!(read, lock);
            fs_err::read_to_string(&path).expect("there")
        };
        let first = save(&ids);
        prop_assert_eq!(save(&ids), first.clone());
        ids.insert(new);
        save(&ids);
        ids.remove(&new);
        prop_assert_eq!(save(&ids), first);
    }
}

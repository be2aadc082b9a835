//! A lock is enough: whoever has it gets the same files, byte for byte, and is told when it is not what is wanted.

use std::collections::BTreeMap;
use std::path::Path;

use crate::user::{Site, User};

/// Every file below a folder with its bytes, but what is hidden.
fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    fn gather(folder: &Path, top: &Path, into: &mut BTreeMap<String, Vec<u8>>) {
        for entry in fs_err::read_dir(folder).expect("the folder is there") {
            let path = entry.expect("the folder can be read").path();
            let inner = path.strip_prefix(top).expect("it is below");
            let inner = inner.to_str().expect("names are UTF-8").to_owned();
            if inner.split('/').any(|part| part.starts_with('.')) {
                continue;
            }
            if path.is_dir() {
                gather(&path, top, into);
            } else {
                into.insert(inner, fs_err::read(&path).expect("the file can be read"));
            }
        }
    }
    let mut files = BTreeMap::new();
    gather(folder, folder, &mut files);
    files
}

/// Somebody whose models are beside the project also where a lock is all there is of it.
fn user_of(site: &Site) -> User {
    User::of(site)
}

/// Somebody whose project has these files of the first one's, and nothing else.
fn fresh(site: &Site, first: &User, names: &[&str]) -> User {
    let user = user_of(site);
    for name in names {
        let bytes = fs_err::read(first.path(name)).expect("the first one has it");
        user.write(name, bytes);
    }
    user
}

/// Somebody with a project of three models, all of them there.
fn first(site: &Site) -> User {
    let user = user_of(site);
    user.run(&["init"]).exits(0);
    user.run(&["add", "1001", "1002", "1004"]).exits(0);
    user.run(&["sync", "--json"]).exits(0);
    user
}

fn is_model(name: &str) -> bool {
    let extension = Path::new(name).extension();
    extension.is_some_and(|it| {
        ["safetensors", "ckpt", "pt", "gguf"]
            .iter()
            .any(|known| it == *known)
    })
}

/// Requests that were not for an address or for the bytes.
fn asked_of_the_api(site: &Site) -> Vec<String> {
    let entries = site.sim.log().entries();
    let api = entries
        .iter()
        .filter(|entry| !entry.listener.is_storage() && entry.target.starts_with("/api/v1"));
    api.map(|entry| entry.target.clone()).collect()
}

#[test]
fn the_lock_alone_makes_the_same_tree_twice() {
    let site = Site::start();
    let first = first(&site);
    let wanted = tree(&first.path("models"));
    let models = wanted.keys().filter(|name| is_model(name));
    assert!(models.count() >= 3, "{:?}", wanted.keys());
    for words in [&["sync", "--json"][..], &["sync", "--frozen", "--json"]] {
        let user = fresh(&site, &first, &["civitai.lock"]);
        site.sim.log().clear();
        user.run(words).exits(0);
        let asked = asked_of_the_api(&site);
        assert!(
            asked.is_empty() || !words.contains(&"--frozen"),
            "{asked:?}"
        );
        assert_tree(&user, &wanted);
        assert_eq!(
            fs_err::read(user.path("civitai.lock")).unwrap(),
            fs_err::read(first.path("civitai.lock")).unwrap(),
        );
        // In step, there is nothing to ask and nothing to write.
        site.sim.log().clear();
        user.run(words).exits(0);
        user.run(&["sync", "--check"]).exits(0);
        assert_eq!(site.sim.log().entries().len(), 0);
        assert_tree(&user, &wanted);
    }
}

fn assert_tree(user: &User, wanted: &BTreeMap<String, Vec<u8>>) {
    let there = tree(&user.path("models"));
    let names = |tree: &BTreeMap<String, Vec<u8>>| tree.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&there), names(wanted));
    for (name, bytes) in wanted {
        assert!(there[name] == *bytes, "{name} differs");
    }
}

#[test]
fn a_manifest_that_wants_something_else_is_drift() {
    let site = Site::start();
    let first = first(&site);
    let manifest = fs_err::read_to_string(first.path("civitai.toml")).unwrap();
    let user = fresh(&site, &first, &["civitai.lock"]);
    user.write(
        "civitai.toml",
        manifest + "\n[[model]]\nlink = \"model:1003\"\n",
    );
    let lock = fs_err::read(user.path("civitai.lock")).unwrap();
    site.sim.log().clear();
    for (words, code) in [
        (["sync", "--frozen"], 2),
        (["sync", "--locked"], 2),
        (["sync", "--check"], 9),
    ] {
        let ran = user.run(&words).exits(code);
        assert!(ran.stderr.contains("civitai.toml"), "{ran:#?}");
    }
    assert_eq!(site.sim.log().entries().len(), 0);
    assert!(!user.path("models").exists());
    assert_eq!(fs_err::read(user.path("civitai.lock")).unwrap(), lock);
}

#[test]
fn a_file_that_changed_is_noticed_and_fetched_again() {
    let site = Site::start();
    let first = first(&site);
    let wanted = tree(&first.path("models"));
    let (name, bytes) = wanted.iter().find(|(name, _)| is_model(name)).unwrap();
    let mut other = bytes.clone();
    other[bytes.len() / 2] ^= 1;
    let path = first.path("models").join(name);
    fs_err::write(&path, &other).unwrap();
    first.run(&["sync", "--check"]).exits(9);
    first.run(&["sync", "--frozen"]).exits(0);
    assert_tree(&first, &wanted);
}

#[test]
fn what_left_the_lock_goes_and_what_was_never_in_it_stays() {
    let site = Site::start();
    let user = first(&site);
    let before = tree(&user.path("models"));
    user.write("models/loras/my-own.safetensors", "not ours");
    user.run(&["remove", "1002"]).exits(0);
    user.run(&["sync"]).exits(0);
    let after = tree(&user.path("models"));
    assert!(after.contains_key("loras/my-own.safetensors"));
    let gone: Vec<_> = before
        .keys()
        .filter(|name| !after.contains_key(*name))
        .collect();
    assert!(gone.iter().any(|name| is_model(name)), "{gone:?}");
    user.run(&["sync", "--check"]).exits(0);
}

//! What somebody has already: a second place for it costs no bytes, and is no way around the scanner.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use civitai_sim::content::Content;
use civitai_sim::seed::{LATER_TWIN, TWIN};
use civitai_sim::state::{File, Model, State, User as SimUser, Version};
use serde_json::Value;

use crate::user::{Site, User};

/// A site with one file of these bytes.
fn site_with(name: &str, kind: &str, base_model: &str, bytes: &[u8]) -> Site {
    let mut state = State::default();
    state.add_user(SimUser::new(1, "plain").with_token("plain-token"));
    let content = Content::literal(bytes);
    let file = File::new(100, name, content.len()).with_content(content);
    let version = Version::new(10, "v1").with_base_model(base_model);
    let model = Model::new(1, "Model", kind).with_version(version.with_file(file));
    state.add_model(model);
    Site::of(state)
}

fn safetensors(names: &[&str]) -> Vec<u8> {
    let mut header = serde_json::Map::new();
    for (name, at) in names.iter().zip((0_usize..).step_by(2)) {
        let tensor =
            serde_json::json!({"dtype": "F16", "shape": [1], "data_offsets": [at, at + 2]});
        header.insert((*name).to_owned(), tensor);
    }
    let header = Value::Object(header).to_string();
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.resize(file.len() + 2 * names.len(), 0);
    file
}

fn inode(path: impl AsRef<Path>) -> u64 {
    fs_err::metadata(path.as_ref()).expect("it is there").ino()
}

fn id(case: civitai_sim::seed::Case) -> String {
    case.model.to_string()
}

#[test]
fn the_same_bytes_under_another_number_are_linked_and_not_fetched() {
    let site = Site::start();
    let user = User::of(&site).with("CIVITAI_LAYOUT", "{type}/{model_id}/{file}");
    let first = user
        .run(&["get", &id(TWIN), "--json"])
        .exits(0)
        .line("file");
    let fetched = site.sim.log().summary().storage_bytes;
    let plan = user.run(&["get", &id(LATER_TWIN), "--dry-run", "--json"]);
    assert_eq!(plan.exits(0).line("planned")["action"], "link");
    let ran = user.run(&["get", &id(LATER_TWIN), "--json"]).exits(0);
    let second = ran.line("file");
    assert_eq!(second["status"], "linked", "{second}");
    assert_eq!(second["fetchedBytes"], 0);
    assert_eq!(second["sha256"], first["sha256"]);
    assert_eq!(second["linkedTo"], first["path"]);
    assert_eq!(ran.line("summary")["linked"], 1);
    assert_eq!(site.sim.log().summary().storage_bytes, fetched);
    let [first, second] = [first, second].map(|line| line["path"].as_str().unwrap().to_owned());
    assert_eq!(inode(&first), inode(&second));
    assert!(Path::new(&second).with_extension("civitai.info").is_file());

    let listed = user.run(&["library", "list", "--json"]).exits(0).lines();
    let models: Vec<_> = listed
        .iter()
        .filter_map(|line| line["modelId"].as_u64())
        .collect();
    assert_eq!(models, [TWIN, LATER_TWIN].map(|case| u64::from(case.model)));
    user.run(&["library", "verify", "--deep"]).exits(0);
    let again = user.run(&["get", &id(LATER_TWIN), "--json"]).exits(0);
    assert_eq!(again.line("file")["status"], "skipped");
    // A folder of its own is no place of the library.
    let apart = user
        .run(&["get", &id(TWIN), "--to", "out", "--json"])
        .exits(0);
    assert_eq!(apart.line("file")["status"], "downloaded");
}

#[test]
fn what_only_seems_to_be_there_is_fetched() {
    let site = Site::start();
    let user = User::of(&site).with("CIVITAI_LAYOUT", "{type}/{model_id}/{file}");
    let first = user
        .run(&["get", &id(TWIN), "--json"])
        .exits(0)
        .line("file");
    let path = first["path"].as_str().unwrap();
    let mut bytes = fs_err::read(path).unwrap();
    bytes[70_000] ^= 1;
    let modified = fs_err::metadata(path).unwrap().modified().unwrap();
    fs_err::write(path, &bytes).unwrap();
    let file = fs_err::File::options().write(true).open(path).unwrap();
    file.file().set_modified(modified).unwrap();
    let second = user.run(&["get", &id(LATER_TWIN), "--json"]).exits(0);
    let second = second.line("file");
    assert_eq!(second["status"], "downloaded", "{second}");
    assert_eq!(second["sha256"], first["sha256"]);
    assert!(
        fs_err::read(path).unwrap() == bytes,
        "what was there was touched"
    );
}

#[test]
fn what_is_there_unseen_is_scanned_before_it_gets_a_second_place() {
    let evil = b"cposix\nsystem\n(S'true'\ntR.";
    let site = site_with("evil.pt", "TextualInversion", "SD 1.5", evil);
    let user = User::of(&site);
    let mine = user.write(".local/share/civitai-dl/models/mine/found.pt", evil);
    user.run(&["library", "scan"]).exits(0);
    let ran = user.run(&["get", "1", "--json"]).exits(10);
    let line = ran.line("file");
    assert_eq!(line["status"], "failed");
    assert_eq!(line["error"]["kind"], "unsafe_content");
    assert_eq!(line["scan"], "malicious");
    assert!(
        line["error"]["message"]
            .as_str()
            .unwrap()
            .contains("mine/found.pt"),
        "{line}"
    );
    let place = line["path"].as_str().unwrap();
    assert!(!Path::new(place).exists());
    assert!(
        fs_err::read(&mine).unwrap() == evil,
        "what was there was touched"
    );
    assert_eq!(site.sim.log().summary().storage_bytes, 0);
    for (lang, word) in [("en", "same content"), ("ja", "同じ内容")] {
        let said = user.run(&["get", "1", "--lang", lang]).exits(10).stderr;
        assert!(
            said.contains(word) && said.contains("--accept-unsafe"),
            "{said}"
        );
    }
    let ran = user
        .run(&["get", "1", "--accept-unsafe", "--json"])
        .exits(0);
    assert_eq!(ran.line("file")["status"], "linked");
    assert_eq!(ran.line("file")["scan"], "malicious");
    assert_eq!(inode(place), inode(&mine));
}

#[test]
fn another_volume_shares_by_a_symbolic_link() {
    let Ok(other) = tempfile::tempdir_in("/dev/shm") else {
        return eprintln!("skipped: no second volume");
    };
    let site = Site::start();
    let user = User::of(&site);
    let device = |path: &Path| fs_err::metadata(path).expect("it is there").dev();
    if device(other.path()) == device(user.home()) {
        return eprintln!("skipped: one volume");
    }
    user.run(&["get", "1001"]).exits(0);
    let there = other.path().to_str().unwrap();
    let ran = user
        .run(&["get", "1001", "--library", there, "--json"])
        .exits(0);
    let line = ran.line("file");
    assert_eq!(line["status"], "linked");
    let path = Path::new(line["path"].as_str().unwrap());
    assert!(path.is_symlink());
    user.run(&["library", "verify", "--library", there])
        .exits(0);
}

#[test]
fn a_bare_diffusion_model_goes_where_its_header_says_it_belongs() {
    let bare = safetensors(&[
        "double_blocks.0.img_attn.qkv.weight",
        "double_blocks.0.txt_attn.qkv.weight",
        "double_blocks.0.img_mod.lin.weight",
        "single_blocks.0.linear1.weight",
        "single_blocks.0.modulation.lin.weight",
        "guidance_in.in_layer.weight",
        "img_in.weight",
        "txt_in.weight",
        "final_layer.linear.weight",
    ]);
    let site = site_with("flux.safetensors", "Checkpoint", "Flux.1 D", &bare);
    let user = User::of(&site);
    // A dry run asks for no header, and names both places.
    let plan = user.run(&["get", "1", "--dry-run", "--json"]).exits(0);
    let places = ["path", "otherPath"].map(|field| plan.line("planned")[field].clone());
    let mut folders = places.map(|place| {
        let place = Path::new(place.as_str().unwrap()).to_owned();
        let folder = place.parent().unwrap().file_name().unwrap().to_owned();
        folder.into_string().unwrap()
    });
    folders.sort();
    assert_eq!(folders, ["checkpoints", "diffusion_models"]);
    let said = user.run(&["get", "1", "--dry-run"]).exits(0);
    assert!(said.stdout.contains("\n  or "), "{}", said.stdout);
    let ran = user.run(&["get", "1", "--json"]).exits(0);
    let path = ran.line("file")["path"].as_str().unwrap().to_owned();
    assert!(
        path.ends_with("diffusion_models/model_v1.safetensors"),
        "{path}"
    );
    // The header was asked for under the address that then served the file.
    let exchanges = site
        .sim
        .log()
        .entries()
        .iter()
        .filter(|entry| entry.target.starts_with("/api/download"))
        .count();
    assert_eq!(exchanges, 1);
    let again = user.run(&["get", "1", "--json"]).exits(0);
    assert_eq!(again.line("file")["status"], "skipped");
    assert_eq!(again.line("file")["path"], path);
}

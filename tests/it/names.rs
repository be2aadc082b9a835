//! Names that uploaders and storages give files, and where the files are then: always in the folder that was asked for,
//! under a name that every system bears.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use civitai_sim::fault::{Disposition, Knob, Scope};
use civitai_sim::seed;
use civitai_sim::state::{File, Model, State, User as SimUser, Version};

use crate::user::{Ran, Site, User};

/// A site with one model, whose files have these names.
fn site(names: &[&str]) -> Site {
    let mut state = State::default();
    state.add_user(SimUser::new(1, "plain").with_token("plain-token"));
    let files = names.iter().zip(FIRST_ID..);
    let version = files.fold(Version::new(10, "v1"), |version, (name, id)| {
        version.with_file(File::new(id, name, 1000 + u64::from(id)))
    });
    state.add_model(Model::new(1, "Names", "LORA").with_version(version));
    Site::of(state)
}

/// The names under which the files of a run are, by their ids. Each lies directly in `out`.
fn names(user: &User, ran: &Ran) -> BTreeMap<u64, String> {
    let out = user.path("out");
    let files = ran.lines().into_iter();
    let files = files.filter(|line| line["type"] == "file");
    let name = |line: serde_json::Value| {
        let path = Path::new(line["path"].as_str().expect("a path"));
        let path = user.home().join(path);
        assert_eq!(path.parent(), Some(out.as_path()), "{line}");
        assert_eq!(
            fs_err::metadata(&path).expect("it is there").len(),
            line["bytes"],
            "{line}"
        );
        let name = path.file_name().and_then(|name| name.to_str());
        (
            line["fileId"].as_u64().unwrap_or_default(),
            name.expect("it is there").to_owned(),
        )
    };
    files.map(name).collect()
}

/// Fetches files of these names through the API, and others of the same names from a list; both end under `expected`.
/// What is in them is made up and of no kind that a scanner knows: only the names are looked at.
fn assert_stored(table: &[(&str, &str)]) {
    let given: Vec<_> = table.iter().map(|(given, _)| *given).collect();
    let expected: BTreeSet<_> = table.iter().map(|(_, name)| (*name).to_owned()).collect();
    assert_eq!(expected.len(), table.len(), "the names of a table differ");
    let site = site(&given);
    let user = User::of(&site);
    let around = entries(user.home());
    let ran = user
        .run(&[
            "get",
            "1",
            "--all-files",
            "--to",
            "out",
            "--accept-unsafe",
            "--json",
        ])
        .exits(0);
    let got = names(&user, &ran);
    for (id, (given, name)) in (u64::from(FIRST_ID)..).zip(table) {
        assert_eq!(&got[&id], name, "{given:?}");
        // What the uploader called it is not lost.
        let planned = ran.lines();
        assert!(planned.iter().any(|line| line["fileId"] == id), "{given:?}");
    }
    let strays: Vec<_> = entries(user.home()).difference(&around).cloned().collect();
    assert!(
        strays
            .iter()
            .all(|name| [".local", ".cache", "out"].contains(&name.as_str())),
        "{strays:?}"
    );
    // What would end a cell or the line cannot stand in a list.
    let rows = (FIRST_ID..)
        .zip(&given)
        .filter(|(_, given)| !given.contains(['\n', '\r', '\t', '\0']) && !given.trim().is_empty());
    let row = |(id, given)| {
        let url = site.sim.sign(id).expect("the file is known");
        format!("{url}\t{given}\t\t{}\n", 1000 + id)
    };
    let list: Vec<String> = rows.map(row).collect();
    let user = User::of(&site);
    user.write("list", list.concat());
    let ran = user.run(&["fetch", "--list", "list", "--to", "out", "--json"]);
    let ran = ran.exits(0);
    names(&user, &ran);
    let stored: BTreeSet<_> = entries(&user.path("out"));
    assert!(stored.is_subset(&expected), "{stored:?}");
}

fn entries(folder: &Path) -> BTreeSet<String> {
    let entries = fs_err::read_dir(folder).expect("it is there");
    entries
        .map(|entry| {
            entry
                .expect("it is there")
                .file_name()
                .into_string()
                .expect("it is there")
        })
        .collect()
}

#[test]
fn h08_a_path_in_a_name_leads_nowhere() {
    assert_stored(&[
        ("../../x1", "x1"),
        ("/etc/x2", "x2"),
        ("..\\..\\x3", "x3"),
        ("C:\\x4", "x4"),
        ("\\\\host\\x5", "x5"),
        ("file:x6", "file_x6"),
    ]);
}

#[test]
fn h08_h09_what_storage_calls_a_file_names_nothing() {
    for how in [
        Disposition::Traversal,
        Disposition::Quotes,
        Disposition::Utf8,
        Disposition::Missing,
    ] {
        let site = Site::start();
        let knob = Knob::BadDisposition(how).within(Scope::storage());
        site.sim.faults().add(knob);
        let user = User::of(&site);
        let ran = user.run(&["get", "1001", "--to", "out", "--json"]).exits(0);
        let line = ran.line("file");
        assert_eq!(names(&user, &ran).len(), 1);
        assert_eq!(line["fileId"], seed::LORA.file(0));
    }
}

#[test]
fn h09_percent_signs_of_a_name_are_not_decoded_where_nobody_coded_them() {
    assert_stored(&[
        ("..%2F..%2Fx.bin", "%2F..%2Fx.bin"),
        ("a%00b.bin", "a%00b.bin"),
        ("UTF-8''%e2%82%ac.bin", "UTF-8''%e2%82%ac.bin"),
    ]);
}

#[test]
fn h10_names_of_devices_and_trailing_dots_become_legal() {
    assert_stored(&[
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("COM1.safetensors", "_COM1.safetensors"),
        ("LPT9", "_LPT9"),
        ("aux.", "_aux"),
        ("space ", "space"),
        ("dot.", "dot"),
    ]);
}

#[test]
fn h11_nothing_invisible_stays_in_a_name_nor_reaches_the_terminal() {
    let table = [
        ("a\0b1.bin", "ab1.bin"),
        ("a\nb2.bin", "ab2.bin"),
        ("a\u{1b}[31mb3.bin", "a[31mb3.bin"),
        ("a\u{7f}b4.bin", "ab4.bin"),
        ("a\u{202e}b5.bin", "ab5.bin"),
        ("a\u{200b}b6.bin", "ab6.bin"),
    ];
    assert_stored(&table);
    let given: Vec<_> = table.iter().map(|(given, _)| *given).collect();
    let site = site(&given);
    let user = User::of(&site);
    let ran = user.run(&["info", "1", "-vv"]);
    let shown = ran.stdout + &ran.stderr;
    assert!(
        !shown.contains(['\0', '\u{1b}', '\u{7f}', '\u{202e}', '\u{200b}']),
        "{shown:?}"
    );
}

#[test]
fn h12_long_names_are_cut_at_a_letter_and_keep_their_extension() {
    let long = "n".repeat(300) + ".safetensors";
    let wide = "𝕏".repeat(63) + ".gguf";
    let table = [long.as_str(), wide.as_str()];
    let site = site(&table);
    let user = User::of(&site);
    let ran = user
        .run(&["get", "1", "--all-files", "--to", "out", "--json"])
        .exits(0);
    let names = names(&user, &ran);
    let [long, wide] = [FIRST_ID, FIRST_ID + 1].map(|id| &names[&id.into()]);
    assert!(
        long.ends_with("n.safetensors") && wide.ends_with("𝕏.gguf"),
        "{names:?}"
    );
    assert!(
        names
            .values()
            .all(|name| name.len() + ".part.json".len() <= 255),
        "{names:?}"
    );
}

#[test]
fn h13_names_that_fold_into_one_are_two_files() {
    let (composed, decomposed) = ("caf\u{e9}.bin", "cafe\u{301}.bin");
    let given = [
        "Model.safetensors",
        "model.SAFETENSORS",
        composed,
        decomposed,
    ];
    let site = site(&given);
    let user = User::of(&site);
    let ran = user
        .run(&["get", "1", "--all-files", "--to", "out", "--json"])
        .exits(0);
    let names = names(&user, &ran);
    let apart: BTreeSet<_> = names.values().map(|name| name.to_lowercase()).collect();
    assert_eq!(apart.len(), given.len(), "{names:?}");
    assert!(
        !names.values().any(|name| name.contains('\u{301}')),
        "{names:?}"
    );
}

#[test]
fn h14_nothing_looks_like_an_option_a_hidden_file_or_a_command() {
    assert_stored(&[
        ("-rf", "rf"),
        (".ssh", "ssh"),
        (".bashrc", "bashrc"),
        ("~x", "x"),
        ("$(x)", "$(x)"),
        ("%s", "%s"),
        ("*", "_"),
    ]);
}

const FIRST_ID: u32 = 100;

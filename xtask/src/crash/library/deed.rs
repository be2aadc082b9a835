//! What is done to a library.

use std::path::Path;

use anyhow::{Result, ensure};

use super::state::State;
use super::{Bench, said};

/// One command, what went before it, and what it has to lead to.
pub(in crate::crash) struct Deed {
    pub(in crate::crash) name: &'static str,
    /// Commands that ran before.
    pub(super) before: &'static [&'static [&'static str]],
    /// What happened to the home then.
    pub(super) spoil: fn(&Path) -> Result<()>,
    pub(super) words: &'static [&'static str],
    /// How the command may end when it is given once more.
    pub(super) again: &'static [i32],
    /// What must be possible after any blow, and how it may end.
    pub(super) looks: &'static [(&'static [&'static str], &'static [i32])],
    /// What else must be true after any blow.
    pub(super) sound: fn(&Bench<'_>) -> Result<()>,
    /// Whether a file may be there that is neither as before nor as after.
    pub(super) bears: fn(&str, &[u8], &State, &State) -> bool,
    /// What is true when the deed is done.
    pub(super) proof: fn(&Bench<'_>) -> Result<()>,
}

impl Deed {
    const fn new(
        name: &'static str,
        before: &'static [&'static [&'static str]],
        words: &'static [&'static str],
    ) -> Self {
        Self {
            name,
            before,
            spoil: |_| Ok(()),
            words,
            again: &[0],
            looks: &[(CHECK_DB, &[0])],
            sound: |_| Ok(()),
            bears: |_, _, _, _| false,
            proof: |_| Ok(()),
        }
    }
}

const GET: &[&str] = &["get", "1", "2", "3"];
/// With a catalogue that is not looked at.
const GET_ELSEWHERE: &[&str] = &["get", "1", "2", "3", "--data-dir", "../elsewhere"];
const SCAN: &[&str] = &["library", "scan"];
const CHECK_DB: &[&str] = &["library", "check-db"];
const BACKUP: &[&str] = &["library", "backup"];
const REMOVE: &[&str] = &["library", "remove", FIRST, SECOND];
const INIT: &[&str] = &["init"];
const ADD: &[&str] = &["add", "1", "2", "3"];
const SYNC: &[&str] = &["sync"];
/// 9: the library is not what the lock says, or the lock not what the manifest wants.
const IN_PROJECT: &[(&[&str], &[i32])] = &[(CHECK_DB, &[0]), (&["sync", "--check"], &[0, 9])];
/// 4: it was done, and the file is not under its old name any more.
const DONE_OR_GONE: &[i32] = &[0, 4];

/// Everything that is struck.
pub(in crate::crash) const DEEDS: &[Deed] = &[
    Deed {
        proof: everything_is_there,
        ..Deed::new("`get` of three models with sidecars", &[], GET)
    },
    Deed {
        // A plain file under a final name would be neither as before nor as after.
        proof: everything_is_there,
        ..Deed::new(
            "`get --encrypt` of three models with sidecars",
            &[&["keys", "create", "machine"]],
            &["get", "1", "2", "3", "--encrypt", "basic"],
        )
    },
    Deed {
        proof: everything_is_there,
        ..Deed::new(
            "the first `library scan`, which makes the catalogue",
            &[GET_ELSEWHERE],
            SCAN,
        )
    },
    Deed {
        looks: IN_PROJECT,
        ..Deed::new("`add` of three models", &[INIT], ADD)
    },
    Deed {
        looks: IN_PROJECT,
        proof: everything_is_there,
        ..Deed::new("`sync` of three files", &[INIT, ADD], SYNC)
    },
    Deed {
        looks: IN_PROJECT,
        ..Deed::new(
            "`sync` that moves one file and trashes another",
            &[
                INIT,
                ADD,
                SYNC,
                &["remove", "2"],
                &["add", "1", "--path", "moved/first.safetensors"],
            ],
            SYNC,
        )
    },
    Deed {
        again: DONE_OR_GONE,
        proof: everything_is_there,
        ..Deed::new(
            "`library move` of two models with sidecars",
            &[GET],
            &["library", "move", FIRST, SECOND, "moved/"],
        )
    },
    Deed {
        again: DONE_OR_GONE,
        proof: everything_is_there,
        ..Deed::new(
            "`library rename` of a model with a sidecar",
            &[GET],
            &["library", "rename", FIRST, "other"],
        )
    },
    Deed {
        again: DONE_OR_GONE,
        ..Deed::new("`library remove` of two models", &[GET], REMOVE)
    },
    Deed {
        // 4: nothing is left to undo.
        again: DONE_OR_GONE,
        proof: everything_is_there,
        ..Deed::new(
            "`library undo` of a removal",
            &[GET, REMOVE],
            &["library", "undo"],
        )
    },
    Deed::new(
        "`library empty-trash` after a removal",
        &[GET, REMOVE],
        &["library", "empty-trash"],
    ),
    Deed {
        proof: everything_is_there,
        ..Deed::new(
            "`get` of what another library has, which is linked",
            &[GET],
            &["get", "1", "2", "3", "--library", "second"],
        )
    },
    Deed {
        spoil: damage,
        bears: is_partly_mended,
        proof: everything_is_there,
        ..Deed::new(
            "`library repair` of two files from the site",
            &[GET],
            &["library", "repair"],
        )
    },
    Deed {
        sound: every_backup_is_whole,
        proof: |bench| backups(bench, 1),
        ..Deed::new("`library backup`", &[GET], BACKUP)
    },
    Deed {
        sound: |bench| {
            every_backup_is_whole(bench)?;
            the_catalogue_is_one_of_both(bench)
        },
        proof: |bench| backups(bench, 2),
        ..Deed::new(
            "`library restore`",
            &[&["get", "1"], BACKUP, &["get", "2", "3"]],
            &["library", "restore"],
        )
    },
    Deed {
        sound: the_catalogue_is_one_of_both,
        ..Deed::new(
            "`library import` of a catalogue",
            &[
                &["get", "1"],
                GET_ELSEWHERE,
                &[
                    "library",
                    "export",
                    "--to",
                    "../catalogue.jsonl",
                    "--data-dir",
                    "../elsewhere",
                ],
            ],
            &["library", "import", "../catalogue.jsonl"],
        )
    },
    Deed {
        looks: &[],
        sound: the_catalogue_is_one_of_both,
        ..Deed::new(
            "the migration of a catalogue of an older version",
            &[GET, &["library", "check-db", "--to-schema", "1"]],
            &["library", "list"],
        )
    },
    Deed {
        looks: &[],
        sound: the_catalogue_is_one_of_both,
        ..Deed::new(
            "the migration of a catalogue for an older version",
            &[GET],
            &["library", "check-db", "--to-schema", "1"],
        )
    },
];

/// Every file of the shelf is somewhere among those that users see.
fn everything_is_there(bench: &Bench<'_>) -> Result<()> {
    let state = State::of(&bench.home())?;
    for (name, content) in bench.library.shelf.contents() {
        let is_there = state.files.values().any(|bytes| bytes == content);
        ensure!(is_there, "{name} is not there");
    }
    Ok(())
}

/// Some groups of one file, and most of another.
fn damage(home: &Path) -> Result<()> {
    let models = home.join("project/models");
    let third = models.join(THIRD);
    let mut bytes = fs_err::read(&third)?;
    for place in [5, 400_000, 420_000, 1_000_000] {
        bytes[place] ^= 1;
    }
    fs_err::write(&third, bytes)?;
    let second = models.join(SECOND);
    let len = fs_err::read(&second)?.len();
    Ok(fs_err::write(&second, vec![0; len])?)
}

/// Each group is as before or as after.
fn is_partly_mended(path: &str, bytes: &[u8], before: &State, after: &State) -> bool {
    let (Some(before), Some(after)) = (before.files.get(path), after.files.get(path)) else {
        return false;
    };
    let groups = before.chunks(GROUP).zip(after.chunks(GROUP));
    bytes.len() == after.len()
        && bytes
            .chunks(GROUP)
            .zip(groups)
            .all(|(now, (before, after))| now == before || now == after)
}

/// Whatever has the name of a backup can be gone back to.
fn every_backup_is_whole(bench: &Bench<'_>) -> Result<()> {
    for backup in names(bench)? {
        let backup = format!("../data/backups/{backup}");
        let words = ["library", "restore", &backup, "--data-dir", "../trial"];
        let restored = bench.run(&words)?;
        ensure!(restored.status.success(), "{}", said(&restored));
        fs_err::remove_dir_all(bench.home().join("trial"))?;
    }
    Ok(())
}

fn backups(bench: &Bench<'_>, at_least: usize) -> Result<()> {
    let found = names(bench)?;
    ensure!(found.len() >= at_least, "only {found:?}");
    every_backup_is_whole(bench)
}

fn names(bench: &Bench<'_>) -> Result<Vec<String>> {
    let folder = bench.home().join("data/backups");
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let names = fs_err::read_dir(folder)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let names: Result<Vec<String>> = names.collect();
    Ok(names?
        .into_iter()
        .filter(|name| name.starts_with("catalogue-"))
        .collect())
}

fn the_catalogue_is_one_of_both(bench: &Bench<'_>) -> Result<()> {
    let now = bench.list()?;
    let is_one = now == bench.before.list || now == bench.after.list;
    ensure!(is_one, "the catalogue says {now:#?}");
    Ok(())
}

const FIRST: &str = "loras/first.safetensors";
const SECOND: &str = "embeddings/second.safetensors";
const THIRD: &str = "checkpoints/third_v1.safetensors";
/// What is proved at a time, and so replaced at a time.
const GROUP: usize = 16 << 10;

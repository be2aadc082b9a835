//! What is done to a library.

use std::path::Path;

use anyhow::{Result, ensure};

use super::State;
use super::shelf::Shelf;

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
    /// Whether a file may be there that is neither as before nor as after.
    pub(super) bears: fn(&str, &[u8], &State, &State) -> bool,
    /// What is true when the deed is done.
    pub(super) proof: fn(&Path, &Shelf) -> Result<()>,
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
            bears: |_, _, _, _| false,
            proof: |_, _| Ok(()),
        }
    }
}

/// What stands beside a model names the site it came from, which is another one in each run.
const GET: &[&str] = &["get", "1", "2", "3", "--no-sidecars"];
/// With a catalogue that is not looked at.
const GET_ELSEWHERE: &[&str] = &[
    "get",
    "1",
    "2",
    "3",
    "--no-sidecars",
    "--data-dir",
    "../elsewhere",
];
const SCAN: &[&str] = &["library", "scan"];
const CHECK_DB: &[&str] = &["library", "check-db"];
const INIT: &[&str] = &["init"];
const ADD: &[&str] = &["add", "1", "2", "3"];
const SYNC: &[&str] = &["sync"];
/// 9: the library is not what the lock says, or the lock not what the manifest wants.
const IN_PROJECT: &[(&[&str], &[i32])] = &[(CHECK_DB, &[0]), (&["sync", "--check"], &[0, 9])];

/// Everything that is struck.
pub(in crate::crash) const DEEDS: &[Deed] = &[
    Deed {
        proof: everything_is_there,
        ..Deed::new("`get` of three models into a library", &[], GET)
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
];

/// Every file of the shelf is somewhere among those that users see.
fn everything_is_there(home: &Path, shelf: &Shelf) -> Result<()> {
    let state = State::of(home)?;
    for (name, content) in shelf.contents() {
        let is_there = state.files.values().any(|bytes| bytes == content);
        ensure!(is_there, "{name} is not there");
    }
    Ok(())
}

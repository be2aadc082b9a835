//! What a plan is made of.

use serde::{Deserialize, Serialize};

use super::Verb;

/// One change of the disk. Paths are below the root, with `/`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Step {
    /// A file goes from one path to another, which is free.
    Move {
        /// Where it is.
        from: String,
        /// Where it goes.
        to: String,
    },
    /// A file goes to the trash of the operation, under its own path.
    Discard {
        /// The file.
        path: String,
    },
    /// A file stays where it is until something else takes its place; the trash of the operation has it, too.
    Keep {
        /// The file.
        path: String,
    },
    /// A file shares the content of another one that is equal to it.
    Share {
        /// The file.
        path: String,
        /// The other one.
        with: String,
    },
    /// A file gets bytes of its own again.
    Part {
        /// The file.
        path: String,
        /// The one it shared them with.
        with: String,
    },
    /// A small file gets new contents; the old ones go to the trash.
    Write {
        /// The file.
        path: String,
        /// What it will say.
        contents: String,
    },
}

impl Step {
    /// Returns the path that it is about: the new one of a file that moves.
    pub fn path(&self) -> &str {
        match self {
            Self::Move { to: path, .. }
            | Self::Discard { path }
            | Self::Keep { path }
            | Self::Share { path, .. }
            | Self::Part { path, .. }
            | Self::Write { path, .. } => path,
        }
    }
}

/// What an operation would do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Plan {
    /// What it is for.
    pub verb: Verb,
    /// The models it is about, by the paths they will have; those that go, by the ones they had.
    pub paths: Vec<String>,
    /// The changes, in their order.
    pub steps: Vec<Step>,
    /// The operation that it takes back.
    pub(super) undoes: Option<u64>,
}

impl Plan {
    pub(crate) fn new(verb: Verb) -> Self {
        Self {
            verb,
            paths: Vec::new(),
            steps: Vec::new(),
            undoes: None,
        }
    }

    /// Says whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

//! The hash trees of the library's files: `trees/AB/ABCD….obao` in the data directory, named by the BLAKE3 of the content.
//!
//! A tree belongs to a content, not to a file: moves, links and copies need no change here. A missing tree costs only
//! precision, so small files have none, and one that cannot be used is made anew when its file proves to be whole.

use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use civitai_download::digest::Digest;
use civitai_download::tree::Tree;
use fs_err::File;

use crate::draft::Draft;

/// The folder of the trees.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Trees {
    folder: PathBuf,
}

impl Trees {
    /// The trees in a data directory.
    pub fn of(data_dir: &Path) -> Self {
        Self {
            folder: data_dir.join("trees"),
        }
    }

    /// Where the tree of a content is, if there is one.
    pub fn path(&self, root: &Digest<32>) -> PathBuf {
        let name = root.to_string();
        self.folder.join(&name[..2]).join(format!("{name}.obao"))
    }

    /// Opens the tree of a content; none when there is none. Blocks.
    pub fn open(&self, root: &Digest<32>) -> io::Result<Option<File>> {
        match File::open(self.path(root)) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Keeps a tree, unless it is there already. A crash leaves it or nothing. Blocks.
    pub fn keep(&self, tree: &Tree) -> io::Result<()> {
        if self.path(&tree.root()).try_exists()? {
            return Ok(());
        }
        self.replace(tree)
    }

    /// Keeps a tree in the place of one that is damaged. That of a file so short that fetching all of it costs no more
    /// than fetching a part is not worth keeping. Blocks.
    pub fn replace(&self, tree: &Tree) -> io::Result<()> {
        if tree.bytes() < WORTH_A_TREE {
            return Ok(());
        }
        let path = self.path(&tree.root());
        // Either process's is as good.
        let Some(draft) = Draft::of(&path)? else {
            return Ok(());
        };
        let mut out = BufWriter::new(draft.file());
        tree.write_to(&mut out)?;
        out.flush()?;
        drop(out);
        draft.finish()
    }
}

/// Requests are for a mebibyte or so: less is not worth locating damage in.
const WORTH_A_TREE: u64 = 1 << 20;

//! Other copies of a file: under another name in the library, or in a folder that somebody named.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use civitai_download::digest::Digest;

use crate::catalogue::Entry;

/// Where copies may be.
#[derive(Debug)]
pub(super) struct Copies {
    /// Files of one content that are no links to each other.
    twins: HashMap<Digest<32>, Vec<(u64, PathBuf)>>,
    folders: Vec<PathBuf>,
}

impl Copies {
    pub(super) fn of(root: &Path, entries: &[Entry], folders: Vec<PathBuf>) -> Self {
        let mut twins: HashMap<_, Vec<_>> = HashMap::new();
        let plain = |entry: &&Entry| entry.missing.is_none() && !entry.is_sealed();
        for entry in entries.iter().filter(plain) {
            if let Some(sha256) = entry.digests.as_ref().and_then(|digests| digests.sha256) {
                let twin = (entry.stamp.inode, root.join(&entry.path));
                twins.entry(sha256).or_default().push(twin);
            }
        }
        Self { twins, folders }
    }

    /// Files that may have the bytes of `entry`. Nothing about them is proved.
    pub(super) fn of_entry(&self, entry: &Entry) -> Vec<PathBuf> {
        let sha256 = entry.digests.as_ref().and_then(|digests| digests.sha256);
        let twins = sha256.and_then(|sha256| self.twins.get(&sha256));
        let twins = twins.into_iter().flatten();
        let others = twins
            .filter(|(inode, _)| *inode != entry.stamp.inode)
            .map(|(_, path)| path.clone());
        let kept = self.folders.iter().flat_map(|folder| {
            let name = Path::new(&entry.path).file_name();
            let beneath = folder.join(&entry.path);
            [Some(beneath), name.map(|name| folder.join(name))]
        });
        let kept = kept.flatten().filter(|path| path.is_file());
        others.chain(kept).collect()
    }
}

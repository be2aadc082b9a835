//! Encrypted files whose keys were replaced.

use std::path::PathBuf;

use rusqlite::params;

use super::{Catalogue, Error, Stamp};
use crate::library::relative;

impl Catalogue {
    /// Notes that encrypted files have other headers now, and in them what they had before: what is known of that stays.
    /// Files that nobody knows, or that are not there, are passed over.
    pub fn note_rewrapped(&mut self, files: &[PathBuf]) -> Result<(), Error> {
        let there = files.iter().filter_map(|file| {
            let stamp = Stamp::of(&fs_err::metadata(file).ok()?);
            Some((relative(self.root(), file), stamp))
        });
        let there: Vec<_> = there.collect();
        let root = self.root_number();
        self.write(|transaction| {
            // By their places, and other links to them by what they are.
            let mut update = transaction.prepare_cached(
                "UPDATE file SET mtime_ns = ?1, inode = ?2, device = ?3
                WHERE (root = ?5 AND path = ?6 OR inode = ?2 AND device = ?3)
                AND bytes = ?4 AND content IS NOT NULL",
            )?;
            for (path, stamp) in there {
                update.execute(params![
                    stamp.mtime_ns,
                    stamp.inode.cast_signed(),
                    stamp.device.cast_signed(),
                    stamp.bytes.cast_signed(),
                    root,
                    path,
                ])?;
            }
            Ok(())
        })
    }
}

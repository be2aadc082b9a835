//! Where contents are, in all libraries of the data directory.

use std::path::{Path, PathBuf};

use civitai_download::digest::Digest;

use super::{Catalogue, Error, Stamp};

impl Catalogue {
    /// Says whether the content of any file is known.
    pub(crate) fn has_contents(&self) -> Result<bool, Error> {
        self.read(|connection| {
            let mut select = connection.prepare(
                "SELECT 1 FROM file WHERE sha256 IS NOT NULL AND content IS NULL AND missing IS NULL LIMIT 1",
            )?;
            Ok(select.exists([])?)
        })
    }

    /// The files with this digest, whichever library they are in, with what they were when they were read; encrypted ones
    /// have other bytes.
    pub(crate) fn holders(&self, sha256: &Digest<32>) -> Result<Vec<(PathBuf, Stamp)>, Error> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT root.path, file.path, bytes, mtime_ns, inode, device
                FROM file JOIN root ON root.number = file.root
                WHERE sha256 = ?1 AND content IS NULL AND missing IS NULL
                ORDER BY file.root = ?2 DESC, file.number",
            )?;
            let own = self.root_number();
            let rows = select.query_map((sha256.to_string(), own), |row| {
                let (root, path): (String, String) = (row.get(0)?, row.get(1)?);
                Ok((Path::new(&root).join(path), Stamp::read(row, 2)?))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

//! A file replaced as a whole: by a copy that is at hand, else fetched again.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use civitai_download::digest::{DigestSet, Digests, hash_file};
use civitai_download::{Existing, Expected, Target, Transfer, disk};
use tokio_util::sync::CancellationToken;

use super::{Error, Repair, Repaired, stopped_or};
use crate::blocking;
use crate::catalogue::{Entry, Stamp};
use crate::draft::Draft;
use crate::link::is_one_file;

impl Repair {
    pub(super) async fn replace(
        self: &Arc<Self>,
        entry: &Entry,
        cancel: &CancellationToken,
    ) -> Result<Repaired, Error> {
        let (this, damaged) = (Arc::clone(self), entry.clone());
        let restored = blocking(move || this.restore(&damaged)).await?;
        if let Some(from) = restored {
            return Ok(Repaired::Restored { from });
        }
        self.fetch(entry, cancel).await
    }

    /// Puts the first copy that is the file in its place.
    fn restore(&self, entry: &Entry) -> Result<Option<PathBuf>, Error> {
        let Some(known) = &entry.digests else {
            return Ok(None);
        };
        let path = self.library.root.join(&entry.path);
        for copy in self.copies.of_entry(entry) {
            match replace_with(&copy, &path, known, || self.keep_aside(entry, &path)) {
                Ok(Some(stamp)) => {
                    self.catalogue().note_repaired(entry, stamp)?;
                    return Ok(Some(copy));
                }
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }

    async fn fetch(
        self: &Arc<Self>,
        entry: &Entry,
        cancel: &CancellationToken,
    ) -> Result<Repaired, Error> {
        let (source, site) = self.source(entry)?;
        let path = self.library.root.join(&entry.path);
        let known = entry.digests.clone().unwrap_or_default();
        let expected = Expected::default()
            .with_bytes(Some(known.bytes))
            .with_sha256(known.sha256)
            .with_blake3(known.blake3)
            .with_crc32(known.crc32);
        let origin = entry.matched.map(|matched| matched.origin);
        let identity = origin.map_or_else(
            || format!("repair:{}", entry.path),
            |origin| {
                let file = origin.file.map_or(0, civitai_api::FileId::get);
                format!("civitai:{}:{file}", origin.version)
            },
        );
        let target = Target::new(&path, identity).with_expected(expected);
        let (this, kept) = (Arc::clone(self), entry.clone());
        let fetched = Transfer::new(site.storage.clone(), source, target)
            .digests(DigestSet::ALL | DigestSet::TREE)
            .existing(Existing::Replace)
            .quarantine_root(&self.library.root)
            .retry(site.retry)
            .judge(move |candidate| Ok(this.keep_aside(&kept, candidate.target)?))
            .run(cancel.clone())
            .await
            .map_err(stopped_or)?;
        let (this, entry) = (Arc::clone(self), entry.clone());
        blocking(move || {
            if let Some(tree) = &fetched.digests.tree {
                this.trees.keep(tree)?;
            }
            let stamp = Stamp::of(&fs_err::metadata(&path)?);
            this.catalogue().note_repaired(&entry, stamp)?;
            Ok::<_, Error>(())
        })
        .await?;
        Ok(Repaired::Fetched {
            fetched_bytes: fetched.fetched_bytes,
        })
    }

    /// Keeps a file that is about to be replaced, if somebody has written to it since it was right.
    fn keep_aside(&self, entry: &Entry, path: &Path) -> io::Result<()> {
        match fs_err::metadata(path) {
            Ok(there) if Stamp::of(&there).is_same(&entry.stamp) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        }
        let folder = self.library.root.join(".quarantine");
        disk::create_dirs(&folder)?;
        let name = path.file_name().unwrap_or_default();
        let mut aside = folder.join(name);
        let mut count = 0_u32;
        // A link instead of a move: the name never stands for nothing.
        while let Err(error) = fs_err::hard_link(path, &aside) {
            if is_one_file(path, &aside).unwrap_or(false) {
                // A repair that was killed has kept it.
                break;
            }
            if error.kind() != io::ErrorKind::AlreadyExists {
                // A file system without links.
                reflink_copy::reflink_or_copy(path, &aside)?;
                break;
            }
            count += 1;
            let mut next = name.to_owned();
            next.push(format!(".{count}"));
            aside = folder.join(next);
        }
        disk::sync_dir(&folder)
    }
}

/// Replaces `path` by `copy` if that is the file that is known. `before` is called just before.
fn replace_with(
    copy: &Path,
    path: &Path,
    known: &Digests,
    before: impl FnOnce() -> io::Result<()>,
) -> io::Result<Option<Stamp>> {
    let there = fs_err::metadata(copy)?;
    let Some(sha256) = known.sha256 else {
        return Ok(None);
    };
    if there.len() != known.bytes {
        return Ok(None);
    }
    let Some(draft) = Draft::of(path)? else {
        return Err(io::Error::new(
            io::ErrorKind::WouldBlock,
            format!("{}: another process is replacing it", path.display()),
        ));
    };
    let mut from = fs_err::File::open(copy)?;
    // A copy that shares its blocks, where the file system can.
    if rustix::fs::ioctl_ficlone(draft.file(), &from).is_err() {
        io::copy(&mut from, &mut draft.file())?;
    }
    if hash_file(draft.path(), DigestSet::SHA256)?.sha256 != Some(sha256) {
        return Ok(None);
    }
    draft.file().sync_all()?;
    before()?;
    draft.finish()?;
    Ok(Some(Stamp::of(&fs_err::metadata(path)?)))
}

//! Groups of a damaged file replaced in place.

use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use civitai_download::tree::Piece;
use fs_err::{File, OpenOptions};

use crate::catalogue::Stamp;

/// A damaged file, open for repair.
#[derive(Debug)]
pub(super) struct Patch {
    file: File,
    /// How long the file has to be.
    bytes: u64,
    pieces: Vec<(Piece, bool)>,
}

impl Patch {
    pub(super) fn open(path: &Path, bytes: u64, pieces: Vec<Piece>) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let pieces = pieces.into_iter().map(|piece| (piece, false)).collect();
        Ok(Self {
            file,
            bytes,
            pieces,
        })
    }

    /// Which pieces are still wrong.
    pub(super) fn missing_pieces(&self) -> Vec<usize> {
        let pieces = self.pieces.iter().enumerate();
        let missing = pieces.filter(|(_, (_, is_right))| !is_right);
        missing.map(|(index, _)| index).collect()
    }

    /// The ranges of the pieces that are still wrong, in the same order.
    pub(super) fn missing(&self) -> Vec<Range<u64>> {
        let missing = self.missing_pieces().into_iter();
        missing
            .map(|index| self.pieces[index].0.range.clone())
            .collect()
    }

    /// Takes what a copy can prove. One that cannot be read has nothing to give.
    pub(super) fn take_from(&mut self, copy: &Path) {
        let Ok(copy) = File::open(copy) else { return };
        for index in self.missing_pieces() {
            let range = &self.pieces[index].0.range;
            let Ok(len) = usize::try_from(range.end - range.start) else {
                continue;
            };
            let mut bytes = vec![0; len];
            if copy.file().read_exact_at(&mut bytes, range.start).is_err() {
                continue;
            }
            if let Err(error) = self.put(index, &bytes) {
                tracing::warn!(%error, "a group cannot be replaced");
                return;
            }
        }
    }

    /// Writes a piece if the bytes prove to be the right ones.
    pub(super) fn put(&mut self, index: usize, bytes: &[u8]) -> io::Result<bool> {
        let (piece, is_right) = &mut self.pieces[index];
        if piece.proves(bytes) {
            self.file.file().write_all_at(bytes, piece.range.start)?;
            *is_right = true;
        }
        Ok(*is_right)
    }

    /// Brings what was replaced to the disk.
    pub(super) fn flush(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// Ends the repair: the file has its length and is on the disk.
    pub(super) fn finish(self) -> io::Result<Stamp> {
        if self.file.metadata()?.len() != self.bytes {
            self.file.set_len(self.bytes)?;
        }
        self.flush()?;
        Ok(Stamp::of(&self.file.metadata()?))
    }
}

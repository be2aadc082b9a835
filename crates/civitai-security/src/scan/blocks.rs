use std::io::{self, Read, Seek, SeekFrom};

/// A source that is read in blocks: what lies near what was read last costs no call of the system.
///
/// Formats are read in many small pieces, each at its own place; the members of an archive stand side by side.
#[derive(Debug)]
pub(super) struct Blocks<S> {
    source: S,
    position: u64,
    block: Vec<u8>,
    /// Where `block` begins.
    start: u64,
}

impl<S> Blocks<S> {
    pub(super) fn new(source: S) -> Self {
        Self {
            source,
            position: 0,
            block: Vec::new(),
            start: 0,
        }
    }

    /// What the block has from the position on.
    fn known(&self) -> &[u8] {
        self.position
            .checked_sub(self.start)
            .and_then(|skipped| usize::try_from(skipped).ok())
            .and_then(|skipped| self.block.get(skipped..))
            .unwrap_or_default()
    }

    /// How much to read at the position: much where the last block ended, else no more than what most jumps are for.
    fn ahead(&self) -> usize {
        if self.start + self.block.len() as u64 == self.position {
            BLOCK_BYTES
        } else {
            JUMP_BYTES
        }
    }
}

impl<S: Read + Seek> Read for Blocks<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.known().is_empty() {
            self.source.seek(SeekFrom::Start(self.position))?;
            let bytes = self.ahead();
            if buffer.len() >= bytes {
                let count = self.source.read(buffer)?;
                self.position += count as u64;
                return Ok(count);
            }
            self.start = self.position;
            self.block.resize(bytes, 0);
            let count = self.source.read(&mut self.block);
            self.block.truncate(*count.as_ref().unwrap_or(&0));
            count?;
        }
        let known = self.known();
        let count = known.len().min(buffer.len());
        buffer[..count].copy_from_slice(&known[..count]);
        self.position += count as u64;
        Ok(count)
    }
}

impl<S: Seek> Seek for Blocks<S> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
            SeekFrom::End(_) => Some(self.source.seek(to)?),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

/// Some dozens of records of an archive's directory, or its small members.
const BLOCK_BYTES: usize = 16 << 10;
/// The header of a member and the first of its data. The members of a checkpoint are far apart, and reading more of each
/// would be most of the work.
const JUMP_BYTES: usize = 4 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_the_bytes_of_the_source_wherever_it_is_asked() {
        let bytes: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        let mut blocks = Blocks::new(io::Cursor::new(&bytes));
        let places = [0, 5, 16_380, 100, 399_990, 200_000, 16_384, 500_000];
        for (place, count) in places.into_iter().zip([10, 20_000, 9].iter().cycle()) {
            blocks.seek(SeekFrom::Start(place)).expect("it is in range");
            let mut read = Vec::new();
            let part = blocks.by_ref().take(*count);
            { part }.read_to_end(&mut read).expect("memory can be read");
            let start = usize::try_from(place).expect("small").min(bytes.len());
            let end = usize::try_from(place + count)
                .expect("small")
                .min(bytes.len());
            assert_eq!(read, bytes[start..end], "{count} at {place}");
        }
        assert_eq!(
            blocks.seek(SeekFrom::End(-4)).expect("it is there"),
            399_996
        );
        assert!(blocks.seek(SeekFrom::Current(-400_000)).is_err());
    }
}

//! Writes a checkpoint as `PyTorch` does: a zip of stored members, the first of them the pickle.

use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;

use anyhow::Result;
use fs_err::File;

/// A name as long as those of diffusion models.
pub(super) fn tensor_name(number: u64) -> String {
    format!("model.diffusion_model.input_blocks.{number}.1.transformer_blocks.0.attn1.to_q.weight")
}

/// Writes a state of so many tensors of `elements` numbers of 2 bytes each, which are zeros that take no room.
pub(super) fn write(path: &Path, tensors: u64, elements: u64) -> Result<()> {
    let mut zip = Zip {
        file: File::create(path)?,
        directory: Vec::new(),
        members: 0,
    };
    let state = state(tensors, elements)?;
    zip.member("archive/data.pkl", &state, 0, crc32fast::hash(&state))?;
    zip.member(
        "archive/byteorder",
        b"little",
        0,
        crc32fast::hash(b"little"),
    )?;
    let bytes = elements * 2;
    let checksum = crc32fast::hash(&vec![0; usize::try_from(bytes)?]);
    for number in 0..tensors {
        zip.member(&format!("archive/data/{number}"), b"", bytes, checksum)?;
    }
    zip.member("archive/version", b"3\n", 0, crc32fast::hash(b"3\n"))?;
    zip.end()
}

/// The pickle, of protocol 2 with a memo, as `torch.save` writes it.
fn state(tensors: u64, elements: u64) -> Result<Vec<u8>> {
    let mut pickle = b"\x80\x02ccollections\nOrderedDict\nq\0)Rq\x01(".to_vec();
    let mut memo = 2_u32;
    for number in 0..tensors {
        let mut put = |pickle: &mut Vec<u8>| {
            pickle.push(b'r');
            pickle.extend(memo.to_le_bytes());
            memo += 1;
        };
        let mut text = |pickle: &mut Vec<u8>, text: &str| -> Result<()> {
            pickle.push(b'X');
            pickle.extend(u32::try_from(text.len())?.to_le_bytes());
            pickle.extend(text.as_bytes());
            put(pickle);
            Ok(())
        };
        text(&mut pickle, &tensor_name(number))?;
        pickle.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        text(&mut pickle, "storage")?;
        pickle.extend(b"ctorch\nHalfStorage\n");
        text(&mut pickle, &number.to_string())?;
        text(&mut pickle, "cpu")?;
        let count = u32::try_from(elements)?.to_le_bytes();
        let parts = [
            &b"J"[..],
            &count,
            b"tQK\0J",
            &count,
            b"\x85K\x01\x85\x89h\0)RtR",
        ];
        pickle.extend(parts.concat());
    }
    pickle.extend(b"u.");
    Ok(pickle)
}

struct Zip {
    file: File,
    directory: Vec<u8>,
    members: u64,
}

impl Zip {
    /// Appends a member: `data`, then a hole of `zeros` bytes.
    fn member(&mut self, name: &str, data: &[u8], zeros: u64, checksum: u32) -> Result<()> {
        let start = self.file.stream_position()?;
        let size = u32::try_from(data.len() as u64 + zeros)?;
        let name_len = u16::try_from(name.len())?.to_le_bytes();
        // What the headers in front of the data and in the directory share.
        let mut common = vec![0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        for number in [checksum, size, size] {
            common.extend(number.to_le_bytes());
        }
        common.extend(name_len);
        // The data begins at a multiple of 64.
        let room = (64 - (start + 34 + name.len() as u64) % 64) % 64;
        let room = u16::try_from(room)?;
        self.file.write_all(b"PK\x03\x04")?;
        self.file.write_all(&common)?;
        self.file.write_all(&(room + 4).to_le_bytes())?;
        self.file.write_all(name.as_bytes())?;
        self.file.write_all(b"FB")?;
        self.file.write_all(&room.to_le_bytes())?;
        self.file.write_all(&vec![b'Z'; room.into()])?;
        self.file.write_all(data)?;
        self.file.seek(SeekFrom::Current(i64::try_from(zeros)?))?;
        self.directory.extend(b"PK\x01\x02\0\0");
        self.directory.extend(common);
        self.directory.extend([0; 12]);
        self.directory.extend(u32::try_from(start)?.to_le_bytes());
        self.directory.extend(name.as_bytes());
        self.members += 1;
        Ok(())
    }

    fn end(mut self) -> Result<()> {
        let start = self.file.stream_position()?;
        let members = u16::try_from(self.members)?.to_le_bytes();
        let mut end = b"PK\x05\x06\0\0\0\0".to_vec();
        end.extend(members);
        end.extend(members);
        end.extend(u32::try_from(self.directory.len())?.to_le_bytes());
        end.extend(u32::try_from(start)?.to_le_bytes());
        end.extend([0, 0]);
        self.file.write_all(&self.directory)?;
        self.file.write_all(&end)?;
        Ok(())
    }
}

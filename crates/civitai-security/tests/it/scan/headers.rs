//! Headers of real models, in many variations: none may be called anything but clean.

mod checkpoint;

use std::io::{self, Read, Seek, SeekFrom};

use civitai_security::scan::{Limits, Verdict, scan_reader};
use serde_json::Value;

use super::Seeded;
use super::gguf::Gguf;
use super::safetensors::file;

/// A file of zeros that take no room, with bytes at some places.
struct Sparse {
    /// Where each begins, in their order.
    parts: Vec<(u64, Vec<u8>)>,
    len: u64,
    at: u64,
}

impl Sparse {
    fn new(header: Vec<u8>, len: u64) -> Self {
        Self {
            parts: vec![(0, header)],
            len,
            at: 0,
        }
    }

    /// Appends bytes.
    fn put(&mut self, bytes: Vec<u8>) {
        self.parts.push((self.len, bytes));
        self.len += self.parts.last().map_or(0, |(_, bytes)| bytes.len() as u64);
    }

    fn skip(&mut self, zeros: u64) {
        self.len += zeros;
    }
}

impl Read for Sparse {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let next = self.parts.partition_point(|(start, _)| *start <= self.at);
        let end = self.parts.get(next).map_or(self.len, |(start, _)| *start);
        let left = usize::try_from(end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let count = buffer.len().min(left);
        buffer[..count].fill(0);
        if let Some((start, bytes)) = next.checked_sub(1).map(|part| &self.parts[part]) {
            let skipped = usize::try_from(self.at - start).unwrap_or(usize::MAX);
            let known = bytes.get(skipped..).unwrap_or_default();
            let known = &known[..known.len().min(count)];
            buffer[..known.len()].copy_from_slice(known);
        }
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Sparse {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(offset) => self.len.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.at.checked_add_signed(offset),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

/// Names and shapes of a model.
type Shapes = Vec<(String, Vec<u64>)>;

/// The models of the corpus; where only names are recorded, the shapes are made up.
fn corpus() -> Option<Vec<Shapes>> {
    let corpus = std::env::var_os("CIVITAI_CORPUS")?;
    let folder = std::path::Path::new(&corpus).join("headers");
    let mut models = Vec::new();
    for entry in fs_err::read_dir(folder).expect("the corpus has headers") {
        let path = entry.expect("the folder can be listed").path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let text = fs_err::read_to_string(&path).expect("a header is text");
        models.push(
            match serde_json::from_str(&text).expect("a header is JSON") {
                Value::Object(tensors) => tensors
                    .iter()
                    .filter(|(name, _)| *name != "__metadata__")
                    .map(|(name, tensor)| {
                        let shape = tensor["shape"].as_array().expect("a tensor has a shape");
                        (
                            name.clone(),
                            shape.iter().filter_map(Value::as_u64).collect(),
                        )
                    })
                    .collect(),
                names => names
                    .as_array()
                    .expect("a list of names")
                    .iter()
                    .map(|name| {
                        (
                            name.as_str().expect("a name").to_owned(),
                            vec![320, 4, 3, 3],
                        )
                    })
                    .collect(),
            },
        );
    }
    Some(models)
}

fn assert_clean(name: &str, header: Vec<u8>, data: u64, which: &str) {
    let len = header.len() as u64 + data;
    assert_clean_file(name, Sparse::new(header, len), which);
}

fn assert_clean_file(name: &str, file: Sparse, which: &str) {
    let report = scan_reader(name, file, &Limits::default());
    assert_eq!(
        report.verdict,
        Verdict::Clean,
        "{which}: {:?}",
        report.findings
    );
}

/// A part of a model, its tensors in another order.
fn vary(model: &Shapes, seeded: &mut Seeded) -> Shapes {
    let mut shapes = model.clone();
    for index in (1..shapes.len()).rev() {
        shapes.swap(index, seeded.below(index + 1));
    }
    shapes.truncate(1 + seeded.below(shapes.len()));
    shapes
}

#[test]
fn no_safetensors_header_is_flagged() {
    let Some(models) = corpus() else {
        eprintln!("skipped: no corpus");
        return;
    };
    let mut seeded = Seeded(1);
    for round in 0..500 {
        let shapes = vary(&models[round % models.len()], &mut seeded);
        let (dtype, bytes) = [
            ("F16", 2),
            ("BF16", 2),
            ("F32", 4),
            ("F8_E4M3", 1),
            ("I64", 8),
        ][seeded.below(5)];
        let mut end = 0_u64;
        let mut entries: Vec<String> = shapes
            .iter()
            .map(|(name, shape)| {
                let begin = end;
                end += shape.iter().product::<u64>() * bytes;
                let shape = serde_json::to_string(shape).expect("numbers are JSON");
                let name = Value::from(name.as_str());
                format!(
                    r#"{name}:{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{begin},{end}]}}"#
                )
            })
            .collect();
        if seeded.below(2) == 0 {
            entries.insert(
                0,
                r#""__metadata__":{"format":"pt","ss_output_name":"x"}"#.to_owned(),
            );
        }
        let separator = [",", ", ", ",\n "][seeded.below(3)];
        let mut header = format!("{{{}}}", entries.join(separator));
        while seeded.below(2) == 0 {
            header.push(' ');
        }
        assert_clean(
            "model.safetensors",
            file(&header, &[]),
            end,
            &format!("round {round} of seed 1"),
        );
    }
}

#[test]
fn no_gguf_header_is_flagged() {
    let Some(models) = corpus() else {
        eprintln!("skipped: no corpus");
        return;
    };
    let mut seeded = Seeded(2);
    for round in 0..500 {
        let shapes = vary(&models[round % models.len()], &mut seeded);
        let mut gguf = Gguf::new().value("general.file_type", 4, &[1, 0, 0, 0]);
        let mut end = 0_u64;
        for (name, shape) in &shapes {
            let row = shape.last().copied().unwrap_or(1);
            // Rows of whole blocks are quantized, others are not.
            let (kind, block, bytes) = match seeded.below(3) {
                0 if row.is_multiple_of(256) => (12, 256, 144),
                1 if row.is_multiple_of(32) => (8, 32, 34),
                _ => (1, 1, 2),
            };
            let reversed: Vec<u64> = shape.iter().rev().copied().collect();
            gguf = gguf.tensor(name, &reversed, kind, end);
            end += (shape.iter().product::<u64>() / block * bytes).next_multiple_of(32);
        }
        assert_clean(
            "model.gguf",
            gguf.header(),
            end,
            &format!("round {round} of seed 2"),
        );
    }
}

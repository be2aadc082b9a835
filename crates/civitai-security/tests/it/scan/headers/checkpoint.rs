//! Checkpoints as `PyTorch` writes them: a zip of a pickle and the numbers, and what it wrote before 1.6.

use super::super::Seeded;
use super::{Shapes, Sparse, assert_clean_file, corpus, vary};

/// Classes of storages, and the bytes of an element.
const STORAGES: [(&str, u64); 6] = [
    ("FloatStorage", 4),
    ("HalfStorage", 2),
    ("BFloat16Storage", 2),
    ("LongStorage", 8),
    ("ByteStorage", 1),
    ("DoubleStorage", 8),
];

/// How a checkpoint varies.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is drawn by itself, and all combinations occur"
)]
struct Style {
    storage: (&'static str, u64),
    /// Names by `STACK_GLOBAL`, as from protocol 4 on.
    is_protocol_4: bool,
    is_legacy: bool,
    has_parameters: bool,
    /// The state is a part of what a trainer saves.
    is_in_training: bool,
    has_metadata: bool,
}

impl Style {
    fn draw(seeded: &mut Seeded) -> Self {
        let mut one_in = |bound| seeded.below(bound) == 0;
        Self {
            is_protocol_4: one_in(4),
            is_legacy: one_in(4),
            has_parameters: one_in(3),
            is_in_training: one_in(3),
            has_metadata: one_in(2),
            storage: STORAGES[seeded.below(STORAGES.len())],
        }
    }
}

/// Writes one pickle.
struct Pickle {
    bytes: Vec<u8>,
    style: Style,
}

impl Pickle {
    fn new(style: Style) -> Self {
        Self {
            bytes: vec![0x80, if style.is_protocol_4 { 4 } else { 2 }],
            style,
        }
    }

    fn put(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend(bytes);
        self
    }

    fn text(&mut self, text: &str) -> &mut Self {
        let len = u32::try_from(text.len()).expect("names are short");
        self.put(b"X").put(&len.to_le_bytes()).put(text.as_bytes())
    }

    fn name(&mut self, module: &str, name: &str) -> &mut Self {
        if self.style.is_protocol_4 {
            return self.text(module).text(name).put(b"\x93");
        }
        self.put(format!("c{module}\n{name}\n").as_bytes())
    }

    fn number(&mut self, number: u64) -> &mut Self {
        match (u8::try_from(number), i32::try_from(number)) {
            (Ok(small), _) => self.put(&[b'K', small]),
            (_, Ok(middle)) => self.put(b"J").put(&middle.to_le_bytes()),
            _ => self.put(&[0x8a, 9]).put(&number.to_le_bytes()).put(&[0]),
        }
    }

    fn numbers(&mut self, numbers: impl IntoIterator<Item = u64>) -> &mut Self {
        self.put(b"(");
        for number in numbers {
            self.number(number);
        }
        self.put(b"t")
    }

    fn empty(&mut self) -> &mut Self {
        self.name("collections", "OrderedDict").put(b")R")
    }

    fn tensor(&mut self, key: &str, shape: &[u64]) -> &mut Self {
        let elements = shape.iter().product();
        let strides = strides_of(shape);
        let style = self.style;
        if style.has_parameters {
            self.name("torch._utils", "_rebuild_parameter").put(b"(");
        }
        self.name("torch._utils", "_rebuild_tensor_v2").put(b"((");
        self.text("storage").name("torch", style.storage.0);
        self.text(key).text("cpu").number(elements);
        self.put(if style.is_legacy { b"NtQ" } else { b"tQ" });
        self.number(0).numbers(shape.iter().copied());
        self.numbers(strides).put(b"\x89").empty().put(b"tR");
        if style.has_parameters {
            self.put(b"\x88").empty().put(b"tR");
        }
        self
    }
}

/// The steps from element to element of rows that lie one behind the other.
fn strides_of(shape: &[u64]) -> Vec<u64> {
    let mut step = 1;
    let mut strides: Vec<u64> = shape
        .iter()
        .rev()
        .map(|side| {
            let stride = step;
            step *= side;
            stride
        })
        .collect();
    strides.reverse();
    strides
}

/// The pickle of a whole checkpoint.
fn state(style: Style, shapes: &Shapes) -> Vec<u8> {
    let mut pickle = Pickle::new(style);
    if style.is_in_training {
        pickle.put(b"}(").text("epoch").number(7);
        pickle.text("optimizer").put(b"}(").text("state").put(b"}");
        pickle.text("param_groups").put(b"]}(").text("lr");
        pickle.put(b"G?\x1a6\xe2\xeb\x1cC-").text("betas");
        pickle.put(b"G?\xec\xcc\xcc\xcc\xcc\xcc\xcdG?\xef\xf7\xce\xd9\x16\x87+\x86");
        pickle.text("amsgrad").put(b"\x89uau").text("state_dict");
    }
    pickle.empty().put(b"(");
    for (number, (name, shape)) in shapes.iter().enumerate() {
        pickle.text(name).tensor(&number.to_string(), shape);
    }
    pickle.put(b"u");
    if style.has_metadata {
        pickle
            .put(b"}")
            .text("_metadata")
            .empty()
            .put(b"(")
            .text("");
        pickle.put(b"}").text("version").number(1).put(b"su");
        pickle.put(b"sb");
    }
    if style.is_in_training {
        pickle.put(b"u");
    }
    pickle.put(b".");
    pickle.bytes
}

/// A file of five pickles with the numbers behind them.
fn legacy(style: Style, shapes: &Shapes) -> Sparse {
    let mut head = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.".to_vec();
    head.extend(b"\x80\x02}(X\x0d\0\0\0little_endian\x88u.");
    head.extend(state(style, shapes));
    let mut keys = Pickle::new(style);
    keys.put(b"](");
    for number in 0..shapes.len() {
        keys.text(&number.to_string());
    }
    head.extend(&keys.put(b"e.").bytes);
    let len = head.len() as u64;
    let mut file = Sparse::new(head, len);
    for (_, shape) in shapes {
        let elements: u64 = shape.iter().product();
        file.put(elements.to_le_bytes().to_vec());
        file.skip(elements * style.storage.1);
    }
    file
}

/// An archive: stored members that begin at multiples of 64, their sizes behind them and in the directory.
struct Zip {
    file: Sparse,
    directory: Vec<u8>,
    members: u64,
}

impl Zip {
    fn member(&mut self, name: &str, data: Vec<u8>, zeros: u64) {
        let size = u32::try_from(data.len() as u64 + zeros).expect("below 4 GiB");
        // Of what is longer the scanner compares no checksum.
        let checksum = if zeros > 4096 {
            0
        } else {
            let mut whole = data.clone();
            whole.resize(data.len() + usize::try_from(zeros).expect("small"), 0);
            crc32fast::hash(&whole)
        };
        let start = self.file.len;
        let name_len = u16::try_from(name.len()).expect("short").to_le_bytes();
        let room = (64 - (start + 34 + name.len() as u64) % 64) % 64;
        let room = u16::try_from(room).expect("below 64");
        let mut header = b"PK\x03\x04\0\0\x08\x08".to_vec();
        header.extend([0; 18]);
        header.extend(name_len);
        header.extend((room + 4).to_le_bytes());
        header.extend(name.as_bytes());
        header.extend(b"FB");
        header.extend(room.to_le_bytes());
        header.extend(vec![b'Z'; room.into()]);
        header.extend(data);
        self.file.put(header);
        self.file.skip(zeros);
        let sizes = [
            checksum.to_le_bytes(),
            size.to_le_bytes(),
            size.to_le_bytes(),
        ]
        .concat();
        self.file.put([b"PK\x07\x08", &sizes[..]].concat());
        self.directory
            .extend(b"PK\x01\x02\0\0\0\0\x08\x08\0\0\0\0\0\0");
        self.directory.extend(sizes);
        self.directory.extend(name_len);
        self.directory.extend([0; 12]);
        let start = u32::try_from(start).expect("below 4 GiB");
        self.directory.extend(start.to_le_bytes());
        self.directory.extend(name.as_bytes());
        self.members += 1;
    }

    fn end(mut self) -> Sparse {
        let start = self.file.len;
        let len = self.directory.len() as u64;
        let mut end = std::mem::take(&mut self.directory);
        let members = self.members.to_le_bytes();
        end.extend(b"PK\x06\x06\x2c\0\0\0\0\0\0\0\x1e\x03\x2d\0\0\0\0\0\0\0\0\0");
        for number in [self.members, self.members, len, start] {
            end.extend(number.to_le_bytes());
        }
        end.extend(b"PK\x06\x07\0\0\0\0");
        end.extend((start + len).to_le_bytes());
        end.extend([1, 0, 0, 0]);
        end.extend(b"PK\x05\x06\0\0\0\0");
        end.extend(&members[..2]);
        end.extend(&members[..2]);
        for number in [len, start] {
            let number = u32::try_from(number).expect("below 4 GiB");
            end.extend(number.to_le_bytes());
        }
        end.extend([0, 0]);
        self.file.put(end);
        self.file
    }
}

fn zip(style: Style, root: &str, shapes: &Shapes) -> Sparse {
    let mut zip = Zip {
        file: Sparse::new(Vec::new(), 0),
        directory: Vec::new(),
        members: 0,
    };
    zip.member(&format!("{root}/data.pkl"), state(style, shapes), 0);
    zip.member(&format!("{root}/byteorder"), b"little".to_vec(), 0);
    for (number, (_, shape)) in shapes.iter().enumerate() {
        let bytes = shape.iter().product::<u64>() * style.storage.1;
        zip.member(&format!("{root}/data/{number}"), Vec::new(), bytes);
    }
    zip.member(&format!("{root}/version"), b"3\n".to_vec(), 0);
    let id = format!("{root}/.data/serialization_id");
    zip.member(&id, vec![b'7'; 40], 0);
    zip.end()
}

#[test]
fn no_checkpoint_is_flagged() {
    let Some(models) = corpus() else {
        eprintln!("skipped: no corpus");
        return;
    };
    let mut seeded = Seeded(3);
    for round in 0..500 {
        let style = Style::draw(&mut seeded);
        let mut shapes = vary(&models[round % models.len()], &mut seeded);
        let mut left = 3_u64 << 30;
        shapes.truncate(80);
        shapes.retain(|(_, shape)| {
            let bytes = shape.iter().product::<u64>() * style.storage.1;
            let fits = bytes <= left;
            left -= if fits { bytes } else { 0 };
            fits
        });
        let name = ["model.ckpt", "model.pt", "pytorch_model.bin", "x.pth"][seeded.below(4)];
        let root = ["archive", "pytorch_model", "my model (v1)"][seeded.below(3)];
        let file = if style.is_legacy {
            legacy(style, &shapes)
        } else {
            zip(style, root, &shapes)
        };
        let which = format!("round {round} of seed 3, {style:?}");
        assert_clean_file(name, file, &which);
    }
}

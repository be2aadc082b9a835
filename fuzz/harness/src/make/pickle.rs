//! Pickles, written value by value, so that most of them run to their end.

use super::Fields;
use crate::random::Random;

pub(crate) const WORDS: &[&[u8]] = &[
    b"\x80\x02",
    b"\x80\x04\x95",
    b".",
    b"(",
    b"t",
    b"R",
    b"b",
    b"0",
    b"1",
    b"2",
    b"Q",
    b"o",
    b"\x81",
    b"\x92",
    b"\x93",
    b"\x94",
    b"h\0",
    b"j\0\0\0\0",
    b"q\0",
    b"}",
    b"]",
    b")",
    b"\x8f",
    b"\x90",
    b"\x91",
    b"s",
    b"u",
    b"a",
    b"e",
    b"\x85",
    b"\x86",
    b"\x87",
    b"cos\nsystem\n",
    b"ios\nsystem\n",
    b"ctorch\nFloatStorage\n",
    b"I01\n",
    b"V\\u0041\n",
    b"S'x'\n",
    b"L1L\n",
    b"F1.5\n",
    b"P1\n",
    b"g0\n",
    b"p0\n",
    b"\x82\x01",
    b"\x97",
    b"\x98",
    b"\x8c\x02os\x8c\x06system\x93",
    b"\x8a\x0al\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.",
    b"\x96\x01\0\0\0\0\0\0\0a",
];

/// Names that are allowed, denied and unknown.
pub(crate) const NAMES: &[(&str, &str)] = &[
    ("collections", "OrderedDict"),
    ("torch._utils", "_rebuild_tensor_v2"),
    ("torch", "FloatStorage"),
    ("torch", "Size"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    ("_codecs", "encode"),
    ("builtins", "set"),
    ("builtins", "getattr"),
    ("__builtin__", "eval"),
    ("copyreg", "_reconstructor"),
    ("datetime", "datetime"),
    ("decimal", "Decimal"),
    ("uuid", "UUID"),
    ("os", "system"),
    ("posix", "system"),
    ("functools", "partial"),
    ("operator", "attrgetter"),
    ("some.package", "Thing"),
    ("some.package", "Outer.Inner"),
    ("torch.nn.modules.linear", "Linear"),
];

/// One pickle, or two, or one with something behind it.
pub(crate) fn pickle(random: &mut Random) -> Vec<u8> {
    let mut bytes = one(random);
    match random.below(10) {
        0 => bytes.extend(one(random)),
        1 => bytes.extend(random.bytes(20)),
        _ => {}
    }
    bytes
}

fn one(random: &mut Random) -> Vec<u8> {
    let protocol = random.below(6);
    let mut writer = Writer {
        out: Vec::new(),
        memo: 0,
        protocol,
    };
    writer.value(random, 5);
    writer.out.push(b'.');
    let body = writer.out;
    let mut bytes = Vec::new();
    if protocol >= 2 || random.one_in(3) {
        bytes.extend([0x80, u8::try_from(protocol).expect("it is below six")]);
    }
    if protocol >= 4 && !random.one_in(4) {
        let length = random.lie(body.len() as u64);
        bytes.extend(Fields::default().u8(0x95).u64(length).0);
    }
    bytes.extend(body);
    bytes
}

struct Writer {
    out: Vec<u8>,
    /// Values put into the memo so far.
    memo: usize,
    protocol: usize,
}

impl Writer {
    fn op(&mut self, bytes: impl AsRef<[u8]>) {
        self.out.extend(bytes.as_ref());
    }

    /// Pushes a value, `depth` levels deep at most.
    fn value(&mut self, random: &mut Random, depth: usize) {
        let kind = if depth == 0 {
            random.below(7)
        } else {
            random.below(20)
        };
        match kind {
            0 => self.op([*b"N", [0x88], [0x89], *b")", *b"]", *b"}", [0x8f]][random.below(7)]),
            1 => self.number(random),
            2 | 3 => self.text(random, "layer.0.weight"),
            4 => self.bytes(random),
            5 => self.name(random),
            6 if self.memo > 0 => self.remembered(random),
            7 => self.storage(random),
            8 | 9 => self.call(random, depth),
            10 => self.built(random, depth),
            11 => self.tensor(random),
            12 => {
                self.op("(");
                self.several(random, depth);
                self.op([*b"t", *b"l", [0x91], *b"1"][random.below(4)]);
                if self.out.last() == Some(&b'1') {
                    self.op("N");
                }
            }
            13 => {
                self.op("](");
                self.several(random, depth);
                self.op("e");
            }
            14 => {
                self.op("}(");
                for _ in 0..random.below(4) {
                    self.text(random, "key");
                    self.value(random, depth - 1);
                }
                self.op(if random.one_in(3) { "d" } else { "u" });
            }
            15 => {
                self.value(random, depth - 1);
                let count = 1 + random.below(2);
                for _ in 0..count {
                    self.value(random, depth - 1);
                }
                self.op([[0x86], [0x87]][count - 1]);
            }
            16 => {
                self.value(random, depth - 1);
                self.op("20");
            }
            17 => {
                self.value(random, depth - 1);
                self.remember(random);
            }
            18 => {
                let inner = super::content(random);
                self.counted(random, b'B', 0x8e, &inner);
            }
            _ => {
                self.op("]");
                self.value(random, depth.saturating_sub(1));
                self.op("a");
            }
        }
        if random.one_in(5) {
            self.remember(random);
        }
    }

    fn several(&mut self, random: &mut Random, depth: usize) {
        for _ in 0..random.below(5) {
            self.value(random, depth - 1);
        }
    }

    fn number(&mut self, random: &mut Random) {
        let number = random.number();
        match random.below(7) {
            0 => self.op(Fields::of(b"J").u32(crate::random::low32(number)).0),
            1 => self.op([b'K', random.byte()]),
            2 => self.op(format!("I{number}\n")),
            3 => self.op(format!("L{number}L\n")),
            4 => self.op(Fields::of(b"\x8a\x08").u64(number).0),
            5 => self.op(Fields::of(b"G").u64(number).0),
            _ => self.op(format!("F{number}\n")),
        }
    }

    fn text(&mut self, random: &mut Random, text: &str) {
        let length = text.len();
        if self.protocol == 0 {
            let quoted = [format!("V{text}\n"), format!("S'{text}'\n")];
            return self.op(&quoted[random.below(2)]);
        }
        match random.below(3) {
            0 => self.op(Fields::of(b"X").u32(random.lie32(length)).bytes(text).0),
            1 => self.op(Fields::of(b"U")
                .u8(random.lie(length as u64).to_le_bytes()[0])
                .bytes(text)
                .0),
            _ => self.op(Fields::of(b"\x8c")
                .u8(random.lie(length as u64).to_le_bytes()[0])
                .bytes(text)
                .0),
        }
    }

    fn bytes(&mut self, random: &mut Random) {
        let bytes = random.bytes(24);
        self.counted(random, b'B', 0x96, &bytes);
    }

    fn counted(&mut self, random: &mut Random, short: u8, long: u8, bytes: &[u8]) {
        let length = bytes.len();
        if random.one_in(3) {
            let count = random.lie(length as u64);
            self.op(Fields::of(&[long]).u64(count).bytes(bytes).0);
        } else {
            let count = random.lie32(length);
            self.op(Fields::of(&[short]).u32(count).bytes(bytes).0);
        }
    }

    fn name(&mut self, random: &mut Random) {
        let (module, name) = NAMES[random.below(NAMES.len())];
        if self.protocol >= 4 || random.one_in(4) {
            self.text(random, module);
            self.text(random, name);
            self.op([0x93]);
        } else {
            self.op(format!("c{module}\n{name}\n"));
        }
    }

    fn call(&mut self, random: &mut Random, depth: usize) {
        match random.below(5) {
            0 => {
                self.op("(");
                self.name(random);
                self.several(random, depth);
                self.op("o");
            }
            1 => {
                let (module, name) = NAMES[random.below(NAMES.len())];
                self.op("(");
                self.several(random, depth);
                self.op(format!("i{module}\n{name}\n"));
            }
            way => {
                self.name(random);
                self.op("(");
                self.several(random, depth);
                self.op("t");
                if way == 2 && random.one_in(2) {
                    self.op(b"}\x92");
                } else {
                    self.op([[b'R'], [0x81]][random.below(2)]);
                }
            }
        }
    }

    fn built(&mut self, random: &mut Random, depth: usize) {
        self.call(random, depth);
        self.value(random, depth - 1);
        self.op("b");
    }

    fn storage(&mut self, random: &mut Random) {
        self.op("(");
        self.text(random, "storage");
        self.op("ctorch\nFloatStorage\n");
        self.text(random, "0");
        self.text(random, "cpu");
        self.op([b'K', 4 + random.byte() % 3]);
        self.op("tQ");
    }

    fn tensor(&mut self, random: &mut Random) {
        self.op("ctorch._utils\n_rebuild_tensor_v2\n(");
        self.storage(random);
        self.op(random.pick(&[
            &b"K\0(K\x02K\x02t(K\x02K\x01t"[..],
            b"K\x01(K\x02t(K\x01t",
            b"K\0))",
            b"J\xff\xff\xff\x7f(K\x02t(J\xff\xff\xff\xfft",
        ]));
        self.op([0x89]);
        self.op("ccollections\nOrderedDict\n)RtR");
    }

    fn remember(&mut self, random: &mut Random) {
        let index = random.lie(self.memo as u64);
        match random.below(4) {
            0 => self.op(format!("p{index}\n")),
            1 => self.op([b'q', index.to_le_bytes()[0]]),
            2 => self.op(Fields::of(b"r").u32(crate::random::low32(index)).0),
            _ => self.op([0x94]),
        }
        self.memo += 1;
    }

    fn remembered(&mut self, random: &mut Random) {
        let index = random.below(self.memo) as u64;
        let index = random.lie(index);
        match random.below(3) {
            0 => self.op(format!("g{index}\n")),
            1 => self.op([b'h', index.to_le_bytes()[0]]),
            _ => self.op(Fields::of(b"j").u32(crate::random::low32(index)).0),
        }
    }
}

//! Pickles, read as data: the names, shapes and types of the tensors that loading would make. Nothing is imported,
//! constructed or called; an opcode that would do so becomes a note of what it names.

use std::collections::HashMap;

use super::header::{Header, MOST_TENSORS, Source, Stop, Tensor};
use super::{Flaw, Format};

/// Deepest nesting that is followed.
const MOST_DEPTH: usize = 24;
/// Most values a stream may make: a checkpoint makes some hundred thousand.
const MOST_VALUES: usize = 2_000_000;
/// Most names of classes that are kept.
const MOST_MENTIONS: usize = 64;

/// Reads a bare stream. The legacy form of `torch.save` is several pickles in a row; the last one is the model.
pub(super) fn read(source: &mut Source) -> Result<Header, Stop> {
    let readable = source.length().min(source.budget());
    let whole = readable == source.length();
    let stream = source.bytes(readable, "the pickle")?;
    let mut header = Header::new(Format::Pickle);
    let mut at = 0;
    // Magic number, protocol, machine, model: and then raw bytes that are no pickle.
    for _ in 0..4 {
        let Some(rest) = stream.get(at..).filter(|rest| rest.first() == Some(&0x80)) else {
            break;
        };
        let mut machine = Machine::default();
        match machine.run(rest) {
            Ok(used) => at += used,
            Err(_) if !whole => {
                header.complete = false;
                at = stream.len();
            }
            Err(used) if header.tensors.is_empty() => {
                return Err(Flaw::Pickle {
                    at: (at + used) as u64,
                }
                .into());
            }
            // What follows the model is the bytes of its tensors.
            Err(_) => at = stream.len(),
        }
        machine.collect(&mut header);
    }
    Ok(header)
}

/// Reads the stream of an archive's `data.pkl`; where it is not `whole`, what was cut off is not missed.
pub(super) fn read_stream(stream: &[u8], whole: bool, header: &mut Header) -> Result<(), Flaw> {
    let mut machine = Machine::default();
    let ran = machine.run(stream);
    machine.collect(header);
    match ran {
        Ok(_) => Ok(()),
        Err(_) if !whole => {
            header.complete = false;
            Ok(())
        }
        Err(at) => Err(Flaw::Pickle { at: at as u64 }),
    }
}

/// A place in the arena of values. Cycles are possible there and harmless: nothing owns another.
type Ref = usize;

#[derive(Debug)]
enum Node {
    Opaque,
    Int(i64),
    Text(String),
    Global(String),
    Sequence(Vec<Ref>),
    Map(Vec<(Ref, Ref)>),
    /// A call that loading would make.
    Call {
        callee: Ref,
        arguments: Ref,
        state: Option<Ref>,
    },
    /// A storage of tensors by the name of its class.
    Storage(String),
}

#[derive(Debug, Default)]
struct Machine {
    nodes: Vec<Node>,
    stack: Vec<Ref>,
    marks: Vec<usize>,
    memo: HashMap<u64, Ref>,
    mentions: Vec<String>,
}

/// The bytes that are left of a stream.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(count)?;
        let slice = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(slice)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    /// A little-endian number of `width` bytes, at most 8.
    fn number(&mut self, width: usize) -> Option<u64> {
        let bytes = self.take(width)?;
        Some(
            bytes
                .iter()
                .rev()
                .fold(0, |number, byte| number << 8 | u64::from(*byte)),
        )
    }

    fn counted(&mut self, width: usize) -> Option<&'a [u8]> {
        let count = usize::try_from(self.number(width)?).ok()?;
        self.take(count)
    }

    fn line(&mut self) -> Option<&'a [u8]> {
        let rest = self.bytes.get(self.at..)?;
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        let line = self.take(end)?;
        self.at += 1;
        Some(line)
    }
}

fn text(bytes: &[u8]) -> Node {
    Node::Text(String::from_utf8_lossy(bytes).into_owned())
}

impl Machine {
    /// Runs one pickle; returns the bytes used, or where it stopped adding up.
    fn run(&mut self, stream: &[u8]) -> Result<usize, usize> {
        let mut cursor = Cursor {
            bytes: stream,
            at: 0,
        };
        loop {
            let at = cursor.at;
            let opcode = cursor.byte().ok_or(at)?;
            if opcode == b'.' {
                return Ok(cursor.at);
            }
            if self.nodes.len() > MOST_VALUES || self.stack.len() > MOST_VALUES {
                return Err(at);
            }
            self.step(opcode, &mut cursor).ok_or(at)?;
        }
    }

    fn push(&mut self, node: Node) {
        self.nodes.push(node);
        self.stack.push(self.nodes.len() - 1);
    }

    fn pop(&mut self) -> Option<Ref> {
        // Values below an open mark belong to what is built outside of it.
        if self
            .marks
            .last()
            .is_some_and(|mark| self.stack.len() <= *mark)
        {
            return None;
        }
        self.stack.pop()
    }

    fn take_to_mark(&mut self) -> Option<Vec<Ref>> {
        let mark = self.marks.pop()?;
        (mark <= self.stack.len()).then(|| self.stack.split_off(mark))
    }

    fn top(&self) -> Option<Ref> {
        self.stack.last().copied()
    }

    fn tuple(&mut self, count: usize) -> Option<()> {
        let at = self.stack.len().checked_sub(count)?;
        let items = self.stack.split_off(at);
        self.push(Node::Sequence(items));
        Some(())
    }

    fn global(&mut self, module: &str, name: &str) {
        let global = format!("{module}.{name}");
        if self.mentions.len() < MOST_MENTIONS && !self.mentions.contains(&global) {
            self.mentions.push(global.clone());
        }
        self.push(Node::Global(global));
    }

    fn call(&mut self, callee: Ref, arguments: Ref) {
        let node = match self.nodes.get(callee) {
            Some(Node::Global(name)) if name.ends_with("Dict") || name.ends_with("defaultdict") => {
                Node::Map(Vec::new())
            }
            _ => Node::Call {
                callee,
                arguments,
                state: None,
            },
        };
        self.push(node);
    }

    /// A reference to something outside of the stream: with PyTorch, the storage of a tensor.
    fn persistent(&mut self, id: Ref) {
        let class = match self.nodes.get(id) {
            Some(Node::Sequence(parts)) => parts.get(1).and_then(|part| self.nodes.get(*part)),
            _ => None,
        };
        let node = match class {
            Some(Node::Global(name)) => Node::Storage(name.clone()),
            _ => Node::Opaque,
        };
        self.push(node);
    }

    fn extend(&mut self, target: Ref, items: Vec<Ref>) {
        if let Some(Node::Sequence(list)) = self.nodes.get_mut(target) {
            list.extend(items);
        }
    }

    fn insert(&mut self, target: Ref, items: &[Ref]) {
        if let Some(Node::Map(map)) = self.nodes.get_mut(target) {
            map.extend(items.chunks_exact(2).map(|pair| (pair[0], pair[1])));
        }
    }

    /// Does what `opcode` says; `None` where the stream does not add up.
    fn step(&mut self, opcode: u8, cursor: &mut Cursor<'_>) -> Option<()> {
        match opcode {
            0x80 => drop(cursor.byte()?),
            0x95 => drop(cursor.take(8)?),
            b'(' => self.marks.push(self.stack.len()),
            b'0' => {
                if self.marks.last() == Some(&self.stack.len()) {
                    self.marks.pop();
                } else {
                    self.pop()?;
                }
            }
            b'1' => drop(self.take_to_mark()?),
            b'2' => self.stack.push(self.top()?),
            b'N' | 0x88 | 0x89 | 0x97 => self.push(Node::Opaque),
            0x98 => {}
            b'F' | b'P' => {
                cursor.line()?;
                self.push(Node::Opaque);
            }
            b'G' => {
                cursor.take(8)?;
                self.push(Node::Opaque);
            }
            b'I' | b'L' => {
                let line = std::str::from_utf8(cursor.line()?).ok()?;
                let number = line.trim_end_matches('L').parse().unwrap_or_default();
                self.push(Node::Int(number));
            }
            b'J' => {
                let bits = u32::try_from(cursor.number(4)?).ok()?;
                self.push(Node::Int(bits.cast_signed().into()));
            }
            b'K' | b'M' => {
                let number = cursor.number(if opcode == b'K' { 1 } else { 2 })?;
                self.push(Node::Int(i64::try_from(number).ok()?));
            }
            0x8a | 0x8b => {
                let bytes = cursor.counted(if opcode == 0x8a { 1 } else { 4 })?;
                let number = (bytes.len() < 8).then(|| {
                    bytes
                        .iter()
                        .rev()
                        .fold(0, |number, byte| number << 8 | i64::from(*byte))
                });
                self.push(number.map_or(Node::Opaque, Node::Int));
            }
            b'S' | b'V' => {
                let line = cursor.line()?;
                self.push(text(line.trim_ascii().trim_ascii_start()));
            }
            b'T' | b'X' | b'B' => self.push(text(cursor.counted(4)?)),
            b'U' | b'C' | 0x8c => self.push(text(cursor.counted(1)?)),
            0x8d | 0x8e | 0x96 => self.push(text(cursor.counted(8)?)),
            b'Q' => {
                let id = self.pop()?;
                self.persistent(id);
            }
            b'c' => {
                let module = String::from_utf8_lossy(cursor.line()?);
                let name = String::from_utf8_lossy(cursor.line()?);
                self.global(&module, &name);
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Some(Node::Text(module)), Some(Node::Text(name))) =
                    (self.nodes.get(module), self.nodes.get(name))
                else {
                    return None;
                };
                let (module, name) = (module.clone(), name.clone());
                self.global(&module, &name);
            }
            b'i' => {
                let module = String::from_utf8_lossy(cursor.line()?);
                let name = String::from_utf8_lossy(cursor.line()?);
                drop(self.take_to_mark()?);
                self.global(&module, &name);
            }
            b'o' => {
                self.take_to_mark()?;
                self.push(Node::Opaque);
            }
            b'R' | 0x81 => {
                let (arguments, callee) = (self.pop()?, self.pop()?);
                self.call(callee, arguments);
            }
            0x92 => {
                let (_, arguments, callee) = (self.pop()?, self.pop()?, self.pop()?);
                self.call(callee, arguments);
            }
            0x82 => {
                cursor.take(1)?;
                self.push(Node::Opaque);
            }
            0x83 => {
                cursor.take(2)?;
                self.push(Node::Opaque);
            }
            0x84 => {
                cursor.take(4)?;
                self.push(Node::Opaque);
            }
            b'b' => {
                let given = self.pop()?;
                let target = self.top()?;
                if let Some(Node::Call { state, .. }) = self.nodes.get_mut(target) {
                    *state = Some(given);
                }
            }
            b'a' => {
                let item = self.pop()?;
                let target = self.top()?;
                self.extend(target, vec![item]);
            }
            b'e' | 0x90 => {
                let items = self.take_to_mark()?;
                let target = self.top()?;
                self.extend(target, items);
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                let target = self.top()?;
                self.insert(target, &[key, value]);
            }
            b'u' => {
                let items = self.take_to_mark()?;
                let target = self.top()?;
                self.insert(target, &items);
            }
            b'd' => {
                let items = self.take_to_mark()?;
                self.push(Node::Map(Vec::new()));
                let target = self.top()?;
                self.insert(target, &items);
            }
            b'l' | b't' | 0x91 => {
                let items = self.take_to_mark()?;
                self.push(Node::Sequence(items));
            }
            b']' | b')' | 0x8f => self.push(Node::Sequence(Vec::new())),
            b'}' => self.push(Node::Map(Vec::new())),
            0x85 => self.tuple(1)?,
            0x86 => self.tuple(2)?,
            0x87 => self.tuple(3)?,
            b'g' => {
                let slot = std::str::from_utf8(cursor.line()?).ok()?.parse().ok()?;
                self.recall(slot)?;
            }
            b'h' => {
                let slot = cursor.number(1)?;
                self.recall(slot)?;
            }
            b'j' => {
                let slot = cursor.number(4)?;
                self.recall(slot)?;
            }
            b'p' => {
                let slot = std::str::from_utf8(cursor.line()?).ok()?.parse().ok()?;
                self.memo.insert(slot, self.top()?);
            }
            b'q' => {
                let slot = cursor.number(1)?;
                self.memo.insert(slot, self.top()?);
            }
            b'r' => {
                let slot = cursor.number(4)?;
                self.memo.insert(slot, self.top()?);
            }
            0x94 => {
                self.memo.insert(self.memo.len() as u64, self.top()?);
            }
            _ => return None,
        }
        Some(())
    }

    fn recall(&mut self, slot: u64) -> Option<()> {
        let node = *self.memo.get(&slot)?;
        self.stack.push(node);
        Some(())
    }

    /// Puts the tensors and texts of what the stream built into `header`.
    fn collect(&self, header: &mut Header) {
        for mention in &self.mentions {
            if !header.mentions.contains(mention) {
                header.mentions.push(mention.clone());
            }
        }
        let mut left = MOST_TENSORS * 4;
        for root in &self.stack {
            self.walk(*root, &mut String::new(), MOST_DEPTH, &mut left, header);
        }
    }

    fn walk(
        &self,
        node: Ref,
        path: &mut String,
        depth: usize,
        left: &mut usize,
        header: &mut Header,
    ) {
        if depth == 0 || *left == 0 {
            return;
        }
        *left -= 1;
        match self.nodes.get(node) {
            Some(Node::Map(map)) => {
                for (key, value) in map {
                    self.descend(*key, *value, path, depth, left, header);
                }
            }
            Some(Node::Sequence(items)) if !path.is_empty() && items.len() < 64 => {
                for (index, item) in items.iter().enumerate() {
                    self.below(&index.to_string(), *item, path, depth, left, header);
                }
            }
            Some(Node::Call {
                arguments, state, ..
            }) => {
                if let Some(tensor) = self.tensor(node, path, depth) {
                    header.push(tensor);
                } else {
                    for inside in state.iter().chain([arguments]) {
                        self.walk(*inside, path, depth - 1, left, header);
                    }
                }
            }
            Some(Node::Text(text)) if !path.is_empty() && text.len() < 4096 => {
                header.metadata.insert(path.clone(), text.clone());
            }
            _ => {}
        }
    }

    fn descend(
        &self,
        key: Ref,
        value: Ref,
        path: &mut String,
        depth: usize,
        left: &mut usize,
        header: &mut Header,
    ) {
        match self.nodes.get(key) {
            // What `torch.nn.Module` calls its own attributes is no part of a tensor's name.
            Some(Node::Text(name))
                if matches!(name.as_str(), "_parameters" | "_modules" | "_buffers") =>
            {
                self.walk(value, path, depth - 1, left, header);
            }
            Some(Node::Text(name)) if name.len() < 1024 => {
                self.below(name, value, path, depth, left, header);
            }
            Some(Node::Int(number)) => {
                self.below(&number.to_string(), value, path, depth, left, header);
            }
            _ => {}
        }
    }

    fn below(
        &self,
        name: &str,
        value: Ref,
        path: &mut String,
        depth: usize,
        left: &mut usize,
        header: &mut Header,
    ) {
        let length = path.len();
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(name);
        self.walk(value, path, depth - 1, left, header);
        path.truncate(length);
    }

    /// The tensor that a call would make, if it is one that makes tensors.
    fn tensor(&self, node: Ref, path: &str, depth: usize) -> Option<Tensor> {
        let Some(Node::Call {
            callee, arguments, ..
        }) = self.nodes.get(node)
        else {
            return None;
        };
        let Some(Node::Global(name)) = self.nodes.get(*callee) else {
            return None;
        };
        let Some(Node::Sequence(arguments)) = self.nodes.get(*arguments) else {
            return None;
        };
        if name.ends_with("_rebuild_parameter") && depth > 1 {
            return self.tensor(*arguments.first()?, path, depth - 1);
        }
        if !name.contains("_rebuild_tensor") {
            return None;
        }
        let dtype = match self.nodes.get(*arguments.first()?)? {
            Node::Storage(class) => storage_type(class),
            _ => "",
        };
        let Some(Node::Sequence(size)) = self.nodes.get(*arguments.get(2)?) else {
            return None;
        };
        let shape = size
            .iter()
            .map(|dim| match self.nodes.get(*dim) {
                Some(Node::Int(dim)) => u64::try_from(*dim).ok(),
                _ => None,
            })
            .collect();
        Some(Tensor {
            name: path.to_owned(),
            dtype: dtype.into(),
            shape,
        })
    }
}

/// The number format that a storage class of PyTorch holds.
fn storage_type(class: &str) -> &'static str {
    let name = class.rsplit('.').next().unwrap_or(class);
    match name {
        "FloatStorage" => "F32",
        "HalfStorage" => "F16",
        "BFloat16Storage" => "BF16",
        "DoubleStorage" => "F64",
        "LongStorage" => "I64",
        "IntStorage" => "I32",
        "ShortStorage" => "I16",
        "CharStorage" => "I8",
        "ByteStorage" => "U8",
        "BoolStorage" => "BOOL",
        _ => "",
    }
}

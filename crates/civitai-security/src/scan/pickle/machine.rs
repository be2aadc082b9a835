//! Runs a pickle on values of which only the kind is known, and keeps what it would do.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use super::name::{Judgement, Name, Use, is_identifier_path, judge};
use super::opcode as op;
use super::read::{Operand, Operation, Operations, Span};
use super::rule;
use super::value::{Storage, Tuple, Value, Weight, Written};
use crate::scan::budget::Budget;
use crate::scan::frame::Stop;
use crate::scan::limits::Limits;
use crate::scan::report::Finding;
use crate::scan::rule::Rule;

/// The unpickler of one pickle.
pub(super) struct Machine<'l> {
    limits: &'l Limits,
    pub(super) stack: Vec<Value>,
    /// The heights of the stack at its marks.
    marks: Vec<usize>,
    memo: Memo,
    protocol: u8,
    /// Where the open frame ends.
    frame_end: Option<u64>,
    names: HashMap<String, Rc<Name>>,
    /// The names that are not allowed, in the order in which they appear.
    refused: Vec<Rc<Name>>,
    /// What was found beside the refused names.
    pub(super) findings: Vec<Finding>,
    /// Rules that broke, each told once: the second time teaches nothing.
    told: Vec<&'static Rule>,
    /// Uses of `getattr` that no call has explained yet.
    pub(super) getattr: Option<u64>,
    /// Data of tensors by key.
    pub(super) storages: HashMap<Rc<str>, Rc<Storage>>,
    /// Pickles and archives in bytes, which an allowed callable loads.
    pub(super) nested: Vec<Nested>,
    /// Texts that were appended to lists: the keys of an old `PyTorch` file.
    pub(super) listed: Vec<Rc<str>>,
    /// The bytes that kept tuples and texts take.
    kept_bytes: usize,
}

/// Bytes in a pickle that are loaded by a callable that it names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Nested {
    pub(super) span: Span,
    /// How the text is written that has one character a byte, where they are written as text.
    pub(super) latin1: Option<Written>,
}

impl<'l> Machine<'l> {
    pub(super) fn new(limits: &'l Limits) -> Self {
        Self {
            limits,
            stack: Vec::new(),
            marks: Vec::new(),
            memo: Memo::default(),
            protocol: 0,
            frame_end: None,
            names: HashMap::new(),
            refused: Vec::new(),
            findings: Vec::new(),
            told: Vec::new(),
            getattr: None,
            storages: HashMap::new(),
            nested: Vec::new(),
            listed: Vec::new(),
            kept_bytes: 0,
        }
    }

    /// Runs the operations up to `STOP`, and gives the value of the pickle.
    pub(super) fn run(
        &mut self,
        operations: &mut Operations<'_, '_>,
        budget: &mut Budget,
    ) -> Result<Value, Stop> {
        let mut count = 0_u64;
        let result = loop {
            let operation = operations.next()?;
            count += 1;
            if count.is_multiple_of(SPEND_OPCODES) {
                budget.spend_opcodes(SPEND_OPCODES)?;
                budget.check_growth()?;
            }
            if let Some(what) = operation.odd {
                self.tell(&rule::VALUE, operation.offset, what);
            }
            self.check_frame(&operation, operations);
            if let Some(result) = self.step(operation)? {
                break result;
            }
            if self.stack.len() + self.marks.len() > self.limits.stack {
                let detail = format!("more than {} values", self.limits.stack);
                return Err(Stop::at(&rule::LIMIT_STACK, operations.position(), detail));
            }
        };
        budget.spend_opcodes(count % SPEND_OPCODES)?;
        budget.check_growth()?;
        if !self.stack.is_empty() || !self.marks.is_empty() {
            let detail = format!("{} are left", self.stack.len() + self.marks.len());
            self.tell(&rule::LEFTOVER, operations.position() - 1, &detail);
        }
        Ok(result)
    }

    /// What was found, with the names that are not allowed.
    pub(super) fn into_findings(mut self) -> Vec<Finding> {
        if let Some(offset) = self.getattr {
            let detail = "named, and not called on an allowed name";
            self.findings.push(
                Finding::new(&rule::DENIED, offset, detail).with_callable("builtins.getattr"),
            );
        }
        let mut findings = self.findings;
        for name in self.refused {
            let rule = match name.judgement {
                Judgement::Denied => &rule::DENIED,
                _ => &rule::NOT_ALLOWED,
            };
            let detail = match &*name.call.borrow() {
                Some(arguments) => format!("called with {arguments}"),
                None => "named, not called".to_owned(),
            };
            findings.push(Finding::new(rule, name.offset, detail).with_callable(&name.to_string()));
        }
        findings.sort_by_key(|finding| finding.offset);
        findings
    }

    /// The offset from which nothing but what was reached counts, where a text only looks like a pickle.
    pub(super) fn called(&self) -> bool {
        self.refused.iter().any(|name| name.call.borrow().is_some())
    }

    fn step(&mut self, operation: Operation) -> Result<Option<Value>, Stop> {
        let Operation {
            offset,
            code,
            operand,
            ..
        } = operation;
        match code {
            op::PROTO => self.proto(offset, &operand),
            op::FRAME => {}
            op::STOP => return self.pop(offset).map(Some),
            op::MARK => self.marks.push(self.stack.len()),
            op::POP => self.pop_any(offset)?,
            op::POP_MARK => drop(self.pop_mark(offset)?),
            op::DUP => {
                let top = self.top(offset)?.clone();
                self.stack.push(top);
            }
            op::NONE => self.stack.push(Value::None),
            op::NEWTRUE => self.stack.push(Value::Bool(true)),
            op::NEWFALSE => self.stack.push(Value::Bool(false)),
            op::EMPTY_LIST => self.stack.push(Value::List(Weight::new())),
            op::EMPTY_DICT => self.stack.push(Value::Dict(Weight::new())),
            op::EMPTY_SET => self.stack.push(Value::Set(Weight::new())),
            op::EMPTY_TUPLE => self.tuple(offset, Vec::new()),
            op::TUPLE1 | op::TUPLE2 | op::TUPLE3 => {
                let items = self.pop_many(offset, usize::from(code - op::TUPLE1) + 1)?;
                self.tuple(offset, items);
            }
            op::TUPLE => {
                let items = self.pop_mark(offset)?;
                self.tuple(offset, items);
            }
            op::LIST => {
                let items = self.pop_mark(offset)?;
                let list = Value::List(Weight::new());
                self.fill(offset, &list, &items);
                self.stack.push(list);
            }
            op::DICT => {
                let items = self.pop_pairs(offset)?;
                let dict = Value::Dict(Weight::new());
                self.fill(offset, &dict, &items);
                self.stack.push(dict);
            }
            op::FROZENSET => {
                let items = self.pop_mark(offset)?;
                let set = Value::Set(Weight::new());
                self.fill(offset, &set, &items);
                self.stack.push(set);
            }
            op::APPEND => {
                let items = vec![self.pop(offset)?];
                self.append(offset, &items)?;
            }
            op::APPENDS => {
                let items = self.pop_mark(offset)?;
                self.append(offset, &items)?;
            }
            op::SETITEM => {
                let items = self.pop_many(offset, 2)?;
                self.set_items(offset, &items)?;
            }
            op::SETITEMS => {
                let items = self.pop_pairs(offset)?;
                self.set_items(offset, &items)?;
            }
            op::ADDITEMS => {
                let items = self.pop_mark(offset)?;
                self.add_items(offset, &items)?;
            }
            op::GLOBAL => {
                if let Operand::Name { module, name } = operand {
                    let value = self.name(offset, &module, &name)?;
                    self.stack.push(value);
                }
            }
            op::STACK_GLOBAL => self.stack_global(offset)?,
            op::INST => {
                let arguments = self.pop_mark(offset)?;
                if let Operand::Name { module, name } = operand {
                    let class = self.name(offset, &module, &name)?;
                    let arguments = self.make_tuple(offset, arguments);
                    self.call_and_push(offset, &class, &arguments);
                }
            }
            op::OBJ => {
                let mut arguments = self.pop_mark(offset)?;
                if arguments.is_empty() {
                    return Err(underflow(offset, code));
                }
                let class = arguments.remove(0);
                let arguments = self.make_tuple(offset, arguments);
                self.call_and_push(offset, &class, &arguments);
            }
            op::REDUCE | op::NEWOBJ => {
                let arguments = self.pop(offset)?;
                let callee = self.pop(offset)?;
                self.call_and_push(offset, &callee, &arguments);
            }
            op::NEWOBJ_EX => {
                let named = self.pop(offset)?;
                let arguments = self.pop(offset)?;
                let class = self.pop(offset)?;
                self.escape(offset, &named);
                self.call_and_push(offset, &class, &arguments);
            }
            op::BUILD => {
                let state = self.pop(offset)?;
                self.escape(offset, &state);
                let receiver = self.top(offset)?.clone();
                self.build(offset, &receiver, &state);
            }
            op::EXT1 | op::EXT2 | op::EXT4 => {
                self.tell(&rule::EXTENSION, offset, op::name(code));
                self.stack.push(Value::Unknown);
            }
            op::PERSID => {
                self.tell(&rule::PERSISTENT_ID, offset, "a persistent id in a line");
                self.stack.push(Value::Unknown);
            }
            op::BINPERSID => {
                let id = self.pop(offset)?;
                let value = self.persistent(offset, &id);
                self.stack.push(value);
            }
            op::PUT | op::BINPUT | op::LONG_BINPUT => {
                let value = self.top(offset)?.clone();
                self.memo.put(index(&operand), value);
                self.check_memo(offset)?;
            }
            op::MEMOIZE => {
                let value = self.top(offset)?.clone();
                self.memo.put(Some(self.memo.len() as u64), value);
                self.check_memo(offset)?;
            }
            op::GET | op::BINGET | op::LONG_BINGET => {
                let value = self.memo.value(index(&operand)).cloned();
                if value.is_none() {
                    self.tell(&rule::MEMO, offset, "nothing was put there");
                }
                self.stack.push(value.unwrap_or(Value::Unknown));
            }
            op::NEXT_BUFFER | op::READONLY_BUFFER => {
                if code == op::NEXT_BUFFER {
                    self.stack.push(Value::Unknown);
                } else {
                    self.top(offset)?;
                }
                self.tell(&rule::OUT_OF_BAND, offset, op::name(code));
            }
            _ => {
                let value = self.constant(operand);
                self.stack.push(value);
            }
        }
        Ok(None)
    }

    fn proto(&mut self, offset: u64, operand: &Operand) {
        let protocol = index(operand)
            .and_then(|protocol| u8::try_from(protocol).ok())
            .unwrap_or(u8::MAX);
        if protocol > NEWEST_PROTOCOL {
            self.tell(&rule::PROTOCOL, offset, &format!("protocol {protocol}"));
        }
        self.protocol = protocol;
    }

    /// Frames hold whole operations, one frame after the other, within the file.
    fn check_frame(&mut self, operation: &Operation, operations: &Operations<'_, '_>) {
        let after = operations.position();
        if let Some(end) = self.frame_end {
            if after > end && operation.offset < end || after < end && operation.code == op::STOP {
                self.tell(&rule::FRAME, operation.offset, "the frame ends elsewhere");
            } else if operation.code == op::FRAME && operation.offset < end {
                self.tell(&rule::FRAME, operation.offset, "a frame in a frame");
            }
            if after >= end {
                self.frame_end = None;
            }
        }
        if operation.code == op::FRAME {
            let len = index(&operation.operand).unwrap_or(u64::MAX);
            let end = after.saturating_add(len);
            if end > operations.len() {
                self.tell(&rule::FRAME, operation.offset, "it is longer than the file");
            }
            self.frame_end = Some(end);
        }
    }

    fn constant(&mut self, operand: Operand) -> Value {
        match operand {
            Operand::Bool(value) => Value::Bool(value),
            Operand::Int(TORCH_MAGIC) => Value::TorchMagic,
            Operand::Int(value) => i64::try_from(value).map_or(Value::Plain, Value::Int),
            Operand::Text(text) if self.keep(text.len()) => Value::Text(text),
            Operand::LongText(span) => Value::LongText(span),
            Operand::LongLine(span) => Value::LongLine(span),
            Operand::Bytes(span) => Value::Bytes(span),
            Operand::Text(_) => Value::Unknown,
            Operand::None | Operand::Number | Operand::ByteArray | Operand::Name { .. } => {
                Value::Plain
            }
        }
    }

    fn stack_global(&mut self, offset: u64) -> Result<(), Stop> {
        let name = self.pop(offset)?;
        let module = self.pop(offset)?;
        let value = if let (Value::Text(module), Value::Text(name)) = (&module, &name) {
            self.name(offset, module, name)?
        } else {
            let detail = format!("module {module}, name {name}");
            self.tell(&rule::UNRESOLVED, offset, &detail);
            Value::Unknown
        };
        self.stack.push(value);
        Ok(())
    }

    /// The value of a name, judged once.
    fn name(&mut self, offset: u64, module: &str, name: &str) -> Result<Value, Stop> {
        let key = format!("{module}\n{name}\n{}", self.protocol < 3);
        if let Some(known) = self.names.get(&key) {
            let known = Rc::clone(known);
            self.note_getattr(offset, &known);
            return Ok(Value::Global(known));
        }
        if self.names.len() >= NAMES {
            let detail = format!("more than {NAMES} names");
            return Err(Stop::at(&rule::LIMIT_MEMO, offset, detail));
        }
        let name = Rc::new(Name {
            module: module.into(),
            path: name.into(),
            judgement: judge(module, name, self.protocol),
            offset,
            call: RefCell::default(),
            misused: Cell::default(),
        });
        if name.allowed().is_none() {
            self.refused.push(Rc::clone(&name));
        }
        self.note_getattr(offset, &name);
        self.names.insert(key, Rc::clone(&name));
        Ok(Value::Global(name))
    }

    /// Names what was found by attribute, as if the pickle had named it with a dot.
    pub(super) fn attribute(&mut self, offset: u64, of: &Name, attribute: &str) -> Value {
        let dotted = format!("{}.{attribute}", of.path);
        self.name(offset, &of.module, &dotted)
            .unwrap_or(Value::Unknown)
    }

    fn note_getattr(&mut self, offset: u64, name: &Name) {
        if name.allowed() == Some(Use::GetAttr) {
            self.getattr.get_or_insert(offset);
        }
    }

    fn call_and_push(&mut self, offset: u64, callee: &Value, arguments: &Value) {
        let value = self.call(offset, callee, arguments);
        self.stack.push(value);
    }

    fn append(&mut self, offset: u64, items: &[Value]) -> Result<(), Stop> {
        let receiver = self.top(offset)?.clone();
        match &receiver {
            Value::List(_) | Value::Unknown => {}
            other if other.object_use() == Some(Use::List) => {}
            other if items.is_empty() && matches!(other, Value::Object(_)) => {}
            other => self.tell(&rule::RECEIVER, offset, &format!("appends to {other}")),
        }
        if matches!(receiver, Value::List(_)) && self.listed.len() < self.limits.memo {
            self.listed
                .extend(items.iter().filter_map(Value::as_text).map(Rc::clone));
        }
        self.fill(offset, &receiver, items);
        Ok(())
    }

    fn set_items(&mut self, offset: u64, items: &[Value]) -> Result<(), Stop> {
        let receiver = self.top(offset)?.clone();
        match &receiver {
            Value::Dict(_) | Value::Unknown => {}
            other if matches!(other.object_use(), Some(Use::Dict | Use::Factory)) => {}
            Value::Storage(_) => {
                self.tell(&rule::TENSOR_WRITE, offset, "sets items of a storage");
            }
            other if other.object_use().is_some_and(Use::is_tensor) => {
                self.tell(&rule::TENSOR_WRITE, offset, "sets items of a tensor");
            }
            other => self.tell(&rule::RECEIVER, offset, &format!("sets items of {other}")),
        }
        self.fill(offset, &receiver, items);
        Ok(())
    }

    fn add_items(&mut self, offset: u64, items: &[Value]) -> Result<(), Stop> {
        let receiver = self.top(offset)?.clone();
        match &receiver {
            Value::Set(_) | Value::Unknown => {}
            other if other.object_use() == Some(Use::Set) => {}
            other => self.tell(&rule::RECEIVER, offset, &format!("adds items to {other}")),
        }
        self.fill(offset, &receiver, items);
        Ok(())
    }

    fn build(&mut self, offset: u64, receiver: &Value, state: &Value) {
        match receiver {
            Value::Global(name) => {
                let finding = Finding::new(&rule::PATCHED, offset, format!("with {state}"));
                self.add(finding.with_callable(&name.to_string()));
            }
            Value::Object(name) if name.allowed().is_some_and(Use::is_tensor) => {
                let detail = format!("sets the state of a tensor to {state}");
                self.tell(&rule::RECEIVER, offset, &detail);
            }
            Value::Object(_) | Value::Unknown => {}
            other => self.tell(
                &rule::RECEIVER,
                offset,
                &format!("sets the state of {other}"),
            ),
        }
    }

    /// Puts items into a container.
    fn fill(&mut self, offset: u64, container: &Value, items: &[Value]) {
        let mut weight = 0_u64;
        for item in items {
            self.escape(offset, item);
            weight = weight.saturating_add(item.weight());
        }
        if let Value::List(whole) | Value::Dict(whole) | Value::Set(whole) = container {
            let whole = whole.add(weight);
            self.check_weight(offset, whole);
        }
    }

    /// A value goes where it may be called later: `getattr` is only followed where it is called here.
    fn escape(&mut self, offset: u64, value: &Value) {
        if let Value::Global(name) = value
            && name.allowed() == Some(Use::GetAttr)
        {
            let finding = Finding::new(&rule::DENIED, offset, "handed on to be called later");
            self.add(finding.with_callable("builtins.getattr"));
        }
    }

    fn tuple(&mut self, offset: u64, items: Vec<Value>) {
        let tuple = self.make_tuple(offset, items);
        self.stack.push(tuple);
    }

    pub(super) fn make_tuple(&mut self, offset: u64, items: Vec<Value>) -> Value {
        let mut weight = 1_u64;
        let mut depth = 0;
        for item in &items {
            self.escape(offset, item);
            weight = weight.saturating_add(item.weight());
            depth = depth.max(item.depth());
        }
        self.check_weight(offset, weight);
        let too_deep = depth >= self.limits.nesting;
        if items.len() > TUPLE_ITEMS || too_deep || !self.keep(items.len() * size_of::<Value>()) {
            return Value::LongTuple(weight);
        }
        Value::Tuple(Rc::new(Tuple {
            items: items.into(),
            depth: depth + 1,
            weight,
        }))
    }

    fn check_weight(&mut self, offset: u64, weight: u64) {
        if weight > WEIGHT {
            self.tell(&rule::EXPANSION, offset, "more than 2^32 values");
        }
    }

    /// Accounts for a value that is kept; false when there are too many.
    fn keep(&mut self, bytes: usize) -> bool {
        let sum = self.kept_bytes.saturating_add(bytes + KEPT_OVERHEAD_BYTES);
        let fits = sum <= KEPT_BYTES;
        if fits {
            self.kept_bytes = sum;
        }
        fits
    }

    /// Tells of a broken rule, once.
    pub(super) fn tell(&mut self, rule: &'static Rule, offset: u64, detail: &str) {
        if !self.told.iter().any(|told| std::ptr::eq(*told, rule)) {
            self.told.push(rule);
            self.findings.push(Finding::new(rule, offset, detail));
        }
    }

    /// Tells of something that is worth telling each time; the number is bounded.
    pub(super) fn add(&mut self, finding: Finding) {
        if self.findings.len() < self.limits.findings {
            self.findings.push(finding);
        } else {
            self.tell(finding.rule, finding.offset, &finding.detail);
        }
    }

    /// Names that are no names mean that the bytes are no pickle.
    pub(super) fn has_real_names(&self) -> bool {
        self.refused
            .iter()
            .all(|name| is_identifier_path(&name.module) && is_identifier_path(&name.path))
    }

    fn check_memo(&self, offset: u64) -> Result<(), Stop> {
        if self.memo.len() > self.limits.memo {
            let detail = format!("more than {} values", self.limits.memo);
            return Err(Stop::at(&rule::LIMIT_MEMO, offset, detail));
        }
        Ok(())
    }

    /// The lowest value that may be taken: none below the last mark.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn top(&self, offset: u64) -> Result<&Value, Stop> {
        match self.stack.last() {
            Some(top) if self.stack.len() > self.floor() => Ok(top),
            _ => Err(underflow(offset, 0)),
        }
    }

    fn pop(&mut self, offset: u64) -> Result<Value, Stop> {
        self.top(offset)?;
        Ok(self.stack.pop().expect("the top was there"))
    }

    /// `POP` takes a mark where no value is above it.
    fn pop_any(&mut self, offset: u64) -> Result<(), Stop> {
        if self.marks.last() == Some(&self.stack.len()) {
            self.marks.pop();
            return Ok(());
        }
        self.pop(offset).map(drop)
    }

    fn pop_many(&mut self, offset: u64, count: usize) -> Result<Vec<Value>, Stop> {
        match self.stack.len().checked_sub(count) {
            Some(rest) if rest >= self.floor() => Ok(self.stack.split_off(rest)),
            _ => Err(underflow(offset, 0)),
        }
    }

    fn pop_mark(&mut self, offset: u64) -> Result<Vec<Value>, Stop> {
        match self.marks.pop() {
            Some(height) => Ok(self.stack.split_off(height)),
            None => Err(Stop::at(&rule::STACK, offset, "there is no mark")),
        }
    }

    fn pop_pairs(&mut self, offset: u64) -> Result<Vec<Value>, Stop> {
        let items = self.pop_mark(offset)?;
        if items.len() % 2 == 1 {
            return Err(Stop::at(&rule::STACK, offset, "a key has no value"));
        }
        Ok(items)
    }
}

/// The values that a pickle refers back to, by number.
#[derive(Debug, Default)]
struct Memo {
    dense: Vec<Option<Value>>,
    /// Numbers far above the others.
    sparse: HashMap<u64, Value>,
    filled: usize,
}

impl Memo {
    fn len(&self) -> usize {
        self.filled
    }

    fn put(&mut self, index: Option<u64>, value: Value) {
        let Some(index) = index else { return };
        let dense = usize::try_from(index)
            .ok()
            .filter(|&index| index <= self.filled.saturating_mul(2).saturating_add(DENSE_SLACK));
        let before = match dense {
            Some(index) => {
                if self.dense.len() <= index {
                    self.dense.resize(index + 1, None);
                }
                self.sparse.remove(&(index as u64));
                self.dense[index].replace(value)
            }
            None => self.sparse.insert(index, value),
        };
        self.filled += usize::from(before.is_none());
    }

    fn value(&self, index: Option<u64>) -> Option<&Value> {
        let index = index?;
        let dense = usize::try_from(index)
            .ok()
            .and_then(|index| self.dense.get(index)?.as_ref());
        dense.or_else(|| self.sparse.get(&index))
    }
}

fn index(operand: &Operand) -> Option<u64> {
    match operand {
        Operand::Int(value) => u64::try_from(*value).ok(),
        _ => None,
    }
}

fn underflow(offset: u64, code: u8) -> Stop {
    let detail = match code {
        0 => "the stack is empty".to_owned(),
        code => format!("{} has no class", op::name(code)),
    };
    Stop::at(&rule::STACK, offset, detail)
}

const NEWEST_PROTOCOL: u8 = 5;
const TORCH_MAGIC: i128 = 0x1950_a86a_20f9_469c_fc6c;
const SPEND_OPCODES: u64 = 4096;
/// The arguments of a call are fewer; longer tuples are data.
const TUPLE_ITEMS: usize = 64;
/// A value that takes four billion visits to walk was made to be walked.
const WEIGHT: u64 = 1 << 32;
const NAMES: usize = 100_000;
const KEPT_BYTES: usize = 160 << 20;
const KEPT_OVERHEAD_BYTES: usize = 48;
const DENSE_SLACK: usize = 1024;

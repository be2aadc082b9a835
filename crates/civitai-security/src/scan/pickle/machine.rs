//! Runs a pickle on values of which only the kind is known, and keeps what it would do.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use super::name::{Judgement, Name, Names, Use, is_identifier_path, judge};
use super::opcode as op;
use super::read::{Operand, Operation, Operations, Span};
use super::rule;
use super::stack::{Memo, Stack};
use super::value::{Contents, Storage, Value, Written};
use crate::scan::budget::Budget;
use crate::scan::frame::Stop;
use crate::scan::limits::Limits;
use crate::scan::report::Finding;
use crate::scan::rule::Rule;

/// The unpickler of one pickle.
pub(super) struct Machine<'l> {
    pub(super) limits: &'l Limits,
    pub(super) stack: Stack,
    memo: Memo,
    protocol: u8,
    /// Where the open frame ends.
    frame_end: Option<u64>,
    /// Those of protocols from 3 on, and those before.
    names: [Names; 2],
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
    pub(super) kept_bytes: usize,
}

/// Bytes in a pickle that are loaded by a callable that it names.
#[derive(Clone, Debug)]
pub(super) enum Nested {
    /// They stand in the file.
    Bytes(Span),
    /// They stand there as a text, one byte a character.
    Latin1(Span, Written),
    /// The same of a short text, and where it is loaded.
    ShortLatin1(Rc<str>, u64),
}

impl<'l> Machine<'l> {
    pub(super) fn new(limits: &'l Limits) -> Self {
        Self {
            limits,
            stack: Stack::default(),
            memo: Memo::default(),
            protocol: 0,
            frame_end: None,
            names: <[Names; 2]>::default(),
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
                budget.check_time()?;
            }
            if let Some(what) = operation.odd {
                self.tell(&rule::VALUE, operation.offset, what);
            }
            self.check_frame(&operation, operations);
            if let Some(result) = self.step(operation)? {
                break result;
            }
            if self.stack.len() > self.limits.stack {
                let detail = format!("more than {} values", self.limits.stack);
                return Err(Stop::at(&rule::LIMIT_STACK, operations.position(), detail));
            }
        };
        budget.spend_opcodes(count % SPEND_OPCODES)?;
        budget.check_time()?;
        if self.stack.len() > 0 {
            let detail = format!("{} are left", self.stack.len());
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
            op::STOP => return self.stack.pop(offset).map(Some),
            op::MARK => self.stack.mark(),
            op::POP => self.stack.pop_any(offset)?,
            op::POP_MARK => drop(self.stack.pop_mark(offset)?),
            op::DUP => {
                let top = self.stack.top(offset)?.clone();
                self.stack.push(top);
            }
            op::NONE => self.stack.push(Value::None),
            op::NEWTRUE => self.stack.push(Value::Bool(true)),
            op::NEWFALSE => self.stack.push(Value::Bool(false)),
            op::EMPTY_LIST => self.stack.push(Value::List(Contents::new())),
            op::EMPTY_DICT => self.stack.push(Value::Dict(Contents::new())),
            op::EMPTY_SET => self.stack.push(Value::Set(Contents::new())),
            op::EMPTY_TUPLE => self.tuple(offset, Vec::new()),
            op::TUPLE1 | op::TUPLE2 | op::TUPLE3 => {
                let items = self
                    .stack
                    .pop_many(offset, usize::from(code - op::TUPLE1) + 1)?;
                self.tuple(offset, items);
            }
            op::TUPLE => {
                let items = self.stack.pop_mark(offset)?;
                self.tuple(offset, items);
            }
            op::LIST => {
                let items = self.stack.pop_mark(offset)?;
                let list = Value::List(Contents::new());
                self.fill(offset, &list, &items);
                self.stack.push(list);
            }
            op::DICT => {
                let items = self.stack.pop_pairs(offset)?;
                let dict = Value::Dict(Contents::new());
                self.fill(offset, &dict, &items);
                self.stack.push(dict);
            }
            op::FROZENSET => {
                let items = self.stack.pop_mark(offset)?;
                let set = Value::Set(Contents::new());
                self.fill(offset, &set, &items);
                self.stack.push(set);
            }
            op::APPEND => {
                let items = vec![self.stack.pop(offset)?];
                self.append(offset, &items)?;
            }
            op::APPENDS => {
                let items = self.stack.pop_mark(offset)?;
                self.append(offset, &items)?;
            }
            op::SETITEM => {
                let items = self.stack.pop_many(offset, 2)?;
                self.set_items(offset, &items)?;
            }
            op::SETITEMS => {
                let items = self.stack.pop_pairs(offset)?;
                self.set_items(offset, &items)?;
            }
            op::ADDITEMS => {
                let items = self.stack.pop_mark(offset)?;
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
                let arguments = self.stack.pop_mark(offset)?;
                if let Operand::Name { module, name } = operand {
                    let class = self.name(offset, &module, &name)?;
                    let arguments = self.make_tuple(offset, arguments);
                    self.call_and_push(offset, &class, &arguments);
                }
            }
            op::OBJ => {
                let mut arguments = self.stack.pop_mark(offset)?;
                if arguments.is_empty() {
                    let detail = format!("{} has no class", op::name(code));
                    return Err(Stop::at(&rule::STACK, offset, detail));
                }
                let class = arguments.remove(0);
                let arguments = self.make_tuple(offset, arguments);
                self.call_and_push(offset, &class, &arguments);
            }
            op::REDUCE | op::NEWOBJ => {
                let arguments = self.stack.pop(offset)?;
                let callee = self.stack.pop(offset)?;
                self.call_and_push(offset, &callee, &arguments);
            }
            op::NEWOBJ_EX => {
                let named = self.stack.pop(offset)?;
                let arguments = self.stack.pop(offset)?;
                let class = self.stack.pop(offset)?;
                self.escape(offset, &named);
                self.call_and_push(offset, &class, &arguments);
            }
            op::BUILD => {
                let state = self.stack.pop(offset)?;
                self.escape(offset, &state);
                let receiver = self.stack.top(offset)?.clone();
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
                let id = self.stack.pop(offset)?;
                let value = self.persistent(offset, &id);
                self.stack.push(value);
            }
            op::PUT | op::BINPUT | op::LONG_BINPUT => {
                let value = self.stack.top(offset)?.clone();
                match index(&operand) {
                    Some(index) => self.memo.put(index, value),
                    None => self.tell(&rule::MEMO, offset, "its place is no number"),
                }
                self.check_memo(offset)?;
            }
            op::MEMOIZE => {
                let value = self.stack.top(offset)?.clone();
                self.memo.put(self.memo.len() as u64, value);
                self.check_memo(offset)?;
            }
            op::GET | op::BINGET | op::LONG_BINGET => {
                let known = index(&operand).and_then(|index| self.memo.value(index));
                let value = known.cloned();
                if value.is_none() {
                    self.tell(&rule::MEMO, offset, "nothing was put there");
                }
                self.stack.push(value.unwrap_or(Value::Unknown));
            }
            op::NEXT_BUFFER | op::READONLY_BUFFER => {
                if code == op::NEXT_BUFFER {
                    self.stack.push(Value::Unknown);
                } else {
                    self.stack.top(offset)?;
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
        let name = self.stack.pop(offset)?;
        let module = self.stack.pop(offset)?;
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
        let by_protocol = usize::from(self.protocol < 3);
        if let Some(known) = self.names[by_protocol].known(module, name) {
            self.note_getattr(offset, &known);
            return Ok(Value::Global(known));
        }
        if self.names.iter().map(Names::len).sum::<usize>() >= NAMES {
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
        self.names[by_protocol].insert(&name);
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
}

fn index(operand: &Operand) -> Option<u64> {
    match operand {
        Operand::Int(value) => u64::try_from(*value).ok(),
        _ => None,
    }
}

const NEWEST_PROTOCOL: u8 = 5;
const TORCH_MAGIC: i128 = 0x1950_a86a_20f9_469c_fc6c;
const SPEND_OPCODES: u64 = 4096;
const NAMES: usize = 100_000;

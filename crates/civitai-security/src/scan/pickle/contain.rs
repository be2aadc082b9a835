//! Puts values into containers, and sets the state of objects.

use std::rc::Rc;

use super::machine::Machine;
use super::name::Use;
use super::rule;
use super::value::{Bulk, Tuple, Value};
use crate::scan::frame::Stop;
use crate::scan::report::Finding;

impl Machine<'_> {
    pub(super) fn append(&mut self, offset: u64, items: &[Value]) -> Result<(), Stop> {
        let receiver = self.stack.top(offset)?.clone();
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

    pub(super) fn set_items(&mut self, offset: u64, items: &[Value]) -> Result<(), Stop> {
        let receiver = self.stack.top(offset)?.clone();
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

    pub(super) fn add_items(&mut self, offset: u64, items: &[Value]) -> Result<(), Stop> {
        let receiver = self.stack.top(offset)?.clone();
        match &receiver {
            Value::Set(_) | Value::Unknown => {}
            other if other.object_use() == Some(Use::Set) => {}
            other => self.tell(&rule::RECEIVER, offset, &format!("adds items to {other}")),
        }
        self.fill(offset, &receiver, items);
        Ok(())
    }

    pub(super) fn build(&mut self, offset: u64, receiver: &Value, state: &Value) {
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
    pub(super) fn fill(&mut self, offset: u64, container: &Value, items: &[Value]) {
        for item in items {
            self.escape(offset, item);
        }
        if let Value::List(contents) | Value::Dict(contents) | Value::Set(contents) = container {
            self.check_bulk(offset, contents.add(items));
        }
    }

    /// A value goes where it may be called later: `getattr` is only followed where it is called here.
    pub(super) fn escape(&mut self, offset: u64, value: &Value) {
        if let Value::Global(name) = value
            && name.allowed() == Some(Use::GetAttr)
        {
            let finding = Finding::new(&rule::DENIED, offset, "handed on to be called later");
            self.add(finding.with_callable("builtins.getattr"));
        }
    }

    pub(super) fn tuple(&mut self, offset: u64, items: Vec<Value>) {
        let tuple = self.make_tuple(offset, items);
        self.stack.push(tuple);
    }

    pub(super) fn make_tuple(&mut self, offset: u64, items: Vec<Value>) -> Value {
        for item in &items {
            self.escape(offset, item);
        }
        let bulk = Bulk::around(&items);
        let fits = items.len() <= TUPLE_ITEMS && self.check_bulk(offset, bulk);
        if !fits || !self.keep(items.len() * size_of::<Value>()) {
            return Value::LongTuple(bulk);
        }
        Value::Tuple(Rc::new(Tuple {
            items: items.into(),
            bulk,
        }))
    }

    /// Tells of a value that is too large or too deep; false where it is too deep to be kept.
    fn check_bulk(&mut self, offset: u64, bulk: Bulk) -> bool {
        if bulk.weight > WEIGHT {
            self.tell(&rule::EXPANSION, offset, "more than 2^32 values");
        }
        let fits = bulk.depth <= self.limits.nesting;
        if !fits {
            let detail = format!("more than {} levels", self.limits.nesting);
            self.tell(&rule::LIMIT_NESTING, offset, &detail);
        }
        fits
    }

    /// Accounts for a value that is kept; false when there are too many.
    pub(super) fn keep(&mut self, bytes: usize) -> bool {
        let sum = self.kept_bytes.saturating_add(bytes + KEPT_OVERHEAD_BYTES);
        let fits = sum <= KEPT_BYTES;
        if fits {
            self.kept_bytes = sum;
        }
        fits
    }
}

/// The arguments of a call are fewer; longer tuples are data.
const TUPLE_ITEMS: usize = 64;
/// A value that takes four billion visits to walk was made to be walked.
const WEIGHT: u64 = 1 << 32;
const KEPT_BYTES: usize = 160 << 20;
const KEPT_OVERHEAD_BYTES: usize = 48;

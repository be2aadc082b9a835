//! What a call of an allowed name gives, and whether its arguments are those that picklers write.

use std::rc::Rc;

use super::machine::{Machine, Nested};
use super::name::{Judgement, Name, Use};
use super::rule;
use super::value::{Storage, Value, Written};
use crate::scan::report::Finding;

impl Use {
    /// Whether the result is a tensor.
    pub(super) fn is_tensor(self) -> bool {
        matches!(
            self,
            Self::Tensor | Self::SizedTensor | Self::Rebuild | Self::RebuildTyped | Self::Apply
        )
    }
}

impl Machine<'_> {
    pub(super) fn call(&mut self, offset: u64, callee: &Value, arguments: &Value) -> Value {
        match callee {
            Value::Global(name) => match name.judgement {
                Judgement::Allowed(what) => self.call_allowed(offset, name, what, arguments),
                Judgement::Unknown | Judgement::Denied => {
                    let mut call = name.call.borrow_mut();
                    call.get_or_insert_with(|| arguments.to_string());
                    Value::Unknown
                }
            },
            Value::Unknown => Value::Unknown,
            other => {
                self.tell(&rule::CALL, offset, &format!("calls {other}"));
                Value::Unknown
            }
        }
    }

    fn call_allowed(
        &mut self,
        offset: u64,
        name: &Rc<Name>,
        what: Use,
        arguments: &Value,
    ) -> Value {
        let result = Value::Object(Rc::clone(name));
        let items = arguments.items().unwrap_or_default();
        let known = arguments.items().is_some();
        let fits = match what {
            Use::Value | Use::Dict | Use::List | Use::Set | Use::Tensor => {
                matches!(
                    arguments,
                    Value::Tuple(_) | Value::LongTuple(_) | Value::Object(_)
                ) && !items.iter().any(is_range)
            }
            Use::Sized | Use::SizedTensor => known && makes_little(items),
            Use::Constant | Use::Element(_) | Use::Storage(_) => false,
            Use::Iterable => items.iter().all(is_container) && known,
            Use::Bytes if items.len() == 2 => return self.encode(offset, name, arguments),
            Use::Bytes => known && items.iter().all(is_data),
            Use::Range => known && items.iter().all(|item| matches!(item, Value::Int(_))),
            Use::Type => matches!(items, [Value::None]) || is_singleton(items),
            Use::Factory => known && items.first().is_none_or(is_callable_or_none),
            Use::Encode => return self.encode(offset, name, arguments),
            Use::GetAttr => return self.get_attribute(offset, items),
            Use::Reconstructor => match items {
                [Value::Global(class), Value::Global(_), _] => {
                    return Value::Object(Rc::clone(class));
                }
                _ => false,
            },
            Use::NewObj | Use::NewObjEx => match items {
                [class @ Value::Global(_), arguments @ ..] => {
                    return self.new_object(offset, what, class, arguments);
                }
                _ => false,
            },
            Use::Apply => match items {
                [
                    function @ Value::Global(_),
                    Value::Global(_),
                    arguments @ Value::Tuple(_),
                    ..,
                ] => {
                    self.call(offset, function, arguments);
                    true
                }
                _ => false,
            },
            Use::Load => self.load(offset, items),
            Use::Size => match items {
                [sizes @ Value::Tuple(_)] => return sizes.clone(),
                [Value::List(_)] => true,
                _ => false,
            },
            Use::Rebuild | Use::RebuildTyped => return self.rebuild(offset, name, what, items),
        };
        if !fits {
            self.refuse_arguments(offset, name, arguments);
        }
        result
    }

    fn refuse_arguments(&mut self, offset: u64, name: &Name, arguments: &Value) {
        if !name.misused.replace(true) {
            let finding =
                Finding::new(&rule::ARGUMENTS, offset, format!("called with {arguments}"));
            self.add(finding.with_callable(&name.to_string()));
        }
    }

    /// `_codecs.encode` is how bytes are written in old protocols: a text and a plain encoding.
    fn encode(&mut self, offset: u64, name: &Rc<Name>, arguments: &Value) -> Value {
        let (text, encoding) = match arguments.items() {
            Some([text]) if is_text(text) => (text, Some(Encoding::Utf8)),
            Some([text, Value::Text(encoding)]) if is_text(text) => {
                (text, Encoding::named(encoding))
            }
            _ => (arguments, None),
        };
        match (text, encoding) {
            (Value::LongText(span), Some(Encoding::Latin1)) => Value::Latin1(*span, Written::Utf8),
            (Value::LongLine(span), Some(Encoding::Latin1)) => Value::Latin1(*span, Written::Line),
            (Value::Text(text), Some(encoding))
                if encoding == Encoding::Latin1 || text.is_ascii() =>
            {
                Value::ShortLatin1(Rc::clone(text))
            }
            (_, Some(_)) => Value::Plain,
            (_, None) => {
                self.refuse_arguments(offset, name, arguments);
                Value::Unknown
            }
        }
    }

    /// An attribute of a name is a name with a dot; of anything else it could be everything.
    fn get_attribute(&mut self, offset: u64, items: &[Value]) -> Value {
        if let [Value::Global(of), Value::Text(attribute)] = items {
            self.getattr = None;
            return self.attribute(offset, of, attribute);
        }
        let shown: Vec<_> = items.iter().map(ToString::to_string).collect();
        let detail = format!("called with ({})", shown.join(", "));
        self.getattr = None;
        self.add(Finding::new(&rule::DENIED, offset, detail).with_callable("builtins.getattr"));
        Value::Unknown
    }

    fn new_object(&mut self, offset: u64, what: Use, class: &Value, arguments: &[Value]) -> Value {
        let arguments = match arguments {
            [positional @ Value::Tuple(_), _] if what == Use::NewObjEx => positional.clone(),
            arguments => self.make_tuple(offset, arguments.to_vec()),
        };
        self.call(offset, class, &arguments)
    }

    /// The bytes are loaded as a file of their own, so they are judged as one.
    fn load(&mut self, offset: u64, items: &[Value]) -> bool {
        self.nested.push(match items {
            [Value::Bytes(span)] => Nested::Bytes(*span),
            [Value::Latin1(span, written)] => Nested::Latin1(*span, *written),
            [Value::ShortLatin1(text)] => Nested::ShortLatin1(Rc::clone(text), offset),
            _ => return false,
        });
        true
    }

    /// The persistent ids of `PyTorch`: a storage, or the class of a module with its source.
    pub(super) fn persistent(&mut self, offset: u64, id: &Value) -> Value {
        let storage = match id.items() {
            Some(
                [
                    Value::Text(word),
                    Value::Global(class),
                    Value::Text(key),
                    Value::Text(_),
                    count,
                ]
                | [
                    Value::Text(word),
                    Value::Global(class),
                    Value::Text(key),
                    Value::Text(_),
                    count,
                    _,
                ],
            ) if &**word == "storage" => {
                let element_bytes = match class.judgement {
                    Judgement::Allowed(Use::Storage(bytes)) => Some(bytes),
                    _ => None,
                };
                count
                    .as_index()
                    .zip(element_bytes)
                    .map(|(elements, element_bytes)| Storage {
                        key: Rc::clone(key),
                        elements,
                        element_bytes,
                        offset,
                    })
            }
            Some([Value::Text(word), class @ Value::Global(_), ..]) if &**word == "module" => {
                return class.clone();
            }
            _ => None,
        };
        let Some(storage) = storage.map(Rc::new) else {
            self.tell(&rule::PERSISTENT_ID, offset, &id.to_string());
            return Value::Unknown;
        };
        let known = self
            .storages
            .entry(Rc::clone(&storage.key))
            .or_insert_with(|| Rc::clone(&storage));
        if known.bytes() != storage.bytes() {
            let detail = format!(
                "storage {:?} has {} bytes and {} bytes",
                storage.key,
                known.bytes(),
                storage.bytes()
            );
            self.tell(&rule::STORAGE_SIZE, offset, &detail);
        }
        Value::Storage(storage)
    }

    /// A tensor is a view of a storage: begin, sizes and strides must stay inside.
    fn rebuild(&mut self, offset: u64, name: &Rc<Name>, what: Use, items: &[Value]) -> Value {
        let [Value::Storage(storage), begin, sizes, strides, rest @ ..] = items else {
            let arguments = self.make_tuple(offset, items.to_vec());
            self.refuse_arguments(offset, name, &arguments);
            return Value::Object(Rc::clone(name));
        };
        let elements = match (what, rest) {
            (Use::RebuildTyped, [_, _, Value::Global(dtype), ..]) => match dtype.judgement {
                Judgement::Allowed(Use::Element(bytes)) => storage.bytes() / bytes.max(1),
                _ => storage.bytes(),
            },
            _ => storage.elements,
        };
        match last_element(begin, sizes, strides) {
            Extent::Unknown => {
                let arguments = self.make_tuple(offset, items.to_vec());
                self.refuse_arguments(offset, name, &arguments);
            }
            Extent::Empty => {}
            Extent::Last(last) if last < elements => {}
            Extent::Last(_) | Extent::Wrong => {
                let detail = format!(
                    "offset {begin}, sizes {sizes}, strides {strides} in {elements} elements"
                );
                self.tell(&rule::TENSOR_BOUNDS, offset, &detail);
            }
        }
        Value::Object(Rc::clone(name))
    }
}

/// An encoding of text that does nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    /// One byte a character.
    Latin1,
    /// UTF-8, or the part of it that is ASCII.
    Utf8,
}

impl Encoding {
    fn named(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().replace(['-', '_'], "").as_str() {
            "latin1" | "iso88591" | "l1" => Some(Self::Latin1),
            "utf8" | "ascii" => Some(Self::Utf8),
            _ => None,
        }
    }
}

/// What a tensor needs of its storage.
enum Extent {
    Empty,
    /// The greatest index that is read.
    Last(u64),
    /// A number is negative, too large, or one is missing.
    Wrong,
    /// Something is no number.
    Unknown,
}

fn last_element(begin: &Value, sizes: &Value, strides: &Value) -> Extent {
    let (Value::Int(begin), Some(sizes), Some(strides)) = (begin, sizes.items(), strides.items())
    else {
        return Extent::Unknown;
    };
    let is_int = |value: &Value| matches!(value, Value::Int(_));
    if !sizes.iter().chain(strides).all(is_int) {
        return Extent::Unknown;
    }
    let Ok(mut last) = u64::try_from(*begin) else {
        return Extent::Wrong;
    };
    if sizes.len() != strides.len() {
        return Extent::Wrong;
    }
    let mut empty = false;
    for (size, stride) in sizes.iter().zip(strides) {
        let (Some(size), Some(stride)) = (size.as_index(), stride.as_index()) else {
            return Extent::Wrong;
        };
        empty |= size == 0;
        let Some(sum) = size
            .saturating_sub(1)
            .checked_mul(stride)
            .and_then(|step| last.checked_add(step))
        else {
            return Extent::Wrong;
        };
        last = sum;
    }
    if empty {
        Extent::Empty
    } else {
        Extent::Last(last)
    }
}

fn is_text(value: &Value) -> bool {
    matches!(
        value,
        Value::Text(_) | Value::LongText(_) | Value::LongLine(_) | Value::Plain
    )
}

fn is_container(value: &Value) -> bool {
    match value {
        Value::List(_)
        | Value::Dict(_)
        | Value::Set(_)
        | Value::Tuple(_)
        | Value::LongTuple(_)
        | Value::Text(_)
        | Value::LongText(_)
        | Value::LongLine(_)
        | Value::Bytes(_)
        | Value::Plain => true,
        other => matches!(
            other.object_use(),
            Some(Use::List | Use::Dict | Use::Set | Use::Iterable)
        ),
    }
}

/// A few bytes that a container would unroll into as many numbers as they say.
fn is_range(value: &Value) -> bool {
    value.object_use() == Some(Use::Range)
}

/// Whether the numbers among the arguments, and in tuples among them, are the sides of something small.
fn makes_little(items: &[Value]) -> bool {
    let mut elements = 1_u64;
    for item in items {
        let sides = match item {
            Value::LongTuple(_) => return false,
            Value::Tuple(tuple) => &*tuple.items,
            side => std::slice::from_ref(side),
        };
        let side = |side: &Value| match side {
            Value::Int(side) => side.unsigned_abs().max(1),
            _ => 1,
        };
        elements = sides.iter().map(side).fold(elements, u64::saturating_mul);
    }
    elements <= SIZED_ELEMENTS
}

/// Bytes, texts and lists: a number would make as many zeros.
fn is_data(value: &Value) -> bool {
    is_container(value)
        || matches!(value, Value::Latin1(..) | Value::ShortLatin1(_))
        || value.object_use().is_some()
}

fn is_singleton(items: &[Value]) -> bool {
    matches!(items, [Value::Global(name)] if name.allowed() == Some(Use::Constant))
}

fn is_callable_or_none(value: &Value) -> bool {
    match value {
        Value::None => true,
        Value::Global(name) => matches!(
            name.allowed(),
            Some(
                Use::Value
                    | Use::Iterable
                    | Use::Dict
                    | Use::List
                    | Use::Set
                    | Use::Bytes
                    | Use::Factory
            )
        ),
        _ => false,
    }
}

/// Picklers make empty objects and fill them; what is called for with numbers is small.
const SIZED_ELEMENTS: u64 = 1 << 20;

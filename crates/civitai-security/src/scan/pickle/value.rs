use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

use super::name::{Name, Use};
use super::read::Span;

/// What is known of a value that the pickle makes.
#[derive(Clone, Debug)]
pub(super) enum Value {
    None,
    Bool(bool),
    Int(i64),
    /// The number by which files of an old `PyTorch` begin.
    TorchMagic,
    /// A number, or other plain data, of which the value does not matter.
    Plain,
    Text(Rc<str>),
    LongText(Span),
    /// Text in a line, with escapes.
    LongLine(Span),
    Bytes(Span),
    /// Bytes that are written as text, one byte a character.
    Latin1(Span, Written),
    Tuple(Rc<Tuple>),
    /// A tuple too long, too deep or too many to be kept.
    LongTuple(u64),
    List(Weight),
    Dict(Weight),
    Set(Weight),
    /// A name by itself.
    Global(Rc<Name>),
    /// What a call of a name gave.
    Object(Rc<Name>),
    Storage(Rc<Storage>),
    /// What only running the pickle would tell; a finding says why, or will when it is used.
    Unknown,
}

/// How a text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    Utf8,
    /// In a line, with escapes.
    Line,
}

/// The values that a container holds, counted as often as they can be reached.
#[derive(Clone, Debug)]
pub(super) struct Weight(Rc<Cell<u64>>);

impl Weight {
    pub(super) fn new() -> Self {
        Self(Rc::new(Cell::new(1)))
    }

    pub(super) fn add(&self, weight: u64) -> u64 {
        let sum = self.0.get().saturating_add(weight);
        self.0.set(sum);
        sum
    }
}

/// A tuple of known values.
#[derive(Debug)]
pub(super) struct Tuple {
    pub(super) items: Box<[Value]>,
    pub(super) depth: usize,
    pub(super) weight: u64,
}

/// The data of tensors, which lies outside of the pickle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::scan) struct Storage {
    /// The name under which a container has the data.
    pub(in crate::scan) key: Rc<str>,
    /// Its elements.
    pub(in crate::scan) elements: u64,
    /// The bytes of an element.
    pub(in crate::scan) element_bytes: u64,
    /// The byte of the pickle that names it.
    pub(in crate::scan) offset: u64,
}

impl Storage {
    /// The bytes that its data has.
    pub(in crate::scan) fn bytes(&self) -> u64 {
        self.elements.saturating_mul(self.element_bytes)
    }
}

impl Value {
    pub(super) fn weight(&self) -> u64 {
        match self {
            Self::Tuple(tuple) => tuple.weight,
            Self::LongTuple(weight) => *weight,
            Self::List(weight) | Self::Dict(weight) | Self::Set(weight) => weight.0.get(),
            _ => 1,
        }
    }

    pub(super) fn depth(&self) -> usize {
        match self {
            Self::Tuple(tuple) => tuple.depth,
            _ => 0,
        }
    }

    pub(super) fn items(&self) -> Option<&[Self]> {
        match self {
            Self::Tuple(tuple) => Some(&tuple.items),
            _ => None,
        }
    }

    pub(super) fn as_text(&self) -> Option<&Rc<str>> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn as_index(&self) -> Option<u64> {
        match self {
            Self::Int(value) => u64::try_from(*value).ok(),
            _ => None,
        }
    }

    /// How an allowed name may be used that this value is, or came from.
    pub(super) fn object_use(&self) -> Option<Use> {
        match self {
            Self::Object(name) => name.allowed(),
            _ => None,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Bool(true) => f.write_str("True"),
            Self::Bool(false) => f.write_str("False"),
            Self::Int(value) => write!(f, "{value}"),
            Self::TorchMagic | Self::Plain => f.write_str("a number"),
            Self::Text(text) if text.chars().count() > SHOWN_CHARS => {
                let shown: String = text.chars().take(SHOWN_CHARS).collect();
                write!(f, "{shown:?}…")
            }
            Self::Text(text) => write!(f, "{text:?}"),
            Self::LongText(span) | Self::LongLine(span) => {
                write!(f, "a text of {} bytes", span.len)
            }
            Self::Bytes(span) | Self::Latin1(span, _) => write!(f, "{} bytes", span.len),
            Self::Tuple(tuple) => {
                f.write_str("(")?;
                for (index, item) in tuple.items.iter().take(SHOWN_ITEMS).enumerate() {
                    write!(f, "{}{item}", if index == 0 { "" } else { ", " })?;
                }
                f.write_str(if tuple.items.len() > SHOWN_ITEMS {
                    ", …)"
                } else {
                    ")"
                })
            }
            Self::LongTuple(_) => f.write_str("(…)"),
            Self::List(_) => f.write_str("[…]"),
            Self::Dict(_) => f.write_str("{…}"),
            Self::Set(_) => f.write_str("a set"),
            Self::Global(name) => write!(f, "{name}"),
            Self::Object(name) => write!(f, "{name}(…)"),
            Self::Storage(storage) => write!(f, "storage {:?}", storage.key),
            Self::Unknown => f.write_str("a computed value"),
        }
    }
}

const SHOWN_CHARS: usize = 60;
const SHOWN_ITEMS: usize = 4;

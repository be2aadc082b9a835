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
    /// The same of a short text.
    ShortLatin1(Rc<str>),
    Tuple(Rc<Tuple>),
    /// A tuple too long, too deep or too many to be kept.
    LongTuple(Bulk),
    List(Contents),
    Dict(Contents),
    Set(Contents),
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

/// How much a value holds, counted as often as it can be reached, and how deep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bulk {
    pub(super) weight: u64,
    /// Containers in containers; 0 for what is none.
    pub(super) depth: usize,
}

impl Bulk {
    const EMPTY: Self = Self {
        weight: 1,
        depth: 1,
    };

    /// The bulk of a container of these items.
    pub(super) fn around(items: &[Value]) -> Self {
        items
            .iter()
            .fold(Self::EMPTY, |bulk, item| bulk.with(item.bulk()))
    }

    fn with(self, item: Self) -> Self {
        Self {
            weight: self.weight.saturating_add(item.weight),
            depth: self.depth.max(item.depth + 1),
        }
    }
}

/// What a container holds that can be added to later.
#[derive(Clone, Debug)]
pub(super) struct Contents(Rc<Cell<Bulk>>);

impl Contents {
    pub(super) fn new() -> Self {
        Self(Rc::new(Cell::new(Bulk::EMPTY)))
    }

    /// Adds the items, and gives the bulk with them.
    pub(super) fn add(&self, items: &[Value]) -> Bulk {
        let fold = |bulk: Bulk, item: &Value| bulk.with(item.bulk());
        let bulk = items.iter().fold(self.0.get(), fold);
        self.0.set(bulk);
        bulk
    }
}

/// A tuple of known values.
#[derive(Debug)]
pub(super) struct Tuple {
    pub(super) items: Box<[Value]>,
    pub(super) bulk: Bulk,
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
    pub(super) fn bulk(&self) -> Bulk {
        match self {
            Self::Tuple(tuple) => tuple.bulk,
            Self::LongTuple(bulk) => *bulk,
            Self::List(contents) | Self::Dict(contents) | Self::Set(contents) => contents.0.get(),
            _ => Bulk {
                weight: 1,
                depth: 0,
            },
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
            Self::ShortLatin1(text) => write!(f, "{} bytes", text.chars().count()),
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

//! The fields of the messages in `onnx.proto` (IR version 14).

use crate::scan::protobuf::Value;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Message {
    Attribute,
    Function,
    Graph,
    Model,
    Node,
    SparseTensor,
    Tensor,
    Training,
}

/// How the value of a field is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The field is not known.
    Any,
    /// Strings, bytes, and messages with nothing of interest in them.
    Bytes,
    Fixed32,
    Message(Message),
    Number,
    /// One number, or a packed row of them.
    Numbers,
    /// One 32-bit float, or a packed row of them.
    Floats,
    /// One 64-bit float, or a packed row of them.
    Doubles,
}

impl Kind {
    pub(super) fn takes(self, value: Value) -> bool {
        match self {
            Self::Any => true,
            Self::Bytes | Self::Message(_) => matches!(value, Value::Bytes { .. }),
            Self::Fixed32 => matches!(value, Value::Fixed32),
            Self::Number => matches!(value, Value::Varint(_)),
            Self::Numbers => matches!(value, Value::Varint(_) | Value::Bytes { .. }),
            Self::Floats => matches!(value, Value::Fixed32 | Value::Bytes { .. }),
            Self::Doubles => matches!(value, Value::Fixed64 | Value::Bytes { .. }),
        }
    }
}

impl Message {
    /// How the field of this number is written, if there is one.
    pub(super) fn field(self, number: u64) -> Option<Kind> {
        self.fields()
            .iter()
            .find_map(|(known, kind)| (*known == number).then_some(*kind))
    }

    fn fields(self) -> &'static [(u64, Kind)] {
        match self {
            Self::Attribute => ATTRIBUTE,
            Self::Function => FUNCTION,
            Self::Graph => GRAPH,
            Self::Model => MODEL,
            Self::Node => NODE,
            Self::SparseTensor => SPARSE_TENSOR,
            Self::Tensor => TENSOR,
            Self::Training => TRAINING,
        }
    }
}

const ATTRIBUTE: &[(u64, Kind)] = &[
    (1, Kind::Bytes),
    (2, Kind::Fixed32),
    (3, Kind::Number),
    (4, Kind::Bytes),
    (5, Kind::Message(Message::Tensor)),
    (6, Kind::Message(Message::Graph)),
    (7, Kind::Floats),
    (8, Kind::Numbers),
    (9, Kind::Bytes),
    (10, Kind::Message(Message::Tensor)),
    (11, Kind::Message(Message::Graph)),
    (13, Kind::Bytes),
    (14, Kind::Bytes),
    (15, Kind::Bytes),
    (20, Kind::Number),
    (21, Kind::Bytes),
    (22, Kind::Message(Message::SparseTensor)),
    (23, Kind::Message(Message::SparseTensor)),
];

const FUNCTION: &[(u64, Kind)] = &[
    (1, Kind::Bytes),
    (4, Kind::Bytes),
    (5, Kind::Bytes),
    (6, Kind::Bytes),
    (7, Kind::Message(Message::Node)),
    (8, Kind::Bytes),
    (9, Kind::Bytes),
    (10, Kind::Bytes),
    (11, Kind::Message(Message::Attribute)),
    (12, Kind::Bytes),
    (13, Kind::Bytes),
    (14, Kind::Bytes),
];

const GRAPH: &[(u64, Kind)] = &[
    (1, Kind::Message(Message::Node)),
    (2, Kind::Bytes),
    (5, Kind::Message(Message::Tensor)),
    (10, Kind::Bytes),
    (11, Kind::Bytes),
    (12, Kind::Bytes),
    (13, Kind::Bytes),
    (14, Kind::Bytes),
    (15, Kind::Message(Message::SparseTensor)),
    (16, Kind::Bytes),
];

const MODEL: &[(u64, Kind)] = &[
    (1, Kind::Number),
    (2, Kind::Bytes),
    (3, Kind::Bytes),
    (4, Kind::Bytes),
    (5, Kind::Number),
    (6, Kind::Bytes),
    (7, Kind::Message(Message::Graph)),
    (8, Kind::Bytes),
    (14, Kind::Bytes),
    (20, Kind::Message(Message::Training)),
    (25, Kind::Message(Message::Function)),
    (26, Kind::Bytes),
    (30, Kind::Bytes),
];

const NODE: &[(u64, Kind)] = &[
    (1, Kind::Bytes),
    (2, Kind::Bytes),
    (3, Kind::Bytes),
    (4, Kind::Bytes),
    (5, Kind::Message(Message::Attribute)),
    (6, Kind::Bytes),
    (7, Kind::Bytes),
    (8, Kind::Bytes),
    (9, Kind::Bytes),
    (10, Kind::Bytes),
];

const SPARSE_TENSOR: &[(u64, Kind)] = &[
    (1, Kind::Message(Message::Tensor)),
    (2, Kind::Message(Message::Tensor)),
    (3, Kind::Numbers),
];

const TENSOR: &[(u64, Kind)] = &[
    (1, Kind::Numbers),
    (2, Kind::Number),
    (3, Kind::Bytes),
    (4, Kind::Floats),
    (5, Kind::Numbers),
    (6, Kind::Bytes),
    (7, Kind::Numbers),
    (8, Kind::Bytes),
    (9, Kind::Bytes),
    (10, Kind::Doubles),
    (11, Kind::Numbers),
    (12, Kind::Bytes),
    (13, Kind::Bytes),
    (14, Kind::Number),
    (16, Kind::Bytes),
];

const TRAINING: &[(u64, Kind)] = &[
    (1, Kind::Message(Message::Graph)),
    (2, Kind::Message(Message::Graph)),
    (3, Kind::Bytes),
    (4, Kind::Bytes),
];

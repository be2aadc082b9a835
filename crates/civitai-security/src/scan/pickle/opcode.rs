//! The opcodes of the protocols 0 to 5, and how their arguments are written.

/// How the argument of an opcode is written in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Argument {
    None,
    /// An unsigned number of so many bytes.
    Unsigned(u8),
    /// A signed number of 4 bytes.
    Signed4,
    /// A big-endian double.
    Double,
    /// A line with a number for the memo.
    IndexLine,
    /// A line with an integer, or with `00` and `01` for the truth values.
    IntLine,
    /// A line with an integer that may end in `L`.
    LongLine,
    /// A line with a floating-point number.
    FloatLine,
    /// A line with a quoted string.
    StringLine,
    /// A line of text with `\u` escapes.
    UnicodeLine,
    /// A line of text.
    IdLine,
    /// Two lines: a module and a name.
    NameLines,
    /// Bytes after their count, which has so many bytes.
    Counted(u8, Content),
}

/// What counted bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// Text of Python 2, in any encoding.
    String,
    /// UTF-8 that may have surrogates.
    Unicode,
    Bytes,
    ByteArray,
    /// An integer, little-endian, two's complement.
    Long,
}

macro_rules! opcodes {
    ($($name:ident = $code:literal, $argument:expr;)*) => {
        $(pub(super) const $name: u8 = $code;)*

        /// How the argument of an opcode is written; none for a byte that is no opcode.
        pub(super) const fn argument(code: u8) -> Option<Argument> {
            use Argument::{
                Counted, Double, FloatLine, IdLine, IndexLine, IntLine, LongLine, NameLines, None,
                Signed4, StringLine, UnicodeLine, Unsigned,
            };
            use Content::{ByteArray, Bytes, Long, String, Unicode};
            Some(match code {
                $($name => $argument,)*
                _ => return Option::None,
            })
        }

        /// The name of an opcode in the Python reference.
        pub(super) const fn name(code: u8) -> &'static str {
            match code {
                $($name => stringify!($name),)*
                _ => "no opcode",
            }
        }
    };
}

opcodes! {
    MARK = b'(', None;
    STOP = b'.', None;
    POP = b'0', None;
    POP_MARK = b'1', None;
    DUP = b'2', None;
    FLOAT = b'F', FloatLine;
    INT = b'I', IntLine;
    BININT = b'J', Signed4;
    BININT1 = b'K', Unsigned(1);
    LONG = b'L', LongLine;
    BININT2 = b'M', Unsigned(2);
    NONE = b'N', None;
    PERSID = b'P', IdLine;
    BINPERSID = b'Q', None;
    REDUCE = b'R', None;
    STRING = b'S', StringLine;
    BINSTRING = b'T', Counted(4, String);
    SHORT_BINSTRING = b'U', Counted(1, String);
    UNICODE = b'V', UnicodeLine;
    BINUNICODE = b'X', Counted(4, Unicode);
    APPEND = b'a', None;
    BUILD = b'b', None;
    GLOBAL = b'c', NameLines;
    DICT = b'd', None;
    APPENDS = b'e', None;
    GET = b'g', IndexLine;
    BINGET = b'h', Unsigned(1);
    INST = b'i', NameLines;
    LONG_BINGET = b'j', Unsigned(4);
    LIST = b'l', None;
    OBJ = b'o', None;
    PUT = b'p', IndexLine;
    BINPUT = b'q', Unsigned(1);
    LONG_BINPUT = b'r', Unsigned(4);
    SETITEM = b's', None;
    TUPLE = b't', None;
    SETITEMS = b'u', None;
    EMPTY_DICT = b'}', None;
    EMPTY_LIST = b']', None;
    EMPTY_TUPLE = b')', None;
    BINFLOAT = b'G', Double;
    PROTO = 0x80, Unsigned(1);
    NEWOBJ = 0x81, None;
    EXT1 = 0x82, Unsigned(1);
    EXT2 = 0x83, Unsigned(2);
    EXT4 = 0x84, Signed4;
    TUPLE1 = 0x85, None;
    TUPLE2 = 0x86, None;
    TUPLE3 = 0x87, None;
    NEWTRUE = 0x88, None;
    NEWFALSE = 0x89, None;
    LONG1 = 0x8a, Counted(1, Long);
    LONG4 = 0x8b, Counted(4, Long);
    BINBYTES = b'B', Counted(4, Bytes);
    SHORT_BINBYTES = b'C', Counted(1, Bytes);
    SHORT_BINUNICODE = 0x8c, Counted(1, Unicode);
    BINUNICODE8 = 0x8d, Counted(8, Unicode);
    BINBYTES8 = 0x8e, Counted(8, Bytes);
    EMPTY_SET = 0x8f, None;
    ADDITEMS = 0x90, None;
    FROZENSET = 0x91, None;
    NEWOBJ_EX = 0x92, None;
    STACK_GLOBAL = 0x93, None;
    MEMOIZE = 0x94, None;
    FRAME = 0x95, Unsigned(8);
    BYTEARRAY8 = 0x96, Counted(8, ByteArray);
    NEXT_BUFFER = 0x97, None;
    READONLY_BUFFER = 0x98, None;
}

/// Whether a pickle may begin with the opcode: one that takes nothing from the stack and means
/// something there. A persistent id in a line does not: without a header no loader resolves it, and
/// every zip would begin with one.
pub(super) const fn begins(code: u8) -> bool {
    match code {
        MARK | NONE | EMPTY_DICT | EMPTY_LIST | EMPTY_TUPLE | EMPTY_SET | NEWTRUE | NEWFALSE
        | NEXT_BUFFER => true,
        GET | BINGET | LONG_BINGET | PUT | BINPUT | LONG_BINPUT | INST | PERSID => false,
        _ => !matches!(argument(code), None | Some(Argument::None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_68_opcodes_are_known() {
        assert_eq!(
            (0..=255).filter(|&code| argument(code).is_some()).count(),
            68
        );
    }
}

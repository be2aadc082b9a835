//! The types of elements.

use super::literal::Value;

/// What is known of an element.
pub(super) struct Element {
    /// Bytes of one.
    pub(super) bytes: u64,
    /// Whether any part of it is an object, so that the array is stored as a pickle.
    pub(super) has_objects: bool,
}

impl Element {
    /// Reads a type as `numpy` writes it to files: shorter and longer names that it would also accept are
    /// refused, because a reader of them may see objects where this one sees numbers.
    pub(super) fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Text(name) => Self::named(name),
            Value::List(fields) => Self::structure(fields),
            // A part that is itself an array.
            Value::Tuple(parts) => match parts.as_slice() {
                [part, sides] => Self::read(part)?.times(&shape(sides)?),
                _ => None,
            },
            Value::Number(_) | Value::Bool | Value::Dict(_) => None,
        }
    }

    fn named(name: &str) -> Option<Self> {
        let (kind, size) = name
            .strip_prefix(['<', '>', '|', '='])
            .and_then(|name| name.split_at_checked(1))?;
        // Dates have their unit in brackets.
        let size = match (kind, size.split_once('[')) {
            ("M" | "m", Some((size, unit))) if unit.ends_with(']') => size,
            (_, None) => size,
            _ => return None,
        };
        let is_number = size.bytes().all(|digit| digit.is_ascii_digit());
        let size: u64 = match (kind, size) {
            ("O", "") => 8,
            _ if is_number => size.parse().ok()?,
            _ => return None,
        };
        let (bytes, has_objects) = match kind {
            "b" | "i" | "u" | "f" | "c" | "M" | "m" if size.is_power_of_two() && size <= 32 => {
                (size, false)
            }
            // Extended floats have the size of a C compiler's long double.
            "f" | "c" if matches!(size, 10 | 12 | 24) => (size, false),
            "S" | "a" | "V" => (size, false),
            "U" => (size.checked_mul(4)?, false),
            "O" => (8, true),
            _ => return None,
        };
        Some(Self { bytes, has_objects })
    }

    fn structure(fields: &[Value]) -> Option<Self> {
        let mut whole = Self {
            bytes: 0,
            has_objects: false,
        };
        for field in fields {
            let Value::Tuple(parts) = field else {
                return None;
            };
            let (name, element) = match parts.as_slice() {
                [name, part] => (name, Self::read(part)?),
                [name, part, sides] => (name, Self::read(part)?.times(&shape(sides)?)?),
                _ => return None,
            };
            // A field may have a title beside its name.
            matches!(name, Value::Text(_) | Value::Tuple(_)).then_some(())?;
            whole.bytes = whole.bytes.checked_add(element.bytes)?;
            whole.has_objects |= element.has_objects;
        }
        Some(whole)
    }

    fn times(self, sides: &[u64]) -> Option<Self> {
        let bytes = sides
            .iter()
            .try_fold(self.bytes, |bytes, &side| bytes.checked_mul(side))?;
        Some(Self { bytes, ..self })
    }
}

/// The sides of an array.
pub(super) fn shape(value: &Value) -> Option<Vec<u64>> {
    let side = |value: &Value| match value {
        Value::Number(side) => Some(*side),
        _ => None,
    };
    match value {
        Value::Tuple(sides) => sides.iter().map(side).collect(),
        Value::Number(side) => Some(vec![*side]),
        _ => None,
    }
}

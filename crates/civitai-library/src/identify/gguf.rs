//! GGUF: a magic, counts, key-value pairs, and the names, shapes and types of the tensors.

use super::header::{Header, Source, Stop, Tensor};
use super::{Flaw, Format};

/// Longest name or key that is believed; the format's own limit is 64 KiB for keys and 64 bytes for names.
const MOST_NAME_BYTES: u64 = 1 << 16;
/// Longest value that is kept.
const MOST_TEXT_BYTES: u64 = 1 << 14;
/// The most dimensions a tensor can have.
const MOST_DIMENSIONS: u32 = 8;

pub(super) fn read(source: &mut Source) -> Result<Header, Stop> {
    let mut header = Header::new(Format::Gguf);
    match fill(source, &mut header) {
        // A vocabulary can be longer than the budget: what came before it still says what the file is.
        Err(Stop::Flaw(Flaw::TooLarge { .. })) if source.budget() < MOST_NAME_BYTES => {
            header.complete = false;
            Ok(header)
        }
        Err(stop) => Err(stop),
        Ok(()) => Ok(header),
    }
}

fn fill(source: &mut Source, header: &mut Header) -> Result<(), Stop> {
    source.skip(4, "the magic")?;
    let version = source.u32("the version")?;
    if !(1..=3).contains(&version) {
        return Err(Flaw::Value {
            what: "the GGUF version",
            value: version.into(),
        }
        .into());
    }
    let wide = version > 1;
    let tensors = count(source, wide, "the number of tensors")?;
    let pairs = count(source, wide, "the number of key-value pairs")?;
    for _ in 0..pairs {
        spend(source)?;
        let key = text(source, wide, MOST_NAME_BYTES, "a key")?.unwrap_or_default();
        let kind = source.u32("the type of a value")?;
        if let Some(value) = value(source, wide, kind)? {
            header.metadata.insert(key, value);
        }
    }
    for _ in 0..tensors {
        spend(source)?;
        let tensor = tensor(source, wide, &header.metadata)?;
        header.push(tensor);
    }
    Ok(())
}

/// Stops where the budget is gone.
fn spend(source: &Source) -> Result<(), Stop> {
    if source.budget() == 0 {
        return Err(Flaw::TooLarge {
            what: "the header",
            claimed: source.at(),
            most: super::READ_BUDGET,
        }
        .into());
    }
    Ok(())
}

fn tensor(
    source: &mut Source,
    wide: bool,
    metadata: &std::collections::BTreeMap<String, String>,
) -> Result<Tensor, Stop> {
    let name = text(source, wide, MOST_NAME_BYTES, "a tensor's name")?.unwrap_or_default();
    let dimensions = source.u32("the number of dimensions")?;
    if dimensions > MOST_DIMENSIONS {
        return Err(Flaw::TooLarge {
            what: "the number of dimensions",
            claimed: dimensions.into(),
            most: MOST_DIMENSIONS.into(),
        }
        .into());
    }
    // The innermost dimension comes first, the other way round than everywhere else.
    let mut shape = Vec::new();
    for _ in 0..dimensions {
        shape.insert(0, count(source, wide, "a dimension")?);
    }
    let kind = source.u32("a tensor's type")?;
    source.skip(8, "a tensor's offset")?;
    let original = metadata
        .get(&format!("comfy.gguf.orig_shape.{name}"))
        .and_then(|text| text.split(',').map(|dim| dim.parse().ok()).collect());
    Ok(Tensor {
        name,
        dtype: type_name(kind).into(),
        shape: original.or(Some(shape)),
    })
}

fn count(source: &mut Source, wide: bool, what: &'static str) -> Result<u64, Stop> {
    if wide {
        source.u64(what)
    } else {
        source.u32(what).map(u64::from)
    }
}

/// A text, or `None` where it is longer than `most` and was skipped.
fn text(
    source: &mut Source,
    wide: bool,
    most: u64,
    what: &'static str,
) -> Result<Option<String>, Stop> {
    let length = count(source, wide, what)?;
    if length > most {
        source.skip(length, what)?;
        return Ok(None);
    }
    let bytes = source.bytes(length, what)?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

/// The bytes of a number of type `kind`, or `None` for texts and arrays.
fn width(kind: u32) -> Option<u64> {
    match kind {
        0 | 1 | 7 => Some(1),
        2 | 3 => Some(2),
        4..=6 => Some(4),
        10..=12 => Some(8),
        _ => None,
    }
}

fn value(source: &mut Source, wide: bool, kind: u32) -> Result<Option<String>, Stop> {
    match kind {
        8 => text(source, wide, MOST_TEXT_BYTES, "a value"),
        9 => array(source, wide),
        _ => number(source, kind).map(Some),
    }
}

fn number(source: &mut Source, kind: u32) -> Result<String, Stop> {
    let Some(width) = width(kind) else {
        return Err(Flaw::Value {
            what: "the type of a value",
            value: kind.into(),
        }
        .into());
    };
    let bytes = source.bytes(width, "a value")?;
    let mut wide = [0; 8];
    for (to, from) in wide.iter_mut().zip(&bytes) {
        *to = *from;
    }
    let bits = u64::from_le_bytes(wide);
    Ok(match kind {
        6 => f32::from_bits(u32::try_from(bits).unwrap_or_default()).to_string(),
        12 => f64::from_bits(bits).to_string(),
        _ => bits.to_string(),
    })
}

/// Short arrays of numbers become a list with commas; everything else is walked over.
fn array(source: &mut Source, wide: bool) -> Result<Option<String>, Stop> {
    const MOST_LISTED: u64 = 8;
    let kind = source.u32("the type of an array")?;
    let length = count(source, wide, "the length of an array")?;
    if let Some(width) = width(kind) {
        if length > MOST_LISTED {
            source.skip(length.saturating_mul(width), "an array")?;
            return Ok(None);
        }
        let numbers: Result<Vec<_>, _> = (0..length).map(|_| number(source, kind)).collect();
        return Ok(Some(numbers?.join(",")));
    }
    if kind != 8 {
        return Err(Flaw::Value {
            what: "the type of an array",
            value: kind.into(),
        }
        .into());
    }
    for _ in 0..length {
        spend(source)?;
        let bytes = count(source, wide, "a text of an array")?;
        source.skip(bytes, "a text of an array")?;
    }
    Ok(None)
}

/// The name llama.cpp gives a tensor type.
fn type_name(kind: u32) -> &'static str {
    const NAMES: &[&str] = &[
        "F32", "F16", "Q4_0", "Q4_1", "", "", "Q5_0", "Q5_1", "Q8_0", "Q8_1", "Q2_K", "Q3_K",
        "Q4_K", "Q5_K", "Q6_K", "Q8_K", "IQ2_XXS", "IQ2_XS", "IQ3_XXS", "IQ1_S", "IQ4_NL", "IQ3_S",
        "IQ2_S", "IQ4_XS", "I8", "I16", "I32", "I64", "F64", "IQ1_M", "BF16", "", "", "", "TQ1_0",
        "TQ2_0", "", "", "", "MXFP4",
    ];
    usize::try_from(kind)
        .ok()
        .and_then(|kind| NAMES.get(kind))
        .copied()
        .unwrap_or_default()
}

//! ONNX: a protobuf of which only the names and shapes of the initialisers are read.

use super::header::{Header, Source, Stop, Tensor};
use super::{Flaw, Format};

/// Longest name that is believed.
const MOST_NAME_BYTES: u64 = 1 << 12;

pub(super) fn read(source: &mut Source) -> Result<Header, Stop> {
    let mut header = Header::new(Format::Onnx);
    let end = source.length();
    let walked = fields(source, end, &mut |source, field, length| match field {
        // producer_name
        2 if length <= MOST_NAME_BYTES => {
            let name = source.bytes(length, "the producer")?;
            header.metadata.insert(
                "producer".to_owned(),
                String::from_utf8_lossy(&name).into_owned(),
            );
            Ok(())
        }
        // graph
        7 => graph(source, length, &mut header),
        _ => source.skip(length, "a field"),
    });
    match walked {
        Err(Stop::Flaw(Flaw::TooLarge { .. })) if source.budget() < MOST_NAME_BYTES => {
            header.complete = false;
            Ok(header)
        }
        Err(stop) => Err(stop),
        Ok(()) => Ok(header),
    }
}

fn graph(source: &mut Source, length: u64, header: &mut Header) -> Result<(), Stop> {
    let end = source.at().saturating_add(length);
    fields(source, end, &mut |source, field, length| match field {
        // initializer
        5 => {
            let tensor = initializer(source, length)?;
            header.push(tensor);
            Ok(())
        }
        _ => source.skip(length, "a field of the graph"),
    })
}

fn initializer(source: &mut Source, length: u64) -> Result<Tensor, Stop> {
    let end = source.at().saturating_add(length);
    let mut tensor = Tensor::named("");
    let mut shape = Vec::new();
    while source.at() < end {
        let key = varint(source)?;
        match (key >> 3, key & 7) {
            (1, 0) => push_dimension(&mut shape, varint(source)?),
            (1, 2) => {
                let packed = varint(source)?;
                let stop = source.at().saturating_add(packed).min(end);
                while source.at() < stop {
                    push_dimension(&mut shape, varint(source)?);
                }
            }
            (2, 0) => tensor.dtype = type_name(varint(source)?).into(),
            (8, 2) => {
                let length = varint(source)?;
                if length > MOST_NAME_BYTES {
                    source.skip(length, "a tensor's name")?;
                } else {
                    let name = source.bytes(length, "a tensor's name")?;
                    tensor.name = String::from_utf8_lossy(&name).into_owned();
                }
            }
            (_, wire) => skip_value(source, wire)?,
        }
    }
    tensor.shape = Some(shape);
    Ok(tensor)
}

fn push_dimension(shape: &mut Vec<u64>, dimension: u64) {
    if shape.len() < 16 {
        shape.push(dimension);
    }
}

/// Calls `visit` for each length-delimited field up to `end` and passes over the others.
fn fields(
    source: &mut Source,
    end: u64,
    visit: &mut dyn FnMut(&mut Source, u64, u64) -> Result<(), Stop>,
) -> Result<(), Stop> {
    while source.at() < end && !source.is_done() {
        if source.budget() < 32 {
            return Err(Flaw::TooLarge {
                what: "the graph",
                claimed: source.at(),
                most: super::READ_BUDGET,
            }
            .into());
        }
        let key = varint(source)?;
        if key & 7 == 2 {
            let length = varint(source)?;
            let left = end.saturating_sub(source.at());
            if length > left {
                return Err(Flaw::TooLarge {
                    what: "a field",
                    claimed: length,
                    most: left,
                }
                .into());
            }
            visit(source, key >> 3, length)?;
        } else {
            skip_value(source, key & 7)?;
        }
    }
    Ok(())
}

fn skip_value(source: &mut Source, wire: u64) -> Result<(), Stop> {
    match wire {
        0 => varint(source).map(drop),
        1 => source.skip(8, "a number"),
        2 => {
            let length = varint(source)?;
            source.skip(length, "a field")
        }
        5 => source.skip(4, "a number"),
        wire => Err(Flaw::Value {
            what: "a wire type",
            value: wire,
        }
        .into()),
    }
}

fn varint(source: &mut Source) -> Result<u64, Stop> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let [byte] = source.array("a number")?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Flaw::Value {
        what: "a number",
        value,
    }
    .into())
}

fn type_name(kind: u64) -> &'static str {
    match kind {
        1 => "F32",
        2 => "U8",
        3 => "I8",
        6 => "I32",
        7 => "I64",
        10 => "F16",
        11 => "F64",
        16 => "BF16",
        17 => "F8_E4M3",
        19 => "F8_E5M2",
        21 | 22 => "I4",
        _ => "",
    }
}

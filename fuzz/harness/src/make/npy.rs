//! `NumPy` arrays.

use super::{Fields, pickle};
use crate::random::Random;

pub(crate) const WORDS: &[&[u8]] = &[
    b"\x93NUMPY\x01\0",
    b"\x93NUMPY\x02\0",
    b"\x93NUMPY\x03\0",
    b"'descr': ",
    b"'fortran_order': False",
    b"'shape': ",
    b"'|O'",
    b"'<f4'",
    b"[('a', '<f4')]",
    b"(",
    b")",
    b"[",
    b"]",
    b"{",
    b"}",
    b"True",
    b"L",
    b"\\x41",
    b"'<M8[ns]'",
];

/// One array, or a row of them.
pub(crate) fn npy(random: &mut Random) -> Vec<u8> {
    let mut bytes = array(random);
    if random.one_in(8) {
        bytes.extend(array(random));
    }
    if random.one_in(12) {
        bytes.extend(random.bytes(20));
    }
    bytes
}

fn array(random: &mut Random) -> Vec<u8> {
    let (descr, bytes) = *random.pick(&[
        &("'<f4'", 4),
        &("'|u1'", 1),
        &("'<f8'", 8),
        &("'<U3'", 12),
        &("'|O'", 0),
        &("'<M8[ns]'", 8),
        &("'|S0'", 0),
        &("[('a', '<f4'), ('b', '|u1', (2, 2))]", 8),
        &("[('a', '|O')]", 0),
        &("('<f4', (2,))", 8),
        &("'<q'", 8),
    ]);
    let shape: Vec<usize> = (0..random.below(4)).map(|_| random.below(4)).collect();
    let count: usize = shape.iter().product();
    let mut sides = String::new();
    for &side in &shape {
        sides.push_str(&random.lie(side as u64).to_string());
        sides.push_str(", ");
    }
    let order = random.pick(&["False", "True", "False", "0"]);
    let mut header =
        format!("{{'descr': {descr}, 'fortran_order': {order}, 'shape': ({sides}), }}");
    let wide = random.one_in(4);
    let fixed = if wide { 12 } else { 10 };
    let padded = (fixed + header.len() + 1).next_multiple_of(64) - fixed - 1;
    header = format!("{header:<padded$}\n");
    let version = if wide { 2 } else { 1 };
    let start = Fields::of(b"\x93NUMPY").u8(version).u8(0);
    let start = if wide {
        start.u32(random.lie32(header.len()))
    } else {
        start.u16(random.lie16(header.len()))
    };
    let data = if descr.contains('O') {
        pickle::pickle(random)
    } else {
        vec![0; count * bytes]
    };
    start.bytes(header).bytes(data).0
}

use super::{assert_clean, assert_finds, assert_malicious, evil};

/// A file of version 1.0.
pub(super) fn array(header: &str, data: &[u8]) -> Vec<u8> {
    let text = format!("{header:<117}\n");
    let length = u16::try_from(text.len()).expect("tests are small");
    let mut bytes = b"\x93NUMPY\x01\0".to_vec();
    bytes.extend(length.to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes.extend(data);
    bytes
}

fn of(descr: &str, shape: &str, bytes: usize) -> Vec<u8> {
    array(
        &format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}"),
        &vec![0; bytes],
    )
}

#[test]
fn arrays_of_numbers_are_clean() {
    for (descr, shape, bytes) in [
        ("'<f4'", "(3, 4)", 48),
        ("'|b1'", "()", 1),
        ("'<U3'", "(2,)", 24),
        ("'|S0'", "(2,)", 0),
        ("'<M8[ns]'", "(2,)", 16),
        ("'<f8'", "(0, 9)", 0),
        ("'<f8'", "(2L,)", 16),
        ("'<c32'", "(1,)", 32),
        ("[('a', '<f4'), ('b', '|u1', (2, 2))]", "(2,)", 16),
        (
            "[(('title', 'a'), '<i2'), ('b', [('c', '<f8')])]",
            "(1,)",
            10,
        ),
        ("('<f4', (2,))", "(2,)", 16),
    ] {
        assert_clean("a.npy", &of(descr, shape, bytes));
    }
    // Saved one behind the other.
    assert_clean(
        "a.npy",
        &[of("'<f4'", "(1,)", 4), of("'|u1'", "(3,)", 3)].concat(),
    );
}

#[test]
fn later_versions_have_longer_headers() {
    let header = b"{'descr': '<f4', 'fortran_order': True, 'shape': (1,)}\n";
    for version in [2, 3] {
        let mut bytes = b"\x93NUMPY".to_vec();
        bytes.extend([version, 0]);
        bytes.extend(
            u32::try_from(header.len())
                .expect("it is short")
                .to_le_bytes(),
        );
        bytes.extend(header);
        bytes.extend([0; 4]);
        assert_clean("a.npy", &bytes);
        bytes[6] = 9;
        assert_finds(&bytes, "npy_version");
    }
}

#[test]
fn objects_are_read_as_the_pickle_that_they_are() {
    let objects = |descr: &str| {
        array(
            &format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (1,), }}"),
            &evil(),
        )
    };
    for descr in [
        "'|O'",
        "'O'",
        "'|O8'",
        "[('a', '<f4'), ('b', '|O')]",
        "[('a', [('b', 'O')], (1,))]",
    ] {
        let bytes = objects(descr);
        if descr == "'O'" || descr.contains("'O')") {
            assert_finds(&bytes, "npy_element");
        } else {
            assert_malicious(&bytes);
        }
    }
}

#[test]
fn what_numpy_does_not_write_is_refused() {
    for (descr, shape, rule) in [
        ("'f4,O'", "(1,)", "npy_element"),
        ("'float32'", "(1,)", "npy_element"),
        ("'<f3'", "(1,)", "npy_element"),
        ("{'names': ['a'], 'formats': ['O']}", "(1,)", "npy_element"),
        ("'<f4'", "(-1,)", "npy_header"),
        ("'<f4'", SIDES, "npy_header"),
        ("'<f4'", "(1.0,)", "npy_header"),
        ("__import__('os')", "(1,)", "npy_header"),
        ("'<f4'", "(2,)", "npy_size"),
        ("'<f8'", "(4294967296, 4294967296)", "npy_size"),
    ] {
        assert_finds(&of(descr, shape, 4), rule);
    }
    assert_finds(
        &array("{'descr': '<f4', 'shape': (1,)}", &[0; 4]),
        "npy_header",
    );
    let twice = "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'shape': (1,)}";
    assert_finds(&array(twice, &[0; 4]), "npy_header");
    // A reader that takes such a header sees objects.
    let other =
        "{'descr': {'names': ['a'], 'formats': ['O']}, 'fortran_order': False, 'shape': (1,)}";
    assert_malicious(&array(other, &evil()));
    let deep = format!("{}{}", "(".repeat(50_000), ")".repeat(50_000));
    assert_finds(&array(&deep[..60_000], b""), "npy_header");
}

#[test]
fn what_follows_an_array_is_judged() {
    assert_finds(&of("'<f4'", "(1,)", 5), "npy_trailing");
    assert_malicious(&[of("'<f4'", "(1,)", 4), evil()].concat());
}

/// More dimensions than `NumPy` has.
const SIDES: &str = "(1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1)";

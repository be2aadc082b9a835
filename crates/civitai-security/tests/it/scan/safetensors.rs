use civitai_security::scan::Verdict;
use proptest::prelude::*;
use safetensors::SafeTensors;

use super::{assert_clean, judged, scan};

pub(super) fn file(header: &str, data: &[u8]) -> Vec<u8> {
    [
        &(header.len() as u64).to_le_bytes()[..],
        header.as_bytes(),
        data,
    ]
    .concat()
}

fn broken(header: &str, data: usize) -> Vec<&'static str> {
    let (verdict, rules) = judged("model.safetensors", file(header, &vec![0; data]));
    assert_eq!(verdict, Verdict::Malformed, "{header}");
    rules
}

#[test]
fn takes_what_writers_write() {
    for (header, data) in [
        ("{}", 0),
        ("{}      ", 0),
        (
            r#"{"__metadata__":{},"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}"#,
            4,
        ),
        (
            r#"{"__metadata__": {"ss_tag_frequency": "{\"a\": {\"<b>\": 1}}"}}"#,
            0,
        ),
        (
            r#"{ "a" : {"data_offsets": [0, 0], "shape": [0, 7], "dtype": "I64"} }"#,
            0,
        ),
        (
            r#"{"b":{"dtype":"F4","shape":[2,3],"data_offsets":[1,4]},"a":{"dtype":"F8_E8M0","shape":[1],"data_offsets":[0,1]}}"#,
            4,
        ),
        (
            r#"{"\u65e5\u672c":{"dtype":"BOOL","shape":[3],"data_offsets":[0,3]}}"#,
            3,
        ),
    ] {
        assert_clean("model.safetensors", file(header, &vec![0; data]));
        assert_clean("renamed.bin", file(header, &vec![0; data]));
    }
}

#[test]
fn names_what_is_wrong_with_a_header() {
    let tensor = r#""a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}"#;
    for (header, data, rules) in [
        (format!(" {{{tensor}}}"), 4, vec!["safetensors_start"]),
        (
            format!("\u{feff}{{{tensor}}}"),
            4,
            vec!["safetensors_start"],
        ),
        ("[]".to_owned(), 0, vec!["safetensors_start"]),
        (format!("{{{tensor},}}"), 4, vec!["safetensors_json"]),
        (format!("{{{tensor}"), 4, vec!["safetensors_json"]),
        ("{\"a\u{1}\":1}".to_owned(), 0, vec!["safetensors_json"]),
        (r#"{"\ud800":1}"#.to_owned(), 0, vec!["safetensors_json"]),
        (format!("{{{tensor}}}{{}}"), 4, vec!["safetensors_padding"]),
        (format!("{{{tensor}}}\n"), 4, vec!["safetensors_padding"]),
        (format!("{{{tensor}}}\0"), 4, vec!["safetensors_padding"]),
        (
            format!(
                "{{{tensor},\"\\u0061\":{{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[4,4]}}}}"
            ),
            4,
            vec!["safetensors_duplicate"],
        ),
        (
            format!("{{\"__metadata__\":{{\"k\":\"1\",\"k\":\"2\"}},{tensor}}}"),
            4,
            vec!["safetensors_duplicate"],
        ),
        (
            format!("{{\"__metadata__\":{{}},\"__metadata__\":{{}},{tensor}}}"),
            4,
            vec!["safetensors_duplicate"],
        ),
        (
            format!("{{\"__metadata__\":{{\"k\":1}},{tensor}}}"),
            4,
            vec!["safetensors_metadata"],
        ),
        (
            format!("{{\"__metadata__\":{{\"k\":{{\"x\":[]}}}},{tensor}}}"),
            4,
            vec!["safetensors_metadata"],
        ),
        (
            format!("{{\"__metadata__\":null,{tensor}}}"),
            4,
            vec!["safetensors_metadata"],
        ),
        (
            r#"{"a":{"dtype":"U8","shape":[4]}}"#.to_owned(),
            4,
            vec!["safetensors_entry"],
        ),
        (r#"{"a":[]}"#.to_owned(), 4, vec!["safetensors_entry"]),
        (
            r#"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4],"x":0}}"#.to_owned(),
            4,
            vec!["safetensors_entry"],
        ),
        (
            r#"{"a":{"dtype":"U8","shape":[4.0],"data_offsets":[0,4]}}"#.to_owned(),
            4,
            vec!["safetensors_entry"],
        ),
        (
            r#"{"a":{"dtype":"U8","shape":[-4],"data_offsets":[0,4]}}"#.to_owned(),
            4,
            vec!["safetensors_entry"],
        ),
        (
            r#"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4,4]}}"#.to_owned(),
            4,
            vec!["safetensors_entry"],
        ),
        (
            r#"{"a":{"dtype":"U8","shape":[4],"shape":[4],"data_offsets":[0,4]}}"#.to_owned(),
            4,
            vec!["safetensors_duplicate"],
        ),
        (
            r#"{"a":{"dtype":"OBJ","shape":[4],"data_offsets":[0,4]}}"#.to_owned(),
            4,
            vec!["safetensors_dtype"],
        ),
        (
            r#"{"a":{"dtype":"F4","shape":[1],"data_offsets":[0,1]}}"#.to_owned(),
            1,
            vec!["safetensors_size"],
        ),
        (
            r#"{"a":{"dtype":"U8","shape":[18446744073709551615,2,0],"data_offsets":[0,0]}}"#
                .to_owned(),
            0,
            vec!["safetensors_size"],
        ),
        (
            r#"{"a":{"dtype":"U8","shape":[0,18446744073709551615,2],"data_offsets":[0,0]}}"#
                .to_owned(),
            0,
            vec!["safetensors_size"],
        ),
        (
            r#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}"#.to_owned(),
            2,
            vec!["safetensors_offsets"],
        ),
        (format!("{{{tensor}}}"), 5, vec!["safetensors_end"]),
        (format!("{{{tensor}}}"), 3, vec!["safetensors_end"]),
    ] {
        assert_eq!(broken(&header, data), rules, "{header}");
    }
}

#[test]
fn tells_where_the_second_of_two_keys_stands() {
    let header = r#"{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}"#;
    let report = scan("model.safetensors", file(header, &[]));
    assert_eq!(
        report.findings[0].offset,
        8 + header.rfind(r#""a""#).expect("it is there") as u64
    );
}

#[test]
fn a_header_is_not_read_past_the_file_or_the_limit() {
    for length in [0, 1, 3, 100, u64::MAX, 1 << 63, 100_000_001] {
        let bytes = [&length.to_le_bytes()[..], b"{}"].concat();
        let (verdict, rules) = judged("model.safetensors", bytes);
        assert_eq!(verdict, Verdict::Malformed, "{length}");
        assert!(rules[0].starts_with("safetensors_"), "{rules:?}");
    }
}

/// Findings on which the scanner means to be stricter than the reference reader.
const STRICTER: [&str; 5] = [
    "safetensors_duplicate",
    "safetensors_entry",
    "safetensors_metadata",
    "safetensors_padding",
    "safetensors_start",
];

fn header() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        8 => (0_u64..9).prop_map(|n| n.to_string()),
        1 => Just("18446744073709551615".to_owned()),
        1 => Just("-0".to_owned()),
        1 => Just("1e1".to_owned()),
        1 => Just("null".to_owned()),
    ];
    let dtype = prop::sample::select(vec![
        "U8", "BOOL", "F16", "F4", "F6_E2M3", "F8_E8M0", "C64", "X",
    ]);
    let shape = prop::collection::vec(number.clone(), 0..3).prop_map(|shape| shape.join(","));
    let key = prop::sample::select(vec!["a", "b", "\\u0061", "__metadata__", ""]);
    let tensor =
        (key, dtype, shape, number.clone(), number).prop_map(|(key, dtype, shape, begin, end)| {
            format!(
                r#""{key}":{{"dtype":"{dtype}","shape":[{shape}],"data_offsets":[{begin},{end}]}}"#
            )
        });
    let metadata = prop::sample::select(vec![
        r#""__metadata__":{"k":"v"}"#,
        r#""__metadata__":{"k":1}"#,
        r#""__metadata__":null"#,
        r#""x":{}"#,
    ])
    .prop_map(str::to_owned);
    let entries = prop::collection::vec(prop_oneof![6 => tensor, 1 => metadata], 0..4);
    let around = prop::sample::select(vec![
        ("", ""),
        ("", "   "),
        ("", "\n"),
        (" ", ""),
        ("", "x"),
    ]);
    (entries, around)
        .prop_map(|(entries, (before, after))| format!("{before}{{{}}}{after}", entries.join(",")))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    /// Nothing passes that the reference reader refuses, and what it takes is refused for a reason.
    #[test]
    fn agrees_with_the_reference_reader(header in header(), data in 0_usize..17) {
        let bytes = file(&header, &vec![0; data]);
        let report = scan("model.safetensors", &bytes);
        match SafeTensors::deserialize(&bytes) {
            Err(error) => prop_assert_ne!(report.verdict, Verdict::Clean, "{}: {}", header, error),
            Ok(_) => for finding in &report.findings {
                prop_assert!(STRICTER.contains(&finding.rule.id), "{}: {:?}", header, finding);
            },
        }
    }

    /// Broken files of any kind are judged, not believed.
    #[test]
    fn agrees_on_damaged_files(damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let header = r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[],"data_offsets":[8,9]}}"#;
        let mut bytes = file(header, &[0; 9]);
        for (index, byte) in damage {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        if SafeTensors::deserialize(&bytes).is_err() {
            prop_assert_ne!(scan("model.safetensors", &bytes).verdict, Verdict::Clean);
        }
    }
}

//! JSON that is meant to hurt: what is read of it, what is refused, and how much memory that takes.

use civitai_api::{Client, Error, ErrorKind, Malformed, Model, ModelId, Version};
use serde_json::{Value, json};

use crate::canned::{Canned, answer};
use crate::leaves::differing;
use crate::round_trip::{fixture, through};
use crate::site::{client_at, hurried};

/// More than this no answer may cost, the test's own copies of it included.
const MOST_MEMORY_KIB: u64 = 512 << 10;

async fn client(response: Vec<u8>) -> (Canned, Client) {
    let server = Canned::start(vec![response]).await;
    let client = client_at(server.url())
        .retry(hurried().with_retries(0))
        .build()
        .expect("a client");
    (server, client)
}

async fn model(response: Vec<u8>) -> Result<Model, Error> {
    let (_server, client) = client(response).await;
    client.model(ModelId::new(1).expect("an id")).await
}

/// The model that is read from a body, which need not be UTF-8.
async fn read(body: &[u8]) -> Result<Model, Error> {
    model(answer("200 OK", "Content-Type: application/json\r\n", body)).await
}

fn malformed(error: &Error) -> Malformed {
    match error.kind() {
        ErrorKind::Malformed(problem) => *problem,
        other => panic!("{other:?}"),
    }
}

/// Resets the peak that [`assert_memory`] looks at, where the kernel allows it.
fn forget_peak() {
    // Without it the peak of an earlier test in this process counts, too.
    let _kept = fs_err::write("/proc/self/clear_refs", "5");
}

fn assert_memory() {
    let status = fs_err::read_to_string("/proc/self/status").expect("Linux");
    let peak_kib: u64 = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"))
        .and_then(|peak| peak.parse().ok())
        .expect("a peak");
    assert!(peak_kib < MOST_MEMORY_KIB, "{peak_kib} KiB");
}

#[tokio::test]
async fn h28_numbers_that_are_none_are_refused() {
    for number in [
        "1e999", "-1e999", "NaN", "Infinity", "-", "+1", "01", "1.", "0x1",
    ] {
        let body = format!(r#"{{"id":1,"stats":{{"downloadCount":{number}}}}}"#);
        let error = read(body.as_bytes()).await.expect_err(number);
        assert!(
            matches!(malformed(&error), Malformed::Syntax { line: 1, .. }),
            "{number}: {error}"
        );
    }
}

#[tokio::test]
async fn h28_numbers_beyond_their_field_are_absent_and_kept() {
    for (number, downloads) in [
        ("0", Some(0)),
        ("-0", Some(0)),
        ("-1", None),
        ("9223372036854775807", Some(i64::MAX.unsigned_abs())),
        ("9223372036854775808", Some(1 << 63)),
        ("18446744073709551615", Some(u64::MAX)),
        ("18446744073709551616", None),
        ("-9223372036854775809", None),
        ("1.5", None),
        ("1e308", None),
        ("5e-324", None),
    ] {
        let body = format!(r#"{{"id":1,"stats":{{"downloadCount":{number}}}}}"#);
        let model = read(body.as_bytes()).await.expect(number);
        let read = model.stats.as_ref().and_then(|stats| stats.download_count);
        assert_eq!(read, downloads, "{number}");
        let sent: Value = serde_json::from_str(&body).expect("valid JSON");
        assert_eq!(
            serde_json::to_value(&model).expect("writable"),
            sent,
            "{number}"
        );
    }
}

#[tokio::test]
async fn h28_an_id_that_no_model_can_have_makes_no_model() {
    for id in ["-0", "0", "-1", "9223372036854775808", "1.5", "null", "[1]"] {
        let error = read(format!(r#"{{"id":{id}}}"#).as_bytes())
            .await
            .expect_err(id);
        assert_eq!(
            malformed(&error),
            Malformed::Shape {
                expected: "a model"
            },
            "{id}: {error}"
        );
    }
}

#[tokio::test]
async fn h28_of_keys_that_come_twice_the_last_counts() {
    let model = read(br#"{"id":7,"name":"a","x":1,"id":1,"name":"b","x":2}"#)
        .await
        .expect("a model");
    assert_eq!(
        serde_json::to_value(&model).expect("writable"),
        json!({"id": 1, "name": "b", "x": 2})
    );
}

#[tokio::test]
async fn h28_bytes_that_are_not_utf8_are_refused_with_their_place() {
    for (bad, what) in [
        (&b"\xff"[..], "no letter begins so"),
        (b"\x80", "a letter's second byte"),
        (b"\xc0\xaf", "a slash in two bytes"),
        (b"\xed\xa0\x80", "half a surrogate pair"),
        (b"\xf4\x90\x80\x80", "beyond the last letter"),
        (b"\xe2\x82", "half a letter"),
    ] {
        let body = [br#"{"id":1,"name":""#, bad, br#""}"#].concat();
        let error = read(&body).await.expect_err(what);
        assert_eq!(
            malformed(&error),
            Malformed::Encoding { offset: 16 },
            "{what}: {error}"
        );
    }
}

#[tokio::test]
async fn h28_half_a_surrogate_pair_is_refused_and_a_whole_one_read() {
    for half in [
        r"\ud83d",
        r"\ude00",
        r"\ud83dx",
        r"\ud83d\n",
        r"\ud83d\ud83d",
        r"\u12",
    ] {
        let error = read(format!(r#"{{"id":1,"name":"{half}"}}"#).as_bytes())
            .await
            .expect_err(half);
        assert!(
            matches!(malformed(&error), Malformed::Syntax { line: 1, .. }),
            "{half}: {error}"
        );
    }
    let model = read(br#"{"id":1,"name":"\ud83d\ude00\u0000"}"#)
        .await
        .expect("a pair");
    assert_eq!(model.name, "\u{1f600}\0");
}

#[tokio::test]
async fn h28_nesting_is_kept_up_to_the_limit_and_refused_beyond() {
    let nested = |levels: usize| {
        // The object itself is the first level.
        format!(
            r#"{{"id":1,"x":{}{}}}"#,
            "[".repeat(levels - 1),
            "]".repeat(levels - 1)
        )
    };
    let body = nested(127);
    let model = read(body.as_bytes()).await.expect("deep");
    assert_eq!(
        serde_json::to_string(&model).expect("writable"),
        body,
        "kept"
    );
    for levels in [129, 100_000, 10_000_000] {
        let error = read(nested(levels).as_bytes()).await.expect_err("too deep");
        assert!(
            matches!(malformed(&error), Malformed::TooDeep { .. }),
            "{levels}: {error}"
        );
    }
}

#[tokio::test]
async fn h28_ten_million_elements_are_refused_in_little_memory() {
    forget_peak();
    for element in ["0,", "{},", r#""","#, "[],"] {
        let body = format!(r#"{{"id":1,"x":[{}0]}}"#, element.repeat(10_000_000));
        let error = read(body.as_bytes()).await.expect_err("too many");
        assert!(
            matches!(malformed(&error), Malformed::TooMany { .. }),
            "{element}: {error}"
        );
    }
    assert_memory();
}

#[tokio::test]
async fn the_largest_body_is_read_and_one_byte_more_is_not() {
    const LIMIT: usize = 64 << 20;
    let body = |bytes: usize| {
        let frame = r#"{"id":1,"name":""}"#.len();
        format!(r#"{{"id":1,"name":"{}"}}"#, "x".repeat(bytes - frame))
    };
    forget_peak();
    let read = model(unannounced(&body(LIMIT))).await.expect("a model");
    assert_eq!(read.name.len(), LIMIT - 18);
    let error = model(unannounced(&body(LIMIT + 1)))
        .await
        .expect_err("too large");
    assert!(
        matches!(error.kind(), ErrorKind::TooLarge { limit_bytes } if *limit_bytes == LIMIT as u64),
        "{error}"
    );
    assert_memory();
}

/// An answer that does not say how long it is.
fn unannounced(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{body}")
        .into_bytes()
}

#[tokio::test]
async fn h25_a_thousandfold_bomb_stops_at_the_limit() {
    forget_peak();
    let packed = bomb();
    assert!(BOMB_BYTES >= 1000 * packed.len());
    let headers = "Content-Type: application/json\r\nContent-Encoding: gzip\r\n";
    let error = model(answer("200 OK", headers, &packed))
        .await
        .expect_err("a bomb");
    assert!(
        matches!(
            error.kind(),
            ErrorKind::TooLarge {
                limit_bytes: 67_108_864
            }
        ),
        "{error}"
    );
    assert!(!error.is_transient());
    assert_memory();
}

/// What [`bomb`] would unpack to.
const BOMB_BYTES: usize = 10 << 30;

/// Ten megabytes of gzip that would unpack to ten gibibytes of blanks: its codes give one bit to "258 times" and one to
/// "what was 1 before".
fn bomb() -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let (mut pending, mut filled) = (0_u64, 0);
    let mut put = |bits: u64, width: u32| {
        pending |= bits << filled;
        filled += width;
        while filled >= 8 {
            out.push(pending.to_le_bytes()[0]);
            pending >>= 8;
            filled -= 8;
        }
    };
    // A last block with its own codes: 286 for literals and lengths, 1 for distances, 18 for the lengths of these.
    put(0b101, 3);
    put(29, 5);
    put(0, 5);
    put(14, 4);
    // Lengths of the code lengths, in the order 16 17 18 0 8 7 9 6 10 5 11 4 12 3 13 2 14 1:
    // 18 (many zeros) takes one bit, 1 and 2 take two.
    for length in [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 2] {
        put(length, 3);
    }
    let zeros = |count: u64, put: &mut dyn FnMut(u64, u32)| {
        put(0, 1);
        put(count - 11, 7);
    };
    // Codes go in bit-reversed: 1 is 10, 2 is 11.
    let one = |put: &mut dyn FnMut(u64, u32)| put(0b01, 2);
    let two = |put: &mut dyn FnMut(u64, u32)| put(0b11, 2);
    zeros(32, &mut put);
    two(&mut put); // a blank: 10
    zeros(138, &mut put);
    zeros(85, &mut put);
    two(&mut put); // the end: 11
    zeros(28, &mut put);
    one(&mut put); // 258 times: 0
    one(&mut put); // what was 1 before: 0
    put(0b01, 2); // the blank
    for _ in 0..BOMB_BYTES / (4 * 258) {
        put(0, 8);
    }
    out
}

/// What a value of each kind turns into where somebody at the site is careless.
fn careless(value: &Value) -> Vec<Value> {
    match value {
        Value::Number(number) => vec![json!(number.to_string()), Value::Null, json!("many")],
        Value::String(_) => vec![
            json!(7),
            Value::Null,
            json!("A Word Of Tomorrow"),
            json!({}),
        ],
        Value::Bool(value) => vec![
            json!(value.to_string()),
            json!(u8::from(*value)),
            Value::Null,
        ],
        Value::Array(list) => vec![Value::Null, json!({}), json!(list.len())],
        Value::Object(_) => vec![Value::Null, json!([]), json!("[object Object]")],
        Value::Null => vec![json!(0), json!(""), json!([null])],
    }
}

/// The place of every value below the first, as JSON pointers have it.
fn places(value: &Value, at: &str, into: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Array(list) => list
            .iter()
            .enumerate()
            .map(|(key, child)| (key.to_string(), child))
            .collect(),
        Value::Object(map) => map
            .iter()
            .map(|(key, child)| (key.replace('~', "~0").replace('/', "~1"), child))
            .collect(),
        _ => Vec::new(),
    };
    for (key, child) in children {
        let place = format!("{at}/{key}");
        places(child, &place, into);
        into.push(place);
    }
}

#[test]
fn h29_a_value_of_a_wrong_kind_anywhere_but_in_the_id_costs_that_value_alone() {
    for (name, through) in [
        ("model", through::<Model> as fn(&Value) -> Option<Value>),
        ("version", through::<Version>),
    ] {
        let whole = fixture(name);
        let mut all = Vec::new();
        places(&whole, "", &mut all);
        assert!(all.len() > 100, "{name} has {} values", all.len());
        for place in all.iter().filter(|place| *place != "/id") {
            let value = whole.pointer(place).expect("it was listed");
            for wrong in careless(value) {
                let mut payload = whole.clone();
                *payload.pointer_mut(place).expect("it was listed") = wrong.clone();
                let after = through(&payload).unwrap_or_else(|| panic!("{name}{place} = {wrong}"));
                assert_eq!(
                    differing(&payload, &after),
                    Vec::<String>::new(),
                    "{name}{place} = {wrong}"
                );
            }
        }
    }
}

#[test]
fn h29_an_id_may_be_written_as_text_and_a_missing_one_is_named() {
    let mut model = fixture("model");
    model["id"] = json!(model["id"].to_string());
    assert!(through::<Model>(&model).is_some());
    model["id"] = Value::Null;
    let error = serde_json::from_value::<Model>(model).expect_err("it has no id");
    assert!(
        error.to_string().contains("`id`") || error.to_string().contains("\"id\""),
        "{error}"
    );
}

//! The control listener, the payload folder, and the simulator's life.

use civitai_sim::Sim;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use url::Url;

use crate::world::{R2, fetch, start, state};

async fn send(method: reqwest::Method, sim: &Sim, path: &str, body: Value) -> (u16, Value) {
    let url = sim.control_url().join(path).unwrap();
    let answer = reqwest::Client::new()
        .request(method, url)
        .json(&body)
        .send()
        .await
        .unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn faults_come_and_go_over_http() {
    let sim = start().await;
    let order = json!([{ "knob": "no_range" }, { "knob": { "latency": { "for_ms": 1 } }, "scope": { "times": 3 } }]);
    let (status, body) = send(reqwest::Method::POST, &sim, "/__sim/faults", order).await;
    assert_eq!((status, body), (200, json!({ "ids": [1, 2] })));
    let url = sim.sign(R2).unwrap();
    assert_eq!(fetch(&url, &[("Range", "bytes=0-0")]).await.status(), 200);
    let (_, list) = send(reqwest::Method::GET, &sim, "/__sim/faults", Value::Null).await;
    assert_eq!(
        list[0],
        json!({ "id": 1, "fault": { "knob": "no_range", "scope": {} }, "hits": 1 })
    );
    assert_eq!(
        send(
            reqwest::Method::DELETE,
            &sim,
            "/__sim/faults/1",
            Value::Null
        )
        .await
        .0,
        200
    );
    assert_eq!(
        send(
            reqwest::Method::DELETE,
            &sim,
            "/__sim/faults/1",
            Value::Null
        )
        .await
        .0,
        404
    );
    assert_eq!(fetch(&url, &[("Range", "bytes=0-0")]).await.status(), 206);
    let (status, body) = send(
        reqwest::Method::POST,
        &sim,
        "/__sim/faults",
        json!({ "knob": "no_rage" }),
    )
    .await;
    assert_eq!(status, 400);
    assert!(body["error"].as_str().unwrap().contains("no_rage"));
}

#[tokio::test]
async fn clock_log_and_reset_work_over_http() {
    let sim = start().await;
    let order = json!({ "set": "2030-01-01T00:00:00Z", "advance_ms": 1500, "frozen": true });
    send(reqwest::Method::POST, &sim, "/__sim/clock", order).await;
    assert!(
        sim.clock()
            .now()
            .to_string()
            .starts_with("2030-01-01T00:00:01.")
    );
    let (_, signed) = send(reqwest::Method::GET, &sim, "/__sim/sign/100", Value::Null).await;
    let url = Url::parse(signed["url"].as_str().unwrap()).unwrap();
    fetch(&url, &[]).await;
    let (_, log) = send(reqwest::Method::GET, &sim, "/__sim/log", Value::Null).await;
    assert_eq!(log["summary"]["files"]["100"]["bytes_sent"], 100_000);
    assert_eq!(log["entries"][0]["listener"], "r2");

    sim.state().models.clear();
    send(reqwest::Method::POST, &sim, "/__sim/reset", Value::Null).await;
    assert_eq!(sim.state().models.len(), 2);
    assert!(sim.log().entries().is_empty());
}

#[tokio::test]
async fn the_announcement_says_where_everything_is() {
    let sim = start().await;
    let said = sim.announce();
    assert_eq!((&said["type"], &said["schema"]), (&json!("sim"), &json!(1)));
    assert_eq!(said["site"], sim.site_url().as_str().trim_end_matches('/'));
    assert_eq!(said["tokens"]["plain"], sim.token("plain").unwrap());
    assert_eq!(said["storage"].as_array().map(Vec::len), Some(2));
    assert_eq!(sim.token("nobody"), None);
}

#[tokio::test]
async fn shutdown_closes_every_port_and_connection() {
    let sim = start().await;
    let url = sim.sign(R2).unwrap();
    let port = sim.site_url().port().unwrap();
    let held = tokio::net::TcpStream::connect(url.authority())
        .await
        .unwrap();
    sim.shutdown().await;
    let mut byte = [0];
    held.readable().await.unwrap();
    assert!(matches!(held.try_read(&mut byte), Ok(0) | Err(_)));
    assert!(
        tokio::net::TcpStream::connect(url.authority())
            .await
            .is_err()
    );
    let again = Sim::builder()
        .port(port)
        .state(state())
        .start()
        .await
        .unwrap();
    assert_eq!(again.site_url().port(), Some(port));
}

#[tokio::test]
async fn payloads_are_served_verbatim_where_they_answer() {
    let folder = tempfile::tempdir().unwrap();
    let model = r#"{ "id": 9001,  "name": "Recorded", "modelVersions": [] , "odd": 1.50}"#;
    let version = r#"{"id":9002,"modelId":9001,"files":[{"hashes":{"SHA256":"abcdef"}}]}"#;
    let list = r#"{"items":[{"id":9001,"modelVersions":[]},{"id":9003,"modelVersions":[]}],"metadata":{}}"#;
    for (name, text) in [
        ("model__a.json", model),
        ("model_version__a.json", version),
        ("models_list__a.json", list),
        ("tags__a.json", r#"{"items":[],"metadata":{}}"#),
        ("other.json", "not json"),
        ("notes.txt", "not served"),
    ] {
        fs_err::write(folder.path().join(name), text).unwrap();
    }
    let sim = Sim::builder()
        .state(state())
        .payloads(folder.path())
        .start()
        .await
        .unwrap();
    let get = async |path: &str| fetch(&sim.site_url().join(path).unwrap(), &[]).await;
    assert_eq!(get("/api/v1/models/9001").await.text(), model);
    assert_eq!(get("/api/v1/model-versions/9002").await.text(), version);
    assert_eq!(
        get("/api/v1/model-versions/by-hash/ABCDEF").await.text(),
        version
    );
    assert_eq!(
        get("/api/v1/model-versions/by-hash/AbCdef").await.text(),
        version
    );
    assert_eq!(get("/api/v1/models?limit=5").await.text(), list);
    assert_eq!(
        get("/api/v1/models/9003").await.text(),
        r#"{"id":9003,"modelVersions":[]}"#
    );
    assert_eq!(
        get("/api/v1/tags").await.text(),
        r#"{"items":[],"metadata":{}}"#
    );
    assert_eq!(get("/other.json").await.text(), "not json");
    assert_eq!(get("/notes.txt").await.status(), 404);
    assert_eq!(get("/api/v1/models/1").await.status(), 200);
    assert!(
        Sim::builder()
            .payloads("/nonexistent/folder")
            .start()
            .await
            .is_err()
    );
}

/// Real recordings lie outside the project; `CIVITAI_CORPUS` names their folder.
#[tokio::test]
async fn recorded_models_and_versions_come_back_byte_for_byte() {
    let Some(corpus) = std::env::var_os("CIVITAI_CORPUS") else {
        eprintln!("skipped: no corpus");
        return;
    };
    let folder = std::path::Path::new(&corpus).join("api");
    let sim = Sim::builder()
        .state(state())
        .payloads(&folder)
        .start()
        .await
        .unwrap();
    let mut seen = std::collections::BTreeSet::new();
    let mut names: Vec<_> = fs_err::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    for name in names
        .iter()
        .filter_map(|name| name.to_str())
        .filter(|name| {
            std::path::Path::new(name)
                .extension()
                .is_some_and(|end| end == "json")
        })
    {
        let recorded = fs_err::read(folder.join(name)).unwrap();
        let by_name = fetch(&sim.site_url().join(name).unwrap(), &[]).await;
        assert!(by_name.body == recorded, "{name}");
        let document: Value = serde_json::from_slice(&recorded).unwrap();
        let route = match name.split("__").next() {
            Some("model") => format!("/api/v1/models/{}", document["id"]),
            Some("model_version") => format!("/api/v1/model-versions/{}", document["id"]),
            _ => continue,
        };
        if seen.insert(route.clone()) {
            let by_id = fetch(&sim.site_url().join(&route).unwrap(), &[]).await;
            assert!(by_id.body == recorded, "{name} at {route}");
        }
    }
    assert!(seen.len() > 40, "{}", seen.len());
}

#[tokio::test]
async fn connections_are_kept_open_and_bad_requests_end_them() {
    let sim = start().await;
    let connect = async || {
        tokio::net::TcpStream::connect(sim.site_url().authority())
            .await
            .unwrap()
    };
    let mut stream = connect().await;
    let get = b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n";
    stream.write_all(&get.repeat(3)).await.unwrap();
    stream
        .write_all(b"GET /nowhere HTTP/1.0\r\n\r\n")
        .await
        .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert_eq!(text.matches("HTTP/1.1 404 Not Found").count(), 4);

    let many_headers = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(101));
    let long_header = format!("GET / HTTP/1.1\r\na: {}\r\n\r\n", "b".repeat(70_000));
    let large_body = "POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n".to_owned();
    for (request, status) in [
        ("nonsense\r\n\r\n".to_owned(), 400),
        (many_headers, 431),
        (long_header, 431),
        (large_body, 413),
    ] {
        let mut stream = connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = vec![0; 12];
        stream.read_exact(&mut head).await.unwrap();
        assert_eq!(
            String::from_utf8(head).unwrap(),
            format!("HTTP/1.1 {status}")
        );
    }
}

#[tokio::test]
async fn request_bodies_arrive_with_a_length_and_in_chunks() {
    let sim = start().await;
    let hash = sim
        .state()
        .find_file(R2)
        .unwrap()
        .2
        .content
        .digests()
        .sha256
        .clone();
    let url = sim
        .site_url()
        .join("/api/v1/model-versions/by-hash/ids")
        .unwrap();
    let client = reqwest::Client::new();
    let whole = client
        .post(url.clone())
        .json(&json!([hash]))
        .send()
        .await
        .unwrap();
    let expected: Value = whole.json().await.unwrap();
    assert_eq!(expected[0]["modelVersionId"], 10);
    let text = json!([hash]).to_string();
    let chunked = format!(
        "POST {} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}\r\n{:x}\r\n{}\r\n0\r\n\r\n",
        url.path(),
        &text[..5],
        text.len() - 5,
        &text[5..],
    );
    let mut stream = tokio::net::TcpStream::connect(url.authority())
        .await
        .unwrap();
    stream.write_all(chunked.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with(&expected.to_string()), "{answer}");
}

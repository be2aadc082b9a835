//! A server that sends exactly what a test tells it to.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use url::Url;

/// One request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) path: String,
    head: String,
}

impl Request {
    pub(crate) fn new(head: String) -> Self {
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        Self { path, head }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (known, value) = line.split_once(':')?;
            known.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// First and last byte asked for.
    pub(crate) fn range(&self) -> Option<(u64, u64)> {
        let (first, last) = self
            .header("range")?
            .strip_prefix("bytes=")?
            .split_once('-')?;
        Some((first.parse().ok()?, last.parse().unwrap_or(u64::MAX)))
    }
}

/// Answers each request with the bytes `answer` gives, head included, then closes the connection.
pub(crate) struct Server {
    pub(crate) url: Url,
    requests: Arc<Mutex<Vec<Request>>>,
    task: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(
        answer: impl Fn(&Request, usize) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        Self::start_on("127.0.0.1", answer).await
    }

    pub(crate) async fn start_on(
        host: &str,
        answer: impl Fn(&Request, usize) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((host, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let requests: Arc<Mutex<Vec<Request>>> = Arc::default();
        let (seen, answer) = (Arc::clone(&requests), Arc::new(answer));
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        match stream.read_u8().await {
                            Ok(byte) => head.push(byte),
                            Err(_) => return,
                        }
                    }
                    let request = Request::new(String::from_utf8_lossy(&head).into_owned());
                    let count = {
                        let mut seen = seen.lock().expect("no panic");
                        seen.push(request.clone());
                        seen.len()
                    };
                    let bytes = answer(&request, count);
                    // A client that has heard enough may be gone.
                    let _ = stream.write_all(&bytes).await;
                    let _ = stream.shutdown().await;
                });
            }
        });
        let url =
            Url::parse(&format!("http://{address}/file.bin?signature=s3cr3t")).expect("a URL");
        Self {
            url,
            requests,
            task,
        }
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().expect("no panic").clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) fn answer(head: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 {head}\r\nConnection: close\r\n\r\n").into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// What an honest server would say.
pub(crate) fn serve(file: &[u8], request: &Request, headers: &str) -> Vec<u8> {
    let Some((first, last)) = request.range() else {
        return answer(
            &format!("200 OK\r\nContent-Length: {}{headers}", file.len()),
            file,
        );
    };
    let last = last.min(file.len() as u64 - 1);
    let body =
        &file[usize::try_from(first).expect("small")..=usize::try_from(last).expect("small")];
    let head = format!("206 Partial Content\r\nContent-Length: {}", body.len());
    answer(
        &format!(
            "{head}\r\nContent-Range: bytes {first}-{last}/{}{headers}",
            file.len()
        ),
        body,
    )
}

//! A server that says what it is told to, for answers that no honest one gives.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use url::Url;

/// Listens on loopback until dropped and gives its answers in order, the last one for ever.
pub(crate) struct Canned {
    url: Url,
    seen: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl Canned {
    pub(crate) async fn start(answers: Vec<Vec<u8>>) -> Self {
        Self::start_at(Ipv4Addr::LOCALHOST, answers).await
    }

    pub(crate) async fn start_at(address: Ipv4Addr, answers: Vec<Vec<u8>>) -> Self {
        Self::reserve(address).await.answering(answers)
    }

    /// Takes an address, for answers that must name it.
    pub(crate) async fn reserve(address: Ipv4Addr) -> Reserved {
        let listener = TcpListener::bind((address, 0)).await.expect("loopback");
        let url = format!("http://{}/", listener.local_addr().expect("bound"));
        Reserved {
            listener,
            url: url.parse().expect("an address makes a URL"),
        }
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// Returns the heads of the requests so far, in lower case.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().expect("not poisoned").clone()
    }
}

/// An address without answers.
pub(crate) struct Reserved {
    listener: TcpListener,
    url: Url,
}

impl Reserved {
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    pub(crate) fn answering(self, answers: Vec<Vec<u8>>) -> Canned {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(self.listener, answers, Arc::clone(&seen)));
        Canned {
            url: self.url,
            seen,
            _tasks: tasks,
        }
    }
}

async fn serve(listener: TcpListener, answers: Vec<Vec<u8>>, seen: Arc<Mutex<Vec<String>>>) {
    let mut nth = 0;
    while let Ok((mut stream, _)) = listener.accept().await {
        let Some(head) = read_head(&mut stream).await else {
            continue;
        };
        seen.lock().expect("not poisoned").push(head);
        let answer = &answers[nth.min(answers.len() - 1)];
        nth += 1;
        // A client that has heard enough hangs up: that is its right.
        let _hung_up = stream.write_all(answer).await;
        let _hung_up = stream.shutdown().await;
    }
}

async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut buffer = [0; 4096];
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        let read = stream
            .read(&mut buffer)
            .await
            .ok()
            .filter(|read| *read > 0)?;
        head.extend_from_slice(&buffer[..read]);
    }
    Some(String::from_utf8_lossy(&head).to_ascii_lowercase())
}

/// Returns an answer with a body and its length.
pub(crate) fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

pub(crate) fn json(body: &str) -> Vec<u8> {
    answer(
        "200 OK",
        "Content-Type: application/json\r\n",
        body.as_bytes(),
    )
}

pub(crate) fn redirect(status: &str, location: &str) -> Vec<u8> {
    answer(status, &format!("Location: {location}\r\n"), b"")
}

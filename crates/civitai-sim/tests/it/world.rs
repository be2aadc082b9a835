//! A small catalogue, and raw connections to see what is really on the wire.

use std::io;

use civitai_sim::Sim;
use civitai_sim::state::{Backend, File, Model, State, User, Version};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Url;

/// Length of every ordinary file here.
pub(crate) const LEN: u64 = 100_000;
/// A file on R2.
pub(crate) const R2: u32 = 100;
/// A file on B2.
pub(crate) const B2: u32 = 101;
/// Token of an ordinary user.
pub(crate) const TOKEN: &str = "0123456789abcdef0123456789abcdef";

pub(crate) fn state() -> State {
    let mut state = State::default();
    state.add_user(User::new(1, "owner").with_token("11111111111111111111111111111111"));
    state.add_user(User::new(2, "plain").with_token(TOKEN));
    state.add_model(Model::new(1, "Watercolour", "LORA").with_version(
        Version::new(10, "v1").with_file(File::new(R2, "water colour.safetensors", LEN)),
    ));
    state.add_model(
        Model::new(2, "Oil", "LORA").with_version(
            Version::new(20, "v1")
                .with_file(File::new(B2, "oil.safetensors", LEN).with_backend(Backend::B2)),
        ),
    );
    state
}

#[expect(clippy::print_stdout, reason = "a failing run must say its seed")]
pub(crate) async fn start() -> Sim {
    let seed = 42;
    println!("seed {seed}");
    Sim::builder()
        .seed(seed)
        .state(state())
        .start()
        .await
        .unwrap()
}

/// The true bytes of a file.
pub(crate) fn bytes_of(sim: &Sim, file: u32) -> Vec<u8> {
    let content = sim.state().find_file(file).unwrap().2.content.clone();
    let mut bytes = vec![0; usize::try_from(content.len()).unwrap()];
    content.read_at(0, &mut bytes);
    bytes
}

/// An answer as it came over the wire.
#[derive(Debug)]
pub(crate) struct Raw {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// How the connection ended, if not cleanly.
    pub(crate) error: Option<io::Error>,
}

impl Raw {
    pub(crate) fn status(&self) -> u16 {
        self.head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .unwrap_or(0)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (known, value) = line.split_once(':')?;
            known.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Asks once on a connection of its own and reads until the server closes it.
pub(crate) async fn ask(method: &str, url: &Url, headers: &[(&str, &str)]) -> Raw {
    let mut target = url.path().to_owned();
    if let Some(query) = url.query() {
        target = format!("{target}?{query}");
    }
    let mut request = format!(
        "{method} {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n",
        url.authority()
    );
    for (name, value) in headers {
        request.push_str(name);
        request.push_str(": ");
        request.push_str(value);
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    let mut stream = TcpStream::connect(url.authority()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    let error = loop {
        match stream.read_buf(&mut bytes).await {
            Ok(0) => break None,
            Ok(_) => {}
            Err(error) => break Some(error),
        }
    };
    let end = bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .map_or(bytes.len(), |at| at + 4);
    let body = bytes.split_off(end);
    Raw {
        head: String::from_utf8(bytes).unwrap(),
        body,
        error,
    }
}

pub(crate) async fn fetch(url: &Url, headers: &[(&str, &str)]) -> Raw {
    ask("GET", url, headers).await
}

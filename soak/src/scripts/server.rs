//! A server that does what a script says, byte by byte.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;
use url::Url;

use super::reply::{Reply, Request};
use super::script::Script;

/// One thing done to a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Send(Vec<u8>),
    Pause(Duration),
    /// Ends the connection with a reset, which may overtake what was sent.
    Reset,
    Close,
}

/// Answers on loopback until it is dropped; a connection whose script does not end it takes the next request.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) url: Url,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    script: Arc<Script>,
    requests: AtomicU64,
    reformed: AtomicBool,
}

impl Server {
    pub(super) async fn start(script: Arc<Script>) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}/file?signature=s3cr3t", listener.local_addr()?);
        let shared = Arc::new(Shared {
            script,
            requests: AtomicU64::new(0),
            reformed: AtomicBool::new(false),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self {
            url: Url::parse(&url).expect("an address makes a URL"),
            shared,
            _tasks: tasks,
        })
    }

    /// From now on every answer is honest.
    pub(super) fn reform(&self) {
        self.shared.reformed.store(true, Ordering::SeqCst);
    }

    pub(super) fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::SeqCst)
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            // Whoever has heard enough may be gone.
            let _ = converse(stream, &shared).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn converse(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let port = stream.local_addr()?.port();
    loop {
        let request = read(&mut stream).await?;
        let nth = shared.requests.fetch_add(1, Ordering::SeqCst);
        let steps = if shared.reformed.load(Ordering::SeqCst) {
            let reply = Reply::honest(&request, &shared.script.file);
            vec![Step::Send(reply.head()), Step::Send(reply.body)]
        } else {
            shared.script.answer(nth, &request, port)
        };
        for step in steps {
            match step {
                Step::Send(bytes) => stream.write_all(&bytes).await?,
                Step::Pause(duration) => sleep(duration).await,
                Step::Reset => return stream.set_zero_linger(),
                Step::Close => return stream.shutdown().await,
            }
        }
    }
}

async fn read(stream: &mut TcpStream) -> io::Result<Request> {
    let mut head = Vec::new();
    let mut piece = [0; 2048];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = stream.read(&mut piece).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        head.extend_from_slice(&piece[..read]);
    }
    Ok(Request::parse(&String::from_utf8_lossy(&head)))
}

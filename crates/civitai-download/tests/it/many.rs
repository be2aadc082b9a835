//! Many files at a time: in line, over shared connections, and flushed together.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use civitai_download::digest::{DigestSet, Hasher};
use civitai_download::{
    Commits, Error, ErrorKind, Expected, Fetched, Jobs, Queue, Redirects, Storage, Target, Transfer,
};
use civitai_security::{AllowPrivate, Policy};
use futures::future::join_all;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use url::Url;

use crate::dual::identity;
use crate::server::{Request, serve};
use crate::world::{R2, World, chain, names, quick, run, storage};

const COUNT: usize = 40;

/// Copies of one file, fetched together.
fn copies(world: &World, commits: &Commits) -> Vec<(PathBuf, Transfer)> {
    let one = |index| {
        let path = world.folder.path().join(format!("{index:02}.pt"));
        let target = Target::new(&path, format!("copy {index}")).with_expected(world.expected());
        let transfer = Transfer::new(storage(), world.signing(&[R2]), target);
        (path, transfer.retry(quick()).commits(commits))
    };
    (0..COUNT).map(one).collect()
}

async fn run_all(
    queue: &Queue,
    bytes: u64,
    transfers: impl IntoIterator<Item = Transfer>,
) -> Vec<Result<Fetched, Error>> {
    let one = |transfer| {
        let place = queue.place(Some(bytes));
        async move {
            let _turn = place.turn().await;
            run(transfer).await
        }
    };
    join_all(transfers.into_iter().map(one)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn many_files_are_committed_together_and_each_for_itself() {
    let world = World::new(40_000).await;
    let commits = Commits::default();
    let recorded: Arc<Mutex<Vec<PathBuf>>> = Arc::default();
    let (paths, transfers): (Vec<_>, Vec<_>) = copies(&world, &commits)
        .into_iter()
        .enumerate()
        .map(|(index, (path, transfer))| {
            let (taken, list) = (path.clone(), Arc::clone(&recorded));
            let transfer = transfer
                .judge(move |_| {
                    // Somebody takes the name of the eighth between the look and the rename.
                    if index == 7 {
                        fs_err::write(&taken, "mine")?;
                    }
                    Ok(())
                })
                .record(move |candidate| {
                    let journal = format!("{}.part.json", candidate.path.display());
                    if !candidate.path.is_file() || !PathBuf::from(journal).is_file() {
                        return Err(io::Error::from(io::ErrorKind::NotFound).into());
                    }
                    list.lock()
                        .expect("no panic")
                        .push(candidate.path.to_owned());
                    Ok(())
                });
            (path, transfer)
        })
        .unzip();
    let results = run_all(&Queue::new(Jobs::Auto), 40_000, transfers).await;
    for (index, (path, result)) in paths.iter().zip(&results).enumerate() {
        let there = fs_err::read(path).expect("something has the name");
        match result {
            Err(error) if index == 7 => {
                assert!(
                    matches!(error.kind(), ErrorKind::Occupied { .. }),
                    "{}",
                    chain(error)
                );
                assert_eq!(there, b"mine");
            }
            Err(error) => panic!("{index}: {}", chain(error)),
            Ok(_) => assert!(there == world.bytes(), "{index} is wrong"),
        }
    }
    assert_eq!(recorded.lock().expect("no panic").len(), COUNT - 1);
    // What could not get its name is kept, and nothing else is left.
    let names = world.names();
    assert_eq!(names.len(), COUNT + 2, "{names:?}");
    assert!(names.contains(&"07.pt.part".to_owned()), "{names:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_gone_fails_its_own_file_only() {
    let world = World::new(40_000).await;
    let commits = Commits::default();
    let gone = world.folder.path().join("gone");
    let target = Target::new(gone.join("x.pt"), "x").with_expected(world.expected());
    let remove = gone.clone();
    let lost = Transfer::new(storage(), world.signing(&[R2]), target)
        .retry(quick())
        .commits(&commits)
        .judge(move |_| Ok(fs_err::remove_dir_all(&remove)?));
    let transfers = copies(&world, &commits)
        .into_iter()
        .map(|(_, transfer)| transfer);
    let results = run_all(&Queue::new(Jobs::Auto), 40_000, transfers.chain([lost])).await;
    assert_eq!(
        results.iter().filter(|result| result.is_ok()).count(),
        COUNT
    );
    assert_eq!(world.names().len(), COUNT);
    assert!(!gone.exists());
}

/// A server over TLS that counts its connections by protocol, and gives one file.
struct Fleet {
    url: Url,
    storage: Storage,
    file: Arc<[u8]>,
    h2: Arc<AtomicUsize>,
    h1: Arc<AtomicUsize>,
    folder: TempDir,
    _tasks: JoinSet<()>,
}

impl Fleet {
    async fn start(len: usize, protocols: &[&[u8]]) -> Self {
        let file: Arc<[u8]> = (0..len).map(|at| at.to_le_bytes()[0]).collect();
        let (h2, h1): (Arc<AtomicUsize>, Arc<AtomicUsize>) = Default::default();
        let (authority, acceptor) = identity();
        let mut config = (**acceptor.config()).clone();
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let url = Url::parse(&format!("https://{address}/")).expect("a URL");
        let (bytes, counts) = (Arc::clone(&file), (Arc::clone(&h2), Arc::clone(&h1)));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, bytes) = (acceptor.clone(), Arc::clone(&bytes));
                let (h2, h1) = (Arc::clone(&counts.0), Arc::clone(&counts.1));
                connections.spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
                        h2.fetch_add(1, Ordering::SeqCst);
                        serve_h2(stream, &bytes).await;
                    } else {
                        h1.fetch_add(1, Ordering::SeqCst);
                        serve_h1(stream, &bytes).await;
                    }
                });
            }
        });
        let begin = || {
            let authority = reqwest::Certificate::from_der(&authority).expect("a certificate");
            reqwest::Client::builder()
                .no_proxy()
                .tls_certs_only([authority])
        };
        let policy = Policy::for_origin(&url, AllowPrivate::No).expect("its own origin");
        let storage = Storage::new(begin(), policy)
            .and_then(|storage| storage.with_small(begin()))
            .expect("clients");
        Self {
            url,
            storage,
            file,
            h2,
            h1,
            folder: tempfile::tempdir().expect("a folder"),
            _tasks: tasks,
        }
    }

    /// Fetches so many copies, and sees that they are right.
    async fn fetch(&self, count: usize) {
        let mut hasher = Hasher::new(DigestSet::SHA256);
        hasher.update(&self.file);
        let digests = hasher.finish();
        let expected = Expected::default()
            .with_sha256(digests.sha256)
            .with_bytes(Some(digests.bytes));
        let (queue, commits) = (Queue::new(Jobs::Auto), Commits::default());
        let transfers = (0..count).map(|index| {
            let path = self.folder.path().join(format!("{index:03}"));
            let target = Target::new(path, format!("copy {index}")).with_expected(expected.clone());
            let source = Redirects::new(self.url.join(&index.to_string()).expect("a URL"));
            Transfer::new(self.storage.clone(), Arc::new(source), target)
                .retry(quick())
                .commits(&commits)
        });
        for result in run_all(&queue, digests.bytes, transfers).await {
            let fetched = result.unwrap_or_else(|error| panic!("{}", chain(&error)));
            assert!(fs_err::read(&fetched.path).expect("there") == *self.file);
        }
        assert_eq!(names(self.folder.path()).len(), count);
    }

    fn connections(&self) -> (usize, usize) {
        (
            self.h2.load(Ordering::SeqCst),
            self.h1.load(Ordering::SeqCst),
        )
    }
}

async fn serve_h2(stream: impl AsyncRead + AsyncWrite + Unpin, file: &[u8]) {
    let Ok(mut connection) = h2::server::handshake(stream).await else {
        return;
    };
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        let range = request
            .headers()
            .get("range")
            .and_then(|range| range.to_str().ok());
        let request = Request::new(format!(
            "GET / HTTP/2\r\nrange: {}\r\n",
            range.unwrap_or("")
        ));
        let (first, last) = request.range().unwrap_or((0, u64::MAX));
        let last = last.min(file.len() as u64 - 1);
        let response = http::Response::builder()
            .status(206)
            .header(
                "content-range",
                format!("bytes {first}-{last}/{}", file.len()),
            )
            .body(())
            .expect("a response");
        let at = |offset: u64| usize::try_from(offset).expect("a small file");
        let body = Bytes::copy_from_slice(&file[at(first)..=at(last)]);
        // Whoever has gone does not want its answer.
        if let Ok(mut send) = respond.send_response(response, false) {
            let _gone = send.send_data(body, true);
        }
    }
}

async fn serve_h1(mut stream: tokio_rustls::server::TlsStream<TcpStream>, file: &[u8]) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let request = Request::new(String::from_utf8_lossy(&head).into_owned());
    let _gone = stream.write_all(&serve(file, &request, "")).await;
    let _gone = stream.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn small_files_share_a_connection_and_big_ones_do_not() {
    let fleet = Fleet::start(40_000, &[b"h2", b"http/1.1"]).await;
    fleet.fetch(200).await;
    assert_eq!(fleet.connections(), (1, 0));
    let fleet = Fleet::start(3 << 20, &[b"h2", b"http/1.1"]).await;
    fleet.fetch(2).await;
    let (h2, h1) = fleet.connections();
    assert!(h2 == 0 && h1 >= 2, "{h2} and {h1}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_http2_serves_small_files_too() {
    let fleet = Fleet::start(40_000, &[b"http/1.1"]).await;
    fleet.fetch(30).await;
    assert_eq!(fleet.connections(), (0, 30));
}

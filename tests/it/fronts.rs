//! What stands between the program and the site in some networks: an authority of their own, a proxy.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader, copy,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

use crate::user::{Site, User};

/// The site and its storages under `https://localhost`, by the word of an authority nobody knows.
struct Secure {
    _runtime: Runtime,
    site: String,
    authority: String,
    /// Clients that did not trust it.
    refused: Arc<AtomicUsize>,
}

impl Secure {
    fn of(site: &Site) -> Self {
        let authority = KeyPair::generate().expect("keys can be made");
        let mut params = CertificateParams::new(Vec::new()).expect("no name is a good list");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = params.self_signed(&authority).expect("it signs itself");
        let issuer = Issuer::new(params, authority);
        let key = KeyPair::generate().expect("keys can be made");
        let leaf = CertificateParams::new(vec!["localhost".to_owned()])
            .expect("a good name")
            .signed_by(&key, &issuer)
            .expect("the authority signs");
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(
                vec![leaf.der().clone()],
                PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            )
            .expect("the key is the certificate's");
        let acceptor = TlsAcceptor::from(Arc::new(config));

        let refused = Arc::new(AtomicUsize::new(0));
        let runtime = Runtime::new().expect("the machine lets tests work");
        let sim = &site.sim;
        let behind = [
            sim.site_url(),
            &sim.storage_urls()[0],
            &sim.storage_urls()[1],
        ];
        let listeners: Vec<_> = behind.iter().map(|_| listen(&runtime)).collect();
        let names: Arc<Vec<_>> = behind
            .iter()
            .zip(&listeners)
            .map(|(url, (_, at))| {
                let http = format!("http://{}/", url.authority());
                (http, format!("https://localhost:{}/", at.port()))
            })
            .collect::<Vec<_>>()
            .into();
        for (url, (listener, _)) in behind.iter().zip(listeners) {
            let (acceptor, names) = (acceptor.clone(), Arc::clone(&names));
            let refused = Arc::clone(&refused);
            let backend = url.authority().to_owned();
            runtime.spawn(async move {
                while let Ok((client, _)) = listener.accept().await {
                    let (acceptor, names) = (acceptor.clone(), Arc::clone(&names));
                    let (backend, refused) = (backend.clone(), Arc::clone(&refused));
                    tokio::spawn(async move {
                        let client = acceptor.accept(client).await.inspect_err(|_| {
                            refused.fetch_add(1, Ordering::SeqCst);
                        })?;
                        forward(client, &backend, &names).await
                    });
                }
            });
        }
        Self {
            _runtime: runtime,
            site: names[0].1.clone(),
            authority: root.pem(),
            refused,
        }
    }
}

fn listen(runtime: &Runtime) -> (TcpListener, SocketAddr) {
    let listener = runtime
        .block_on(TcpListener::bind("127.0.0.1:0"))
        .expect("the machine lets tests work");
    let at = listener.local_addr().expect("it is bound");
    (listener, at)
}

/// The lines of a head, without the empty one.
async fn head(stream: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Vec<String>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        match line.trim_end() {
            "" => return Ok(lines),
            line => lines.push(line.to_owned()),
        }
    }
}

/// Hands one request on to `backend`, and its answer back with every address behind the front named by the front.
async fn forward(
    client: impl AsyncRead + AsyncWrite + Unpin,
    backend: &str,
    names: &[(String, String)],
) -> io::Result<()> {
    let mut client = BufReader::new(client);
    let mut request = head(&mut client).await?;
    request.retain(|line| !line.to_lowercase().starts_with("host:"));
    let more = format!("\r\nHost: {backend}\r\nConnection: close\r\n\r\n");
    let mut server = BufReader::new(TcpStream::connect(backend).await?);
    server
        .write_all((request.join("\r\n") + &more).as_bytes())
        .await?;
    let answer = head(&mut server).await?.join("\r\n") + "\r\n\r\n";
    let answer = names.iter().fold(answer, |answer, (behind, front)| {
        answer.replace(behind, front)
    });
    client.write_all(answer.as_bytes()).await?;
    copy(&mut server, &mut client).await?;
    client.shutdown().await
}

/// A proxy that notes whom it was asked for.
struct Proxy {
    _runtime: Runtime,
    url: String,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    fn start() -> Self {
        let runtime = Runtime::new().expect("the machine lets tests work");
        let (listener, at) = listen(&runtime);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&seen);
        runtime.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(tunnel(client, Arc::clone(&noted)));
            }
        });
        Self {
            _runtime: runtime,
            url: format!("http://{at}"),
            seen,
        }
    }

    /// The request heads so far.
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.seen.lock().expect("nobody panics with it"))
    }
}

async fn tunnel(client: TcpStream, seen: Arc<Mutex<Vec<String>>>) -> io::Result<()> {
    let mut client = BufReader::new(client);
    let request = head(&mut client).await?;
    seen.lock()
        .expect("nobody panics with it")
        .push(request.join("\n"));
    let target = request
        .first()
        .and_then(|line| line.strip_prefix("CONNECT "));
    let target = target
        .and_then(|rest| rest.split(' ').next())
        .unwrap_or_default();
    // The name is this machine's; the listeners are on its first address.
    let port = target.rsplit(':').next().unwrap_or_default();
    let mut server = TcpStream::connect(format!("127.0.0.1:{port}")).await?;
    client
        .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
        .await?;
    tokio::io::copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

#[test]
fn an_authority_of_ones_own_is_trusted_when_it_is_named_and_only_then() {
    let site = Site::start();
    let secure = Secure::of(&site);
    let user = User::of(&site).with("CIVITAI_BASE_URL", &secure.site);
    user.write("ca.pem", &secure.authority);
    let get = ["get", "1001", "--to", "out", "--json"];
    let ran = user
        .run(&[&get[..], &["--ca-file", "ca.pem"]].concat())
        .exits(0);
    assert_eq!(ran.line("file")["verified"], "sha256");
    let download = format!("{}api/download/models/10010", secure.site);
    user.run(&["fetch", &download, "-o", "f", "--ca-file", "ca.pem"])
        .exits(0);
    let from_environment = User::of(&site)
        .with("CIVITAI_BASE_URL", &secure.site)
        .with("SSL_CERT_FILE", user.path("ca.pem").to_str().unwrap());
    from_environment.run(&["info", "1001"]).exits(0);

    let ran = user
        .run(&["fetch", &download, "-o", "g", "--json"])
        .exits(5);
    let error = ran.line("file")["error"].clone();
    assert_eq!(error["kind"], "network");
    let text = error.to_string().to_lowercase();
    assert!(
        text.contains("certificate") && text.contains("--ca-file"),
        "{error}"
    );
    assert!(!user.path("g").exists());
    // The server hears of it later than the user, who does not wait for it to close.
    let begun = Instant::now();
    while secure.refused.load(Ordering::SeqCst) == 0 && begun.elapsed() < Duration::from_mins(1) {
        std::thread::yield_now();
    }
    let refused = secure.refused.load(Ordering::SeqCst);
    assert_eq!(refused, 1, "another try would not make it trusted");
}

#[test]
fn a_proxy_carries_everything_but_what_is_excepted() {
    let site = Site::start();
    let (secure, proxy) = (Secure::of(&site), Proxy::start());
    let user = User::of(&site).with("CIVITAI_BASE_URL", &secure.site);
    user.write("ca.pem", &secure.authority);
    let get = [
        "get",
        "1001",
        "--to",
        "out",
        "--force",
        "--ca-file",
        "ca.pem",
    ];
    let hosts = || {
        let mut hosts = proxy.take();
        assert!(
            hosts
                .iter()
                .all(|head| !head.contains("uthorization: Bearer"))
        );
        hosts.sort();
        hosts.dedup();
        hosts.len()
    };
    user.run(&[&get[..], &["--proxy", &proxy.url]].concat())
        .exits(0);
    assert_eq!(hosts(), 2, "the site and one storage");
    let user = user.with("HTTPS_PROXY", &proxy.url);
    user.run(&get).exits(0);
    assert_eq!(hosts(), 2, "the site and one storage");
    let user = user.with("NO_PROXY", "example.invalid,localhost");
    user.run(&get).exits(0);
    assert_eq!(hosts(), 0, "this machine is excepted");
    let user = user
        .with("NO_PROXY", "")
        .with("HTTPS_PROXY", "http://127.0.0.1:9");
    user.run(&[&get[..], &["--proxy", &proxy.url]].concat())
        .exits(0);
    assert_eq!(hosts(), 2, "the flag goes first");
}

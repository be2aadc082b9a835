//! One port that speaks HTTPS and plain HTTP, as the client begins, under an authority of its own.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use url::Url;

/// Listens on 127.0.0.1 until dropped and closes each connection after one answer.
pub(crate) struct Dual {
    port: u16,
    authority: CertificateDer<'static>,
    seen: Arc<Mutex<Vec<Seen>>>,
    _tasks: JoinSet<()>,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// `https` or `http`.
    pub(crate) scheme: &'static str,
    /// Request line and headers.
    pub(crate) head: String,
    /// The port it came to.
    pub(crate) port: u16,
}

impl Seen {
    pub(crate) fn has_authorization(&self) -> bool {
        self.head
            .to_ascii_lowercase()
            .contains("\r\nauthorization:")
    }

    /// The same server's URL under the other scheme.
    pub(crate) fn other_scheme(&self, path: &str) -> String {
        let scheme = if self.scheme == "https" {
            "http"
        } else {
            "https"
        };
        format!("{scheme}://127.0.0.1:{}{path}", self.port)
    }
}

impl Dual {
    /// Gives to each request the bytes that `answer` makes for it.
    pub(crate) async fn start(answer: impl Fn(&Seen) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("loopback");
        let port = listener.local_addr().expect("bound").port();
        let (authority, acceptor) = identity();
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let (record, answer) = (Arc::clone(&seen), Arc::new(answer));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (record, answer) = (Arc::clone(&record), Arc::clone(&answer));
                let acceptor = acceptor.clone();
                let respond = move |scheme, head| {
                    let seen = Seen { scheme, head, port };
                    record.lock().expect("no panic").push(seen.clone());
                    answer(&seen)
                };
                connections.spawn(serve(stream, acceptor, respond));
            }
        });
        Self {
            port,
            authority,
            seen,
            _tasks: tasks,
        }
    }

    pub(crate) fn url(&self, scheme: &str, path: &str) -> Url {
        format!("{scheme}://127.0.0.1:{}{path}", self.port)
            .parse()
            .expect("an address makes a URL")
    }

    /// The settings of a client that trusts this server's authority and no other.
    pub(crate) fn trusting(&self) -> reqwest::ClientBuilder {
        let authority = reqwest::Certificate::from_der(&self.authority).expect("a certificate");
        reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([authority])
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("no panic").clone()
    }

    /// The schemes of the requests so far.
    pub(crate) fn schemes(&self) -> Vec<&'static str> {
        self.seen().iter().map(|seen| seen.scheme).collect()
    }
}

/// A new authority, and a server that it vouches for.
pub(crate) fn identity() -> (CertificateDer<'static>, TlsAcceptor) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let authority = params.self_signed(&key).expect("a certificate");
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().expect("a key");
    let certificate = CertificateParams::new(["127.0.0.1".to_owned()])
        .expect("a name")
        .signed_by(&key, &issuer)
        .expect("a certificate");
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider's own versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.into()], key)
        .expect("a matching key");
    (authority.into(), TlsAcceptor::from(Arc::new(config)))
}

async fn serve(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    respond: impl Fn(&'static str, String) -> Vec<u8> + Send + Sync,
) {
    /// The first byte of every TLS connection; no method begins with it.
    const HANDSHAKE: u8 = 0x16;
    let mut first = [0];
    if !matches!(stream.peek(&mut first).await, Ok(1)) {
        return;
    }
    if first != [HANDSHAKE] {
        exchange(stream, |head| respond("http", head)).await;
    } else if let Ok(stream) = acceptor.accept(stream).await {
        exchange(stream, |head| respond("https", head)).await;
    }
}

async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin + Send,
    respond: impl Fn(String) -> Vec<u8> + Send,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let answer = respond(String::from_utf8_lossy(&head).into_owned());
    // A client that has heard enough hangs up: that is its right.
    let _hung_up = stream.write_all(&answer).await;
    let _hung_up = stream.shutdown().await;
}

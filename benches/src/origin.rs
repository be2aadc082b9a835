//! An nginx that behaves like the site and its storage: a front that answers a download route with 307 and a
//! signed URL, and a storage that serves ranges and refuses what is not signed.

use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

use crate::files::Set;
use crate::held::{self, Held};
use crate::workshop::Workshop;

/// Where the origin listens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) host: &'static str,
    /// The network namespace, if not this process's own.
    pub(crate) network: Option<&'a Path>,
}

pub(crate) const LOOPBACK: Place<'static> = Place {
    host: "127.0.0.1",
    network: None,
};

/// How a storage serves; each has a front of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// HTTP, as fast as it goes.
    Plain,
    /// HTTP, each connection held to [`THROTTLE`].
    Throttled,
    /// TLS, HTTP/2 for those who ask for it.
    Tls,
}

/// What a connection to [`Door::Throttled`] gets, in bytes a second.
pub(crate) const THROTTLE: u64 = 20_000_000;

/// A server that can be started and stopped at the same ports.
#[derive(Debug)]
pub(crate) struct Origin<'a> {
    folder: PathBuf,
    place: Place<'a>,
    doors: [Ports; 3],
    nginx: Option<Held>,
}

#[derive(Clone, Copy, Debug)]
struct Ports {
    front: u16,
    storage: u16,
}

impl Door {
    const ALL: [Self; 3] = [Self::Plain, Self::Throttled, Self::Tls];

    fn scheme(self) -> &'static str {
        match self {
            Self::Plain | Self::Throttled => "http",
            Self::Tls => "https",
        }
    }

    fn listens(self) -> &'static str {
        match self {
            Self::Plain | Self::Throttled => "",
            Self::Tls => " ssl http2",
        }
    }

    fn limit(self) -> String {
        match self {
            Self::Plain | Self::Tls => String::new(),
            Self::Throttled => format!("limit_rate {THROTTLE};"),
        }
    }
}

impl<'a> Origin<'a> {
    /// Writes certificates and configuration and starts nginx at `place`; it serves [`Origin::folder_of`] every set.
    pub(crate) fn start(workshop: &Workshop, place: Place<'a>) -> Result<Self> {
        let folder = workshop.path("origin");
        fs_err::create_dir_all(folder.join("tmp"))?;
        fs_err::create_dir_all(Self::served(workshop))?;
        if !ca(workshop).exists() {
            certificates(&folder)?;
        }
        let mut origin = Self {
            folder,
            place,
            doors: [ports()?, ports()?, ports()?],
            nginx: None,
        };
        let configuration = origin.configuration(&Self::served(workshop));
        fs_err::write(origin.folder.join("nginx.conf"), configuration)?;
        origin.start_again()?;
        Ok(origin)
    }

    /// Where the files of `set` are found when they are asked for.
    pub(crate) fn folder_of(workshop: &Workshop, set: Set) -> PathBuf {
        Self::served(workshop).join(set.number.to_string())
    }

    fn served(workshop: &Workshop) -> PathBuf {
        workshop.path("www/model")
    }

    /// Starts it with an empty log, after letting the one before finish.
    pub(crate) fn start_again(&mut self) -> Result<()> {
        self.stop();
        fs_err::write(self.folder.join("access.log"), "")?;
        let pid_file = self.folder.join("nginx.pid");
        let mut command = held::own("attend")?;
        command.args(["--farewell", "quit"]);
        if let Some(network) = self.place.network {
            command.arg("--network").arg(network);
        }
        command
            .args(["--", "nginx", "-c"])
            .arg(self.folder.join("nginx.conf"));
        command.arg("-e").arg(self.folder.join("error.log"));
        let mut nginx = Held::start(&mut command)?;
        // nginx writes its process id when it listens.
        let deadline = Instant::now() + Duration::from_secs(10);
        while !pid_file.exists() {
            ensure!(!nginx.has_ended()?, "nginx refused its configuration");
            if Instant::now() > deadline {
                bail!("nginx did not start within 10 s");
            }
            thread::sleep(Duration::from_millis(5));
        }
        self.nginx = Some(nginx);
        Ok(())
    }

    /// Stops it when it has finished, and logged, what it was doing.
    pub(crate) fn stop(&mut self) {
        drop(self.nginx.take());
    }

    /// Bytes of bodies that were sent by the storage behind `door`; complete once it is stopped.
    pub(crate) fn sent(&self, door: Door) -> Result<u64> {
        let log = fs_err::File::open(self.folder.join("access.log"))?;
        sent(io::BufReader::new(log), self.ports(door).storage)
    }

    /// The site's address of a file.
    pub(crate) fn url(&self, door: Door, id: u32) -> String {
        let (scheme, host) = (door.scheme(), self.place.host);
        format!(
            "{scheme}://{host}:{}/api/download/models/{id}",
            self.ports(door).front
        )
    }

    /// Where a set's files are served without a signature, for tools that cannot follow a redirect.
    pub(crate) fn open_folder(&self, door: Door, set: u32) -> String {
        let (scheme, host) = (door.scheme(), self.place.host);
        format!("{scheme}://{host}:{}/open/{set}", self.ports(door).storage)
    }

    fn ports(&self, door: Door) -> Ports {
        self.doors[door as usize]
    }

    fn configuration(&self, served: &Path) -> String {
        let folder = self.folder.display();
        let user = if rustix::process::geteuid().is_root() {
            "user root;"
        } else {
            ""
        };
        let servers: String = Door::ALL.map(|door| self.servers(door, served)).concat();
        format!(
            "daemon off; {user} worker_processes 2; worker_shutdown_timeout 5s;
pid {folder}/nginx.pid; error_log {folder}/error.log warn;
events {{ worker_connections 4096; }}
http {{
  client_body_temp_path {folder}/tmp/body; proxy_temp_path {folder}/tmp/proxy; fastcgi_temp_path {folder}/tmp/fastcgi;
  uwsgi_temp_path {folder}/tmp/uwsgi; scgi_temp_path {folder}/tmp/scgi;
  default_type application/octet-stream;
  log_format bytes '$server_port $body_bytes_sent'; access_log {folder}/access.log bytes;
  sendfile on; sendfile_max_chunk 2m; tcp_nopush on; tcp_nodelay on;
  keepalive_requests 1000000; open_file_cache max=8192 inactive=1h; open_file_cache_valid 1h;
  ssl_certificate {folder}/tls.crt; ssl_certificate_key {folder}/tls.key; ssl_session_cache shared:sessions:4m;
  map $args $signed {{ default 0; ~X-Amz-Signature={SIGNATURE} 1; }}
{servers}}}
"
        )
    }

    fn servers(&self, door: Door, served: &Path) -> String {
        let Ports { front, storage } = self.ports(door);
        let (host, listens, limit) = (self.place.host, door.listens(), door.limit());
        let (scheme, served) = (door.scheme(), served.display());
        format!(
            "  server {{ listen {host}:{front}{listens} backlog=4096;
    location ~ ^/api/download/models/(?<set>[0-9])(?<rest>[0-9]+)$ {{
      return 307 {scheme}://{host}:{storage}/model/$set/$set$rest.safetensors?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=86400&X-Amz-Signature={SIGNATURE}; }} }}
  server {{ listen {host}:{storage}{listens} backlog=4096; {limit}
    location /open/ {{ alias {served}/; autoindex on; }}
    location ~ ^/model/(?<file>[0-9]/(?<name>[0-9]+[.]safetensors))$ {{ if ($signed = 0) {{ return 403; }}
      alias {served}/$file; add_header Content-Disposition 'attachment; filename=\"$name\"'; }} }}
"
        )
    }
}

/// The certificate of the authority that signed the origin's.
pub(crate) fn ca(workshop: &Workshop) -> PathBuf {
    workshop.path("origin/ca.crt")
}

const SIGNATURE: &str = "5f2c8a1be07d4936b1c05e9f8d7a6342c1b0e9d8f7a6954b3c2d1e0f5a4b3c2d";

/// Sums the lines `port bytes` of one port.
fn sent(log: impl io::BufRead, port: u16) -> Result<u64> {
    let port = port.to_string();
    let mut sum = 0;
    for line in log.lines() {
        match line?.split_once(' ') {
            Some((at, bytes)) if at == port => sum += bytes.parse::<u64>()?,
            _ => {}
        }
    }
    Ok(sum)
}

fn ports() -> Result<Ports> {
    // Both are held until both are known, so that they differ.
    let (front, storage) = (
        TcpListener::bind("127.0.0.1:0")?,
        TcpListener::bind("127.0.0.1:0")?,
    );
    Ok(Ports {
        front: front.local_addr()?.port(),
        storage: storage.local_addr()?.port(),
    })
}

fn certificates(folder: &Path) -> Result<()> {
    let openssl = |arguments: &str| -> Result<()> {
        let output = Command::new("openssl")
            .args(arguments.split(' '))
            .current_dir(folder)
            .output()?;
        ensure!(
            output.status.success(),
            "openssl {arguments}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    openssl(&format!(
        "req -x509 {key} -days 2 -subj /CN=bench-ca -keyout ca.key -out ca.crt"
    ))?;
    openssl(&format!(
        "req {key} -subj /CN=bench -keyout tls.key -out tls.csr"
    ))?;
    // Strict clients refuse an authority's certificate as a server's: the leaf must say that it is one.
    let names = [LOOPBACK.host, crate::wan::SERVER]
        .map(|host| format!("IP:{host}"))
        .join(",");
    fs_err::write(
        folder.join("leaf.ext"),
        format!(
            "basicConstraints=critical,CA:FALSE\nextendedKeyUsage=serverAuth\nsubjectAltName={names}\n"
        ),
    )?;
    openssl(
        "x509 -req -in tls.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -out tls.crt -extfile leaf.ext",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_counts_only_the_storage_that_is_asked_for() {
        let log = "8080 0\n8081 5\n8082 7\n8081 11\n";
        assert_eq!(
            sent(log.as_bytes(), 8081).expect("the log is well formed"),
            16
        );
    }
}

//! An nginx on loopback that behaves like the site and its storage: a front that answers 307 with a
//! signed URL, and a storage port that serves ranges and refuses an unsigned request.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

use super::{File, hex};

/// The running nginx; stopped when dropped.
pub(super) struct Origin {
    root: PathBuf,
    front: u16,
}

impl Origin {
    /// Makes a certificate authority, a certificate for `localhost`, and starts nginx below `dir`.
    pub(super) fn start(dir: &Path) -> Result<Self> {
        let root = dir.join("origin");
        fs_err::create_dir_all(root.join("www"))?;
        fs_err::create_dir_all(root.join("tmp"))?;
        certificates(&root)?;
        let (front, storage) = (free_port()?, free_port()?);
        fs_err::write(root.join("nginx.conf"), config(&root, front, storage))?;
        let origin = Self { root, front };
        origin.nginx(&[])?;
        Ok(origin)
    }

    /// Writes a file of `bytes` pseudo-random bytes that the origin then serves.
    pub(super) fn make(&self, id: u64, bytes: u64) -> Result<File> {
        let name = format!("{id}.safetensors");
        let mut out = fs_err::File::create(self.root.join("www").join(&name))?;
        let mut digest = Sha256::new();
        let mut block = vec![0_u8; 1 << 20];
        let mut state = id.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ bytes;
        let mut left = bytes;
        while left > 0 {
            for word in block.chunks_exact_mut(8) {
                // splitmix64: incompressible, and the same in every run.
                state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
                let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
                mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
                word.copy_from_slice(&(mixed ^ (mixed >> 31)).to_le_bytes());
            }
            let take = usize::try_from(left.min(block.len() as u64))?;
            digest.update(&block[..take]);
            std::io::Write::write_all(&mut out, &block[..take])?;
            left -= take as u64;
        }
        Ok(File {
            name,
            bytes,
            sha256: hex(&digest.finalize()),
        })
    }

    pub(super) fn url(&self, name: &str) -> String {
        format!("https://localhost:{}/get/{name}", self.front)
    }

    pub(super) fn ca(&self) -> PathBuf {
        self.root.join("ca.crt")
    }

    fn nginx(&self, more: &[&str]) -> Result<()> {
        let status = Command::new("nginx")
            .arg("-c")
            .arg(self.root.join("nginx.conf"))
            .arg("-e")
            .arg(self.root.join("error.log"))
            .args(more)
            .status()
            .context("cannot run nginx")?;
        ensure!(status.success(), "nginx refused its configuration");
        Ok(())
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        // It is only a benchmark's server: if it is gone already there is nothing to stop.
        let _gone = self.nginx(&["-s", "stop"]);
    }
}

fn certificates(root: &Path) -> Result<()> {
    let openssl = |args: &str| -> Result<()> {
        let output = Command::new("openssl")
            .args(args.split(' '))
            .current_dir(root)
            .output()?;
        ensure!(
            output.status.success(),
            "openssl {args}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    openssl(&format!(
        "req -x509 {key} -days 2 -subj /CN=bench-ca -keyout ca.key -out ca.crt"
    ))?;
    openssl(&format!(
        "req {key} -subj /CN=localhost -keyout tls.key -out tls.csr"
    ))?;
    // Strict clients refuse an authority's certificate as a server's: the leaf must say that it is one.
    fs_err::write(
        root.join("leaf.ext"),
        "basicConstraints=critical,CA:FALSE\nextendedKeyUsage=serverAuth\nsubjectAltName=DNS:localhost\n",
    )?;
    openssl(
        "x509 -req -in tls.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -out tls.crt -extfile leaf.ext",
    )
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn config(root: &Path, front: u16, storage: u16) -> String {
    let root = root.display();
    let signature = "0123456789abcdef".repeat(4);
    format!(
        "worker_processes 2; pid {root}/nginx.pid; error_log {root}/error.log warn; user root;
events {{ worker_connections 2048; }}
http {{
  client_body_temp_path {root}/tmp/b; proxy_temp_path {root}/tmp/p; fastcgi_temp_path {root}/tmp/f;
  uwsgi_temp_path {root}/tmp/u; scgi_temp_path {root}/tmp/s;
  default_type application/octet-stream; access_log off;
  sendfile on; tcp_nopush on; tcp_nodelay on; keepalive_requests 100000;
  ssl_certificate {root}/tls.crt; ssl_certificate_key {root}/tls.key; ssl_session_cache shared:S:4m;
  map $args $signed {{ default 0; \"~X-Amz-Signature={signature}\" 1; }}
  server {{ listen 127.0.0.1:{front} ssl; location ~ ^/get/(?<name>[^/]+)$ {{
    return 307 https://localhost:{storage}/$name?X-Amz-Expires=86400&X-Amz-Signature={signature}; }} }}
  server {{ listen 127.0.0.1:{storage} ssl; root {root}/www; if ($signed = 0) {{ return 403; }} }}
}}
"
    )
}

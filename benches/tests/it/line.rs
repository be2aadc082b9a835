//! The emulated line carries TCP, loses what it shall without harming a byte, and leaves nothing behind.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::process::{Child, Command, Stdio};
use std::thread;

use rustix::process::geteuid;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Runs `what` in the network namespace at `path`, on a thread that ends with it.
fn within<T: Send>(path: &str, what: impl FnOnce() -> T + Send) -> T {
    let body = || {
        let namespace = fs_err::File::open(path).expect("the emulator holds the namespace");
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
            .expect("root may enter");
        what()
    };
    thread::scope(|scope| scope.spawn(body).join()).expect("the thread does not panic")
}

fn line() -> Child {
    Command::new(env!("CARGO_BIN_EXE_civitai-benches"))
        .args(["line", "--mbit", "100", "--round-trip-ms", "4"])
        .args(["--loss-percent", "2", "--congestion", "cubic"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program can be started")
}

#[test]
fn bytes_cross_a_lossy_line_and_the_line_ends_with_its_holder() {
    if !geteuid().is_root() || !fs_err::exists("/dev/net/tun").is_ok_and(|there| there) {
        let skipped = writeln!(io::stderr(), "skipped: needs root and /dev/net/tun");
        return skipped.expect("standard error takes a line");
    }
    let mut emulator = line();
    let mut ready = String::new();
    let stdout = emulator.stdout.take().expect("stdout is piped");
    BufReader::new(stdout)
        .read_line(&mut ready)
        .expect("it says that it is ready");
    let paths: Vec<String> = ready
        .split_whitespace()
        .map(|descriptor| format!("/proc/{}/fd/{descriptor}", emulator.id()))
        .collect();
    let [server, client] = paths.as_slice() else {
        panic!("two namespaces, not {ready:?}");
    };
    let sent: Vec<u8> = (0..1_000_000_u32)
        .map(|nth| nth.to_le_bytes()[nth as usize % 3])
        .collect();
    let listener = within(server, || TcpListener::bind("198.18.0.1:0"))
        .expect("the server's end has its address");
    let address = listener.local_addr().expect("it is bound");
    let arrived = thread::scope(|scope| {
        scope.spawn(|| {
            let (mut stream, _) = listener.accept().expect("the client comes");
            stream.write_all(&sent).expect("the line carries all of it");
        });
        let mut stream =
            within(client, || TcpStream::connect(address)).expect("the line leads there");
        let mut arrived = Vec::new();
        stream.read_to_end(&mut arrived).map(|_| arrived)
    });
    assert!(
        arrived.expect("all of it arrives") == sent,
        "what arrived is not what was sent"
    );
    drop(emulator.stdin.take());
    assert!(emulator.wait().expect("it is a child").success());
    assert!(fs_err::File::open(server).is_err(), "the namespace is gone");
}

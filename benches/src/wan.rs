//! A wide-area line between two network namespaces, for kernels with and without netem.
//!
//! The emulator is a process of its own (role `line`). It makes the namespaces, opens a TUN device in each, and
//! carries every IP packet from one to the other as a [`lane::Lane`] says, so that TCP at both ends behaves as on
//! a real path. Namespaces and devices live as long as it does; the kernel removes them however it ends.

use fs_err::os::unix::fs::OpenOptionsExt as _;
use std::fmt;
use std::io::{self, Write as _};
use std::num::NonZeroU64;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rustix::process::setpriority_process;

use crate::held::{self, Held};
use crate::{peers, sys};

mod lane;

use lane::Lane;

/// The addresses of the two ends, from the range that is set aside for benchmarks (RFC 2544).
pub(crate) const SERVER: &str = "198.18.0.1";
const CLIENT: &str = "198.18.0.2";
const NETWORK: &str = "198.18.0.0/30";
const INTERFACE: &str = "wan0";

/// A path between a server and a client.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Line {
    #[arg(long)]
    mbit: u32,
    #[arg(long)]
    round_trip_ms: u32,
    /// Of what the server sends; what the client sends is never lost
    #[arg(long)]
    loss_percent: f64,
    /// What the server's TCP uses
    #[arg(long, value_enum)]
    congestion: Congestion,
}

/// How the server's TCP decides how much is on its way.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Congestion {
    Bbr,
    Cubic,
}

/// A line that is up.
#[derive(Debug)]
pub(crate) struct Wan {
    server: PathBuf,
    client: PathBuf,
    _emulator: Held,
}

impl fmt::Display for Congestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bbr => "bbr",
            Self::Cubic => "cubic",
        })
    }
}

impl Line {
    pub(crate) const fn new(
        mbit: u32,
        round_trip_ms: u32,
        loss_percent: f64,
        congestion: Congestion,
    ) -> Self {
        Self {
            mbit,
            round_trip_ms,
            loss_percent,
            congestion,
        }
    }

    fn round_trip(self) -> Duration {
        Duration::from_millis(self.round_trip_ms.into())
    }

    /// The least time in which `bytes` can arrive: full packets at the line's rate, after `round_trips`.
    #[expect(clippy::cast_precision_loss, reason = "a bound for people")]
    pub(crate) fn least(self, bytes: u64, round_trips: u32) -> Duration {
        let on_the_line = bytes as f64 * lane::frame_bytes(MTU) / f64::from(MTU - HEADERS);
        Duration::from_secs_f64(on_the_line * 8.0 / (f64::from(self.mbit) * 1e6))
            + self.round_trip() * round_trips
    }

    /// Why there can be no line on this machine, if so.
    pub(crate) fn obstacle(self) -> Option<String> {
        let known = "/proc/sys/net/ipv4/tcp_available_congestion_control";
        let known = fs_err::read_to_string(known).unwrap_or_default();
        let congestion = self.congestion.to_string();
        if !rustix::process::geteuid().is_root() {
            Some("network namespaces need root".to_owned())
        } else if !peers::is_on_path("ip") {
            Some("ip (iproute2) is not installed".to_owned())
        } else if !Path::new(TUN).exists() {
            Some(format!("there is no {TUN}"))
        } else if !known.split_whitespace().any(|name| name == congestion) {
            Some(format!("the kernel has no {congestion}"))
        } else {
            None
        }
    }

    /// Starts the emulator.
    pub(crate) fn up(self) -> Result<Wan> {
        let mut command = held::own("line")?;
        command
            .args(["--mbit", &self.mbit.to_string()])
            .args(["--round-trip-ms", &self.round_trip_ms.to_string()])
            .args(["--loss-percent", &self.loss_percent.to_string()])
            .args(["--congestion", &self.congestion.to_string()]);
        let mut emulator = Held::start(&mut command)?;
        let ready = emulator.first_line().context("the line is not up")?;
        let (server, client) = ready.split_once(' ').context("two descriptors")?;
        let namespace =
            |descriptor: &str| PathBuf::from(format!("/proc/{}/fd/{descriptor}", emulator.pid()));
        Ok(Wan {
            server: namespace(server),
            client: namespace(client),
            _emulator: emulator,
        })
    }

    /// The role `line`: carries packets until let go.
    pub(crate) fn run(self) -> Result<()> {
        let server = End::open(SERVER)?;
        // Only the sender decides how much is on its way; a route, unlike a sysctl, may name any algorithm
        // without changing what the rest of the machine may use.
        let congestion = self.congestion.to_string();
        ip(&[
            "route",
            "replace",
            NETWORK,
            "dev",
            INTERFACE,
            "src",
            SERVER,
            "congctl",
            &congestion,
        ])?;
        let client = End::open(CLIENT)?;
        // A line has no processor to share with those who use it.
        setpriority_process(None, PRIORITY)?;
        // Packets are sent when they are due, not when the kernel likes to wake up (50 µs by default).
        rustix::thread::set_current_timer_slack(NonZeroU64::new(1_000))?;
        let descriptors =
            [&server.namespace, &client.namespace].map(std::os::fd::AsRawFd::as_raw_fd);
        writeln!(io::stdout(), "{} {}", descriptors[0], descriptors[1])?;
        let down = Lane::new(self.mbit, self.round_trip(), self.loss_percent);
        let up = Lane::new(self.mbit, self.round_trip(), 0.0);
        carry(&server, &client, down, up)
    }
}

impl Wan {
    /// The server's network namespace, as a path to enter it by.
    pub(crate) fn server(&self) -> &Path {
        &self.server
    }

    pub(crate) fn client(&self) -> &Path {
        &self.client
    }
}

/// One end of the line: a namespace with one interface, and the other side of that.
struct End {
    namespace: fs_err::File,
    packets: fs_err::File,
}

impl End {
    /// Moves this thread into a new namespace and gives that its interface and `address`.
    fn open(address: &str) -> Result<Self> {
        sys::unshare_network().context("cannot make a network namespace")?;
        let namespace = fs_err::File::open("/proc/thread-self/ns/net")?;
        let packets = fs_err::OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(TUN)?;
        sys::attach_tun(packets.as_fd(), INTERFACE).context("cannot make a TUN device")?;
        ip(&["link", "set", "lo", "up"])?;
        ip(&["address", "add", &format!("{address}/30"), "dev", INTERFACE])?;
        // Long enough that the lane alone decides what is dropped.
        let (mtu, queue) = (MTU.to_string(), "20000");
        ip(&[
            "link",
            "set",
            INTERFACE,
            "up",
            "mtu",
            &mtu,
            "txqueuelen",
            queue,
        ])?;
        for (name, value) in TCP {
            fs_err::write(format!("/proc/sys/net/ipv4/{name}"), value)?;
        }
        Ok(Self { namespace, packets })
    }
}

/// Buffers as at the edge of a delivery network, so that one connection can fill 1 Gbit/s over 40 ms; and no
/// memory of earlier connections, so that no run helps or hurts the next.
const TCP: [(&str, &str); 4] = [
    ("tcp_rmem", "4096 131072 33554432"),
    ("tcp_wmem", "4096 65536 33554432"),
    ("tcp_no_metrics_save", "1"),
    ("tcp_slow_start_after_idle", "0"),
];

const TUN: &str = "/dev/net/tun";
const MTU: u32 = 1500;
/// IPv4 and TCP with timestamps.
const HEADERS: u32 = 52;

fn ip(arguments: &[&str]) -> Result<()> {
    let output = Command::new("ip").args(arguments).output()?;
    ensure!(
        output.status.success(),
        "ip {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

fn carry(server: &End, client: &End, mut down: Lane, mut up: Lane) -> Result<()> {
    let clock = Instant::now();
    let stdin = io::stdin();
    loop {
        take(&server.packets, &mut down, clock);
        take(&client.packets, &mut up, clock);
        let next = [
            give(&client.packets, &mut down, clock),
            give(&server.packets, &mut up, clock),
        ];
        let next = next.into_iter().flatten().min();
        let wait = next.map_or(IDLE, |due| {
            due.saturating_sub(clock.elapsed()).max(SHORTEST)
        });
        let files = [
            server.packets.as_fd(),
            client.packets.as_fd(),
            stdin.as_fd(),
        ];
        let [.., let_go] = sys::wait_readable(files, wait)?;
        if let_go {
            return Ok(());
        }
    }
}

/// Before every program that is measured.
const PRIORITY: i32 = -15;
/// Packets due within this leave together: a bound on how often the emulator wakes up.
const SHORTEST: Duration = Duration::from_micros(50);
const IDLE: Duration = Duration::from_secs(1);
/// How many packets of one direction are taken before the other has its turn.
const BATCH: usize = 256;

fn take(from: &fs_err::File, lane: &mut Lane, clock: Instant) {
    let mut packet = [0; 2048];
    let now = clock.elapsed();
    for _ in 0..BATCH {
        // The device has none left, or is going away with its namespace.
        let Ok(length) = rustix::io::read(from, &mut packet) else {
            return;
        };
        lane.offer(now, &packet[..length]);
    }
}

/// Hands over what is due and says when the next packet is.
fn give(to: &fs_err::File, lane: &mut Lane, clock: Instant) -> Option<Duration> {
    let now = clock.elapsed();
    while let Some(packet) = lane.due(now) {
        // A packet that the other kernel refuses is lost, as it would be on a real line.
        let _lost = rustix::io::write(to, packet);
    }
    lane.next()
}

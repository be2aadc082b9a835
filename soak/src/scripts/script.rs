//! What a hostile server does, drawn from a seed.

use civitai_security::FileName;

use super::malice;
use super::reply::{Reply, Request};
use super::server::Step;
use crate::draw::Draw;

/// What a transfer may expect of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Temper {
    /// Breaks off, stutters and fails for a while, but every byte of the file that it sends stands in its place, and
    /// in the end it serves.
    Clumsy,
    /// Anything.
    Hostile,
}

/// What the caller of the transfer knows of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Promise {
    Blake3,
    Nothing,
    Sha256,
}

/// A server's whole behaviour and what is asked of it.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) seed: u64,
    pub(super) temper: Temper,
    pub(super) promise: Promise,
    /// Whether the length is promised, too, and truly.
    pub(super) length_is_known: bool,
    pub(super) connections: u32,
    /// Under which name the file goes: what is left of a hostile one.
    pub(super) name: FileName,
    pub(super) file: Vec<u8>,
    /// How many requests are answered badly before honest answers come; none of them when absent.
    bad: Option<u64>,
}

impl Script {
    pub(super) fn draw(seed: u64) -> Self {
        let mut draw = Draw::new(seed);
        let temper = if draw.one_in(3) {
            Temper::Clumsy
        } else {
            Temper::Hostile
        };
        let promise = match draw.below(8) {
            0 => Promise::Nothing,
            1 => Promise::Blake3,
            _ => Promise::Sha256,
        };
        let promise = match temper {
            Temper::Clumsy if promise == Promise::Nothing => Promise::Sha256,
            _ => promise,
        };
        let bad = match temper {
            Temper::Clumsy => Some(draw.within(0..=3)),
            Temper::Hostile => draw.one_in(2).then(|| draw.within(1..=6)),
        };
        let name: &str = draw.pick::<&str>(malice::NAMES);
        let name = FileName::clean(name, "file.bin");
        Self {
            seed,
            temper,
            promise,
            length_is_known: draw.one_in(2),
            connections: u32::try_from(draw.within(1..=4)).expect("small"),
            name,
            file: file(&mut draw),
            bad,
        }
    }

    /// What is done on the connection of the `nth` request. The same script says the same to the same request.
    pub(super) fn answer(&self, nth: u64, request: &Request, port: u16) -> Vec<Step> {
        let mut draw = Draw::new(self.seed ^ (nth + 1).rotate_left(32));
        let reply = Reply::honest(request, &self.file);
        if self.bad.is_some_and(|bad| nth >= bad) {
            return malice::plainly(&reply);
        }
        match self.temper {
            Temper::Clumsy => malice::clumsily(&mut draw, reply),
            Temper::Hostile => malice::hostilely(&mut draw, request, reply, port),
        }
    }
}

/// Small ones mostly; some are large enough for several connections.
fn file(draw: &mut Draw) -> Vec<u8> {
    let len = match draw.below(20) {
        0 => draw.within(0..=1),
        1..=9 => draw.within(2..=2000),
        10..=16 => draw.within(2000..=100_000),
        17 | 18 => draw.within(100_000..=1 << 20),
        _ => draw.within(2 << 20..=3 << 20),
    };
    let mut bytes = Vec::new();
    let mut own = Draw::new(draw.number());
    while (bytes.len() as u64) < len {
        bytes.extend_from_slice(&own.number().to_le_bytes());
    }
    bytes.truncate(usize::try_from(len).expect("files are small"));
    bytes
}

//! Throughput of each level on one core, memory to memory, beside what the `openssl` program reaches in the same run.
//!
//!     cargo bench -p civitai-security --bench crypt
//!
//! The yardstick of basic and standard is AES-GCM; of high, AES-CTR and HMAC-SHA-256 one after the other; of maximum, all
//! three. Ends with 1 when a level stays below 0.7 of it.

use std::error::Error;
use std::fmt;
use std::io::{self, Cursor, Write};
use std::process::{Command, ExitCode};
use std::time::Instant;

use civitai_security::crypt::{
    ChunkSize, Level, Metadata, PrivateKey, Reader, Recipe, Recipient, RsaSize, Share, Unlocked,
    WrappingKey, WrappingKind, Writer,
};

#[expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
fn main() -> Result<ExitCode, Box<dyn Error>> {
    let yardsticks = Yardsticks::measure()?;
    let master = WrappingKey::random(WrappingKind::Master)?;
    let machine = WrappingKey::random(WrappingKind::Machine)?;
    let pair = PrivateKey::generate(RsaSize::Rsa4096, Share::RsaOnly)?;
    let public = Recipient::Public(pair.public().clone());
    let keys = Unlocked {
        symmetric: vec![machine.clone(), master.clone()],
        private: vec![pair],
    };
    let plain = vec![0x5a; BYTES];
    println!(
        "One core, {} MB from memory to memory, the best of {ROUNDS}, in GB/s; openssl: {yardsticks}\n",
        BYTES / 1_000_000
    );
    println!("| level | yardstick | encrypt | of it | decrypt | of it |");
    println!("|---|---|---|---|---|---|");
    let mut is_slow = false;
    for level in Level::ALL {
        let recipients = match level {
            Level::Basic => vec![Recipient::Symmetric(machine.clone())],
            Level::Standard => vec![Recipient::Symmetric(master.clone())],
            Level::High => vec![public.clone()],
            Level::Maximum => vec![Recipient::Symmetric(master.clone()), public.clone()],
        };
        let recipe = Recipe {
            level,
            recipients: &recipients,
            metadata: Metadata::default(),
            chunk: ChunkSize::default(),
        };
        let mut container = Vec::with_capacity(BYTES + BYTES / 8);
        let seal = best(|| {
            container.clear();
            let mut writer = Writer::new(&mut container, &recipe)?;
            writer.write_all(&plain)?;
            writer.finish().map(|_| ())?;
            Ok(())
        })?;
        let open = best(|| {
            let mut reader = Reader::open(Cursor::new(&container), &keys)?;
            reader.extract(&mut io::sink())?;
            Ok(())
        })?;
        let yardstick = yardsticks.of(level);
        println!(
            "| {level} | {yardstick:.2} | {seal:.2} | {:.2} | {open:.2} | {:.2} |",
            seal / yardstick,
            open / yardstick
        );
        is_slow |= seal.min(open) < BAR * yardstick;
    }
    Ok(ExitCode::from(u8::from(is_slow)))
}

/// What `openssl speed` reaches with blocks of 64 KiB, in GB/s.
struct Yardsticks {
    gcm128: f64,
    gcm256: f64,
    ctr: f64,
    hmac: f64,
}

impl Yardsticks {
    fn measure() -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            gcm128: openssl(&["-evp", "aes-128-gcm"])?,
            gcm256: openssl(&["-evp", "aes-256-gcm"])?,
            ctr: openssl(&["-evp", "aes-256-ctr"])?,
            hmac: openssl(&["-hmac", "sha256"])?,
        })
    }

    fn of(&self, level: Level) -> f64 {
        match level {
            Level::Basic => self.gcm128,
            Level::Standard => self.gcm256,
            Level::High => series(&[self.ctr, self.hmac]),
            Level::Maximum => series(&[self.gcm256, self.ctr, self.hmac]),
        }
    }
}

impl fmt::Display for Yardsticks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "AES-128-GCM {:.2}, AES-256-GCM {:.2}, AES-256-CTR {:.2}, HMAC-SHA-256 {:.2}",
            self.gcm128, self.gcm256, self.ctr, self.hmac
        )
    }
}

/// The rate of steps that follow each other over the same bytes.
fn series(rates: &[f64]) -> f64 {
    1.0 / rates.iter().map(|rate| 1.0 / rate).sum::<f64>()
}

fn openssl(what: &[&str]) -> Result<f64, Box<dyn Error>> {
    let run = Command::new("openssl")
        .args(["speed", "-mr", "-seconds", "2", "-bytes", "65536"])
        .args(what)
        .output()?;
    let text = String::from_utf8(run.stdout)?;
    let rate = text
        .lines()
        .find_map(|line| {
            line.strip_prefix("+F:")?
                .rsplit(':')
                .next()?
                .parse::<f64>()
                .ok()
        })
        .ok_or("openssl speed said nothing that is understood")?;
    Ok(rate / 1e9)
}

/// GB/s of the fastest round: whatever else runs can only slow it down.
fn best(mut round: impl FnMut() -> Result<(), Box<dyn Error>>) -> Result<f64, Box<dyn Error>> {
    let mut least = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        round()?;
        least = least.min(start.elapsed().as_secs_f64());
    }
    #[expect(clippy::cast_precision_loss, reason = "2^28 is exact")]
    Ok(BYTES as f64 / least / 1e9)
}

const BYTES: usize = 256 * 1024 * 1024;
const ROUNDS: usize = 7;
const BAR: f64 = 0.7;

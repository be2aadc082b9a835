//! Servers made of nothing but malice, one a seed.
//!
//! A script says for each request what is done on its connection: bytes, pauses, a reset. A transfer meets it with
//! little patience. Whatever it does, the transfer ends in time and without a panic, nothing but the files of its
//! target appears anywhere, the final name holds the promised bytes or is not there, and what is left is no burden:
//! with an honest server the next transfer of the same target comes out right.

mod malice;
mod reply;
mod script;
mod server;
mod trial;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::Result;
use tokio::task::JoinSet;

use self::trial::Ended;

/// What a run of scripts came to.
#[derive(Debug, Default)]
pub(crate) struct Sum {
    scripts: u64,
    requests: u64,
    resumed: u64,
    panics: u64,
    seconds: f64,
    codes: BTreeMap<&'static str, u64>,
    pub(crate) complaints: Vec<String>,
}

/// Plays the scripts of these seeds, many at a time.
pub(crate) async fn run(seeds: Range<u64>) -> Result<Sum> {
    let started = Instant::now();
    let room = room()?;
    let panics = count_panics();
    let storage = trial::storage()?;
    let mut sum = Sum::default();
    let mut running = JoinSet::new();
    let mut waiting = seeds;
    loop {
        while running.len() < AT_A_TIME
            && let Some(seed) = waiting.next()
        {
            let own = room.path().join(seed.to_string());
            let storage = storage.clone();
            running.spawn(async move {
                fs_err::create_dir(&own)?;
                let ended = trial::play(seed, &own, storage).await?;
                fs_err::remove_dir_all(&own)?;
                anyhow::Ok(ended)
            });
        }
        let Some(joined) = running.join_next().await else {
            break;
        };
        sum.add(joined??);
    }
    for name in fs_err::read_dir(room.path())? {
        let path = name?.path();
        sum.complaints
            .push(format!("{} is left over", path.display()));
    }
    sum.panics = panics.load(Ordering::Relaxed);
    if sum.panics > 0 {
        sum.complaints.push(format!("{} panics", sum.panics));
    }
    sum.seconds = started.elapsed().as_secs_f64();
    Ok(sum)
}

impl Sum {
    fn add(&mut self, ended: Ended) {
        self.scripts += 1;
        self.requests += ended.requests;
        self.resumed += u64::from(ended.resumed);
        *self.codes.entry(ended.code).or_default() += 1;
        for wrong in ended.wrong {
            let seed = ended.seed;
            self.complaints.push(format!("script {seed}: {wrong}"));
        }
    }

    /// One line for people.
    pub(crate) fn line(&self) -> String {
        let mut line = format!(
            "{} scripts in {:.0} s, {} requests, {} finished by an honest server afterwards, {} panics; ended",
            self.scripts, self.seconds, self.requests, self.resumed, self.panics
        );
        for (code, count) in &self.codes {
            write!(line, " {code} {count},").expect("memory takes any text");
        }
        line.trim_end_matches(',').to_owned()
    }
}

/// Memory, where there is some to be had: thousands of flushes to a disk prove nothing here.
fn room() -> Result<tempfile::TempDir> {
    let memory = Path::new("/dev/shm");
    Ok(if memory.is_dir() {
        tempfile::tempdir_in(memory)?
    } else {
        tempfile::tempdir()?
    })
}

/// Counts panics on every thread, caught or not, and still shows them.
fn count_panics() -> Arc<AtomicU64> {
    let count = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&count);
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        counter.fetch_add(1, Ordering::Relaxed);
        before(info);
    }));
    count
}

/// Most of them wait for their own patience to end.
const AT_A_TIME: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_thousand_hostile_servers_achieve_nothing() {
        let sum = run(0..1000).await.expect("the machine lets tests work");
        println!("{}", sum.line());
        assert!(sum.complaints.is_empty(), "{:#?}", sum.complaints);
    }
}

//! Files on disk, each read once, by as many threads as there are cores.
//!
//! A thread works through a file by itself: it reads a piece, adds it to the digests that are cheap, then to the chains
//! of SHA-256, while the piece is in its core's cache. A thread that finds no file left helps with one that is not done:
//! then one of the two reads ahead while the other follows with the chains. The biggest files come first, so that the
//! threads end at about the same time.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::io::{self, Read as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::{self, available_parallelism};

use fs_err::File;

use super::hasher::{Chains, Sums};
use super::{DigestSet, Digests};

/// Hashes a file on disk in one read of it. Blocks: in async code it belongs in `spawn_blocking`.
///
/// # Errors
/// What opening or reading the file says, with its path.
pub fn hash_file(path: &Path, set: DigestSet) -> io::Result<Digests> {
    let mut result = None;
    hash_files(
        &[path],
        set,
        &|_| ControlFlow::Continue(()),
        |_, digests| result = Some(digests),
    );
    result.expect("a file that nobody stopped has a result")
}

/// Hashes files, each in one read, on all cores. Blocks until the last is done.
///
/// `before` is called on any thread before so many bytes are read; it may sleep to keep to a budget, and ends everything
/// when it breaks: files that are not done by then have no result. `each` gets the index of a file and what came of it,
/// in the order in which they are done.
pub fn hash_files<P: AsRef<Path>>(
    paths: &[P],
    set: DigestSet,
    before: &(dyn Fn(u64) -> ControlFlow<()> + Sync),
    mut each: impl FnMut(usize, io::Result<Digests>),
) {
    let work = Work::new(paths, set, before);
    let (results, done) = mpsc::channel();
    thread::scope(|scope| {
        // The thread that waits for results is asleep.
        for _ in 0..work.threads() {
            let (work, results) = (&work, results.clone());
            scope.spawn(move || work.run(&results));
        }
        drop(results);
        for (index, result) in done {
            each(index, result);
        }
    });
}

type Done = (usize, io::Result<Digests>);

/// The files, and who is where.
struct Work<'a> {
    set: DigestSet,
    before: &'a (dyn Fn(u64) -> ControlFlow<()> + Sync),
    /// The biggest first.
    files: Vec<(u64, usize, PathBuf)>,
    next: AtomicUsize,
    begun: Mutex<Vec<Arc<Job>>>,
}

impl<'a> Work<'a> {
    fn new<P: AsRef<Path>>(
        paths: &[P],
        set: DigestSet,
        before: &'a (dyn Fn(u64) -> ControlFlow<()> + Sync),
    ) -> Self {
        let mut files: Vec<_> = paths
            .iter()
            .enumerate()
            .map(|(index, path)| {
                // What cannot be asked for its size says why when it is opened.
                let bytes = fs_err::metadata(path.as_ref()).map_or(0, |file| file.len());
                (bytes, index, path.as_ref().to_owned())
            })
            .collect();
        files.sort_by_key(|(bytes, index, _)| (Reverse(*bytes), *index));
        Self {
            set,
            before,
            files,
            next: AtomicUsize::new(0),
            begun: Mutex::default(),
        }
    }

    fn threads(&self) -> usize {
        let cores = available_parallelism().map_or(1, std::num::NonZero::get);
        let worth: u64 = self
            .files
            .iter()
            .map(|(bytes, ..)| 1 + bytes / WORTH_A_THREAD)
            .sum();
        cores
            .min(usize::try_from(worth).unwrap_or(usize::MAX))
            .min(2 * self.files.len())
    }

    fn run(&self, results: &mpsc::Sender<Done>) {
        while let Some((bytes, index, path)) =
            self.files.get(self.next.fetch_add(1, Ordering::Relaxed))
        {
            match Job::open(*index, path, *bytes, self.set) {
                Ok(job) => {
                    let job = Arc::new(job);
                    self.begun().push(Arc::clone(&job));
                    if job.work(self.before, results).is_break() {
                        self.next.store(self.files.len(), Ordering::Relaxed);
                    }
                    self.begun().retain(|other| !Arc::ptr_eq(other, &job));
                }
                // The one who waits for results waits for all of them.
                Err(error) => drop(results.send((*index, Err(error)))),
            }
        }
        while let Some(job) = self.lonely() {
            // Whoever began it sees the same end.
            let _ = job.work(self.before, results);
        }
    }

    /// A file with one thread at work on it, which is no longer alone then.
    fn lonely(&self) -> Option<Arc<Job>> {
        let begun = self.begun();
        begun.iter().find(|job| job.join()).map(Arc::clone)
    }

    fn begun(&self) -> MutexGuard<'_, Vec<Arc<Job>>> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A file at work.
struct Job {
    index: usize,
    /// Long enough to help with.
    is_big: bool,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// Absent while a thread has it.
    source: Option<Source>,
    /// Absent while a thread has them.
    chains: Option<Chains>,
    /// Read and summed, to be added to the chains.
    filled: VecDeque<Vec<u8>>,
    /// Buffers not in use.
    free: Vec<Vec<u8>>,
    threads: u8,
    /// Nothing more will be read: the file ended, or something else did.
    ended: Option<End>,
}

struct Source {
    file: File,
    sums: Sums,
}

enum End {
    OfFile,
    Failed(io::Error),
    /// The result is sent, or will never be.
    Of(ControlFlow<()>),
}

enum Step {
    Read(Source, Vec<u8>),
    Chain(Chains, Vec<u8>),
    Finish(Source, Chains, End),
}

impl Job {
    fn open(index: usize, path: &Path, bytes: u64, set: DigestSet) -> io::Result<Self> {
        let file = File::open(path)?;
        // Only advice: a file system that knows none reads all the same.
        let _ = rustix::fs::fadvise(file.file(), 0, None, rustix::fs::Advice::Sequential);
        let len =
            usize::try_from(bytes + 1).map_or(READ_LEN, |len| len.clamp(MIN_READ_LEN, READ_LEN));
        let state = State {
            source: Some(Source {
                file,
                sums: Sums::new(set),
            }),
            chains: Some(Chains::new(set)),
            filled: VecDeque::new(),
            free: vec![vec![0; len]],
            threads: 1,
            ended: None,
        };
        Ok(Self {
            index,
            is_big: bytes >= WORTH_A_THREAD,
            state: Mutex::new(state),
            changed: Condvar::new(),
        })
    }

    /// Lets a second thread in, while there is something left for it.
    fn join(&self) -> bool {
        let mut state = self.state();
        let is_lonely = self.is_big && state.threads == 1 && state.ended.is_none();
        if is_lonely {
            state.threads += 1;
            let ahead = (0..AHEAD).map(|_| vec![0; READ_LEN]);
            state.free.extend(ahead);
            self.changed.notify_all();
        }
        is_lonely
    }

    /// Works on the file until nothing is left to do.
    fn work(
        &self,
        before: &(dyn Fn(u64) -> ControlFlow<()> + Sync),
        results: &mpsc::Sender<Done>,
    ) -> ControlFlow<()> {
        loop {
            match self.next() {
                ControlFlow::Continue(Step::Read(source, buffer)) => {
                    self.read(source, buffer, before);
                }
                ControlFlow::Continue(Step::Chain(mut chains, buffer)) => {
                    chains.update(&buffer);
                    let mut state = self.state();
                    state.chains = Some(chains);
                    state.free.push(buffer);
                    self.changed.notify_all();
                }
                ControlFlow::Continue(Step::Finish(source, chains, end)) => {
                    let result = match end {
                        End::Failed(error) => Err(error),
                        End::OfFile | End::Of(_) => {
                            let mut digests = Digests::default();
                            chains.finish(&mut digests);
                            source.sums.finish(&mut digests);
                            Ok(digests)
                        }
                    };
                    // The one who waits for results waits for all of them.
                    let _ = results.send((self.index, result));
                    self.end(End::Of(ControlFlow::Continue(())));
                }
                ControlFlow::Break(flow) => return flow,
            }
        }
    }

    /// What to do now; breaks when there will be nothing more. What is read already comes first: it is in the cache.
    fn next(&self) -> ControlFlow<ControlFlow<()>, Step> {
        let mut state = self.state();
        loop {
            if let Some(End::Of(flow)) = state.ended {
                return ControlFlow::Break(flow);
            }
            if state.chains.is_some()
                && let Some(buffer) = state.filled.pop_front()
                && let Some(chains) = state.chains.take()
            {
                return ControlFlow::Continue(Step::Chain(chains, buffer));
            }
            let is_read = state.ended.is_some();
            if !is_read
                && state.source.is_some()
                && let Some(buffer) = state.free.pop()
                && let Some(source) = state.source.take()
            {
                return ControlFlow::Continue(Step::Read(source, buffer));
            }
            if is_read && state.filled.is_empty() && state.chains.is_some() {
                let whole = (state.source.take(), state.chains.take(), state.ended.take());
                if let (Some(source), Some(chains), Some(end)) = whole {
                    // Nobody else has anything to do with it any more.
                    return ControlFlow::Continue(Step::Finish(source, chains, end));
                }
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn read(
        &self,
        mut source: Source,
        mut buffer: Vec<u8>,
        before: &(dyn Fn(u64) -> ControlFlow<()> + Sync),
    ) {
        if let ControlFlow::Break(()) = before(buffer.len() as u64) {
            self.end(End::Of(ControlFlow::Break(())));
            return;
        }
        let read = fill(&mut source.file, &mut buffer);
        if let Ok(len) = &read {
            source.sums.update(&buffer[..*len]);
        }
        let mut state = self.state();
        match read {
            Ok(len) if len == buffer.len() => state.filled.push_back(buffer),
            Ok(len) => {
                buffer.truncate(len);
                state.filled.push_back(buffer);
                state.ended = Some(End::OfFile);
            }
            Err(error) => state.ended = Some(End::Failed(error)),
        }
        state.source = Some(source);
        self.changed.notify_all();
    }

    fn end(&self, end: End) {
        self.state().ended = Some(end);
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every critical section leaves the state whole, so a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads until the buffer is full or the file ends; gives how much there was.
fn fill(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(len) => filled += len,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Fits in the second-level cache, where the second digest finds what the first has read.
const READ_LEN: usize = 256 << 10;
/// For files that do not say how long they are.
const MIN_READ_LEN: usize = 4 << 10;
/// Pieces that one thread may be ahead of the other.
const AHEAD: usize = 3;
/// Below this, starting a thread costs more than it saves.
const WORTH_A_THREAD: u64 = 1 << 20;

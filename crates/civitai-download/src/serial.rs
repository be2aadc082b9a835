//! Blocking work that is done faster by one thread than by several.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// Does what it is given one after another, off the async threads, on a thread that stays as long as there is work.
///
/// The kernel lets one thread at a time change a directory and has the others spin for it: with 128 small files being
/// created at once that took a sixth of the processor time.
#[derive(Clone, Default)]
pub(crate) struct Serial {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Box<dyn FnOnce() + Send>>,
    /// A thread is at work and will take what waits.
    busy: bool,
}

impl Serial {
    /// Does `work` when everything given before is done.
    ///
    /// # Cancel safety
    /// A dropped call is carried out all the same.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> T {
        let (tell, told) = oneshot::channel();
        let job = Box::new(move || {
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            // Nobody waits when the transfer was dropped.
            let _ = tell.send(done);
        });
        let leads = {
            let mut state = self.state();
            state.waiting.push_back(job);
            !std::mem::replace(&mut state.busy, true)
        };
        if leads {
            let serial = self.clone();
            // It ends when nobody waits, and everybody who waits is told above.
            tokio::task::spawn_blocking(move || serial.work());
        }
        match told.await.expect("whoever waits is told") {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    fn work(&self) {
        loop {
            let job = {
                let mut state = self.state();
                let Some(job) = state.waiting.pop_front() else {
                    state.busy = false;
                    return;
                };
                job
            };
            job();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is locked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Serial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Serial")
            .field("waiting", &self.state().waiting.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::future::join_all;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn one_works_at_a_time_and_a_panic_is_its_own() {
        let serial = Serial::default();
        let at_work = Arc::new(AtomicUsize::new(0));
        let calls = (0..200_usize).map(|index| {
            let (serial, at_work) = (serial.clone(), Arc::clone(&at_work));
            tokio::spawn(async move {
                let work = move || {
                    let others = at_work.fetch_add(1, Ordering::SeqCst);
                    let seen = (index, others);
                    at_work.fetch_sub(1, Ordering::SeqCst);
                    assert_ne!(index, 50, "the one that panics");
                    seen
                };
                serial.run(work).await
            })
        });
        for (index, done) in join_all(calls).await.into_iter().enumerate() {
            match done {
                Ok(seen) => assert_eq!(seen, (index, 0)),
                Err(error) => assert!(error.is_panic() && index == 50, "{index}: {error}"),
            }
        }
    }
}

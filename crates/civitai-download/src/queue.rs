//! One queue over all files of a run: who may be fetched now, and who waits.
//!
//! A small file costs round trips, a big one costs the link; so they stand in two lanes that do not wait for each
//! other. How many run in each follows from [`Jobs`]:
//!
//! | jobs | small files (up to 1 MiB) | big files, and those of unknown size |
//! |---|---|---|
//! | `Auto` | 224 at a time | as many as use twelve connections, where one has a connection for each 8 MiB, at most four: three big ones, twelve of 8 MiB, or six of unknown size |
//! | `AtMost(n)` | with the others `n` at a time; when both lanes wait, the one with fewer at work is next, and then the one that waited longer | |
//!
//! Within a lane nobody overtakes: a file waits only for those that came before it. The queue holds no files, only
//! places in line, and does not know what a file is.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

pub(crate) use self::lanes::is_small;
use self::lanes::{Lanes, Ticket};

mod lanes;

/// How many files a [`Queue`] lets run at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Jobs {
    /// As many as keep a link busy, by their sizes.
    #[default]
    Auto,
    /// At most so many, whatever their sizes.
    AtMost(NonZeroUsize),
}

/// Bounds how many files are fetched at a time. Clones are the same queue.
#[derive(Debug, Clone)]
pub struct Queue {
    line: Arc<Mutex<Line>>,
}

#[derive(Debug)]
struct Line {
    lanes: Lanes,
    /// Where those who wait are told.
    doors: HashMap<Ticket, oneshot::Sender<()>>,
}

impl Line {
    fn admit(&mut self) {
        while let Some(ticket) = self.lanes.admit() {
            if let Some(door) = self.doors.remove(&ticket) {
                // Who has gone meanwhile gives its turn back as it goes.
                let _ = door.send(());
            }
        }
    }
}

impl Queue {
    /// An empty queue.
    pub fn new(jobs: Jobs) -> Self {
        let line = Line {
            lanes: Lanes::new(jobs),
            doors: HashMap::new(),
        };
        Self {
            line: Arc::new(Mutex::new(line)),
        }
    }

    /// Takes a place in line, at once and in the order of the calls, for a file of `bytes` if that is known.
    pub fn place(&self, bytes: Option<u64>) -> Place {
        let (door, opened) = oneshot::channel();
        let mut line = self.line();
        let ticket = line.lanes.join(bytes);
        line.doors.insert(ticket, door);
        line.admit();
        drop(line);
        let turn = Turn {
            queue: self.clone(),
            ticket,
        };
        Place { turn, opened }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        // Every critical section leaves the line whole, so a panic elsewhere does not spoil it.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in line. Who drops it has left.
#[derive(Debug)]
pub struct Place {
    turn: Turn,
    opened: oneshot::Receiver<()>,
}

impl Place {
    /// Waits until it is this one's turn.
    ///
    /// # Cancel safety
    /// Dropping the call leaves the line, as dropping the place does.
    pub async fn turn(self) -> Turn {
        self.opened
            .await
            .expect("a place in line keeps its door until it is opened");
        self.turn
    }
}

/// The right to be fetched now. It ends when it is dropped, and the next one begins.
#[derive(Debug)]
pub struct Turn {
    queue: Queue,
    ticket: Ticket,
}

impl Turn {
    /// Tells the length of a file that came without one: a small one makes room for a big one.
    pub fn learnt(&self, bytes: u64) {
        let mut line = self.queue.line();
        line.lanes.learnt(self.ticket, bytes);
        line.admit();
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut line = self.queue.line();
        line.doors.remove(&self.ticket);
        line.lanes.leave(self.ticket);
        line.admit();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    const BIG: Option<u64> = Some(1 << 30);

    fn two() -> Queue {
        Queue::new(Jobs::AtMost(NonZeroUsize::new(2).expect("not zero")))
    }

    #[test]
    fn a_turn_that_ends_is_the_next_ones() {
        let queue = two();
        let mut turns: Vec<_> = (0..2)
            .map(|_| {
                queue
                    .place(BIG)
                    .turn()
                    .now_or_never()
                    .expect("there is room")
            })
            .collect();
        let mut third = Box::pin(queue.place(BIG).turn());
        assert!(third.as_mut().now_or_never().is_none());
        turns.pop();
        assert!(third.now_or_never().is_some());
    }

    #[test]
    fn who_leaves_the_line_holds_nobody_up() {
        let queue = two();
        let turns: Vec<_> = (0..2)
            .map(|_| {
                queue
                    .place(BIG)
                    .turn()
                    .now_or_never()
                    .expect("there is room")
            })
            .collect();
        let (gone, last) = (queue.place(BIG), queue.place(BIG));
        drop(gone);
        drop(turns);
        // Admitted and gone before it noticed: its turn is given back too.
        let (gone, after) = (queue.place(BIG), queue.place(BIG));
        drop(gone);
        assert!(last.turn().now_or_never().is_some());
        assert!(after.turn().now_or_never().is_some());
    }

    #[test]
    fn a_file_that_turns_out_small_makes_room_for_a_big_one() {
        let queue = Queue::new(Jobs::Auto);
        let turns: Vec<_> = (0..6)
            .map(|_| {
                queue
                    .place(None)
                    .turn()
                    .now_or_never()
                    .expect("there is room")
            })
            .collect();
        let mut big = Box::pin(queue.place(BIG).turn());
        assert!(big.as_mut().now_or_never().is_none());
        turns[0].learnt(1000);
        turns[1].learnt(20 << 20);
        assert!(big.as_mut().now_or_never().is_none());
        turns[2].learnt(1000);
        assert!(big.now_or_never().is_some());
    }
}

//! The one process of a data directory that runs jobs nobody waits for.

use super::lock::Lock;
use super::{Error, Jobs};

/// The right to run waiting jobs, held by one process at a time. It ends with the process.
#[derive(Debug)]
pub struct Supervision(Lock);

impl Jobs {
    /// Takes over the waiting jobs, unless another process has.
    pub fn supervise(&mut self) -> Result<Option<Supervision>, Error> {
        self.alone(|alone| Ok(Lock::take(alone.running, LOCK)?.map(Supervision)))
    }

    /// Puts back the jobs whose runner is dead, and returns whether a job waits that nobody will take.
    pub fn needs_supervisor(&mut self) -> Result<bool, Error> {
        self.alone(|alone| {
            alone.put_back_abandoned()?;
            Ok(alone.is_waiting()? && !Lock::is_held(alone.running, LOCK)?)
        })
    }

    /// Ends the supervision if no job waits, else gives it back. A job that is added at the same moment is seen either
    /// here or by its owner in [`needs_supervisor`](Self::needs_supervisor).
    pub fn leave(&mut self, supervision: Supervision) -> Result<Option<Supervision>, Error> {
        self.alone(|alone| {
            alone.put_back_abandoned()?;
            if alone.is_waiting()? {
                return Ok(Some(supervision));
            }
            supervision.0.give_up()?;
            Ok(None)
        })
    }
}

const LOCK: &str = "supervisor";

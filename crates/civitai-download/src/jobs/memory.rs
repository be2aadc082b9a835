//! What the failsafe remembers between runs.

use civitai_reliability::Failsafe;
use civitai_reliability::failsafe::{Counts, Ended, Limits, Requests, Streak};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{Alone, Error, Fault, Jobs};

impl Jobs {
    /// Returns the failsafe with the past that all runs of this data directory share.
    pub fn failsafe(&self, limits: Limits) -> Result<Failsafe, Error> {
        self.read(|connection| load(connection, limits))
    }

    /// Adds how transfers ended, and returns the failsafe with what other runs added meanwhile.
    ///
    /// This is not flushed: a power cut may lose it, which costs nothing but a lesson.
    pub fn remember(&mut self, limits: Limits, ended: &[Ended]) -> Result<Failsafe, Error> {
        self.unflushed(|alone| {
            let transaction = &alone.transaction;
            let mut failsafe = load(transaction, limits)?;
            for ended in ended {
                failsafe.record(*ended);
            }
            transaction.execute("DELETE FROM minute", [])?;
            let mut insert =
                transaction.prepare("INSERT INTO minute VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
            for (minute, counts) in failsafe.minutes() {
                insert.execute(params![
                    whole(minute),
                    whole(counts.finished),
                    whole(counts.failed),
                    whole(counts.timed_out),
                    whole(counts.requests.made),
                    whole(counts.requests.timed_out)
                ])?;
            }
            let streak = failsafe.streak();
            transaction.execute(
                "INSERT OR REPLACE INTO streak VALUES (1, ?1, ?2)",
                params![streak.failures, whole(streak.minute)],
            )?;
            Ok(failsafe)
        })
    }

    /// Changes what may be lost.
    pub(super) fn unflushed<T>(
        &mut self,
        change: impl FnOnce(&Alone<'_>) -> Result<T, Fault>,
    ) -> Result<T, Error> {
        self.synchronous("normal")?;
        let changed = self.alone(change);
        self.synchronous("full")?;
        changed
    }

    fn synchronous(&self, how: &str) -> Result<(), Error> {
        self.read(|connection| Ok(connection.pragma_update(None, "synchronous", how)?))
    }
}

fn load(connection: &Connection, limits: Limits) -> Result<Failsafe, Fault> {
    let mut select = connection.prepare(
        "SELECT minute, finished, failed, timed_out, requests, requests_timed_out FROM minute",
    )?;
    let minutes = select.query_map([], |row| {
        let count = |index| row.get(index).map(|count: i64| count.max(0).unsigned_abs());
        let counts = Counts {
            finished: count(1)?,
            failed: count(2)?,
            timed_out: count(3)?,
            requests: Requests {
                made: count(4)?,
                timed_out: count(5)?,
            },
        };
        Ok((count(0)?, counts))
    })?;
    let minutes = minutes.collect::<rusqlite::Result<Vec<_>>>()?;
    let streak = connection.query_row("SELECT failures, minute FROM streak", [], |row| {
        let minute: i64 = row.get(1)?;
        Ok(Streak {
            failures: row.get(0)?,
            minute: minute.max(0).unsigned_abs(),
        })
    });
    let streak = streak.optional()?.unwrap_or_default();
    Ok(Failsafe::new(limits).with_past(minutes, streak))
}

/// SQLite counts to half as far.
pub(super) fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

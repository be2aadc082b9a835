//! What is kept of a job, and the verbs of a user.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::time::SystemTime;

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::claim::Claim;
use super::id::JobId;
use super::lock::Lock;
use super::state::{ItemState, Order, State, Step, Strategy};
use super::{Alone, Error, Fault, Jobs, millis, time};
use crate::tuning::Mode;

/// A job that somebody wants.
#[derive(Debug, Clone)]
pub struct New {
    /// What to call it, if anything.
    pub name: Option<String>,
    /// How its files share the time.
    pub strategy: Strategy,
    /// What may be spent to be fast.
    pub mode: Mode,
    /// All else a frontend needs to run it again, in its own form. Never a secret: it is written down in the clear.
    pub options: String,
    /// The links, without any token in them.
    pub links: Vec<String>,
}

/// A job as it stands.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Job {
    /// Its name for commands.
    pub id: JobId,
    /// Its name for people.
    pub name: Option<String>,
    /// Where it stands.
    pub state: State,
    /// How its files share the time.
    pub strategy: Strategy,
    /// What may be spent to be fast.
    pub mode: Mode,
    /// What the frontend wrote down.
    pub options: String,
    /// Number of items.
    pub items: u64,
    /// Items of which every file is there.
    pub completed: u64,
    /// Items that could not be had.
    pub failed: u64,
    /// Bytes of the files that are there.
    pub bytes: u64,
    /// Until when its runner waits because a server asked for it.
    pub asleep_until: Option<SystemTime>,
    /// When it was made.
    pub created: SystemTime,
    /// When its state changed last.
    pub updated: SystemTime,
}

/// One link of a job.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Item {
    /// Its place in the job, from 0.
    pub position: u32,
    /// The link.
    pub link: String,
    /// Where it stands.
    pub state: ItemState,
    /// How often it was begun.
    pub attempts: u32,
    /// What became of its files in the last attempt.
    pub outcomes: Vec<Outcome>,
}

/// What became of a file, or of a link that led to none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The frontend's word for it.
    pub status: String,
    /// Where the file is, or should be; none for a link that led to none.
    pub path: Option<PathBuf>,
    /// Its length, if known.
    pub bytes: Option<u64>,
    /// Why it is not there.
    pub trouble: Option<Trouble>,
}

/// Why a file is not there, in the frontend's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// The kind of failure.
    pub kind: String,
    /// What happened.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

impl Jobs {
    /// Keeps a job for a runner to come.
    pub fn add(&mut self, new: &New) -> Result<Job, Error> {
        self.alone(|alone| {
            let (number, _) = alone.insert(new, State::Pending)?;
            Ok(job(&alone.transaction, number)?)
        })
    }

    /// Keeps a job that the caller runs at once: no other runner can take it.
    pub fn start(&mut self, new: &New) -> Result<Claim, Error> {
        self.alone(|alone| {
            let (number, id) = alone.insert(new, State::Processing)?;
            alone.claim(number, id)
        })
    }

    /// Returns every job, oldest first.
    pub fn list(&self) -> Result<Vec<Job>, Error> {
        self.read(|connection| {
            let mut select = connection.prepare(&format!("{SELECT_JOB} ORDER BY number"))?;
            let jobs = select.query_map([], read_job)?;
            Ok(jobs.collect::<Result<_, _>>()?)
        })
    }

    /// Returns one job. Errors: [`Error::Unknown`].
    pub fn job(&self, id: &str) -> Result<Job, Error> {
        self.read(|connection| Ok(job(connection, number(connection, id)?)?))
    }

    /// Returns the items of a job in order, with what became of their files.
    pub fn items(&self, id: &str) -> Result<Vec<Item>, Error> {
        self.read(|connection| items(connection, number(connection, id)?))
    }

    /// Carries out an order, or leaves it to the process that runs the job: then the job that is returned is still
    /// [`State::Processing`], and its runner obeys within a second.
    ///
    /// # Errors
    /// [`Error::Unknown`]; [`Error::WrongState`] when the order makes no sense in the job's state.
    pub fn order(&mut self, id: &str, order: Order) -> Result<Job, Error> {
        self.alone(|alone| {
            let number = number(&alone.transaction, id)?;
            let job = job(&alone.transaction, number)?;
            if job.state == State::Processing && Lock::is_held(alone.running, job.id.as_str())? {
                return alone.ask(number, job, order);
            }
            let step = match (job.state, order) {
                // Its runner died: this is how the user says that it shall go on.
                (State::Processing, Order::Resume) => Step::PutBack,
                _ => Step::Obey(order),
            };
            let next = job.state.after(step).ok_or_else(|| wrong(&job, order))?;
            alone.set_state(number, next)?;
            if order == Order::Retry {
                alone.reopen(number)?;
            }
            Ok(self::job(&alone.transaction, number)?)
        })
    }
}

impl Alone<'_> {
    fn insert(&self, new: &New, state: State) -> Result<(i64, JobId), Fault> {
        let transaction = &self.transaction;
        let now = millis(SystemTime::now());
        let (number, id) = loop {
            let id = JobId::draw(&mut rand::rng());
            let inserted = transaction.execute(
                "INSERT OR IGNORE INTO job (id, name, state, strategy, mode, options, created, updated)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)",
                params![
                    id.as_str(),
                    new.name,
                    state.as_str(),
                    new.strategy.as_str(),
                    new.mode.as_str(),
                    new.options,
                    now
                ],
            )?;
            if inserted == 1 {
                break (transaction.last_insert_rowid(), id);
            }
        };
        let mut insert = transaction.prepare(
            "INSERT INTO item (job, position, link, state) VALUES (?1, ?2, ?3, 'pending')",
        )?;
        for (position, link) in (0_u32..).zip(&new.links) {
            insert.execute(params![number, position, link])?;
        }
        Ok((number, id))
    }

    /// Leaves an order for the runner. A wish to cancel is not taken back by one to pause.
    fn ask(&self, number: i64, job: Job, order: Order) -> Result<Job, Fault> {
        if !matches!(order, Order::Pause | Order::Cancel) {
            return Err(wrong(&job, order).into());
        }
        self.transaction.execute(
            "UPDATE job SET wish = ?2 WHERE number = ?1 AND wish IS NOT 'cancel'",
            params![number, order.as_str()],
        )?;
        Ok(job)
    }

    /// Writes a state, and what it means for items that were under way.
    pub(super) fn set_state(&self, number: i64, state: State) -> Result<(), Fault> {
        self.transaction.execute(
            "UPDATE job SET state = ?2, wish = NULL, asleep_until = NULL, updated = ?3 WHERE number = ?1",
            params![number, state.as_str(), millis(SystemTime::now())],
        )?;
        let items = match state {
            State::Pending | State::Paused => {
                "UPDATE item SET state = 'pending' WHERE job = ?1 AND state = 'processing'"
            }
            State::Cancelled => {
                "UPDATE item SET state = 'cancelled'
                 WHERE job = ?1 AND state IN ('pending', 'processing')"
            }
            State::Processing | State::Completed | State::Failed => return Ok(()),
        };
        self.transaction.execute(items, [number])?;
        Ok(())
    }

    fn reopen(&self, number: i64) -> Result<(), Fault> {
        self.transaction.execute(
            "UPDATE item SET state = 'pending' WHERE job = ?1 AND state <> 'completed'",
            [number],
        )?;
        Ok(())
    }
}

fn wrong(job: &Job, order: Order) -> Error {
    Error::WrongState {
        id: job.id.clone(),
        state: job.state,
        order,
    }
}

/// The row of a job. What cannot be the name of one is not looked for.
pub(super) fn number(connection: &Connection, id: &str) -> Result<i64, Fault> {
    let unknown = || Error::Unknown { id: id.to_owned() };
    let known: JobId = id.parse().map_err(|_| unknown())?;
    let select = "SELECT number FROM job WHERE id = ?1";
    let number = connection.query_row(select, [known.as_str()], |row| row.get(0));
    Ok(number.optional()?.ok_or_else(unknown)?)
}

pub(super) fn job(connection: &Connection, number: i64) -> rusqlite::Result<Job> {
    connection.query_row(
        &format!("{SELECT_JOB} WHERE number = ?1"),
        [number],
        read_job,
    )
}

fn read_job(row: &Row<'_>) -> rusqlite::Result<Job> {
    Ok(Job {
        id: word(row, 0)?,
        name: row.get(1)?,
        state: word(row, 2)?,
        strategy: word(row, 3)?,
        mode: word(row, 4)?,
        options: row.get(5)?,
        asleep_until: row.get::<_, Option<i64>>(6)?.map(time),
        created: time(row.get(7)?),
        updated: time(row.get(8)?),
        items: count(row, 9)?,
        completed: count(row, 10)?,
        failed: count(row, 11)?,
        bytes: count(row, 12)?,
    })
}

fn items(connection: &Connection, number: i64) -> Result<Vec<Item>, Fault> {
    let mut select = connection.prepare(
        "SELECT position, link, state, attempts FROM item WHERE job = ?1 ORDER BY position",
    )?;
    let mut items = select
        .query_map([number], |row| {
            Ok(Item {
                position: row.get(0)?,
                link: row.get(1)?,
                state: word(row, 2)?,
                attempts: row.get(3)?,
                outcomes: Vec::new(),
            })
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let mut select = connection.prepare(
        "SELECT position, status, path, bytes, error_kind, error_message, error_hint
         FROM outcome WHERE job = ?1 ORDER BY position, number",
    )?;
    let mut rows = select.query([number])?;
    while let Some(row) = rows.next()? {
        let position: u32 = row.get(0)?;
        if let Ok(index) = items.binary_search_by_key(&position, |item| item.position) {
            items[index].outcomes.push(read_outcome(row)?);
        }
    }
    Ok(items)
}

fn read_outcome(row: &Row<'_>) -> rusqlite::Result<Outcome> {
    let path: Option<Vec<u8>> = row.get(2)?;
    let kind: Option<String> = row.get(4)?;
    let trouble = kind.map(|kind| -> rusqlite::Result<_> {
        Ok(Trouble {
            kind,
            message: row.get::<_, Option<_>>(5)?.unwrap_or_default(),
            hint: row.get(6)?,
        })
    });
    Ok(Outcome {
        status: row.get(1)?,
        path: path.map(|bytes| OsStr::from_bytes(&bytes).into()),
        bytes: row
            .get::<_, Option<i64>>(3)?
            .map(|bytes| bytes.max(0).unsigned_abs()),
        trouble: trouble.transpose()?,
    })
}

fn word<T>(row: &Row<'_>, index: usize) -> rusqlite::Result<T>
where
    T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    row.get_ref(index)?.as_str()?.parse().map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(index, Type::Text, Box::new(error))
    })
}

fn count(row: &Row<'_>, index: usize) -> rusqlite::Result<u64> {
    row.get(index).map(|count: i64| count.max(0).unsigned_abs())
}

const SELECT_JOB: &str =
    "SELECT id, name, state, strategy, mode, options, asleep_until, created, updated,
    (SELECT count(*) FROM item WHERE job = job.number),
    (SELECT count(*) FROM item WHERE job = job.number AND state = 'completed'),
    (SELECT count(*) FROM item WHERE job = job.number AND state = 'failed'),
    (SELECT coalesce(sum(bytes), 0) FROM outcome WHERE job = job.number AND error_kind IS NULL)
    FROM job";

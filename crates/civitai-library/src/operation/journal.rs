//! Operations in the catalogue.

use std::path::Path;
use std::time::SystemTime;

use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};

use super::{Error, Plan, Step, TRASH, Verb};
use crate::catalogue::word::words;
use crate::catalogue::{Catalogue, Fault, Stamp, UnknownWord, millis, time};

words! {
    /// How an operation stands.
    State {
        /// Its steps are being carried out, or its process was killed over them.
        Applying "applying",
        /// Every step was carried out.
        Done "done",
        /// It was taken back before it was done.
        Failed "failed",
        /// It was done, and what it put into the trash is deleted.
        Final "final",
        /// It was done, and undone later.
        Undone "undone",
    }
}

/// An operation that was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Done {
    /// Its number, by which it can be undone.
    pub id: u64,
    /// What it was for.
    pub verb: Verb,
    /// The models it was about.
    pub paths: Vec<String>,
    /// Whether it can be undone.
    pub undoable: bool,
}

/// An operation as the journal has it.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) id: u64,
    pub(super) verb: Verb,
    pub(super) state: State,
    pub(super) since: SystemTime,
    pub(super) paths: Vec<String>,
    pub(super) steps: Vec<Step>,
}

/// What stands in the column `detail` of an operation.
#[derive(serde::Serialize, serde::Deserialize)]
struct Detail {
    paths: Vec<String>,
    /// Which operation it takes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    undoes: Option<u64>,
}

impl Catalogue {
    /// Writes down what is going to be done.
    pub(super) fn begin(&mut self, plan: &Plan, now: SystemTime) -> Result<u64, Error> {
        let root = self.root_number();
        let detail = Detail {
            paths: plan.paths.clone(),
            undoes: plan.undoes,
        };
        let detail = serde_json::to_string(&detail).expect("texts and numbers are JSON");
        let id = self.write(|transaction| {
            transaction.execute(
                "INSERT INTO operation (root, verb, state, created, detail) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![root, plan.verb.as_str(), State::Applying.as_str(), millis(now), detail],
            )?;
            let id = transaction.last_insert_rowid();
            let mut insert = transaction.prepare(
                "INSERT INTO step (operation, position, action, state, detail) VALUES (?1, ?2, ?3, 'planned', ?4)",
            )?;
            for (position, step) in (0_i64..).zip(&plan.steps) {
                let text = serde_json::to_string(step).expect("texts are JSON");
                insert.execute(params![id, position, action(step), text])?;
            }
            Ok(id)
        })?;
        Ok(id.cast_unsigned())
    }

    /// Notes that all steps were carried out, and where the files are now.
    pub(super) fn finish(&mut self, id: u64, plan: &Plan, now: SystemTime) -> Result<(), Error> {
        let (number, folder) = (self.root_number(), self.root().to_owned());
        let root = Root {
            number,
            folder: &folder,
        };
        self.write(|transaction| {
            for step in &plan.steps {
                root.follow(transaction, step, now)?;
            }
            set_state(transaction, id, State::Done, now)?;
            if let Some(undone) = plan.undoes {
                set_state(transaction, undone, State::Undone, now)?;
            }
            Ok(())
        })?;
        Ok(())
    }

    /// Makes sure that nothing which failed to be written about an operation is there.
    pub(super) fn note_taken_back(&mut self, id: u64) -> Result<(), Error> {
        self.write(|transaction| {
            transaction.execute(
                "UPDATE operation SET state = ?2 WHERE number = ?1",
                params![id.cast_signed(), State::Applying.as_str()],
            )?;
            Ok(())
        })?;
        Ok(())
    }

    pub(super) fn note_failed(&mut self, id: u64, now: SystemTime) -> Result<(), Error> {
        self.write(|transaction| Ok(set_state(transaction, id, State::Failed, now)?))?;
        Ok(())
    }

    /// Notes that operations cannot be undone any more.
    pub(super) fn finalise(&mut self, ids: &[u64], now: SystemTime) -> Result<(), Error> {
        let root = self.root_number();
        self.write(|transaction| {
            let mut update = transaction.prepare(
                "UPDATE operation SET state = ?3, ended = ?4
                 WHERE root = ?1 AND number = ?2 AND state = 'done'",
            )?;
            for id in ids {
                let state = State::Final.as_str();
                update.execute(params![root, id.cast_signed(), state, millis(now)])?;
            }
            Ok(())
        })?;
        Ok(())
    }

    /// Operations whose process was killed, the latest first.
    pub(super) fn unfinished(&self) -> Result<Vec<Record>, Error> {
        let root = self.root_number();
        let records = self.read(|connection| {
            let mut select = connection.prepare(&format!(
                "{SELECT} WHERE root = ?1 AND state = 'applying' ORDER BY number DESC"
            ))?;
            let rows = select.query_map([root], record)?;
            let records = rows.collect::<Result<Vec<_>, _>>()?;
            with_steps(connection, records)
        })?;
        Ok(records)
    }

    /// An operation by its number; without one the latest that was done and is no undoing.
    pub(super) fn operation(&self, id: Option<u64>) -> Result<Option<Record>, Error> {
        let root = self.root_number();
        let found = self.read(|connection| {
            let record = match id {
                Some(id) => connection
                    .query_row(
                        &format!("{SELECT} WHERE root = ?1 AND number = ?2"),
                        params![root, id.cast_signed()],
                        record,
                    )
                    .optional()?,
                None => connection
                    .query_row(
                        &format!(
                            "{SELECT} WHERE root = ?1 AND state = 'done' AND verb <> 'undo'
                             ORDER BY number DESC LIMIT 1"
                        ),
                        [root],
                        record,
                    )
                    .optional()?,
            };
            with_steps(connection, record.into_iter().collect())
        })?;
        Ok(found.into_iter().next())
    }
}

/// The library whose files move.
struct Root<'a> {
    number: i64,
    folder: &'a Path,
}

impl Root<'_> {
    /// Lets the catalogue know what a step did to its files.
    fn follow(
        &self,
        transaction: &Transaction<'_>,
        step: &Step,
        now: SystemTime,
    ) -> Result<(), Fault> {
        match step {
            Step::Move { from, to } if is_in_trash(from) => {
                transaction.execute(
                    "UPDATE file SET missing = NULL WHERE root = ?1 AND path = ?2",
                    params![self.number, to],
                )?;
            }
            Step::Move { from, to } => self.renamed(transaction, from, to)?,
            Step::Discard { path } => {
                transaction.execute(
                    "UPDATE file SET missing = ?3, removed = ?3 WHERE root = ?1 AND path = ?2",
                    params![self.number, path, millis(now)],
                )?;
            }
            Step::Share { path, .. } | Step::Part { path, .. } => {
                let stamp = Stamp::of(&fs_err::metadata(self.folder.join(path))?);
                transaction.execute(
                    "UPDATE file SET bytes = ?3, mtime_ns = ?4, inode = ?5, device = ?6
                     WHERE root = ?1 AND path = ?2",
                    params![
                        self.number,
                        path,
                        stamp.bytes.cast_signed(),
                        stamp.mtime_ns,
                        stamp.inode.cast_signed(),
                        stamp.device.cast_signed(),
                    ],
                )?;
            }
            Step::Keep { .. } | Step::Write { .. } => {}
        }
        Ok(())
    }

    fn renamed(&self, transaction: &Transaction<'_>, from: &str, to: &str) -> rusqlite::Result<()> {
        // What the catalogue knew under the new path is gone, or the step would have failed.
        let is_known: bool = transaction.query_row(
            "SELECT EXISTS (SELECT 1 FROM file WHERE root = ?1 AND path = ?2)",
            params![self.number, from],
            |row| row.get(0),
        )?;
        if is_known {
            transaction.execute(
                "DELETE FROM file WHERE root = ?1 AND path = ?2",
                params![self.number, to],
            )?;
            transaction.execute(
                "UPDATE file SET path = ?3 WHERE root = ?1 AND path = ?2",
                params![self.number, from, to],
            )?;
        }
        transaction.execute(
            "UPDATE OR REPLACE sidecar SET path = ?3
             WHERE path = ?2 AND file IN (SELECT number FROM file WHERE root = ?1)",
            params![self.number, from, to],
        )?;
        let place = |path: &str| self.folder.join(path).to_string_lossy().into_owned();
        transaction.execute(
            "UPDATE history SET path = ?2 WHERE path = ?1",
            params![place(from), place(to)],
        )?;
        Ok(())
    }
}

pub(super) fn is_in_trash(path: &str) -> bool {
    path.strip_prefix(TRASH)
        .is_some_and(|rest| rest.starts_with('/'))
}

fn set_state(
    transaction: &Transaction<'_>,
    id: u64,
    state: State,
    now: SystemTime,
) -> rusqlite::Result<()> {
    transaction.execute(
        "UPDATE operation SET state = ?2, ended = ?3 WHERE number = ?1",
        params![id.cast_signed(), state.as_str(), millis(now)],
    )?;
    Ok(())
}

fn action(step: &Step) -> &'static str {
    match step {
        Step::Move { .. } => "move",
        Step::Discard { .. } => "discard",
        Step::Keep { .. } => "keep",
        Step::Share { .. } => "share",
        Step::Part { .. } => "part",
        Step::Write { .. } => "write",
    }
}

const SELECT: &str = "SELECT number, verb, state, detail, created FROM operation";

fn record(row: &Row<'_>) -> rusqlite::Result<Record> {
    let detail: String = row.get(3)?;
    let detail: Detail = serde_json::from_str(&detail).map_err(|error| damage(3, error))?;
    Ok(Record {
        id: row.get::<_, i64>(0)?.cast_unsigned(),
        verb: word(row, 1)?,
        state: word(row, 2)?,
        since: time(row.get(4)?),
        paths: detail.paths,
        steps: Vec::new(),
    })
}

fn with_steps(connection: &Connection, mut records: Vec<Record>) -> Result<Vec<Record>, Fault> {
    let mut select =
        connection.prepare("SELECT detail FROM step WHERE operation = ?1 ORDER BY position")?;
    for record in &mut records {
        let rows = select.query_map([record.id.cast_signed()], |row| {
            let text: String = row.get(0)?;
            serde_json::from_str(&text).map_err(|error| damage(0, error))
        })?;
        record.steps = rows.collect::<Result<_, _>>()?;
    }
    Ok(records)
}

fn word<T: std::str::FromStr<Err = UnknownWord>>(
    row: &Row<'_>,
    column: usize,
) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    text.parse().map_err(|error| damage(column, error))
}

fn damage(column: usize, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    let kind = rusqlite::types::Type::Text;
    rusqlite::Error::FromSqlConversionFailure(column, kind, Box::new(error))
}

//! What runs tell each other of storage servers.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, Row, params};

use super::memory::whole;
use super::{Error, Fault, Jobs};
use crate::host::{Hosts, Known};

impl Jobs {
    /// Returns what earlier runs learnt of servers and what is still believed of it.
    pub fn hosts(&self) -> Result<Hosts, Error> {
        self.read(load)
    }

    /// Leaves what is known of servers to later runs, which believe it for an hour at most.
    ///
    /// This is not flushed: a power cut may lose it, which costs nothing but a lesson.
    pub fn remember_hosts(&mut self, hosts: &Hosts) -> Result<(), Error> {
        let known = hosts.known();
        if known.is_empty() {
            return Ok(());
        }
        self.unflushed(|alone| {
            let transaction = &alone.transaction;
            let now = millis(SystemTime::now());
            transaction.execute(
                "DELETE FROM host WHERE max(ifnull(most_until, 0), ifnull(whole_until, 0), ifnull(level_until, 0)) <= ?1",
                [now],
            )?;
            let mut insert = transaction
                .prepare("INSERT OR REPLACE INTO host VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
            for (origin, Known { limit, whole, level }) in &known {
                insert.execute(params![
                    origin,
                    limit.map(|(most, _)| count(most)),
                    limit.map(|(_, until)| millis(until)),
                    whole.map(|((), until)| millis(until)),
                    level.map(|(level, _)| count(level)),
                    level.map(|(_, until)| millis(until)),
                ])?;
            }
            Ok(())
        })
    }
}

fn load(connection: &Connection) -> Result<Hosts, Fault> {
    let hosts = Hosts::default();
    let mut select = connection.prepare(
        "SELECT origin, most, most_until, whole_until, level, level_until FROM host LIMIT 256",
    )?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let known = Known {
            limit: lesson(row, 1)?,
            whole: row
                .get::<_, Option<i64>>(3)?
                .and_then(time)
                .map(|until| ((), until)),
            level: lesson(row, 4)?,
        };
        hosts.learn(&row.get::<_, String>(0)?, known);
    }
    Ok(hosts)
}

/// A number of connections and the time in the column after it.
fn lesson(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<(usize, SystemTime)>> {
    let connections: Option<i64> = row.get(column)?;
    let until: Option<i64> = row.get(column + 1)?;
    let connections = connections.and_then(|count| usize::try_from(count).ok());
    Ok(connections.zip(until.and_then(time)))
}

fn count(connections: usize) -> i64 {
    i64::try_from(connections).unwrap_or(i64::MAX)
}

fn millis(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    whole(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

fn time(millis: i64) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_millis(u64::try_from(millis).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use url::Url;

    #[tokio::test]
    async fn the_next_run_begins_with_what_this_one_learnt() {
        let folder = tempfile::tempdir().expect("a folder");
        let storage = Url::parse("https://storage.example:8443/a?signature=x").expect("a URL");
        let hosts = Hosts::default();
        let visit = hosts.visit(storage.origin());
        visit.note_level(16);
        visit.note_whole();
        let mut jobs = Jobs::open(folder.path()).expect("it is new");
        jobs.remember_hosts(&hosts).expect("there is room");
        jobs.remember_hosts(&Hosts::default())
            .expect("nothing to do");

        let later = Jobs::open(folder.path()).expect("it is there");
        let visit = later
            .hosts()
            .expect("it is readable")
            .visit(storage.origin());
        assert_eq!(visit.start(), Some(16));
        assert!(visit.sends_whole_files());
        assert_eq!(visit.share(64), 64);
    }

    #[tokio::test]
    async fn what_is_over_or_nonsense_is_not_believed() {
        let folder = tempfile::tempdir().expect("a folder");
        let jobs = Jobs::open(folder.path()).expect("it is new");
        let insert = "INSERT INTO host VALUES
            ('https://over.example', 3, 5, 5, 16, 5),
            ('https://early.example', 3, -5, -5, -16, 9000000000000000000),
            ('no address', 3, 9000000000000, NULL, NULL, NULL)";
        jobs.read(|connection| Ok(connection.execute(insert, [])?))
            .expect("there is room");
        let hosts = jobs.hosts().expect("it is readable");
        assert_eq!(hosts.known(), []);
    }
}

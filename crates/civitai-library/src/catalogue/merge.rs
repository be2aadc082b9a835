//! Taking another catalogue in.

use std::path::Path;

use fs_err as fs;
use rusqlite::{Connection, Transaction};

use super::{Catalogue, Error, Fault, schema, version};

impl Catalogue {
    /// Reads with one view of the database, whoever writes meanwhile.
    pub(crate) fn snapshot_read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, Error> {
        self.read(|connection| {
            let transaction = connection.unchecked_transaction()?;
            work(&transaction)
        })
    }

    /// Takes in what another catalogue of the same version knows, in one transaction.
    pub(crate) fn merge(mut self, other: &Path) -> Result<(), Error> {
        let name = super::unicode(other)?.to_owned();
        self.read(|connection| {
            connection.execute("ATTACH ?1 AS other", [name])?;
            // Rows that are replaced must not take those along that refer to them; all is checked in the end.
            connection.pragma_update(None, "foreign_keys", false)?;
            Ok(())
        })?;
        self.write(|transaction| {
            transaction.execute_batch(MERGE)?;
            require_whole(transaction)
        })
    }
}

/// The tables there are, in the order in which they were made: what is referred to comes first.
pub(crate) fn tables(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut select = connection.prepare(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
        ORDER BY rowid",
    )?;
    let names = select.query_map([], |row| row.get(0))?;
    names.collect()
}

/// Makes an empty database with the tables of a version.
pub(crate) fn blank(path: &Path, to: u32) -> Result<Connection, Error> {
    fs::File::create(path)?;
    let mut connection = Connection::open(path).map_err(|source| Error::store(path, source))?;
    super::migrate(&mut connection, path, to)?;
    connection
        .pragma_update(None, "foreign_keys", false)
        .map_err(|source| Error::store(path, source))?;
    Ok(connection)
}

/// Brings such a database to the newest version.
pub(crate) fn bring_up_to_date(mut connection: Connection, path: &Path) -> Result<(), Error> {
    let found = version(&connection).map_err(|source| Error::store(path, source))?;
    if found < schema::LATEST {
        super::migrate(&mut connection, path, schema::LATEST)?;
    }
    Ok(())
}

fn require_whole(transaction: &Transaction<'_>) -> Result<(), Fault> {
    let mut dangling = transaction.prepare("PRAGMA main.foreign_key_check")?;
    if dangling.exists([])? {
        // Rolled back: nothing of the other catalogue stays.
        return Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY),
            None,
        )
        .into());
    }
    Ok(())
}

const MERGE: &str = include_str!("merge.sql");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_is_taken_in() {
        let mut connection = Connection::open_in_memory().expect("memory is there");
        schema::MIGRATIONS
            .to_latest(&mut connection)
            .expect("the migrations are right");
        for table in tables(&connection).expect("the schema can be read") {
            let mut words = MERGE.split_whitespace();
            assert!(
                words.any(|word| word == format!("main.{table}")),
                "merge.sql says nothing of {table}"
            );
        }
    }
}

//! Tables of the database, one migration a version. A migration that was published is never changed.

use rusqlite_migration::{M, Migrations};

pub(super) const MIGRATIONS: Migrations<'static> = Migrations::from_slice(ALL);

/// The number of the newest version.
pub(super) const LATEST: u32 = 3;

/// Times are milliseconds since the Unix epoch.
const ALL: &[M<'static>] = &[
    M::up(
        "CREATE TABLE job (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        name TEXT,
        state TEXT NOT NULL,
        strategy TEXT NOT NULL,
        mode TEXT NOT NULL,
        options TEXT NOT NULL,
        -- What somebody asked of a job that another process runs.
        wish TEXT,
        asleep_until INTEGER,
        created INTEGER NOT NULL,
        updated INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX job_state ON job (state);
    CREATE TABLE item (
        job INTEGER NOT NULL REFERENCES job (number) ON DELETE CASCADE,
        position INTEGER NOT NULL,
        link TEXT NOT NULL,
        state TEXT NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (job, position)
    ) STRICT, WITHOUT ROWID;
    -- What became of each file of an item; an item that led to no file has one row without a path.
    CREATE TABLE outcome (
        job INTEGER NOT NULL,
        position INTEGER NOT NULL,
        number INTEGER NOT NULL,
        status TEXT NOT NULL,
        path BLOB,
        bytes INTEGER,
        error_kind TEXT,
        error_message TEXT,
        error_hint TEXT,
        PRIMARY KEY (job, position, number),
        FOREIGN KEY (job, position) REFERENCES item (job, position) ON DELETE CASCADE
    ) STRICT, WITHOUT ROWID;
    -- How the transfers of each minute ended, whoever ran them.
    CREATE TABLE minute (
        minute INTEGER PRIMARY KEY,
        finished INTEGER NOT NULL,
        failed INTEGER NOT NULL,
        timed_out INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE streak (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        failures INTEGER NOT NULL,
        minute INTEGER NOT NULL
    ) STRICT;",
    )
    .down(
        "DROP TABLE streak;
    DROP TABLE minute;
    DROP TABLE outcome;
    DROP TABLE item;
    DROP TABLE job;",
    ),
    M::up(
        "-- What the transfers of each minute asked of servers.
    ALTER TABLE minute ADD COLUMN requests INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE minute ADD COLUMN requests_timed_out INTEGER NOT NULL DEFAULT 0;",
    )
    .down(
        "ALTER TABLE minute DROP COLUMN requests_timed_out;
    ALTER TABLE minute DROP COLUMN requests;",
    ),
    M::up(
        "-- What is believed of the storage at an origin, and until when.
    CREATE TABLE host (
        origin TEXT PRIMARY KEY,
        most INTEGER,
        most_until INTEGER,
        whole_until INTEGER,
        level INTEGER,
        level_until INTEGER
    ) STRICT, WITHOUT ROWID;",
    )
    .down("DROP TABLE host;"),
];

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    #[test]
    fn the_latest_version_is_that_of_the_last_migration() {
        assert_eq!(usize::try_from(LATEST), Ok(ALL.len()));
    }

    #[test]
    fn versions_go_forward_and_back() {
        let mut connection = Connection::open_in_memory().expect("memory is there");
        for version in (0..=ALL.len()).chain((0..ALL.len()).rev()) {
            MIGRATIONS
                .to_version(&mut connection, version)
                .unwrap_or_else(|error| panic!("to version {version}: {error}"));
        }
        let tables: u32 = connection
            .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
            .expect("the schema can be read");
        assert_eq!(tables, 0);
        assert_eq!(MIGRATIONS.to_latest(&mut connection), Ok(()));
        assert_eq!(MIGRATIONS.pending_migrations(&connection), Ok(0));
    }
}

//! Tables of the catalogue, one migration a version. A migration that was published is never changed: who needs more
//! appends one.
//!
//! Times are milliseconds since the Unix epoch, digests lower-case hex, paths of files relative to their root with `/`
//! between the parts. A column that is null is not known.

use rusqlite_migration::{M, Migrations};

pub(super) const MIGRATIONS: Migrations<'static> = Migrations::from_slice(ALL);

/// The number of the newest version.
pub(crate) const LATEST: u32 = 7;

const ALL: &[M<'static>] = &[
    M::up(include_str!("schema/1-up.sql")).down(include_str!("schema/1-down.sql")),
    M::up(include_str!("schema/2-up.sql")).down(include_str!("schema/2-down.sql")),
    M::up(include_str!("schema/3-up.sql")).down(include_str!("schema/3-down.sql")),
    M::up(include_str!("schema/4-up.sql")).down(include_str!("schema/4-down.sql")),
    M::up(include_str!("schema/5-up.sql")).down(include_str!("schema/5-down.sql")),
    M::up(include_str!("schema/6-up.sql")).down(include_str!("schema/6-down.sql")),
    M::up(include_str!("schema/7-up.sql")).down(include_str!("schema/7-down.sql")),
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

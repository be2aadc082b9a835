//! Whether the database is whole.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::{Catalogue, Error, schema, version};

impl Catalogue {
    /// Reads everything there is, and says what is wrong with it, one sentence a problem: pages and indices that are
    /// damaged, rows that refer to nothing, files whose values mean nothing. Empty where all is well.
    pub fn check(&self) -> Result<Vec<String>, Error> {
        let mut problems = self.read(|connection| Ok(problems(connection)?))?;
        match self.entries() {
            Ok(_) => {}
            Err(Error::Damaged { source, .. }) => problems.push(source.to_string()),
            Err(error) => return Err(error),
        }
        Ok(problems)
    }
}

/// What is wrong with a database that nobody works on, such as a copy.
///
/// # Errors
/// [`Error::Newer`] for one of a later version of this program.
pub(crate) fn problems_of(path: &Path) -> Result<Vec<String>, Error> {
    fs_err::metadata(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let read = || -> rusqlite::Result<(u32, Vec<String>)> {
        let connection = Connection::open_with_flags(path, flags)?;
        let version = version(&connection)?;
        let tables: u32 = connection.query_row(
            "SELECT count(*) FROM sqlite_schema WHERE name IN ('file', 'history', 'snapshot')",
            [],
            |row| row.get(0),
        )?;
        let mut problems = problems(&connection)?;
        if tables < 3 || version == 0 {
            problems.push("it is no catalogue".to_owned());
        }
        Ok((version, problems))
    };
    match read() {
        Ok((found, _)) if found > schema::LATEST => Err(Error::Newer {
            path: path.to_owned(),
            found,
            known: schema::LATEST,
        }),
        Ok((_, problems)) => Ok(problems),
        Err(source) => match Error::store(path, source) {
            Error::Damaged { source, .. } => Ok(vec![source.to_string()]),
            error => Err(error),
        },
    }
}

fn problems(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut integrity = connection.prepare("PRAGMA integrity_check(100)")?;
    let lines = integrity.query_map([], |row| row.get::<_, String>(0))?;
    let mut problems: Vec<String> = lines.collect::<Result<_, _>>()?;
    problems.retain(|line| line != "ok");
    let mut dangling = connection.prepare("PRAGMA foreign_key_check")?;
    let rows = dangling.query_map([], |row| {
        let (table, row_id): (String, Option<i64>) = (row.get(0)?, row.get(1)?);
        let parent: String = row.get(2)?;
        let row_id = row_id.map_or_else(String::new, |id| format!(" {id}"));
        Ok(format!(
            "{table}{row_id} refers to a {parent} that is not there"
        ))
    })?;
    for row in rows {
        problems.push(row?);
    }
    Ok(problems)
}

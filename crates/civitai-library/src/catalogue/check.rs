//! Whether the database is whole.

use super::{Catalogue, Error};

impl Catalogue {
    /// Reads everything there is, and says what is wrong with it, one sentence a problem: pages and indices that are
    /// damaged, rows that refer to nothing, files whose values mean nothing. Empty where all is well.
    pub fn check(&self) -> Result<Vec<String>, Error> {
        let mut problems = self.read(|connection| {
            let mut problems = Vec::new();
            let mut integrity = connection.prepare("PRAGMA integrity_check(100)")?;
            for line in integrity.query_map([], |row| row.get::<_, String>(0))? {
                problems.push(line?);
            }
            problems.retain(|line| line != "ok");
            let mut dangling = connection.prepare("PRAGMA foreign_key_check")?;
            let rows = dangling.query_map([], |row| {
                let (table, row_id): (String, Option<i64>) = (row.get(0)?, row.get(1)?);
                let parent: String = row.get(2)?;
                Ok((table, row_id, parent))
            })?;
            for row in rows {
                let (table, row_id, parent) = row?;
                let row_id = row_id.map_or_else(String::new, |id| format!(" {id}"));
                problems.push(format!(
                    "{table}{row_id} refers to a {parent} that is not there"
                ));
            }
            Ok(problems)
        })?;
        match self.entries() {
            Ok(_) => {}
            Err(Error::Damaged { source, .. }) => problems.push(source.to_string()),
            Err(error) => return Err(error),
        }
        Ok(problems)
    }
}

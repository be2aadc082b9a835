//! When files were last read and found whole.

use std::collections::HashMap;
use std::time::SystemTime;

use rusqlite::params;

use super::{Catalogue, Error, millis, time};

impl Catalogue {
    /// When each file was last read to its end and found whole; files that never were are not in it.
    pub fn verified(&self) -> Result<HashMap<String, SystemTime>, Error> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT path, verified FROM file WHERE root = ?1 AND verified IS NOT NULL",
            )?;
            let rows = select.query_map([self.root_number()], |row| {
                Ok((row.get(0)?, time(row.get(1)?)))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Notes that a file was read to its end and found whole, or `None` that it was found damaged.
    pub fn note_verified(&mut self, path: &str, when: Option<SystemTime>) -> Result<(), Error> {
        let root = self.root_number();
        self.write(|transaction| {
            transaction.execute(
                "UPDATE file SET verified = ?3 WHERE root = ?1 AND path = ?2",
                params![root, path, when.map(millis)],
            )?;
            Ok(())
        })
    }
}

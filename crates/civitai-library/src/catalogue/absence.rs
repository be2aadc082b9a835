//! What the site was asked for and did not have, remembered until asking again makes sense.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use rusqlite::params;

use super::word::words;
use super::{Catalogue, Error, millis};

words! {
    /// What was asked for.
    Sought {
        /// The file with a SHA-256, in lower-case hex.
        Sha256 "sha256",
        /// A model, by its id.
        Model "model",
        /// A version, by its id.
        Version "version",
    }
}

impl Catalogue {
    /// Remembers until `now + life` that the site has none of `keys`.
    pub fn note_absent<'k>(
        &mut self,
        sought: Sought,
        keys: impl IntoIterator<Item = &'k str>,
        now: SystemTime,
        life: Duration,
    ) -> Result<(), Error> {
        self.write(|transaction| {
            let mut insert = transaction
                .prepare_cached("INSERT OR REPLACE INTO absence VALUES (?1, ?2, ?3, ?4)")?;
            let expires = millis(now.checked_add(life).unwrap_or(now));
            for key in keys {
                insert.execute(params![sought.as_str(), key, millis(now), expires])?;
            }
            // What is over is of no use to anybody.
            transaction.execute("DELETE FROM absence WHERE expires <= ?1", [millis(now)])?;
            Ok(())
        })
    }

    /// What the site is still known not to have at `now`.
    pub fn absent(&self, sought: Sought, now: SystemTime) -> Result<HashSet<String>, Error> {
        self.read(|connection| {
            let mut select = connection
                .prepare_cached("SELECT key FROM absence WHERE subject = ?1 AND expires > ?2")?;
            let keys = select.query_map(params![sought.as_str(), millis(now)], |row| row.get(0))?;
            Ok(keys.collect::<Result<_, _>>()?)
        })
    }
}

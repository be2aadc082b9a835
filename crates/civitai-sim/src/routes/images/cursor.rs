//! Places in the index's listing, as either of its engines spells them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::state::ImageCursorForm;

/// How far a walk has come through what had been posted when it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) offset: usize,
    /// Milliseconds since 1970.
    pub(super) moment: i64,
}

impl Place {
    pub(super) fn first(now: Timestamp) -> Self {
        Self {
            offset: 0,
            moment: now.as_millisecond(),
        }
    }

    pub(super) fn after(self, count: usize) -> Self {
        Self {
            offset: self.offset.saturating_add(count),
            ..self
        }
    }

    /// None for the other engine's cursors, too: they do not mix.
    pub(super) fn parse(cursor: &str, form: ImageCursorForm) -> Option<Self> {
        match form {
            ImageCursorForm::Offset => {
                let (offset, moment) = cursor.split_once('|')?;
                Some(Self {
                    offset: offset.parse().ok()?,
                    moment: moment.parse().ok()?,
                })
            }
            ImageCursorForm::BitDex => serde_json::from_str(cursor.strip_prefix(BITDEX)?).ok(),
        }
    }

    pub(super) fn spelled(self, form: ImageCursorForm) -> String {
        match form {
            ImageCursorForm::Offset => format!("{}|{}", self.offset, self.moment),
            ImageCursorForm::BitDex => format!("{BITDEX}{}", serde_json::json!(self)),
        }
    }
}

const BITDEX: &str = "bdx:";

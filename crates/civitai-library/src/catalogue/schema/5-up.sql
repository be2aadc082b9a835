-- What was put into quarantine. Rows stay when the file has left, so that no number is ever given twice.
CREATE TABLE quarantine (
    number INTEGER PRIMARY KEY,
    -- The root of the tree whose quarantine it is, and the file itself, both absolute.
    root TEXT NOT NULL,
    path TEXT NOT NULL,
    noted INTEGER NOT NULL,
    -- How it left: released, deleted or gone.
    ended TEXT,
    ended_at INTEGER
) STRICT;

CREATE UNIQUE INDEX quarantine_held ON quarantine (path) WHERE ended IS NULL;

-- What a sidecar says of the file beside it, as JSON, once it was read; `version` is the version that it names.
ALTER TABLE sidecar ADD COLUMN read INTEGER;
ALTER TABLE sidecar ADD COLUMN version INTEGER;
ALTER TABLE sidecar ADD COLUMN says TEXT;

-- 1 where a file is taken for one of the site on the word of a sidecar alone.
ALTER TABLE file ADD COLUMN unproved INTEGER;

-- What a path held when it last held a file of the site; kept when something else is found there.
CREATE TABLE former (
    root INTEGER NOT NULL REFERENCES root (number) ON DELETE CASCADE,
    path TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    sha256 TEXT,
    blake3 TEXT,
    crc32 TEXT,
    autov1 TEXT,
    autov3 TEXT,
    model_id INTEGER,
    version_id INTEGER NOT NULL,
    file_id INTEGER,
    matched_by TEXT NOT NULL,
    left INTEGER NOT NULL,
    PRIMARY KEY (root, path)
) STRICT, WITHOUT ROWID;

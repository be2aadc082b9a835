-- A folder whose files are known, and whether it is a library or was only looked through.
CREATE TABLE root (
    number INTEGER PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL CHECK (role IN ('library', 'extra')),
    scanned INTEGER
) STRICT;

-- What the site says.

CREATE TABLE creator (
    username TEXT PRIMARY KEY,
    image TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE model (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    kind TEXT,
    creator TEXT,
    mode TEXT,
    nsfw INTEGER,
    poi INTEGER,
    -- When it was last asked for, and since when the site does not have it any more.
    asked INTEGER NOT NULL,
    gone INTEGER
) STRICT;
CREATE INDEX model_creator ON model (creator);

CREATE TABLE tag (
    model INTEGER NOT NULL REFERENCES model (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (model, position)
) STRICT, WITHOUT ROWID;

-- The four fields; `commercial` is a JSON list of the uses that are permitted.
CREATE TABLE licence (
    model INTEGER PRIMARY KEY REFERENCES model (id) ON DELETE CASCADE,
    no_credit INTEGER,
    commercial TEXT,
    derivatives INTEGER,
    different_licence INTEGER,
    seen INTEGER NOT NULL
) STRICT;

CREATE TABLE version (
    id INTEGER PRIMARY KEY,
    model INTEGER,
    name TEXT NOT NULL,
    base_model TEXT,
    published INTEGER,
    air TEXT,
    -- A JSON list.
    trained_words TEXT,
    asked INTEGER NOT NULL,
    gone INTEGER
) STRICT;
CREATE INDEX version_model ON version (model);

-- A file of a version, as the site describes it. A VAE can stand in several versions under one id.
CREATE TABLE release (
    version INTEGER NOT NULL REFERENCES version (id) ON DELETE CASCADE,
    file INTEGER NOT NULL,
    name TEXT NOT NULL,
    kind TEXT,
    bytes INTEGER,
    sha256 TEXT,
    blake3 TEXT,
    crc32 TEXT,
    autov1 TEXT,
    autov3 TEXT,
    PRIMARY KEY (version, file)
) STRICT, WITHOUT ROWID;
CREATE INDEX release_sha256 ON release (sha256);
CREATE INDEX release_file ON release (file);

CREATE TABLE image (
    version INTEGER NOT NULL REFERENCES version (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    url TEXT NOT NULL,
    kind TEXT,
    width INTEGER,
    height INTEGER,
    level INTEGER,
    PRIMARY KEY (version, position)
) STRICT, WITHOUT ROWID;

-- What was said of a model or a version, each time it said something else. `body` is deflated JSON; a row without one
-- says that the site had nothing any more.
CREATE TABLE snapshot (
    number INTEGER PRIMARY KEY,
    subject TEXT NOT NULL CHECK (subject IN ('model', 'version')),
    id INTEGER NOT NULL,
    taken INTEGER NOT NULL,
    digest TEXT,
    body BLOB
) STRICT;
CREATE INDEX snapshot_subject ON snapshot (subject, id, number);

-- What the site was asked for and did not have.
CREATE TABLE absence (
    subject TEXT NOT NULL,
    key TEXT NOT NULL,
    asked INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    PRIMARY KEY (subject, key)
) STRICT, WITHOUT ROWID;

-- What is on the disk.

-- The digests hold for as long as size, mtime and inode do; they are kept while a file is missing.
CREATE TABLE file (
    number INTEGER PRIMARY KEY,
    root INTEGER NOT NULL REFERENCES root (number) ON DELETE CASCADE,
    path TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    device INTEGER NOT NULL,
    added INTEGER NOT NULL,
    missing INTEGER,
    hashed INTEGER,
    sha256 TEXT,
    blake3 TEXT,
    crc32 TEXT,
    autov1 TEXT,
    autov3 TEXT,
    -- Which file of the site it is, and how that is known.
    model_id INTEGER,
    version_id INTEGER,
    file_id INTEGER,
    matched_by TEXT,
    -- What its header says; `identified` is when it was read, `evidence` a JSON list.
    identified INTEGER,
    format TEXT,
    model_type TEXT,
    base_model TEXT,
    family TEXT,
    confidence REAL,
    evidence TEXT,
    UNIQUE (root, path)
) STRICT;
CREATE INDEX file_sha256 ON file (sha256);
CREATE INDEX file_autov3 ON file (autov3);
CREATE INDEX file_version ON file (version_id);
CREATE INDEX file_inode ON file (inode, device);

CREATE TABLE sidecar (
    file INTEGER NOT NULL REFERENCES file (number) ON DELETE CASCADE,
    path TEXT NOT NULL,
    format TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    PRIMARY KEY (file, path)
) STRICT, WITHOUT ROWID;

-- Where the hash tree of a content is, relative to the data directory.
CREATE TABLE tree (
    blake3 TEXT PRIMARY KEY,
    bytes INTEGER NOT NULL,
    group_bytes INTEGER NOT NULL,
    path TEXT NOT NULL,
    made INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What was done.

-- How the last attempt at each file of the site ended; `path` is absolute.
CREATE TABLE history (
    number INTEGER PRIMARY KEY,
    model INTEGER,
    version INTEGER NOT NULL,
    file INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('completed', 'failed', 'file_missing')),
    link TEXT,
    path TEXT,
    bytes INTEGER,
    sha256 TEXT,
    error_kind TEXT,
    error_message TEXT,
    attempts INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX history_key ON history (ifnull(model, 0), version, file);

-- A change of the library that can be undone, and its steps in order.
CREATE TABLE operation (
    number INTEGER PRIMARY KEY,
    root INTEGER NOT NULL REFERENCES root (number) ON DELETE CASCADE,
    verb TEXT NOT NULL,
    state TEXT NOT NULL,
    created INTEGER NOT NULL,
    ended INTEGER,
    detail TEXT
) STRICT;

CREATE TABLE step (
    operation INTEGER NOT NULL REFERENCES operation (number) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    action TEXT NOT NULL,
    source TEXT,
    target TEXT,
    state TEXT NOT NULL,
    detail TEXT,
    PRIMARY KEY (operation, position)
) STRICT, WITHOUT ROWID;

-- What files of known truth have taught: how often a pattern stood in a file for which an answer was right.
CREATE TABLE learned (
    kind TEXT NOT NULL,
    pattern TEXT NOT NULL,
    answer TEXT NOT NULL,
    seen INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (kind, pattern, answer)
) STRICT, WITHOUT ROWID;

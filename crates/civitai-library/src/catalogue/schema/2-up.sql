-- What the locks of projects have placed in a library. `content` names what was placed there, or, where `found` is 1,
-- what was there before and is not the project's: the digest in the lock, or the file of the site where the lock has
-- none. `meant` is what a sync is about to place: a file with that content was placed, whatever stopped the sync.
CREATE TABLE placed (
    root INTEGER NOT NULL REFERENCES root (number) ON DELETE CASCADE,
    project TEXT NOT NULL,
    path TEXT NOT NULL,
    found INTEGER NOT NULL DEFAULT 0,
    content TEXT,
    bytes INTEGER,
    mtime_ns INTEGER,
    inode INTEGER,
    meant TEXT,
    PRIMARY KEY (root, project, path)
) STRICT, WITHOUT ROWID;

-- Takes in `other`, a catalogue of the same version. What was asked of the site later counts; what this machine knows of
-- its own disk, and of what was done on it, stays.

CREATE TEMP TABLE newer_model AS
SELECT theirs.id FROM other.model AS theirs LEFT JOIN main.model AS ours ON ours.id = theirs.id
WHERE ours.id IS NULL OR ours.asked < theirs.asked;
CREATE TEMP TABLE newer_version AS
SELECT theirs.id FROM other.version AS theirs LEFT JOIN main.version AS ours ON ours.id = theirs.id
WHERE ours.id IS NULL OR ours.asked < theirs.asked;

INSERT OR IGNORE INTO main.creator SELECT * FROM other.creator;
INSERT OR REPLACE INTO main.model
SELECT * FROM other.model WHERE id IN (SELECT id FROM newer_model);
DELETE FROM main.tag WHERE model IN (SELECT id FROM newer_model);
INSERT OR REPLACE INTO main.tag
SELECT * FROM other.tag WHERE model IN (SELECT id FROM newer_model);
INSERT OR REPLACE INTO main.licence
SELECT theirs.* FROM other.licence AS theirs
LEFT JOIN main.licence AS ours ON ours.model = theirs.model
WHERE ours.model IS NULL OR ours.seen < theirs.seen;
INSERT OR REPLACE INTO main.version
SELECT * FROM other.version WHERE id IN (SELECT id FROM newer_version);
INSERT OR REPLACE INTO main.release
SELECT * FROM other.release WHERE version IN (SELECT id FROM newer_version);
DELETE FROM main.image WHERE version IN (SELECT id FROM newer_version);
INSERT OR REPLACE INTO main.image
SELECT * FROM other.image WHERE version IN (SELECT id FROM newer_version);
INSERT INTO main.snapshot (subject, id, taken, digest, body)
SELECT subject, id, taken, digest, body FROM other.snapshot AS theirs
WHERE NOT EXISTS (
    SELECT 1 FROM main.snapshot AS ours
    WHERE ours.subject = theirs.subject AND ours.id = theirs.id AND ours.taken = theirs.taken
) ORDER BY number;
INSERT OR REPLACE INTO main.absence
SELECT theirs.* FROM other.absence AS theirs
LEFT JOIN main.absence AS ours ON ours.subject = theirs.subject AND ours.key = theirs.key
WHERE ours.key IS NULL OR ours.asked < theirs.asked;

INSERT INTO main.root (path, role, scanned)
SELECT path, role, scanned FROM other.root WHERE true
ON CONFLICT (path) DO UPDATE SET scanned = ifnull(scanned, excluded.scanned);
INSERT OR IGNORE INTO main.file (root, path, bytes, mtime_ns, inode, device, added, missing, hashed,
    sha256, blake3, crc32, autov1, autov3, model_id, version_id, file_id, matched_by, identified,
    format, model_type, base_model, family, confidence, evidence, verified, unproved, removed, content)
SELECT ours.number, file.path, bytes, mtime_ns, inode, device, added, missing, hashed, sha256,
    blake3, crc32, autov1, autov3, model_id, version_id, file_id, matched_by, identified, format,
    model_type, base_model, family, confidence, evidence, verified, unproved, removed, content
FROM other.file AS file
JOIN other.root AS theirs ON theirs.number = file.root
JOIN main.root AS ours ON ours.path = theirs.path;
INSERT OR IGNORE INTO main.sidecar (file, path, format, bytes, mtime_ns, read, version, says)
SELECT our_file.number, sidecar.path, sidecar.format, sidecar.bytes, sidecar.mtime_ns, sidecar.read,
    sidecar.version, sidecar.says
FROM other.sidecar AS sidecar
JOIN other.file AS their_file ON their_file.number = sidecar.file
JOIN other.root AS theirs ON theirs.number = their_file.root
JOIN main.root AS ours ON ours.path = theirs.path
JOIN main.file AS our_file ON our_file.root = ours.number AND our_file.path = their_file.path;
INSERT OR IGNORE INTO main.former (root, path, bytes, mtime_ns, sha256, blake3, crc32, autov1, autov3,
    model_id, version_id, file_id, matched_by, left)
SELECT ours.number, former.path, bytes, mtime_ns, sha256, blake3, crc32, autov1, autov3, model_id,
    version_id, file_id, matched_by, left
FROM other.former AS former
JOIN other.root AS theirs ON theirs.number = former.root
JOIN main.root AS ours ON ours.path = theirs.path;
INSERT OR IGNORE INTO main.placed (root, project, path, found, content, bytes, mtime_ns, inode, meant)
SELECT ours.number, project, placed.path, found, content, bytes, mtime_ns, inode, meant
FROM other.placed AS placed
JOIN other.root AS theirs ON theirs.number = placed.root
JOIN main.root AS ours ON ours.path = theirs.path;
INSERT OR IGNORE INTO main.tree SELECT * FROM other.tree;

DELETE FROM main.history WHERE number IN (
    SELECT ours.number FROM main.history AS ours
    JOIN other.history AS theirs ON ifnull(theirs.model, 0) = ifnull(ours.model, 0)
        AND theirs.version = ours.version AND theirs.file = ours.file
    WHERE ours.last < theirs.last
);
INSERT OR IGNORE INTO main.history (model, version, file, state, link, path, bytes, sha256,
    error_kind, error_message, attempts, first, last)
SELECT model, version, file, state, link, path, bytes, sha256, error_kind, error_message, attempts,
    first, last FROM other.history;

CREATE TEMP TABLE new_operation AS
SELECT theirs.number AS old,
    theirs.number + (SELECT ifnull(max(number), 0) FROM main.operation) AS new
FROM other.operation AS theirs
WHERE NOT EXISTS (
    SELECT 1 FROM main.operation AS ours
    WHERE ours.created = theirs.created AND ours.verb = theirs.verb
);
INSERT INTO main.operation (number, root, verb, state, created, ended, detail)
SELECT new_operation.new, ours.number, verb, state, created, ended, detail
FROM other.operation AS operation
JOIN new_operation ON new_operation.old = operation.number
JOIN other.root AS theirs ON theirs.number = operation.root
JOIN main.root AS ours ON ours.path = theirs.path;
INSERT INTO main.step (operation, position, action, source, target, state, detail)
SELECT new_operation.new, position, action, source, target, state, detail
FROM other.step AS step JOIN new_operation ON new_operation.old = step.operation;

INSERT OR REPLACE INTO main.learned
SELECT theirs.* FROM other.learned AS theirs
LEFT JOIN main.learned AS ours
    ON ours.kind = theirs.kind AND ours.pattern = theirs.pattern AND ours.answer = theirs.answer
WHERE ours.kind IS NULL OR ours.seen < theirs.seen;

DROP TABLE temp.newer_model;
DROP TABLE temp.newer_version;
DROP TABLE temp.new_operation;

INSERT INTO main.quarantine (root, path, noted)
SELECT root, path, noted FROM other.quarantine WHERE ended IS NULL
ON CONFLICT DO NOTHING;

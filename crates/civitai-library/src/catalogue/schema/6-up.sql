-- Since when a file is missing because an operation took it away: it counts only where it equals `missing`.
ALTER TABLE file ADD COLUMN removed INTEGER;

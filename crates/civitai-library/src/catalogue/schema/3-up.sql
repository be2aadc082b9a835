-- When every byte of a file was last read and found to be what it was.
ALTER TABLE file ADD COLUMN verified INTEGER;

-- How long the content of an encrypted file is; the digests are those of the content.
ALTER TABLE file ADD COLUMN content INTEGER;

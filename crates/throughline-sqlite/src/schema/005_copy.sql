-- What a copy of another store remembers: the mark that the source's scope had when this one was restored whole.
ALTER TABLE scopes ADD COLUMN copied BLOB;

-- A scope's jobs are read by themselves.
CREATE INDEX jobs_by_session ON jobs (session);

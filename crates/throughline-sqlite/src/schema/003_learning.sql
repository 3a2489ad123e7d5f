-- What was learned: a ledger of claims and of what operators did about them, what is never to be learned again, and the jobs
-- that learning takes its turns from.

-- Append-only but for forgetting, which takes a claim out and leaves the number.
CREATE TABLE ledger (
    entry    INTEGER PRIMARY KEY, -- packed
    recorded INTEGER NOT NULL,
    claim    BLOB,                -- the id of the claim in the body, if one is in it
    body     BLOB    NOT NULL
) STRICT;
CREATE UNIQUE INDEX ledger_by_claim ON ledger (claim, entry >> 32) WHERE claim IS NOT NULL;

CREATE TABLE tombstones (
    scope     INTEGER NOT NULL,
    hash      BLOB    NOT NULL,
    words     INTEGER NOT NULL,
    forgotten INTEGER NOT NULL,
    PRIMARY KEY (scope, hash)
) STRICT, WITHOUT ROWID;

CREATE TABLE jobs (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    session     INTEGER NOT NULL, -- packed
    first       INTEGER NOT NULL, -- the number of its first turn, and of its last
    last        INTEGER NOT NULL,
    turns       INTEGER NOT NULL, -- how many of the session these are
    created     INTEGER NOT NULL, -- when the first of them was written, and the newest
    newest      INTEGER NOT NULL,
    state       INTEGER NOT NULL, -- 0 waiting, 1 running, 2 retrying, 3 dead
    attempts    INTEGER NOT NULL DEFAULT 0,
    due         INTEGER NOT NULL,
    lease_until INTEGER NOT NULL DEFAULT 0,
    token       INTEGER NOT NULL DEFAULT 0,
    failure     TEXT
) STRICT;
CREATE UNIQUE INDEX jobs_waiting ON jobs (session) WHERE state = 0;
CREATE UNIQUE INDEX jobs_running ON jobs (session >> 32) WHERE state = 1; -- one of a scope

INSERT INTO jobs (session, first, last, turns, created, newest, state, due)
    SELECT outbox.session, outbox.first, outbox.last, count(*), min(recorded), max(recorded), 0, min(recorded)
    FROM outbox CROSS JOIN turns
    ON turn BETWEEN (outbox.session >> 32) << 32 | outbox.first AND (outbox.session >> 32) << 32 | outbox.last
    AND turns.session = outbox.session & 0xffffffff
    GROUP BY outbox.session ORDER BY outbox.session;
DROP TABLE outbox;

-- Turns whose words were taken out: chain and message stay those of what was said.
ALTER TABLE turns ADD COLUMN redacted INTEGER NOT NULL DEFAULT 0;

-- How often words were taken out of a scope's search rows.
ALTER TABLE scopes ADD COLUMN redactions INTEGER NOT NULL DEFAULT 0;

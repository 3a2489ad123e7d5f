-- Keys named turn, row, session, profile and so on are packed: the scope's number in the upper 32 bits, the number within the
-- scope in the lower. No foreign keys: every write goes through one transaction that keeps them, and `doctor` checks.
-- An empty agent, app or run means none; names are never empty. Times are milliseconds since 1970, in UTC.

CREATE TABLE meta (
    name  TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE scopes (
    scope        INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant       TEXT    NOT NULL,
    user         TEXT    NOT NULL,
    agent        TEXT    NOT NULL,
    app          TEXT    NOT NULL,
    run          TEXT    NOT NULL,
    generation   INTEGER NOT NULL,
    last_turn    INTEGER NOT NULL DEFAULT 0,
    last_row     INTEGER NOT NULL DEFAULT 0,
    last_session INTEGER NOT NULL DEFAULT 0,
    UNIQUE (tenant, user, agent, app, run)
) STRICT;

CREATE TABLE sessions (
    session INTEGER PRIMARY KEY,
    scope   INTEGER NOT NULL,
    name    TEXT    NOT NULL,
    turns   INTEGER NOT NULL,
    first   INTEGER NOT NULL, -- the number of its first turn, and of its newest
    head    INTEGER NOT NULL,
    earliest INTEGER NOT NULL, -- times
    latest  INTEGER NOT NULL,
    UNIQUE (scope, name)
) STRICT;

CREATE TABLE turns (
    turn     INTEGER PRIMARY KEY,
    scope    INTEGER NOT NULL,
    session  INTEGER NOT NULL, -- its number within the scope, as parent is
    parent   INTEGER,
    chain    BLOB    NOT NULL,
    message  BLOB    NOT NULL,
    role     INTEGER NOT NULL,
    time     INTEGER NOT NULL,
    recorded INTEGER NOT NULL,
    passages INTEGER NOT NULL, -- how many search rows it has
    body     BLOB    NOT NULL
) STRICT;
CREATE UNIQUE INDEX turns_by_chain ON turns (scope, chain, session);
CREATE INDEX turns_by_message ON turns (scope, message);

CREATE TABLE search (
    row     INTEGER PRIMARY KEY,
    turn    INTEGER NOT NULL, -- numbers within the scope
    passage INTEGER NOT NULL,
    session INTEGER NOT NULL,
    body    BLOB    NOT NULL
) STRICT;

-- Search rows that wait for a vector.
CREATE TABLE unembedded (
    row INTEGER PRIMARY KEY
) STRICT;

-- Sessions that wait to be learned from: their turns from number first to last.
CREATE TABLE outbox (
    session INTEGER PRIMARY KEY,
    first   INTEGER NOT NULL,
    last    INTEGER NOT NULL
) STRICT;

CREATE TABLE receipts (
    id    BLOB    NOT NULL PRIMARY KEY,
    scope INTEGER NOT NULL,
    body  BLOB    NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX receipts_by_scope ON receipts (scope);

CREATE TABLE profiles (
    profile INTEGER PRIMARY KEY,
    body    BLOB NOT NULL
) STRICT;

CREATE TABLE idempotency (
    number  INTEGER PRIMARY KEY,
    scope   INTEGER NOT NULL,
    key     TEXT    NOT NULL,
    request BLOB    NOT NULL, -- hash of the request
    turns   BLOB    NOT NULL, -- 8 bytes each, little endian: number * 2 + (1 if it was known)
    created INTEGER NOT NULL,
    UNIQUE (scope, key)
) STRICT;

CREATE TABLE identities (
    tenant  TEXT    NOT NULL,
    agent   TEXT    NOT NULL,
    version INTEGER NOT NULL,
    created INTEGER NOT NULL,
    text    TEXT    NOT NULL,
    PRIMARY KEY (tenant, agent, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE slot_schemas (
    tenant TEXT NOT NULL PRIMARY KEY,
    schema TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE api_keys (
    number  INTEGER PRIMARY KEY,
    id      TEXT    NOT NULL UNIQUE,
    tenant  TEXT    NOT NULL,
    label   TEXT    NOT NULL,
    hash    BLOB    NOT NULL,
    created INTEGER NOT NULL,
    revoked INTEGER
) STRICT;

-- The newest is the one in force.
CREATE TABLE embedding_models (
    number     INTEGER PRIMARY KEY,
    name       TEXT    NOT NULL,
    dimensions INTEGER NOT NULL
) STRICT;

-- Erasures whose traces are still to be wiped from the file.
CREATE TABLE pending_scrubs (
    number INTEGER PRIMARY KEY AUTOINCREMENT
) STRICT;

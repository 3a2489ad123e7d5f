-- Names: `scope` is the key of a scope, 16 bytes made from its names (see src/scopes.rs); `number`, `seq` and `entry` count within
-- a scope, from 1. Times are milliseconds since 1970, in UTC. Payloads are opaque bytes that only the program reads; free text
-- stands in BYTEA too, since TEXT cannot hold every character. No foreign keys: each write is one transaction that has the row
-- of its scope locked.

CREATE TABLE throughline.meta (
    name  TEXT  NOT NULL PRIMARY KEY,
    value BYTEA NOT NULL
);

-- Which of two scopes was there first.
CREATE SEQUENCE throughline.scope_places;

-- An empty agent, app or run means none; names are never empty.
CREATE TABLE throughline.scopes (
    scope         BYTEA   NOT NULL PRIMARY KEY,
    place         BIGINT  NOT NULL DEFAULT nextval('throughline.scope_places'),
    tenant        TEXT    COLLATE "C" NOT NULL,
    user_name     TEXT    COLLATE "C" NOT NULL,
    agent         TEXT    COLLATE "C" NOT NULL,
    app           TEXT    COLLATE "C" NOT NULL,
    run           TEXT    COLLATE "C" NOT NULL,
    generation    BIGINT  NOT NULL,
    last_turn     INTEGER NOT NULL DEFAULT 0, -- the newest number of each
    last_row      INTEGER NOT NULL DEFAULT 0,
    last_session  INTEGER NOT NULL DEFAULT 0,
    last_entry    INTEGER NOT NULL DEFAULT 0,
    last_recorded BIGINT  NOT NULL DEFAULT 0, -- when the newest entry of the ledger was recorded
    redactions    INTEGER NOT NULL DEFAULT 0  -- how often words were taken out of its search rows
) PARTITION BY HASH (scope);
CREATE INDEX scopes_by_user ON throughline.scopes (tenant, user_name);

CREATE TABLE throughline.sessions (
    scope    BYTEA   NOT NULL,
    number   INTEGER NOT NULL,
    name     TEXT    COLLATE "C" NOT NULL,
    turns    INTEGER NOT NULL,
    first    INTEGER NOT NULL, -- its first turn, and its newest
    head     INTEGER NOT NULL,
    earliest BIGINT  NOT NULL, -- times
    latest   BIGINT  NOT NULL,
    PRIMARY KEY (scope, number),
    UNIQUE (scope, name)
) PARTITION BY HASH (scope);

CREATE TABLE throughline.turns (
    scope    BYTEA    NOT NULL,
    seq      INTEGER  NOT NULL,
    session  INTEGER  NOT NULL,
    parent   INTEGER,
    role     SMALLINT NOT NULL,
    redacted BOOLEAN  NOT NULL DEFAULT FALSE, -- words were taken out: chain and message stay those of what was said
    time     BIGINT   NOT NULL,
    recorded BIGINT   NOT NULL,
    chain    BYTEA    NOT NULL,
    message  BYTEA    NOT NULL,
    body     BYTEA    NOT NULL,
    PRIMARY KEY (scope, seq),
    UNIQUE (scope, chain, session)
) PARTITION BY HASH (scope);
CREATE INDEX turns_by_message ON throughline.turns (scope, message);

CREATE TABLE throughline.search (
    scope   BYTEA   NOT NULL,
    number  INTEGER NOT NULL,
    turn    INTEGER NOT NULL,
    passage INTEGER NOT NULL,
    session INTEGER NOT NULL,
    body    BYTEA   NOT NULL,
    PRIMARY KEY (scope, number)
) PARTITION BY HASH (scope);
-- Vectors do not compress, and a row that lies whole in its page is read in one step.
ALTER TABLE throughline.search ALTER COLUMN body SET STORAGE EXTERNAL;

CREATE TABLE throughline.profiles (
    scope BYTEA   NOT NULL,
    epoch INTEGER NOT NULL,
    body  BYTEA   NOT NULL,
    PRIMARY KEY (scope, epoch)
) PARTITION BY HASH (scope);

-- Append-only but for forgetting, which takes a claim out and leaves the number.
CREATE TABLE throughline.ledger (
    scope    BYTEA   NOT NULL,
    entry    INTEGER NOT NULL,
    recorded BIGINT  NOT NULL,
    claim    BYTEA,            -- the id of the claim in the body, if one is in it
    body     BYTEA   NOT NULL,
    PRIMARY KEY (scope, entry)
) PARTITION BY HASH (scope);
CREATE UNIQUE INDEX ledger_by_claim ON throughline.ledger (claim, scope) WHERE claim IS NOT NULL;

CREATE TABLE throughline.idempotency (
    scope   BYTEA   NOT NULL,
    number  INTEGER NOT NULL,
    key     BYTEA   NOT NULL,
    request BYTEA   NOT NULL, -- hash of the request
    turns   BYTEA   NOT NULL, -- 8 bytes each, little endian: number * 2 + (1 if it was known)
    created BIGINT  NOT NULL,
    PRIMARY KEY (scope, number),
    UNIQUE (scope, key)
) PARTITION BY HASH (scope);

-- By their id, since that is what they are looked up by.
CREATE TABLE throughline.receipts (
    id    BYTEA NOT NULL PRIMARY KEY,
    scope BYTEA NOT NULL,
    body  BYTEA NOT NULL
) PARTITION BY HASH (id);
CREATE INDEX receipts_by_scope ON throughline.receipts (scope);

CREATE TABLE throughline.tombstones (
    scope     BYTEA   NOT NULL,
    hash      BYTEA   NOT NULL,
    words     INTEGER NOT NULL,
    forgotten BIGINT  NOT NULL,
    PRIMARY KEY (scope, hash)
);

CREATE TABLE throughline.jobs (
    number      BIGINT   GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope       BYTEA    NOT NULL,
    session     INTEGER  NOT NULL,
    tenant      TEXT     COLLATE "C" NOT NULL,
    user_name   TEXT     COLLATE "C" NOT NULL,
    first       INTEGER  NOT NULL, -- its first turn, and its last
    last        INTEGER  NOT NULL,
    turns       INTEGER  NOT NULL, -- how many of the session these are
    created     BIGINT   NOT NULL, -- when the first of them was written, and the newest
    newest      BIGINT   NOT NULL,
    state       SMALLINT NOT NULL, -- 0 waiting, 1 running, 2 retrying, 3 dead
    attempts    INTEGER  NOT NULL DEFAULT 0,
    due         BIGINT   NOT NULL,
    lease_until BIGINT   NOT NULL DEFAULT 0,
    token       BIGINT   NOT NULL DEFAULT 0,
    failure     BYTEA
);
CREATE UNIQUE INDEX jobs_waiting ON throughline.jobs (scope, session) WHERE state = 0;
CREATE UNIQUE INDEX jobs_running ON throughline.jobs (scope) WHERE state = 1; -- one of a scope
CREATE INDEX jobs_by_scope ON throughline.jobs (scope);
CREATE INDEX jobs_by_tenant ON throughline.jobs (tenant, number);
CREATE INDEX jobs_alive ON throughline.jobs (number) WHERE state <> 3;

CREATE TABLE throughline.embedding_models (
    number     INTEGER NOT NULL PRIMARY KEY,
    name       BYTEA   NOT NULL,
    dimensions BIGINT  NOT NULL
);

-- Which is which: 'serving', 'coming', 'previous'. There is never a coming model beside a previous one. Who writes search rows
-- has this table locked against changes until its transaction ends.
CREATE TABLE throughline.model_roles (
    role   TEXT    NOT NULL PRIMARY KEY,
    number INTEGER NOT NULL
);

-- Search rows that a model of model_roles has not read. As long as there is no model they are listed for the first, 1.
CREATE TABLE throughline.unread (
    model  INTEGER NOT NULL,
    scope  BYTEA   NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (model, scope, number)
);

-- Search rows that may hold vectors of a model that was given up.
CREATE TABLE throughline.outdated (
    scope  BYTEA   NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (scope, number)
);

CREATE TABLE throughline.identities (
    tenant  TEXT    COLLATE "C" NOT NULL,
    agent   TEXT    COLLATE "C" NOT NULL,
    version INTEGER NOT NULL,
    created BIGINT  NOT NULL,
    text    BYTEA   NOT NULL,
    PRIMARY KEY (tenant, agent, version)
);

CREATE TABLE throughline.slot_schemas (
    tenant TEXT  COLLATE "C" NOT NULL PRIMARY KEY,
    schema BYTEA NOT NULL
);

CREATE TABLE throughline.api_keys (
    number  BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id      TEXT   COLLATE "C" NOT NULL UNIQUE,
    tenant  TEXT   COLLATE "C" NOT NULL,
    label   BYTEA  NOT NULL,
    hash    BYTEA  NOT NULL,
    created BIGINT NOT NULL,
    revoked BIGINT
);

DO $partitions$
DECLARE
    parent TEXT;
    settings TEXT;
BEGIN
    FOREACH parent IN ARRAY ARRAY['scopes', 'sessions', 'turns', 'search', 'profiles', 'ledger', 'idempotency', 'receipts'] LOOP
        settings := CASE parent
            -- Rows that each turn rewrites have room beside them, so that no index learns of it.
            WHEN 'scopes' THEN 'WITH (fillfactor = 80)'
            WHEN 'sessions' THEN 'WITH (fillfactor = 80)'
            -- Whole in its page as long as it fits into one.
            WHEN 'search' THEN 'WITH (toast_tuple_target = 8160)'
            ELSE ''
        END;
        FOR part IN 0..15 LOOP
            EXECUTE format('CREATE TABLE throughline.%I PARTITION OF throughline.%I FOR VALUES WITH (MODULUS 16, REMAINDER %s) %s',
                parent || '_' || part, parent, part, settings);
        END LOOP;
    END LOOP;
END
$partitions$;

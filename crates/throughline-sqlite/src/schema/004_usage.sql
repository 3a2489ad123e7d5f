-- What was spent on language models, by day in UTC, as `2026-11-25`, and stage. A tenant's counts are no sums over its users:
-- they outlive them, and a budget asks for them before each call.

CREATE TABLE user_usage (
    tenant        TEXT    NOT NULL,
    user          TEXT    NOT NULL,
    day           TEXT    NOT NULL,
    stage         INTEGER NOT NULL,
    calls         INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    answer_tokens INTEGER NOT NULL,
    cost_nanos    INTEGER NOT NULL,
    PRIMARY KEY (tenant, user, day, stage)
) STRICT, WITHOUT ROWID;

CREATE TABLE tenant_usage (
    tenant        TEXT    NOT NULL,
    day           TEXT    NOT NULL,
    stage         INTEGER NOT NULL,
    calls         INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    answer_tokens INTEGER NOT NULL,
    cost_nanos    INTEGER NOT NULL,
    PRIMARY KEY (tenant, day, stage)
) STRICT, WITHOUT ROWID;

-- What was spent on language models, by day in UTC, as `2026-11-25`, and stage. A tenant's counts are no sums over its users: they
-- outlive them, and a budget asks for them before each call.

CREATE TABLE throughline.user_usage (
    tenant        TEXT     COLLATE "C" NOT NULL,
    user_name     TEXT     COLLATE "C" NOT NULL,
    day           TEXT     COLLATE "C" NOT NULL,
    stage         SMALLINT NOT NULL,
    calls         BIGINT   NOT NULL,
    prompt_tokens BIGINT   NOT NULL,
    answer_tokens BIGINT   NOT NULL,
    cost_nanos    BIGINT   NOT NULL,
    PRIMARY KEY (tenant, user_name, day, stage)
);

CREATE TABLE throughline.tenant_usage (
    tenant        TEXT     COLLATE "C" NOT NULL,
    day           TEXT     COLLATE "C" NOT NULL,
    stage         SMALLINT NOT NULL,
    calls         BIGINT   NOT NULL,
    prompt_tokens BIGINT   NOT NULL,
    answer_tokens BIGINT   NOT NULL,
    cost_nanos    BIGINT   NOT NULL,
    PRIMARY KEY (tenant, day, stage)
) WITH (fillfactor = 80);

-- All stages of a day together. Additions wait for each other at this row, so each is told another sum.
CREATE TABLE throughline.tenant_days (
    tenant        TEXT   COLLATE "C" NOT NULL,
    day           TEXT   COLLATE "C" NOT NULL,
    calls         BIGINT NOT NULL,
    prompt_tokens BIGINT NOT NULL,
    answer_tokens BIGINT NOT NULL,
    cost_nanos    BIGINT NOT NULL,
    PRIMARY KEY (tenant, day)
) WITH (fillfactor = 80);

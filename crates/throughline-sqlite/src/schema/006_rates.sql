-- Requests that servers have taken of a tenant's, by minute since 1970; minutes that are over are let go.
CREATE TABLE requests (
    tenant TEXT    NOT NULL,
    minute INTEGER NOT NULL,
    taken  INTEGER NOT NULL,
    PRIMARY KEY (tenant, minute)
) WITHOUT ROWID;

-- Requests that servers have taken of a tenant's, by minute since 1970; minutes that are over are let go. A crash may forget them.

CREATE UNLOGGED TABLE throughline.requests (
    tenant TEXT    COLLATE "C" NOT NULL,
    minute BIGINT  NOT NULL,
    taken  BIGINT  NOT NULL,
    PRIMARY KEY (tenant, minute)
) WITH (fillfactor = 50);

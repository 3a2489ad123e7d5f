-- A store may have two embedding models: one serves, and beside it one is coming or one served before.

-- Which is which: 'serving', 'coming', 'previous'. There is never a coming model beside a previous one.
CREATE TABLE model_roles (
    role   TEXT    NOT NULL PRIMARY KEY,
    number INTEGER NOT NULL -- of embedding_models, whose newest is no longer the one in force
) STRICT, WITHOUT ROWID;
INSERT INTO model_roles (role, number) SELECT 'serving', max(number) FROM embedding_models HAVING count(*) > 0;

-- Search rows that a model of model_roles has not read. As long as there is no model they are listed for the first, 1.
CREATE TABLE unread (
    model INTEGER NOT NULL,
    row   INTEGER NOT NULL,
    PRIMARY KEY (model, row)
) STRICT, WITHOUT ROWID;
INSERT INTO unread (model, row)
    SELECT coalesce((SELECT number FROM model_roles WHERE role = 'serving'), 1), row FROM unembedded;
DROP TABLE unembedded;

-- Search rows that may hold vectors of a model that was given up.
CREATE TABLE outdated (
    row INTEGER PRIMARY KEY
) STRICT;

//! A vector index with pgvector, in the schema `throughline_vectors_1` of a database: the store's own or another.
//!
//! Each set is a table of its own. So a search never looks at another scope's vectors, an erasure drops a table and with it
//! the files, and building a graph keeps nobody else waiting. Up to a number of rows a search compares every vector of the table, which
//! is exact. Beyond, the table has an HNSW graph, and a search that meets too few vectors that pass the filters goes on
//! (`hnsw.iterative_scan`) until it has as many as were asked for. Vectors are `halfvec`: two bytes a component.
//!
//! A set's row in `sets` is locked by whoever writes to the set, so a change and an erasure come one after the other. The number
//! in the schema's name is that of the layout: another layout is filled anew.

use std::time::Duration;

use throughline::model::{Generation, Scope, UserKey};
use throughline::ports::{
    NearestVectors, StoreError, VectorChange, VectorConditions, VectorEntry, VectorIndex, VectorKey,
    VectorMark, VectorSet,
};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Row};

use crate::address::Address;
use crate::calls::Calls;
use crate::error::Fault;
use crate::options::PostgresOptions;
use crate::scopes;
use crate::statement::{Statement, column};
use crate::transaction::Transaction;

/// Rows from which on a set has a graph. Below, comparing all of a table takes a few milliseconds.
pub const VECTOR_GRAPH_ROWS_MIN: u64 = 10_000;

/// The first release with `hnsw.iterative_scan`.
const EXTENSION_MIN: (u32, u32) = (0, 8);

/// The most components of a vector that a graph can have, as of pgvector 0.8; a set of longer ones is always compared whole.
const GRAPH_DIMENSIONS_MAX: usize = 4_000;

/// Neighbours of a vector in the graph, and candidates looked at to find them.
const GRAPH_NEIGHBOURS: u32 = 16;
const GRAPH_CANDIDATES: u32 = 128;

/// Candidates of a search in the graph for each vector asked for, within what pgvector allows.
const CANDIDATES_A_VECTOR: usize = 2;
const CANDIDATES: std::ops::RangeInclusive<usize> = 200..=1_000;

/// Vectors a search in the graph may visit until it gives up finding more that pass the filters. Few ever do: what less than
/// 8,192 turns pass is not asked here.
const VISITED_MAX: u32 = 2_000_000;

/// How long one process waits for another to make the schema.
const SCHEMA_MADE_MAX: Duration = Duration::from_mins(1);

/// How long a change may take: nobody waits for it, and a graph takes milliseconds for each vector.
const WRITE_MAX: Duration = Duration::from_mins(1);

/// How long a graph may take to be built.
const GRAPH_BUILT_MAX: Duration = Duration::from_hours(4);

/// Keys read at once.
const KEYS_A_READ: i64 = 10_000;

/// Whoever makes the schema has this lock until the end of the transaction.
const BEGIN_SCHEMA: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SELECT pg_advisory_xact_lock(x'5468726c00000002'::bigint)";

const SCHEMA: &str = r#"
CREATE SCHEMA IF NOT EXISTS throughline_vectors_1;
CREATE TABLE IF NOT EXISTS throughline_vectors_1.sets (
    number     BIGINT  GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- its vectors are in the table set_NUMBER
    owner      TEXT    COLLATE "C" NOT NULL, -- of which store
    tenant     TEXT    COLLATE "C" NOT NULL,
    user_name  TEXT    COLLATE "C" NOT NULL,
    agent      TEXT    COLLATE "C" NOT NULL, -- empty for none
    app        TEXT    COLLATE "C" NOT NULL,
    run        TEXT    COLLATE "C" NOT NULL,
    generation BIGINT  NOT NULL,
    model      INTEGER NOT NULL,
    row        BIGINT  NOT NULL DEFAULT 0, -- up to which search row it has all
    redactions BIGINT  NOT NULL DEFAULT 0,
    UNIQUE (owner, tenant, user_name, agent, app, run, generation, model)
)"#;

/// Parameters $1 to $8 say which set.
const IS_SET: &str = "owner = $1 AND tenant = $2 AND user_name = $3 AND agent = $4 AND app = $5 AND run = $6
    AND generation = $7 AND model = $8";

/// A vector index on a Postgres server. Shared between threads by reference.
pub struct PostgresVectors {
    calls: Calls,
    owner: String,
    graph_rows_min: u64,
    call_max: Duration,
    begin_write: String,
}

impl std::fmt::Debug for PostgresVectors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresVectors").field("place", &self.calls.place()).finish_non_exhaustive()
    }
}

impl PostgresVectors {
    /// Opens the index of a database, and makes it where it is missing; URL and password as for
    /// [`PostgresStore::open`](crate::PostgresStore::open). `owner` names the store whose vectors they are: several stores may
    /// share a database. Sets get a graph from `graph_rows_min` rows on, see [`VECTOR_GRAPH_ROWS_MIN`].
    pub fn open(
        url: &str,
        password: Option<&str>,
        options: &PostgresOptions,
        owner: &str,
        graph_rows_min: u64,
    ) -> Result<Self, StoreError> {
        let calls = Calls::new(Address::read(url, password, options)?, options)?;
        bring_up(&calls)?;
        let call_max = options.call_max;
        let begin_write = begin("READ WRITE", WRITE_MAX, "");
        Ok(Self { calls, owner: owner.to_owned(), graph_rows_min, call_max, begin_write })
    }

    fn write<T>(&self, work: impl AsyncFn(&Transaction<'_>) -> Result<T, Fault>) -> Result<T, StoreError> {
        self.calls.transact(&self.begin_write, WRITE_MAX, work)
    }

    /// A statement with parameters $1 to $8 of [`IS_SET`].
    fn of_set<'a>(&'a self, sql: String, set: &'a VectorSet) -> Statement<'a> {
        let names = scopes::names(&set.scope);
        let statement = names.into_iter().fold(Statement::new(sql).with(&*self.owner), Statement::with);
        statement.with(set.generation.0.cast_signed()).with(i32::from(set.model))
    }

    fn find<'a>(&'a self, set: &'a VectorSet) -> Statement<'a> {
        let sql = format!("SELECT number, row, redactions FROM throughline_vectors_1.sets WHERE {IS_SET}");
        self.of_set(sql, set)
    }

    /// Builds the graph of a set that has become large. The table can be read meanwhile, and is written to afterwards.
    fn build_graph(&self, set: &VectorSet, dimensions: usize) -> Result<(), StoreError> {
        let missing = self.calls.read(async |client| {
            let reply = self.find(set).send(client).await?;
            let Some(row) = reply.first() else { return Ok(None) };
            let number: i64 = column(row, 0)?;
            let there = Statement::new("SELECT to_regclass($1) IS NOT NULL").with(graph(number));
            let there: bool = column(there.send(client).await?.first().ok_or(Fault::Again)?, 0)?;
            Ok((!there).then_some(number))
        })?;
        let Some(number) = missing else { return Ok(()) };
        let begin = begin("READ WRITE", GRAPH_BUILT_MAX, "");
        let (table, name) = (table(number), format!("nearest_{number}"));
        self.calls.transact(&begin, GRAPH_BUILT_MAX, async |transaction| {
            let sql = format!(
                "LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE;
                 CREATE INDEX IF NOT EXISTS {name} ON {table}
                 USING hnsw ((vector::halfvec({dimensions})) halfvec_cosine_ops)
                 WITH (m = {GRAPH_NEIGHBOURS}, ef_construction = {GRAPH_CANDIDATES})"
            );
            transaction.script(&sql).await.or_else(unless_gone)
        })?;
        tracing::info!(table, "a set of vectors has a graph");
        Ok(())
    }
}

impl VectorIndex for PostgresVectors {
    fn begin(&self, set: &VectorSet) -> Result<VectorMark, StoreError> {
        self.write(async |transaction| {
            let insert = self.of_set(
                "INSERT INTO throughline_vectors_1.sets (owner, tenant, user_name, agent, app, run, generation, model)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING number"
                    .into(),
                set,
            );
            let [made, found] = transaction.round([insert, self.find(set)]).await?;
            if let Some(row) = made.first() {
                let sql = format!(
                    "CREATE TABLE {} (turn BIGINT NOT NULL, passage INTEGER NOT NULL, role SMALLINT NOT NULL,
                     time BIGINT NOT NULL, tags INTEGER[] NOT NULL, vector halfvec NOT NULL, PRIMARY KEY (turn, passage))",
                    table(column(row, 0)?)
                );
                transaction.script(&sql).await?;
            }
            // If it went in between, an erasure was faster.
            mark(found.first().ok_or(Fault::Again)?, 1)
        })
    }

    fn mark(&self, set: &VectorSet) -> Result<Option<VectorMark>, StoreError> {
        self.calls.read(async |client| {
            self.find(set).send(client).await?.first().map(|row| mark(row, 1)).transpose()
        })
    }

    fn put(&self, set: &VectorSet, change: &VectorChange) -> Result<bool, StoreError> {
        let VectorChange { before, after, entries, gone } = change;
        let done = self.write(async |transaction| {
            let sql = format!(
                "UPDATE throughline_vectors_1.sets SET row = $9, redactions = $10
                 WHERE {IS_SET} AND row = $11 AND redactions = $12 RETURNING number"
            );
            let marks = [after.row, after.redactions, before.row, before.redactions];
            let moved = marks.into_iter().map(u64::cast_signed).fold(self.of_set(sql, set), Statement::with);
            let [moved] = transaction.round([moved]).await?;
            let Some(row) = moved.first() else { return Ok(false) };
            let table = table(column(row, 0)?);
            let mut statements = Vec::new();
            if !gone.is_empty() {
                statements.push(delete(&table, gone));
            }
            if !entries.is_empty() {
                statements.push(insert(&table, entries));
            }
            transaction.commit(statements).await?;
            Ok(true)
        })?;
        let dimensions = entries.first().map_or(0, |entry| entry.vector.len());
        if done && (1..=GRAPH_DIMENSIONS_MAX).contains(&dimensions) && after.row >= self.graph_rows_min {
            self.build_graph(set, dimensions)?;
        }
        Ok(done)
    }

    fn nearest(
        &self,
        set: &VectorSet,
        vector: &[f32],
        conditions: &VectorConditions,
        limit: usize,
    ) -> Result<Option<NearestVectors>, StoreError> {
        let candidates = (CANDIDATES_A_VECTOR * limit).clamp(*CANDIDATES.start(), *CANDIDATES.end());
        let settings = format!(
            ", set_config('hnsw.ef_search', '{candidates}', true),
             set_config('hnsw.iterative_scan', 'strict_order', true),
             set_config('hnsw.max_scan_tuples', '{VISITED_MAX}', true)"
        );
        self.calls.transact(
            &begin("READ ONLY", self.call_max, &settings),
            self.call_max,
            async |transaction| {
                let [found] = transaction.round([self.find(set)]).await?;
                let Some(row) = found.first() else { return Ok(None) };
                let mark = mark(row, 1)?;
                let table = table(column(row, 0)?);
                let mut rows = Vec::new();
                // Some vectors of a graph may not be reached, which shows where few pass the filters: then all are compared.
                for graph in [true, false] {
                    let search = search(&table, vector, conditions, limit, graph);
                    rows = match transaction.round([search]).await {
                        Ok([found]) => found.rows,
                        Err(fault) => return unless_gone(fault).map(|()| None),
                    };
                    if rows.len() >= limit || mark.row < self.graph_rows_min {
                        break;
                    }
                }
                let keys = rows.iter().map(|row| Ok((key(row)?, column::<f32>(row, 2)?)));
                Ok(Some(NearestVectors { mark, keys: keys.collect::<Result<_, Fault>>()? }))
            },
        )
    }

    fn keys(&self, set: &VectorSet, sink: &mut dyn FnMut(VectorKey)) -> Result<(), StoreError> {
        let mut after = (-1, 0);
        loop {
            let rows = self.calls.read(async |client| self.keys_after(client, set, after).await)?;
            let keys = rows.iter().map(key).collect::<Result<Vec<_>, Fault>>();
            let keys = keys.map_err(|fault| fault.at(self.calls.place()))?;
            let Some(last) = keys.last() else { return Ok(()) };
            after = (last.turn.cast_signed(), last.passage.cast_signed());
            keys.into_iter().for_each(&mut *sink);
        }
    }

    fn sets(&self) -> Result<Vec<VectorSet>, StoreError> {
        self.calls.read(async |client| {
            let reply = Statement::new(
                "SELECT tenant, user_name, agent, app, run, generation, model FROM throughline_vectors_1.sets
                 WHERE owner = $1",
            );
            let rows = reply.with(&*self.owner).send(client).await?.rows;
            rows.iter().map(|row| read_set(row, scopes::scope(row, 0)?)).collect()
        })
    }

    fn remove(&self, set: &VectorSet) -> Result<(), StoreError> {
        self.write(async |transaction| {
            let sql = format!("DELETE FROM throughline_vectors_1.sets WHERE {IS_SET} RETURNING number");
            let [gone] = transaction.round([self.of_set(sql, set)]).await?;
            drop_tables(transaction, &gone.rows).await
        })
    }

    fn erase_user(&self, user: &UserKey) -> Result<(), StoreError> {
        self.write(async |transaction| {
            let delete = Statement::new(
                "DELETE FROM throughline_vectors_1.sets WHERE owner = $1 AND tenant = $2 AND user_name = $3 RETURNING number",
            );
            let delete = delete.with(&*self.owner).with(user.tenant.as_str()).with(user.user.as_str());
            let [gone] = transaction.round([delete]).await?;
            drop_tables(transaction, &gone.rows).await
        })
    }
}

impl PostgresVectors {
    async fn keys_after(
        &self,
        client: &Client,
        set: &VectorSet,
        (turn, passage): (i64, i32),
    ) -> Result<Vec<Row>, Fault> {
        let found = self.find(set).send(client).await?;
        let Some(row) = found.first() else { return Ok(Vec::new()) };
        let sql = format!(
            "SELECT turn, passage FROM {} WHERE (turn, passage) > ($1, $2) ORDER BY turn, passage LIMIT {KEYS_A_READ}",
            table(column(row, 0)?)
        );
        match Statement::new(sql).with(turn).with(passage).send(client).await {
            Ok(reply) => Ok(reply.rows),
            Err(error) => unless_gone(error.into()).map(|()| Vec::new()),
        }
    }
}

/// Drops the tables of sets whose rows were deleted; the set's number is the first column.
async fn drop_tables(transaction: &Transaction<'_>, gone: &[Row]) -> Result<(), Fault> {
    for row in gone {
        transaction.script(&format!("DROP TABLE IF EXISTS {}", table(column(row, 0)?))).await?;
    }
    Ok(())
}

fn table(number: i64) -> String {
    format!("throughline_vectors_1.set_{number}")
}

fn graph(number: i64) -> String {
    format!("throughline_vectors_1.nearest_{number}")
}

fn begin(access: &str, time_max: Duration, settings: &str) -> String {
    let ms = time_max.as_millis();
    format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED {access};
         SELECT set_config('statement_timeout', '{ms}', true),
             set_config('idle_in_transaction_session_timeout', '{ms}', true){settings}"
    )
}

/// A table that is not there (any more): its set was taken away.
fn unless_gone(fault: Fault) -> Result<(), Fault> {
    match &fault {
        Fault::Postgres(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => Ok(()),
        _ => Err(fault),
    }
}

fn delete(table: &str, keys: &[VectorKey]) -> Statement<'static> {
    let sql = format!(
        "DELETE FROM {table} WHERE (turn, passage) IN (SELECT * FROM unnest($1::bigint[], $2::integer[]))"
    );
    Statement::new(sql)
        .with(keys.iter().map(|key| key.turn.cast_signed()).collect::<Vec<i64>>())
        .with(keys.iter().map(|key| key.passage.cast_signed()).collect::<Vec<i32>>())
}

fn insert(table: &str, entries: &[VectorEntry]) -> Statement<'static> {
    let sql = format!(
        "INSERT INTO {table} (turn, passage, role, time, tags, vector)
         SELECT turn, passage, role, time, tags::integer[], vector::halfvec
         FROM unnest($1::bigint[], $2::integer[], $3::smallint[], $4::bigint[], $5::text[], $6::text[])
             AS entry (turn, passage, role, time, tags, vector)
         ON CONFLICT (turn, passage) DO UPDATE
         SET role = excluded.role, time = excluded.time, tags = excluded.tags, vector = excluded.vector"
    );
    let texts = |text: fn(&VectorEntry) -> String| entries.iter().map(text).collect::<Vec<String>>();
    Statement::new(sql)
        .with(entries.iter().map(|entry| entry.key.turn.cast_signed()).collect::<Vec<i64>>())
        .with(entries.iter().map(|entry| entry.key.passage.cast_signed()).collect::<Vec<i32>>())
        .with(entries.iter().map(|entry| i16::from(entry.role)).collect::<Vec<i16>>())
        .with(entries.iter().map(|entry| entry.time_ms).collect::<Vec<i64>>())
        .with(texts(|entry| format!("{{{}}}", joined(entry.tags.iter().map(|tag| tag.cast_signed())))))
        .with(texts(|entry| vector_text(&entry.vector)))
}

fn search(
    table: &str,
    vector: &[f32],
    conditions: &VectorConditions,
    limit: usize,
    graph: bool,
) -> Statement<'static> {
    let VectorConditions { roles, from_ms, until_ms, any_tag, all_tags } = conditions;
    // The graph is on this expression: by another, all are compared.
    let dimensions = if graph { format!("::halfvec({})", vector.len()) } else { String::new() };
    let distance = format!("vector{dimensions} <=> $1::text::halfvec");
    let sql = format!(
        "SELECT turn, passage, (1 - ({distance}))::real FROM {table}
         WHERE (cardinality($2::smallint[]) = 0 OR role = ANY ($2))
         AND ($3::bigint IS NULL OR time >= $3) AND ($4::bigint IS NULL OR time < $4)
         AND (cardinality($5::integer[]) = 0 OR tags && $5) AND tags @> $6::integer[]
         ORDER BY {distance} LIMIT $7"
    );
    let tags = |tags: &[u32]| tags.iter().map(|tag| tag.cast_signed()).collect::<Vec<i32>>();
    Statement::new(sql)
        .with(vector_text(vector))
        .with(roles.iter().map(|role| i16::from(*role)).collect::<Vec<i16>>())
        .with(*from_ms)
        .with(*until_ms)
        .with(tags(any_tag))
        .with(tags(all_tags))
        .with(scopes::limit(limit))
}

fn vector_text(vector: &[f32]) -> String {
    format!("[{}]", joined(vector.iter()))
}

fn joined(values: impl Iterator<Item: std::fmt::Display>) -> String {
    let mut text = String::new();
    for value in values {
        let comma = if text.is_empty() { "" } else { "," };
        // Writing to a string cannot fail.
        let _ = std::fmt::Write::write_fmt(&mut text, format_args!("{comma}{value}"));
    }
    text
}

/// From the columns row and redactions, of which this is the first.
fn mark(row: &Row, at: usize) -> Result<VectorMark, Fault> {
    let number = |at| Ok::<_, Fault>(column::<i64>(row, at)?.cast_unsigned());
    Ok(VectorMark { row: number(at)?, redactions: number(at + 1)? })
}

/// From the columns turn and passage.
fn key(row: &Row) -> Result<VectorKey, Fault> {
    Ok(VectorKey {
        turn: column::<i64>(row, 0)?.cast_unsigned(),
        passage: column::<i32>(row, 1)?.cast_unsigned(),
    })
}

fn read_set(row: &Row, scope: Scope) -> Result<VectorSet, Fault> {
    let model: i32 = column(row, 6)?;
    let model = model.try_into().map_err(|_| Fault::Damaged(format!("{model} is no number of a model")))?;
    Ok(VectorSet { scope, generation: Generation(column::<i64>(row, 5)?.cast_unsigned()), model })
}

/// Makes schema and extension where they are missing, and refuses an extension that is too old.
fn bring_up(calls: &Calls) -> Result<(), StoreError> {
    let there = calls.read(async |client| {
        let sql = "SELECT to_regclass('throughline_vectors_1.sets') IS NOT NULL";
        column::<bool>(Statement::new(sql).send(client).await?.first().ok_or(Fault::Again)?, 0)
    })?;
    if !there {
        calls.transact(BEGIN_SCHEMA, SCHEMA_MADE_MAX, async |transaction| {
            transaction.script("CREATE EXTENSION IF NOT EXISTS vector").await.map_err(without_extension)?;
            transaction.script(SCHEMA).await
        })?;
    }
    let version = calls.read(async |client| {
        let sql = "SELECT extversion FROM pg_extension WHERE extname = 'vector'";
        let reply = Statement::new(sql).send(client).await?;
        reply.first().map(|row| column::<String>(row, 0)).transpose()
    })?;
    let version = version.unwrap_or_default();
    let mut numbers = version.split('.').map(|number| number.parse().unwrap_or(0));
    if (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) < EXTENSION_MIN {
        return Err(StoreError::Unavailable(format!(
            "{} has pgvector {version}; 0.8 or newer is needed: install it on the server and run `ALTER EXTENSION vector UPDATE`",
            calls.place()
        )));
    }
    Ok(())
}

fn without_extension(fault: Fault) -> Fault {
    let Fault::Postgres(error) = &fault else { return fault };
    match error.as_db_error() {
        Some(error) => Fault::Store(StoreError::Unavailable(format!(
            "pgvector cannot be had: {}; install it on the server, and let a role with the right to it run `CREATE EXTENSION vector`",
            error.message()
        ))),
        None => fault,
    }
}

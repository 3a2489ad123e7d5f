//! Throughline's store on Postgres: the database a team already runs, for many processes on many machines.
//!
//! [`PostgresStore`] keeps everything in the schema `throughline` of one database; docs/postgres.md describes its tables.
//!
//! **Order.** A write is one transaction that has the row of its scope locked, so writes of one scope go one after the other in
//! whichever process they begin; scopes do not wait for each other. No number, head or epoch is remembered from one
//! transaction to the next. Conflicts that the server finds (deadlocks, serialization) are tried again within a bound.
//!
//! **Poolers.** Nothing is kept in a session: statements are sent unnamed and with their types, settings and locks end with
//! their transaction. So a pooler such as pgbouncer may share connections by the transaction.
//!
//! **Vectors.** [`PostgresVectors`] keeps vectors of large scopes with pgvector, in a schema of its own, beside this store or any other.
//!
//! **Round trips.** A read is one statement; the opening of a request is several, sent at once. An append is two round trips: all that is asked, then all that is written with the
//! commit.

mod address;
mod append;
mod calls;
mod copy;
mod credentials;
mod embedding;
mod erase;
mod error;
mod forget;
mod idempotency;
mod identities;
mod jobs;
mod journal;
mod ledger;
mod models;
mod opening;
mod options;
mod pool;
mod profiles;
mod rate;
mod receipts;
mod replication;
mod runtime;
mod schema;
mod scopes;
mod search;
mod statement;
mod store;
mod tls;
mod transaction;
mod usage;
mod vectors;

pub use options::PostgresOptions;
pub use store::PostgresStore;
pub use vectors::{PostgresVectors, VECTOR_GRAPH_ROWS_MIN};

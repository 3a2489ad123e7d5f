//! Throughline's store on Redis and Valkey: one server, Sentinel or Cluster. Any number of processes serve one store.
//!
//! Plain commands and Lua scripts, no module. docs/redis.md lists every key. [`RedisVectors`], which needs the vector sets of
//! Redis 8, is an index beside this store or any other.
//!
//! # A write is one commit
//!
//! Everything of a user has one hash tag and so one slot. A writer reads what it needs of a scope in one view (`read.lua`),
//! decides in Rust, and commits with one script (`commit.lua`), which makes all changes if the scope still has the version
//! that was read, else none. Scripts keep books; what is kept as a payload they never look into.
//!
//! A commit carries an id, and a scope remembers the ids of its newest ones. So a commit whose answer was lost is sent again
//! without harm, through a failover too: either it is not there, then it is made; or it is there, then the script says so.
//! Where a scope has been written to so often since that it cannot tell, the caller gets an error, and repeats by the rules of
//! the port: turns by their chain, batches by their key, ledger entries by the number before, jobs by their token.
//!
//! # What lies outside a scope's slot
//!
//! Three things are asked for across users and so cannot be part of a commit: where a receipt or a memory is (`places.rs`),
//! which learning jobs there are (`job_index.rs`), which scopes have rows that a model has not read or that hold vectors of a
//! model given up (`lists.rs`). For each, one rule: **an entry is there as long as anything needs it**. A crash can leave one
//! too many, never one too few:
//!
//! - It is written, as durably as a commit is, before the commit that needs it. A crash between the two leaves an entry that
//!   leads to nothing.
//! - It is taken away after the commit that makes it needless. A crash between the two leaves an entry that leads to nothing.
//! - Who meets an entry that leads to nothing takes it away, but it may be that of a writer which has not committed yet. So the
//!   scope is committed to first, at the version at which the entry was found to lead to nothing: a writer that had read that
//!   version fails, begins again and writes its entry anew. And entries carry a token (a job's number and the moment it was
//!   listed; a listed scope's own number), and are taken away only under the token that was looked at: what was written anew stays.
//! - A scope that does not exist cannot be committed to. There an entry is taken away only when it is older than an hour, and
//!   a commit that makes a scope or a job is refused by the server ten minutes after its entry was written.
//! - Entries of places are looked up by id, and count only if the scope says that it has the thing. Nothing else needs them.
//!
//! A change of the embedding models makes rows of every scope wait at once. It lists every scope after it was committed, and
//! a flag in the same commit says that this is still to be done. Rows remember which models have read them, not which have
//! not: a writer that has not heard of a new model writes rows that are not read by it, which is true. It must not leave the
//! scope unlisted, though: a scope remembers the newest version of the models any of its writers knew, and whoever knows an
//! older one looks again; and a scope that is new is announced before its writer reads the models.

mod append;
mod bytes;
mod client;
mod commit;
mod copy;
mod credentials;
mod document;
mod durable;
mod embedding;
mod erase;
mod error;
mod forget;
mod job_index;
mod job_record;
mod jobs;
mod journal;
mod keys;
mod ledger;
mod lists;
mod models;
mod opening;
mod options;
mod places;
mod pool;
mod profiles;
mod rate;
mod receipts;
mod replication;
mod reply;
mod rows;
mod scope;
mod script;
mod store;
mod tenants;
mod topology;
mod url;
mod usage;
mod vectors;
mod wipe;
mod writing;

pub use options::{Durability, RedisOptions};
pub use store::RedisStore;
pub use vectors::{RedisVectors, VECTOR_GRAPH_ROWS_MIN};

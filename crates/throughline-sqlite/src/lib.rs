//! Throughline's embedded store: one SQLite file is the truth.
//!
//! [`SqliteStore`] keeps everything in `throughline.sqlite` inside the data directory. One thread writes, in groups
//! that share one commit; a pool of connections reads. What is acknowledged is durable (`synchronous=FULL`).
//!
//! **Several processes may share a data directory.** SQLite's locks order their writes, every invariant is
//! established inside the write transaction that needs it (no number, head or epoch is remembered from one
//! transaction to the next), and readers recognise another process's writes by the revision. Share a local disk
//! only: SQLite's locks and shared memory do not work over network file systems.
//!
//! No file of the store may be opened by other means while a store is open in the same process: POSIX drops all of
//! a process's locks on a file when any descriptor of it is closed.

mod append;
mod connection;
mod copy;
mod credentials;
pub mod doctor;
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
mod number;
mod options;
mod profiles;
mod queue;
mod rate;
mod readers;
mod receipts;
mod schema;
mod scopes;
mod scrub;
mod search;
mod store;
mod usage;
mod writer;

pub use connection::FILE_NAME;
pub use options::SqliteOptions;
pub use store::SqliteStore;

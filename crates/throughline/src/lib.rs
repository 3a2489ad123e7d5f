//! The Throughline engine: recall, context, learning and forgetting over ports.
//!
//! Synchronous, and knows no HTTP, no SQL, no environment variable and no wall clock. A program gives it a store, the
//! time and, if there is one, an embedding model:
//!
//! ```
//! use std::sync::Arc;
//! use throughline::memory::{ContextRequest, Memory, Observation, Settings, TurnToObserve};
//! use throughline::model::{Role, Scope, SessionId, TenantId, Timestamp, UserId};
//! use throughline::recall::RecallRequest;
//! use throughline_sqlite::{SqliteOptions, SqliteStore};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! let store = SqliteStore::open(directory.path(), SqliteOptions::default())?;
//! let memory = Memory::open(Arc::new(store), Arc::new(Timestamp::now), Settings::default())?;
//! let ana = Scope::of(TenantId::new("my-app")?, UserId::new("ana")?);
//!
//! let said = vec![TurnToObserve::new(Role::User, "I moved to Berlin in May.")];
//! memory.observe(&ana, Observation::new(SessionId::new("monday")?, said))?;
//!
//! let found = memory.recall(&ana, &RecallRequest::new("Who moved to Berlin?"))?;
//! assert_eq!(found.items[0].text(), "I moved to Berlin in May.");
//!
//! let context = memory.context(&ana, &ContextRequest::asking("When did I move to Berlin?"))?;
//! assert!(context.block.is_some_and(|block| block.contains("I moved to Berlin in May.")));
//! # Ok(())
//! # }
//! ```

pub mod codec;
pub mod context;
pub mod copy;
pub mod forget;
pub mod journal;
pub mod learn;
pub mod memory;
pub mod model;
pub mod ports;
pub mod recall;
pub mod text;
pub mod truth;

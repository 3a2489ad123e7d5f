//! What a store on a server tells of that server, for whoever watches it.

use std::time::Duration;

use super::StoreError;

/// The connections of this process to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Connections {
    /// Lent and idle ones.
    pub open: u64,
    /// Those that are lent.
    pub in_use: u64,
    /// How often a call has waited since others had all of them.
    pub waits: u64,
    /// How long, all in all.
    pub waited: Duration,
}

impl Connections {
    /// Those of two pools.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            open: self.open + other.open,
            in_use: self.in_use + other.in_use,
            waits: self.waits + other.waits,
            waited: self.waited + other.waited,
        }
    }
}

/// Looks at the server of a store; an embedded one has none.
pub trait WatchStore: Send + Sync {
    /// The connections of this process to it. Asks nobody.
    fn connections(&self) -> Connections {
        Connections::default()
    }

    /// How far the replica that is furthest behind is behind, in bytes of the server's log; none if there is no replica, or the server
    /// does not tell us.
    fn replication_lag_bytes(&self) -> Result<Option<u64>, StoreError> {
        Ok(None)
    }
}

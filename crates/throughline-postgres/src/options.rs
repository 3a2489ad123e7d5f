//! What can be set about a store; the defaults suit a server.

use std::time::Duration;

/// How a store is reached. Limits end in their unit or are durations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresOptions {
    /// Connections at most, and so calls at once; a further one waits for [`Self::connect_max`].
    pub connections_max: usize,
    /// How long a call waits for a free connection, and for a new one to be made.
    pub connect_max: Duration,
    /// How long a call may take, repetitions included. Then it is cancelled and fails as unavailable.
    pub call_max: Duration,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self { connections_max: 16, connect_max: Duration::from_secs(5), call_max: Duration::from_secs(30) }
    }
}

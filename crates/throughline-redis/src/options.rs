//! What can be set about a store; the defaults suit a server.

use std::time::Duration;

/// What it means that a write returned `Ok`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// It is in the memory of the primary. A crash of it loses what came since its last write to disk.
    Memory,
    /// It is on the primary's disk: a crash of the process or the machine loses nothing, the loss of the disk does.
    #[default]
    Fsync,
    /// So many replicas have it in memory as well: the loss of the primary loses nothing.
    Replicated {
        /// How many replicas, at least 1.
        replicas: u32,
    },
}

/// How a store is opened. Limits end in their unit or are durations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisOptions {
    /// What stands before every key of the store. Several stores on one server have different ones.
    pub key_prefix: String,
    /// What stands before `user:{…}:memory`, the document of the structured memory.
    pub memory_prefix: String,
    /// What an acknowledgement means.
    pub durability: Durability,
    /// Open it on a server that may drop what it acknowledged: without an append-only file, or with a policy that evicts.
    pub allow_data_loss: bool,
    /// Rewrite the servers' append-only files when somebody is erased or something forgotten, and wait for it for so long. None:
    /// what was taken away stays in these files until the server rewrites them by itself.
    pub wipe_wait_max: Option<Duration>,
    /// Connections to each node; a call that finds them all in use waits.
    pub connections_max: usize,
    /// How long to wait for a connection to be made.
    pub connect_wait_max: Duration,
    /// How long to wait for one answer.
    pub answer_wait_max: Duration,
    /// How long to wait for the disk, or for replicas, to have a write.
    pub acknowledge_wait_max: Duration,
    /// How long a call may take in all, with its repetitions during a failover or while a slot is moved.
    pub call_wait_max: Duration,
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self {
            key_prefix: "tl:".into(),
            memory_prefix: String::new(),
            durability: Durability::default(),
            allow_data_loss: false,
            wipe_wait_max: None,
            connections_max: 16,
            connect_wait_max: Duration::from_secs(1),
            answer_wait_max: Duration::from_secs(2),
            acknowledge_wait_max: Duration::from_secs(2),
            call_wait_max: Duration::from_secs(8),
        }
    }
}

//! What can be set about a store; the defaults suit a server.

use std::time::Duration;

/// How a store is opened. Limits end in their unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteOptions {
    /// Connections that read, and so reads that run at once.
    pub readers: usize,
    /// Writes that may wait for the writing thread. Another one waits for [`Self::queue_wait_max`] at most, then fails
    /// as unavailable.
    pub write_queue_max: usize,
    /// How long a write waits for a place in a full queue, and a read for a free connection.
    pub queue_wait_max: Duration,
    /// How long to wait for a lock that another process holds.
    pub busy_wait_max: Duration,
    /// How long an erasure waits for readers (of any process) that still look at what it took away.
    pub erase_wait_max: Duration,
    /// Pages of 8 KiB in the log after which they are moved into the file. More makes writing cheaper and the log larger.
    pub checkpoint_pages: u32,
    /// The most the file may grow to; beyond, writes fail as full. None: as far as the disk goes.
    pub file_bytes_max: Option<u64>,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            readers: cores.clamp(2, 16),
            write_queue_max: 1024,
            queue_wait_max: Duration::from_secs(5),
            busy_wait_max: Duration::from_secs(5),
            erase_wait_max: Duration::from_mins(1),
            checkpoint_pages: 8_000,
            file_bytes_max: None,
        }
    }
}

//! The connections that read: a fixed number, lent one at a time.

use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::Connection;
use throughline::ports::StoreError;

use crate::error::Fault;

pub(crate) struct Readers {
    idle: Mutex<Vec<Connection>>,
    returned: Condvar,
    wait_max: Duration,
    file: PathBuf,
}

/// Gives the connection back, also when a read panics.
struct Lent<'a> {
    readers: &'a Readers,
    connection: Option<Connection>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.readers.idle().push(connection);
            self.readers.returned.notify_one();
        }
    }
}

impl Readers {
    pub(crate) fn new(connections: Vec<Connection>, wait_max: Duration, file: PathBuf) -> Self {
        Self { idle: Mutex::new(connections), returned: Condvar::new(), wait_max, file }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `work` on a view of the store that does not change meanwhile.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        let connection = {
            let (mut idle, _) = self
                .returned
                .wait_timeout_while(self.idle(), self.wait_max, |idle| idle.is_empty())
                .unwrap_or_else(PoisonError::into_inner);
            idle.pop()
        };
        let lent = Lent { readers: self, connection };
        let connection = lent.connection.as_ref().ok_or_else(|| {
            StoreError::Unavailable(
                "too many reads at once; try again, or raise the number of readers".into(),
            )
        })?;
        let view = connection.unchecked_transaction().map_err(|error| Fault::from(error).at(&self.file))?;
        work(&view).map_err(|fault| fault.at(&self.file))
    }
}

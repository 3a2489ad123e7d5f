//! The way from async code to the engine, which blocks: a bounded number of threads.
//!
//! Nothing else in this crate may call a method of `Memory` or of its store on an async thread.

use std::sync::Arc;

use throughline::memory::Memory;
use tokio::sync::Semaphore;

use crate::error::{ApiError, ErrorCode};
use crate::reach::Reach;

/// The engine, reached from async code.
#[derive(Clone)]
pub(crate) struct Engine {
    memory: Arc<Memory>,
    calls: Arc<Semaphore>,
    reach: Arc<Reach>,
}

impl Engine {
    pub(crate) fn new(memory: Arc<Memory>, calls_max: usize) -> Self {
        Self { memory, calls: Arc::new(Semaphore::new(calls_max)), reach: Arc::default() }
    }

    /// The engine itself, for what does not block: settings, keys, stripping.
    pub(crate) fn memory(&self) -> &Arc<Memory> {
        &self.memory
    }

    /// Whether the store can be reached.
    pub(crate) fn reach(&self) -> &Reach {
        &self.reach
    }

    /// Runs a call on a thread that may block, when one is free. A call whose caller has gone runs to its end. While the
    /// store cannot be reached, nothing is called.
    pub(crate) async fn call<T, E>(
        &self,
        call: impl FnOnce(&Memory) -> Result<T, E> + Send + 'static,
    ) -> Result<T, ApiError>
    where
        T: Send + 'static,
        E: Into<ApiError> + Send + 'static,
    {
        self.reach.check()?;
        let closed = |_| ApiError::new(ErrorCode::Internal, "the server is stopping");
        let permit = Arc::clone(&self.calls).acquire_owned().await.map_err(closed)?;
        let memory = Arc::clone(&self.memory);
        let finished = tokio::task::spawn_blocking(move || {
            let result = call(&memory);
            drop(permit);
            result
        })
        .await;
        match finished {
            Ok(result) => result.map_err(Into::into),
            Err(failed) => match failed.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(ApiError::new(ErrorCode::Internal, "the server is stopping")),
            },
        }
    }
}

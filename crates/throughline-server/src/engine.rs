//! The way from async code to the engine, which blocks: a bounded number of threads, and a bounded queue of work that
//! outlives its request.
//!
//! Nothing else in this crate may call a method of `Memory` or of its store on an async thread.

use std::future::Future;
use std::sync::Arc;

use throughline::memory::Memory;
use tokio::sync::Semaphore;

use crate::error::{ApiError, ErrorCode};

/// The engine, reached from async code.
#[derive(Clone)]
pub(crate) struct Engine {
    memory: Arc<Memory>,
    calls: Arc<Semaphore>,
}

impl Engine {
    pub(crate) fn new(memory: Arc<Memory>, calls_max: usize) -> Self {
        Self { memory, calls: Arc::new(Semaphore::new(calls_max)) }
    }

    /// The engine itself, for what does not block: settings, keys, stripping.
    pub(crate) fn memory(&self) -> &Arc<Memory> {
        &self.memory
    }

    /// Runs a call on a thread that may block, when one is free. A call whose caller has gone runs to its end.
    pub(crate) async fn call<T, E>(
        &self,
        call: impl FnOnce(&Memory) -> Result<T, E> + Send + 'static,
    ) -> Result<T, ApiError>
    where
        T: Send + 'static,
        E: Into<ApiError> + Send + 'static,
    {
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

/// Work that goes on after its response, such as recording an exchange: bounded, and waited for at the end.
#[derive(Clone)]
pub(crate) struct Background {
    places: Arc<Semaphore>,
    places_max: u32,
}

impl Background {
    pub(crate) fn new(places_max: usize) -> Self {
        let places_max = u32::try_from(places_max).unwrap_or(u32::MAX);
        Self { places: Arc::new(Semaphore::new(places_max as usize)), places_max }
    }

    /// Starts the work, or does nothing and returns false if too much is under way.
    #[must_use]
    pub(crate) fn try_spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> bool {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else { return false };
        tokio::spawn(async move {
            work.await;
            drop(place);
        });
        true
    }

    /// How much is under way.
    pub(crate) fn depth(&self) -> usize {
        (self.places_max as usize).saturating_sub(self.places.available_permits())
    }

    /// Waits until nothing is under way.
    pub(crate) async fn idle(&self) {
        // Fails only if the semaphore was closed, which nobody does.
        drop(self.places.acquire_many(self.places_max).await);
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn background_work_is_bounded_and_waited_for() {
        let background = Background::new(1);
        let (finish, finished) = oneshot::channel::<()>();
        assert!(background.try_spawn(async move { drop(finished.await) }));
        assert_eq!(background.depth(), 1);
        assert!(!background.try_spawn(async {}));
        finish.send(()).unwrap();
        background.idle().await;
        assert_eq!(background.depth(), 0);
    }
}

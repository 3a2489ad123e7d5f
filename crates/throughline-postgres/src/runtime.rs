//! The thread that moves bytes between connections and server, and waiting for an answer without being on it.
//!
//! The engine is synchronous and its callers may stand anywhere, also inside another runtime, where tokio's own `block_on`
//! would panic. So a call is polled on the thread that makes it, and only the connections live on a runtime.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake};
use std::thread::Thread;

use throughline::ports::StoreError;
use tokio::runtime::Handle;

/// One thread for all connections of a store. Dropping it closes them.
pub(crate) struct Runtime(Option<tokio::runtime::Runtime>, Handle);

impl Runtime {
    pub(crate) fn start() -> Result<Self, StoreError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("throughline-postgres")
            .enable_all()
            .build()
            .map_err(|error| {
                StoreError::Unavailable(format!("the connections' thread cannot be started: {error}"))
            })?;
        let handle = runtime.handle().clone();
        Ok(Self(Some(runtime), handle))
    }

    /// Where what goes on by itself is spawned.
    pub(crate) fn handle(&self) -> &Handle {
        &self.1
    }

    /// Waits on this thread until the future is done.
    pub(crate) fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        // Sockets and timers that the future makes belong to our runtime.
        let _entered = self.1.enter();
        let mut future = pin!(future);
        let waker = Arc::new(Parked(std::thread::current())).into();
        let mut context = Context::from_waker(&waker);
        loop {
            match future.as_mut().poll(&mut context) {
                Poll::Ready(value) => return value,
                Poll::Pending => std::thread::park(),
            }
        }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // Does not wait, which is not allowed inside another runtime.
            runtime.shutdown_background();
        }
    }
}

/// Wakes a thread that is parked.
struct Parked(Thread);

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_call_may_be_made_inside_another_runtime_and_from_many_threads() {
        let runtime = Runtime::start().unwrap();
        let call = || {
            runtime.wait(async {
                tokio::time::sleep(Duration::from_millis(1)).await;
                7
            })
        };
        assert_eq!(call(), 7);
        let outer = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert_eq!(outer.block_on(async { call() }), 7);
        std::thread::scope(|threads| {
            let calls: Vec<_> = (0..8).map(|_| threads.spawn(call)).collect();
            assert!(calls.into_iter().all(|call| call.join().unwrap() == 7));
        });
        outer.block_on(async { drop(runtime) });
    }
}

//! From a listening socket to a clean end.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::ListenerExt as _;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use crate::app::App;
use crate::{metrics, reach, worker};

/// Why serving ended without being asked to.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The listening socket failed.
    #[error("the server's socket failed: {0}")]
    Socket(#[from] std::io::Error),
}

/// Serves until `shutdown` is done. Then takes no new connection, finishes what is in flight and being recorded, for
/// at most [`shutdown_grace_ms_max`](crate::ServerConfig::shutdown_grace_ms_max), and returns.
pub async fn serve(
    listener: TcpListener,
    app: App,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    // The vocabulary that tokens are counted with takes a while to load; the first chat need not wait for it.
    let memory = Arc::clone(app.state.engine.memory());
    drop(tokio::task::spawn_blocking(move || memory.settings().token_encoding.count("")));
    let (stop, stopped) = oneshot::channel::<()>();
    // A response whose body comes after its head would else wait for the client's delayed acknowledgement: 40 ms.
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "a connection sends small parts late");
        }
    });
    let server =
        axum::serve(listener, app.router()).with_graceful_shutdown(async move { drop(stopped.await) });
    let mut server = std::pin::pin!(server.into_future());
    tokio::select! {
        ended = &mut server => ended?,
        () = upkeep() => {}
        () = learn(&app) => {}
        () = reach::watch(app.state.engine.clone()) => {}
        () = shutdown => {
            let most = app.state.config.shutdown_grace_ms_max;
            let deadline = Instant::now() + Duration::from_millis(most);
            drop(stop);
            let in_flight = timeout_at(deadline, server).await;
            let recorded = timeout_at(deadline, app.state.recorder.flushed()).await;
            if in_flight.is_err() || recorded.is_err() {
                tracing::warn!(waited_ms = most, "stopped before everything in flight was finished");
            }
        }
    }
    Ok(())
}

/// Never ends by itself, whether there is anything to learn or not.
async fn learn(app: &App) {
    if app.state.config.learning {
        worker::learn(app.state.clone()).await;
    }
    std::future::pending::<()>().await;
}

/// Never ends by itself.
async fn upkeep() {
    loop {
        tokio::time::sleep(metrics::UPKEEP_EVERY).await;
        metrics::upkeep();
    }
}

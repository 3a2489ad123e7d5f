//! The connections: made when they are needed, up to a number, and lent one at a time.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use throughline::ports::{Connections, StoreError};
use tokio_postgres::Client;

use crate::address::Address;
use crate::error::Fault;
use crate::options::PostgresOptions;
use crate::runtime::Runtime;

pub(crate) struct Pool {
    runtime: Runtime,
    address: Address,
    connections_max: usize,
    connect_max: Duration,
    state: Mutex<State>,
    returned: Condvar,
}

#[derive(Default)]
struct State {
    /// The one used last at the end: it is lent first, so that few are in use where few are needed.
    idle: Vec<Client>,
    /// With those that are lent and those being made.
    open: usize,
    /// How often and how long somebody waited for one that was lent.
    waits: u64,
    waited: Duration,
}

/// A connection, until it is dropped. It goes back to the pool if it was said to be clean.
pub(crate) struct Lent<'a> {
    pool: &'a Pool,
    client: Option<Client>,
    clean: bool,
}

impl Pool {
    pub(crate) fn new(address: Address, options: &PostgresOptions) -> Result<Self, StoreError> {
        Ok(Self {
            runtime: Runtime::start()?,
            address,
            connections_max: options.connections_max.max(1),
            connect_max: options.connect_max,
            state: Mutex::default(),
            returned: Condvar::new(),
        })
    }

    pub(crate) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// The store, for people.
    pub(crate) fn place(&self) -> &str {
        &self.address.place
    }

    /// What they are doing.
    pub(crate) fn connections(&self) -> Connections {
        let state = self.state();
        let (open, idle) = (state.open as u64, state.idle.len() as u64);
        Connections { open, in_use: open - idle, waits: state.waits, waited: state.waited }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection that is open, as far as one can know.
    pub(crate) fn lend(&self) -> Result<Lent<'_>, Fault> {
        let deadline = Instant::now() + self.connect_max;
        let mut state = self.state();
        let mut has_waited = false;
        loop {
            while let Some(client) = state.idle.pop() {
                if !client.is_closed() {
                    return Ok(Lent { pool: self, client: Some(client), clean: false });
                }
                state.open -= 1;
            }
            if state.open < self.connections_max {
                state.open += 1;
                break;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Fault::Store(StoreError::Unavailable(format!(
                    "{}: all {} connections are in use; try again, or raise their number",
                    self.address.place, self.connections_max
                ))));
            }
            let waits_since = Instant::now();
            state = self.returned.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
            state.waits += u64::from(!std::mem::replace(&mut has_waited, true));
            state.waited += waits_since.elapsed();
        }
        drop(state);
        let mut lent = Lent { pool: self, client: None, clean: false };
        lent.client = Some(self.runtime.wait(self.connect())?);
        Ok(lent)
    }

    async fn connect(&self) -> Result<Client, Fault> {
        let connecting = self.address.config.connect(self.address.tls.clone());
        let Ok(connected) = tokio::time::timeout(self.connect_max, connecting).await else {
            return Err(Fault::Store(StoreError::Unavailable(format!(
                "{} does not answer; check that the server runs and can be reached",
                self.address.place
            ))));
        };
        let (client, connection) = connected?;
        self.runtime.handle().spawn(async move {
            // Whoever waits for an answer gets the error as well.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to Postgres ended");
            }
        });
        Ok(client)
    }

    /// Lets go of connections that nobody uses: when one breaks, those made before it mostly have broken too.
    pub(crate) fn forget_idle(&self) {
        let mut state = self.state();
        state.open -= state.idle.len();
        state.idle.clear();
        drop(state);
        self.returned.notify_all();
    }

    /// Asks the server to give up what the connection is doing. Does not wait for it.
    pub(crate) fn cancel(&self, client: &Client) {
        let (token, tls) = (client.cancel_token(), self.address.tls.clone());
        let wait_max = self.connect_max;
        self.runtime.handle().spawn(async move {
            // If it does not arrive, the server's own limit ends the statement.
            let _ = tokio::time::timeout(wait_max, token.cancel_query(tls)).await;
        });
    }
}

impl Lent<'_> {
    pub(crate) fn client(&self) -> Result<&Client, Fault> {
        self.client.as_ref().ok_or(Fault::Again)
    }

    /// Says that nothing is left to be done on it.
    pub(crate) fn clean(mut self) {
        self.clean = true;
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut state = self.pool.state();
        match self.client.take() {
            Some(client) if self.clean && !client.is_closed() => state.idle.push(client),
            _ => state.open -= 1,
        }
        drop(state);
        self.pool.returned.notify_one();
    }
}

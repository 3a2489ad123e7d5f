//! Connections to the nodes: a bounded number to each, lent one at a time.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use redis::Connection;
use throughline::ports::Connections;

use crate::error::Fault;
use crate::url::{Address, StoreUrl};

/// Bounds of connections; see [`crate::RedisOptions`].
#[expect(clippy::struct_field_names, reason = "limits end in `max`")]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) connections_max: usize,
    pub(crate) connect_wait_max: Duration,
    pub(crate) answer_wait_max: Duration,
}

pub(crate) struct Pools {
    url: StoreUrl,
    limits: Limits,
    nodes: Mutex<HashMap<Address, Arc<Node>>>,
}

#[derive(Default)]
struct Node {
    state: Mutex<NodeState>,
    returned: Condvar,
}

#[derive(Default)]
struct NodeState {
    idle: Vec<Connection>,
    /// With those that are lent.
    open: usize,
    /// How often and how long somebody waited for one that was lent.
    waits: u64,
    waited: Duration,
}

/// A connection on loan. It goes back when it is dropped, unless [`broken`](Self::broken) was called.
pub(crate) struct Lent {
    node: Arc<Node>,
    connection: Option<Connection>,
}

impl Lent {
    /// None once it is broken.
    pub(crate) fn connection(&mut self) -> Option<&mut Connection> {
        self.connection.as_mut()
    }

    /// An answer may be on its way still: nobody may use the connection again.
    pub(crate) fn broken(&mut self) {
        self.connection = None;
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut state = self.node.state();
        match self.connection.take() {
            Some(connection) => state.idle.push(connection),
            None => state.open -= 1,
        }
        drop(state);
        self.node.returned.notify_one();
    }
}

impl Node {
    fn state(&self) -> MutexGuard<'_, NodeState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pools {
    pub(crate) fn new(url: StoreUrl, limits: Limits) -> Self {
        Self { url, limits, nodes: Mutex::default() }
    }

    fn node(&self, address: &Address) -> Arc<Node> {
        let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        nodes.entry(address.clone()).or_default().clone()
    }

    /// A connection to this node, until `deadline` waiting for one that is lent.
    pub(crate) fn lend(&self, address: &Address, deadline: Instant) -> Result<Lent, Fault> {
        let node = self.node(address);
        let all_lent =
            |state: &mut NodeState| state.idle.is_empty() && state.open >= self.limits.connections_max;
        let begin = Instant::now();
        let mut state = node.state();
        let waits = all_lent(&mut state);
        let (mut state, waited) = node
            .returned
            .wait_timeout_while(state, deadline.saturating_duration_since(begin), all_lent)
            .unwrap_or_else(PoisonError::into_inner);
        if waits {
            state.waits += 1;
            state.waited += begin.elapsed();
        }
        if waited.timed_out() && all_lent(&mut state) {
            return Err(Fault::Passing(format!(
                "all {} connections to {address} are in use; raise their number",
                self.limits.connections_max
            )));
        }
        let idle = state.idle.pop();
        if idle.is_none() {
            state.open += 1;
        }
        drop(state);
        let mut lent = Lent { node, connection: idle };
        if lent.connection.is_none() {
            lent.connection = Some(self.connect(address)?);
        }
        Ok(lent)
    }

    /// What all of them are doing.
    pub(crate) fn connections(&self) -> Connections {
        let nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |node: &Arc<Node>| {
            let state = node.state();
            let (open, idle) = (state.open as u64, state.idle.len() as u64);
            Connections { open, in_use: open - idle, waits: state.waits, waited: state.waited }
        };
        nodes.values().map(of).fold(Connections::default(), Connections::and)
    }

    fn connect(&self, address: &Address) -> Result<Connection, Fault> {
        let connection = self
            .url
            .connection(address)
            .and_then(|info| connect(info, self.limits.connect_wait_max, self.limits.answer_wait_max));
        connection.map_err(|error| Fault::Passing(format!("cannot connect to {address}: {error}")))
    }

    /// Closes the idle connections to a node that broke one: the others are likely broken as well.
    pub(crate) fn close_idle(&self, address: &Address) {
        let node = self.node(address);
        let mut state = node.state();
        state.open -= state.idle.len();
        state.idle.clear();
    }

    /// A connection to a Sentinel, which is not kept.
    pub(crate) fn sentinel(&self, address: &Address) -> redis::RedisResult<Connection> {
        let info = self.url.sentinel_connection(address)?;
        connect(info, self.limits.connect_wait_max, self.limits.answer_wait_max)
    }
}

fn connect(
    info: redis::ConnectionInfo,
    connect_wait_max: Duration,
    answer_wait_max: Duration,
) -> redis::RedisResult<Connection> {
    let connection = redis::Client::open(info)?.get_connection_with_timeout(connect_wait_max)?;
    connection.set_read_timeout(Some(answer_wait_max))?;
    connection.set_write_timeout(Some(answer_wait_max))?;
    Ok(connection)
}

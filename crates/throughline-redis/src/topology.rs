//! Which node has a slot: asked of Sentinels or of the Cluster, remembered until a node says otherwise or fails.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use redis::{Cmd, Value};

use crate::error::Fault;
use crate::keys::Slot;
use crate::pool::Pools;
use crate::reply;
use crate::url::{Address, Servers};

/// After an attempt that failed nobody asks again for so long.
const PAUSE: Duration = Duration::from_millis(50);

#[derive(Default)]
struct Known {
    /// From and to, both included.
    ranges: Vec<(u16, u16, Address)>,
    /// What nodes said since.
    moved: HashMap<Slot, Address>,
    fresh: bool,
    failed: Option<Instant>,
    /// Where asking begins: another node each time, since the first one may be the one that hangs.
    turn: usize,
}

pub(crate) struct Topology {
    servers: Servers,
    known: Mutex<Known>,
}

impl Topology {
    pub(crate) fn new(servers: Servers) -> Self {
        Self { servers, known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The node that has the slot.
    pub(crate) fn address(&self, slot: Slot, pools: &Pools, deadline: Instant) -> Result<Address, Fault> {
        if let Servers::Single(address) = &self.servers {
            return Ok(address.clone());
        }
        // Whoever comes meanwhile waits for the one answer.
        let mut known = self.known();
        if !known.fresh {
            self.refresh(&mut known, pools, deadline)?;
        }
        let moved = known.moved.get(&slot);
        let listed = || known.ranges.iter().find(|(from, to, _)| (*from..=*to).contains(&slot.0));
        let address = moved.or_else(|| listed().map(|(_, _, address)| address)).cloned();
        address.ok_or_else(|| {
            known.fresh = false;
            Fault::Passing(format!("no node of the Cluster serves slot {}", slot.0))
        })
    }

    /// Every node that has slots.
    pub(crate) fn primaries(&self, pools: &Pools, deadline: Instant) -> Result<Vec<Address>, Fault> {
        if let Servers::Single(address) = &self.servers {
            return Ok(vec![address.clone()]);
        }
        let mut known = self.known();
        self.refresh(&mut known, pools, deadline)?;
        let addresses: BTreeSet<_> = known.ranges.iter().map(|(_, _, address)| address.clone()).collect();
        Ok(addresses.into_iter().collect())
    }

    /// A node said where the slot is; the rest of what is known is likely out of date as well.
    pub(crate) fn moved(&self, slot: Slot, address: Address) {
        let mut known = self.known();
        known.moved.insert(slot, address);
        known.fresh = false;
    }

    /// A node failed, or said that it is not what it was.
    pub(crate) fn doubt(&self) {
        self.known().fresh = false;
    }

    fn refresh(&self, known: &mut Known, pools: &Pools, deadline: Instant) -> Result<(), Fault> {
        if known.failed.is_some_and(|failed| failed.elapsed() < PAUSE) {
            return Err(Fault::Passing("nobody knows at present where the primary is".into()));
        }
        known.turn += 1;
        let asked = match &self.servers {
            Servers::Single(_) => return Ok(()),
            Servers::Sentinel { sentinels, primary } => {
                first(sentinels, known.turn, |sentinel| primary_of(pools, sentinel, primary, deadline))
            }
            Servers::Cluster(seeds) => {
                let listed = known.ranges.iter().map(|(_, _, address)| address);
                let nodes: BTreeSet<_> = listed.chain(seeds).cloned().collect();
                let nodes: Vec<_> = nodes.into_iter().collect();
                first(&nodes, known.turn, |node| slots_of(pools, node, deadline))
            }
        };
        match asked {
            Ok(ranges) => {
                *known = Known { ranges, fresh: true, turn: known.turn, ..Known::default() };
                Ok(())
            }
            Err(fault) => {
                known.failed = Some(Instant::now());
                Err(fault)
            }
        }
    }
}

type Ranges = Vec<(u16, u16, Address)>;

/// The first answer, beginning at another one each time.
fn first(
    addresses: &[Address],
    turn: usize,
    ask: impl Fn(&Address) -> Result<Ranges, Fault>,
) -> Result<Ranges, Fault> {
    let mut last = Fault::Passing("there is nobody to ask where the primary is".into());
    for at in 0..addresses.len() {
        match ask(&addresses[(turn + at) % addresses.len()]) {
            Ok(ranges) => return Ok(ranges),
            Err(fault) => last = fault,
        }
    }
    Err(last)
}

fn passing(address: &Address, error: &redis::RedisError) -> Fault {
    Fault::Passing(format!("{address} does not say where the primary is: {error}"))
}

fn primary_of(pools: &Pools, sentinel: &Address, name: &str, deadline: Instant) -> Result<Ranges, Fault> {
    let mut connection = pools.sentinel(sentinel).map_err(|error| passing(sentinel, &error))?;
    let mut question = redis::cmd("SENTINEL");
    question.arg("get-master-addr-by-name").arg(name);
    let answer: Value = question.query(&mut connection).map_err(|error| passing(sentinel, &error))?;
    let mut parts = reply::list(answer)?.into_iter();
    let (Some(host), Some(port)) = (parts.next(), parts.next()) else {
        return Err(Fault::Passing(format!("the Sentinel {sentinel} knows no primary called `{name}`")));
    };
    let host = reply::text(host)?.unwrap_or_default();
    let address = Address { host, port: reply::number(port)? };
    // During a failover a Sentinel may name the one that was.
    let role = ask(pools, &address, &redis::cmd("ROLE"), deadline)?;
    let role = reply::list(role)?.into_iter().next().map(reply::text).transpose()?.flatten();
    if role.as_deref() != Some("master") {
        return Err(Fault::Passing(format!("{address}, named by a Sentinel, is not yet the primary")));
    }
    Ok(vec![(0, u16::MAX, address)])
}

fn slots_of(pools: &Pools, node: &Address, deadline: Instant) -> Result<Ranges, Fault> {
    let mut question = redis::cmd("CLUSTER");
    question.arg("SLOTS");
    let mut ranges = Vec::new();
    for range in reply::list(ask(pools, node, &question, deadline)?)? {
        let mut parts = reply::list(range)?.into_iter();
        let (Some(from), Some(to), Some(primary)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let mut primary = reply::list(primary)?.into_iter();
        let (Some(host), Some(port)) = (primary.next(), primary.next()) else { continue };
        let host = reply::text(host)?.filter(|host| !host.is_empty() && host != "?");
        let host = host.unwrap_or_else(|| node.host.clone());
        ranges.push((reply::number(from)?, reply::number(to)?, Address { host, port: reply::number(port)? }));
    }
    if ranges.is_empty() {
        return Err(Fault::Passing(format!("{node} knows of no node that serves slots")));
    }
    Ok(ranges)
}

/// One command to one node, whatever it is there for.
pub(crate) fn ask(pools: &Pools, node: &Address, command: &Cmd, deadline: Instant) -> Result<Value, Fault> {
    let mut lent = pools.lend(node, deadline)?;
    let answer = match lent.connection() {
        Some(connection) => command.query(connection),
        None => return Err(Fault::Passing(format!("{node} closed the connection"))),
    };
    answer.map_err(|error: redis::RedisError| {
        if error.is_io_error() {
            lent.broken();
            return Fault::Passing(format!("{node}: {error}"));
        }
        let detail = error.detail().unwrap_or_default().to_owned();
        Fault::Server(error.code().unwrap_or("ERR").to_owned(), detail)
    })
}

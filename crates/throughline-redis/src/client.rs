//! Commands to whichever node has their slot, again and again until they are answered or the time is over.
//!
//! **Everything sent here may be sent twice**: an answer that is lost says nothing about whether the command was done. So
//! commands either read, or do the same when they are done again: see `commit.lua`, whose compare makes it so for all
//! that counts.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rand::Rng as _;
use redis::{Cmd, ServerError, Value};
use throughline::ports::count_round_trip;

use crate::error::Fault;
use crate::keys::{Key, Slot};
use crate::pool::{Lent, Pools};
use crate::script::Script;
use crate::topology::Topology;
use crate::url::Address;

const BACKOFF_MIN: Duration = Duration::from_millis(2);
const BACKOFF_MAX: Duration = Duration::from_millis(200);

/// A command for one slot.
#[derive(Clone)]
pub(crate) struct Call {
    slot: Slot,
    what: What,
}

#[derive(Clone)]
enum What {
    Plain(Cmd),
    Script { script: &'static Script, keys: Vec<String>, arguments: Vec<Vec<u8>> },
}

impl Call {
    /// A command with one key.
    pub(crate) fn plain(name: &str, key: &Key, arguments: &[&[u8]]) -> Self {
        let mut command = redis::cmd(name);
        command.arg(&key.name);
        for argument in arguments {
            command.arg(*argument);
        }
        Self { slot: key.slot, what: What::Plain(command) }
    }

    /// A script on keys of one slot.
    pub(crate) fn script(script: &'static Script, keys: &[Key], arguments: Vec<Vec<u8>>) -> Self {
        let slot = keys.first().map_or(Slot(0), |key| key.slot);
        debug_assert!(keys.iter().all(|key| key.slot == slot), "{keys:?}");
        let keys = keys.iter().map(|key| key.name.clone()).collect();
        Self { slot, what: What::Script { script, keys, arguments } }
    }

    /// Its bytes; a script's with its whole text if the node does not know it.
    fn packed(&self, unknown: bool) -> Vec<u8> {
        match &self.what {
            What::Plain(command) => command.get_packed_command(),
            What::Script { script, keys, arguments } => {
                let mut command = if unknown { redis::cmd("EVAL") } else { redis::cmd("EVALSHA") };
                command.arg(if unknown { script.text } else { script.hash() });
                command.arg(keys.len()).arg(&keys[..]);
                for argument in arguments {
                    command.arg(&argument[..]);
                }
                command.get_packed_command()
            }
        }
    }
}

/// Where and how a call that is not yet answered goes next.
#[derive(Clone, Default)]
struct Way {
    /// The node that is taking the slot over, for this one time.
    asking: Option<Address>,
    unknown_script: bool,
}

/// Why a call has to be sent again.
struct Again {
    call: usize,
    way: Way,
    /// After a pause; else at once.
    later: Option<Fault>,
}

pub(crate) struct Client {
    pub(crate) pools: Pools,
    pub(crate) topology: Topology,
    pub(crate) call_wait_max: Duration,
    /// Asks whether what was written is where it has to be, and the answer that says so.
    acknowledge: Option<(Cmd, Acknowledged)>,
}

/// The answers that acknowledge.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Acknowledged {
    /// `WAITAOF 1 0`: the primary's disk.
    Disk,
    /// `WAIT n`: so many replicas.
    Replicas(i64),
}

impl Client {
    pub(crate) fn new(pools: Pools, topology: Topology, call_wait_max: Duration) -> Self {
        Self { pools, topology, call_wait_max, acknowledge: None }
    }

    /// From now on writes wait for this.
    pub(crate) fn acknowledge_by(&mut self, command: Cmd, answer: Acknowledged) {
        self.acknowledge = Some((command, answer));
    }

    pub(crate) fn read(&self, call: Call) -> Result<Value, Fault> {
        self.one(call, false)
    }

    /// Answers in the order of the calls, which are sent at once.
    pub(crate) fn read_all(&self, calls: &[Call]) -> Result<Vec<Value>, Fault> {
        self.run(calls, false)
    }

    /// Returns when it is as durable as the store is to be.
    pub(crate) fn write(&self, call: Call) -> Result<Value, Fault> {
        self.one(call, true)
    }

    pub(crate) fn write_all(&self, calls: &[Call]) -> Result<Vec<Value>, Fault> {
        self.run(calls, true)
    }

    fn one(&self, call: Call, durable: bool) -> Result<Value, Fault> {
        let answers = self.run(&[call], durable)?;
        answers.into_iter().next().ok_or_else(|| Fault::Passing("no answer".into()))
    }

    fn run(&self, calls: &[Call], durable: bool) -> Result<Vec<Value>, Fault> {
        let deadline = Instant::now() + self.call_wait_max;
        let mut answers = vec![None; calls.len()];
        let mut pending: Vec<(usize, Way)> = (0..calls.len()).map(|call| (call, Way::default())).collect();
        let mut pause = BACKOFF_MIN;
        while !pending.is_empty() {
            let again = self.round(calls, &pending, durable, deadline, &mut answers)?;
            let fault = again.iter().find_map(|again| again.later.clone());
            pending = again.into_iter().map(|again| (again.call, again.way)).collect();
            if let Some(fault) = fault {
                if Instant::now() + pause > deadline {
                    return Err(fault);
                }
                std::thread::sleep(pause.mul_f64(rand::rng().random_range(0.5..1.0)));
                pause = (pause * 2).min(BACKOFF_MAX);
            } else if !pending.is_empty() && Instant::now() > deadline {
                return Err(Fault::Passing("the nodes send from one to the other".into()));
            }
        }
        Ok(answers.into_iter().flatten().collect())
    }

    /// Sends what is pending, all of it before the first answer is read. Returns what is to be sent again.
    fn round(
        &self,
        calls: &[Call],
        pending: &[(usize, Way)],
        durable: bool,
        deadline: Instant,
        answers: &mut [Option<Value>],
    ) -> Result<Vec<Again>, Fault> {
        let mut again = Vec::new();
        // In the order of addresses: two threads that need connections to the same nodes cannot wait for each other.
        let mut groups: BTreeMap<Address, Vec<(usize, Way)>> = BTreeMap::new();
        for (call, way) in pending {
            let address = match &way.asking {
                Some(address) => Ok(address.clone()),
                None => self.topology.address(calls[*call].slot, &self.pools, deadline),
            };
            match address {
                Ok(address) => groups.entry(address).or_default().push((*call, way.clone())),
                Err(fault) => again.push(Again { call: *call, way: Way::default(), later: Some(fault) }),
            }
        }
        let mut sent = Vec::new();
        for (address, group) in groups {
            match self.send(&address, calls, &group, durable, deadline) {
                Ok(lent) => sent.push((address, group, lent)),
                Err(fault) => {
                    self.failed(&address);
                    let later = |(call, _)| Again { call, way: Way::default(), later: Some(fault.clone()) };
                    again.extend(group.into_iter().map(later));
                }
            }
        }
        if !sent.is_empty() {
            count_round_trip();
        }
        // All answers are read, whatever comes: a connection goes back without any left in it.
        let mut failed = None;
        for (address, group, lent) in sent {
            match self.receive(&address, calls, group, durable, lent, answers) {
                Ok(later) => again.extend(later),
                Err(fault) => failed = Some(fault),
            }
        }
        failed.map_or(Ok(again), Err)
    }

    fn failed(&self, address: &Address) {
        self.pools.close_idle(address);
        self.topology.doubt();
    }

    fn send(
        &self,
        address: &Address,
        calls: &[Call],
        group: &[(usize, Way)],
        durable: bool,
        deadline: Instant,
    ) -> Result<Lent, Fault> {
        let mut packed = Vec::new();
        for (call, way) in group {
            if way.asking.is_some() {
                redis::cmd("ASKING").write_packed_command(&mut packed);
            }
            packed.extend(calls[*call].packed(way.unknown_script));
        }
        if let Some((command, _)) = self.acknowledge.as_ref().filter(|_| durable) {
            command.write_packed_command(&mut packed);
        }
        let mut lent = self.pools.lend(address, deadline)?;
        let sent = match lent.connection() {
            Some(connection) => connection.send_packed_command(&packed),
            None => return Err(Fault::Passing(format!("{address} closed the connection"))),
        };
        if let Err(error) = sent {
            lent.broken();
            return Err(Fault::Passing(format!("cannot send to {address}: {error}")));
        }
        Ok(lent)
    }

    fn receive(
        &self,
        address: &Address,
        calls: &[Call],
        group: Vec<(usize, Way)>,
        durable: bool,
        mut lent: Lent,
        answers: &mut [Option<Value>],
    ) -> Result<Vec<Again>, Fault> {
        let mut again = Vec::new();
        let mut done = Vec::new();
        let mut unread = group.into_iter();
        let mut lost = None;
        let mut refused = None;
        while lost.is_none()
            && let Some((call, way)) = unread.next()
        {
            let answer = next_answer(&mut lent, way.asking.is_some());
            match answer {
                Ok(Value::ServerError(error)) => {
                    match self.refused(address, calls[call].slot, call, &way, &error) {
                        Ok(later) => again.push(later),
                        Err(fault) => refused = Some(fault),
                    }
                }
                Ok(value) => done.push((call, value)),
                Err(error) => {
                    lost = Some(Fault::Passing(format!("no answer from {address}: {error}")));
                    again.push(Again { call, way: Way::default(), later: lost.clone() });
                }
            }
        }
        if let (None, true, Some((_, wanted))) = (&lost, durable, &self.acknowledge) {
            match next_answer(&mut lent, false) {
                Ok(answer) if wanted.is(&answer) => {}
                Ok(answer) => {
                    lost = Some(Fault::Passing(missing(address, &answer)));
                    let later =
                        |(call, _): (usize, Value)| Again { call, way: Way::default(), later: lost.clone() };
                    again.extend(std::mem::take(&mut done).into_iter().map(later));
                    lost = None;
                }
                Err(error) => lost = Some(Fault::Passing(format!("no answer from {address}: {error}"))),
            }
        }
        if let Some(fault) = lost {
            lent.broken();
            self.failed(address);
            let unanswered = unread.map(|(call, _)| call);
            // Without its acknowledgement an answer counts for nothing.
            let unacknowledged = if durable { std::mem::take(&mut done) } else { Vec::new() };
            let calls = unanswered.chain(unacknowledged.into_iter().map(|(call, _)| call));
            again.extend(calls.map(|call| Again { call, way: Way::default(), later: Some(fault.clone()) }));
        }
        for (call, value) in done {
            answers[call] = Some(value);
        }
        refused.map_or(Ok(again), Err)
    }

    /// What an error of a server means for a call: that it goes elsewhere, or later, or has failed.
    fn refused(
        &self,
        address: &Address,
        slot: Slot,
        call: usize,
        way: &Way,
        error: &ServerError,
    ) -> Result<Again, Fault> {
        let (code, detail) = (error.code(), error.details().unwrap_or_default());
        let fault = || Fault::Server(code.to_owned(), detail.to_owned());
        let elsewhere = || redirect(detail, address);
        match code {
            "NOSCRIPT" => Ok(Again { call, way: Way { unknown_script: true, ..way.clone() }, later: None }),
            "MOVED" => {
                if let Some(target) = elsewhere() {
                    self.topology.moved(slot, target);
                }
                // A pause: nodes that disagree must not keep us busy.
                Ok(Again { call, way: Way::default(), later: Some(fault()) })
            }
            "ASK" => Ok(Again { call, way: Way { asking: elsewhere(), ..way.clone() }, later: None }),
            "TRYAGAIN" | "LOADING" | "BUSY" | "NOREPLICAS" => {
                Ok(Again { call, way: Way::default(), later: Some(fault()) })
            }
            "CLUSTERDOWN" | "MASTERDOWN" | "READONLY" | "UNBLOCKED" => {
                self.topology.doubt();
                Ok(Again { call, way: Way::default(), later: Some(fault()) })
            }
            _ => Err(fault()),
        }
    }
}

fn next_answer(lent: &mut Lent, asked: bool) -> Result<Value, redis::RedisError> {
    let Some(connection) = lent.connection() else {
        return Err(std::io::Error::from(std::io::ErrorKind::NotConnected).into());
    };
    if asked {
        connection.recv_response()?;
    }
    connection.recv_response()
}

/// The node of `3999 127.0.0.1:6381`; a node that knows no name for itself leaves it out.
fn redirect(detail: &str, asked: &Address) -> Option<Address> {
    let (host, port) = detail.split_whitespace().nth(1)?.rsplit_once(':')?;
    let host = if host.is_empty() { &asked.host } else { host };
    Some(Address { host: host.to_owned(), port: port.parse().ok()? })
}

impl Acknowledged {
    fn is(self, answer: &Value) -> bool {
        match (self, answer) {
            (Self::Replicas(wanted), Value::Int(had)) => *had >= wanted,
            (Self::Disk, Value::Array(had)) => matches!(had.first(), Some(Value::Int(1..))),
            _ => false,
        }
    }
}

fn missing(address: &Address, answer: &Value) -> String {
    let had = match answer {
        Value::Int(had) => format!("{had} replicas have it"),
        Value::ServerError(error) => {
            format!("it answers `{} {}`", error.code(), error.details().unwrap_or_default())
        }
        _ => "its disk does not have it".into(),
    };
    format!("{address} has the write, but not as durably as asked for: {had}; repeating it is safe")
}

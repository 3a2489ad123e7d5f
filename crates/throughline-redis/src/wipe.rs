//! Wiping what was taken away from the servers' append-only files, which keep what was written until they are rewritten.
//!
//! Off unless it is asked for: rewriting copies everything a server has. Snapshots, backups and the files of replicas are their
//! owner's to rewrite.

use std::time::{Duration, Instant};

use redis::Value;

use crate::error::Fault;
use crate::reply;
use crate::store::RedisStore;
use crate::topology::ask;
use crate::url::Address;

const POLL: Duration = Duration::from_millis(20);

/// What a server says of its rewriting.
struct Rewriting {
    append_only: bool,
    busy: bool,
    failed: bool,
}

impl RedisStore {
    /// Returns when no append-only file of a primary holds what is not in its memory any more.
    pub(crate) fn wipe(&self) -> Result<(), Fault> {
        let Some(wait_max) = self.wipe_wait_max else { return Ok(()) };
        let deadline = Instant::now() + wait_max;
        let primaries = self.client.topology.primaries(&self.client.pools, deadline)?;
        // All at once: each copies its own.
        for address in &primaries {
            self.when_idle(address, deadline)?;
            self.command(address, &["BGREWRITEAOF"], deadline)?;
        }
        primaries.iter().try_for_each(|address| self.when_idle(address, deadline))
    }

    /// Shows the tag, without its `=`, of every key that belongs to no user.
    pub(crate) fn each_global(&self, mut visit: impl FnMut(&str) -> Result<(), Fault>) -> Result<(), Fault> {
        let start = format!("{}{{=", self.keys.store);
        let pattern: String = start
            .chars()
            .flat_map(|c| "*?[]\\^-".contains(c).then_some('\\').into_iter().chain([c]))
            .chain(['*'])
            .collect();
        let deadline = || Instant::now() + self.client.call_wait_max;
        for address in self.client.topology.primaries(&self.client.pools, deadline())? {
            let mut cursor = "0".to_owned();
            loop {
                let words = ["SCAN", &cursor, "MATCH", &pattern, "COUNT", "1000"];
                let [next, found] = reply::answers(self.command(&address, &words, deadline())?)?;
                for key in reply::all_bytes(found)?.into_iter().flatten() {
                    let key = String::from_utf8_lossy(&key).into_owned();
                    if let Some((tag, _)) = key.strip_prefix(&start).and_then(|rest| rest.split_once('}')) {
                        visit(tag)?;
                    }
                }
                cursor = reply::text(next)?.unwrap_or_default();
                if cursor == "0" {
                    break;
                }
            }
        }
        Ok(())
    }

    fn command(&self, address: &Address, words: &[&str], deadline: Instant) -> Result<Value, Fault> {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        ask(&self.client.pools, address, &command, deadline)
    }

    /// Waits for a rewriting that is under way.
    fn when_idle(&self, address: &Address, deadline: Instant) -> Result<(), Fault> {
        loop {
            let info = self.command(address, &["INFO", "persistence"], deadline)?;
            let state = Rewriting::of(&reply::text(info)?.unwrap_or_default());
            if !state.append_only || !state.busy {
                return if state.append_only && state.failed {
                    Err(Fault::Passing(format!(
                        "{address} could not rewrite its append-only file: see its log"
                    )))
                } else {
                    Ok(())
                };
            }
            if Instant::now() > deadline {
                return Err(Fault::Passing(format!(
                    "{address} is still rewriting its append-only file; what was taken away is gone from its memory. Repeat it"
                )));
            }
            std::thread::sleep(POLL);
        }
    }
}

impl Rewriting {
    fn of(info: &str) -> Self {
        let is = |line: &str| info.lines().any(|known| known.trim_end() == line);
        Self {
            append_only: is("aof_enabled:1"),
            busy: is("aof_rewrite_in_progress:1") || is("aof_rewrite_scheduled:1"),
            failed: is("aof_last_bgrewrite_status:err"),
        }
    }
}

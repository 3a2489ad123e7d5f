//! What an acknowledgement rests on: looked up when the store is opened, so that nobody finds out after a crash.

use std::time::Instant;

use redis::Value;
use throughline::ports::StoreError;

use crate::client::{Acknowledged, Client};
use crate::error::Fault;
use crate::options::{Durability, RedisOptions};
use crate::reply;
use crate::topology::ask;
use crate::url::Address;

/// What a server says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Server {
    append_only: bool,
    /// `always`, `everysec` or `no`; none if we may not ask.
    fsync: Option<String>,
    maxmemory: u64,
    policy: String,
    has_waitaof: bool,
}

/// How an acknowledgement of the disk is had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Disk {
    /// Every answer comes after it.
    Always,
    /// By asking for it.
    Wait,
}

/// Looks at every primary, refuses those that would lose what they acknowledge, and lets the client wait for what is to be
/// waited for. Returns whether it does.
pub(crate) fn prepare(client: &mut Client, options: &RedisOptions) -> Result<bool, Fault> {
    let deadline = Instant::now() + client.call_wait_max;
    let mut waits = false;
    for address in client.topology.primaries(&client.pools, deadline)? {
        let server = look_at(client, &address, deadline)?;
        let refused = |what: String| Err(Fault::Store(StoreError::Unavailable(format!("{address} {what}"))));
        if !options.allow_data_loss
            && let Some(what) = server.evicts()
        {
            return refused(what);
        }
        if options.durability == Durability::Fsync {
            match server.disk() {
                Ok(disk) => waits |= disk == Disk::Wait,
                Err(what) if !options.allow_data_loss => return refused(what),
                Err(what) => tracing::warn!(%address, "the server {what}"),
            }
        }
    }
    let wait_ms_max = u64::try_from(options.acknowledge_wait_max.as_millis()).unwrap_or(u64::MAX);
    match options.durability {
        Durability::Fsync if waits => {
            let mut command = redis::cmd("WAITAOF");
            command.arg(1).arg(0).arg(wait_ms_max);
            client.acknowledge_by(command, Acknowledged::Disk);
        }
        Durability::Replicated { replicas } => {
            let replicas = replicas.max(1);
            let mut command = redis::cmd("WAIT");
            command.arg(replicas).arg(wait_ms_max);
            client.acknowledge_by(command, Acknowledged::Replicas(replicas.into()));
        }
        Durability::Memory | Durability::Fsync => {}
    }
    Ok(options.durability != Durability::Memory)
}

impl Server {
    /// Why it may drop keys of ours, if it may. Policies named `volatile-…` take only keys with a time to live, and ours
    /// have none.
    fn evicts(&self) -> Option<String> {
        let Self { maxmemory, policy, .. } = self;
        (*maxmemory > 0 && policy.starts_with("allkeys-")).then(|| {
            format!(
                "evicts keys when its memory is full (`maxmemory-policy {policy}`): set `maxmemory-policy noeviction`, \
                 or open the store with data loss allowed"
            )
        })
    }

    /// How an acknowledgement of its disk is had, or why there is none.
    fn disk(&self) -> Result<Disk, String> {
        if !self.append_only {
            return Err(
                "keeps no append-only file, so a restart loses writes: set `appendonly yes`, choose another \
                 durability, or open the store with data loss allowed"
                    .into(),
            );
        }
        match (self.fsync.as_deref(), self.has_waitaof) {
            (Some("always"), _) => Ok(Disk::Always),
            (Some("no"), _) => {
                Err("leaves it to the operating system when its append-only file is written: set \
                 `appendfsync always` or `appendfsync everysec`"
                    .into())
            }
            (_, true) => Ok(Disk::Wait),
            (Some(fsync), false) => Err(format!(
                "cannot tell when a write is on its disk (it has no WAITAOF, which came with Redis 7.2, and \
                 `appendfsync {fsync}`): set `appendfsync always`"
            )),
            (None, false) => {
                Err("does not let us see `appendfsync` (CONFIG GET) and has no WAITAOF: allow the command, \
                 or open the store with data loss allowed"
                    .into())
            }
        }
    }
}

fn look_at(client: &Client, address: &Address, deadline: Instant) -> Result<Server, Fault> {
    let question = |words: &[&str]| {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        ask(&client.pools, address, &command, deadline)
    };
    let mut server = Server::default();
    for section in ["persistence", "memory"] {
        let info = reply::text(question(&["INFO", section])?)?.unwrap_or_default();
        server.read_info(&info);
    }
    // Hosted servers often forbid this.
    if let Ok(answer) = question(&["CONFIG", "GET", "appendfsync"]) {
        server.fsync = reply::list(answer)?.into_iter().nth(1).map(reply::text).transpose()?.flatten();
    }
    let known = question(&["COMMAND", "INFO", "WAITAOF"])?;
    server.has_waitaof = reply::list(known)?.first().is_some_and(|command| *command != Value::Nil);
    Ok(server)
}

impl Server {
    fn read_info(&mut self, info: &str) {
        for line in info.lines() {
            match line.trim_end().split_once(':') {
                Some(("aof_enabled", enabled)) => self.append_only = enabled == "1",
                Some(("maxmemory", bytes)) => self.maxmemory = bytes.parse().unwrap_or(0),
                Some(("maxmemory_policy", policy)) => policy.clone_into(&mut self.policy),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(append_only: bool, fsync: Option<&str>, has_waitaof: bool) -> Server {
        Server { append_only, fsync: fsync.map(str::to_owned), has_waitaof, ..Server::default() }
    }

    #[test]
    fn a_disk_acknowledges_always_or_when_it_is_asked() {
        assert_eq!(server(true, Some("always"), false).disk(), Ok(Disk::Always));
        assert_eq!(server(true, Some("everysec"), true).disk(), Ok(Disk::Wait));
        assert_eq!(server(true, None, true).disk(), Ok(Disk::Wait));
    }

    #[test]
    fn a_server_that_would_lose_writes_says_which_setting_to_change() {
        for (server, setting) in [
            (server(false, Some("always"), true), "appendonly yes"),
            (server(true, Some("everysec"), false), "appendfsync always"),
            (server(true, Some("no"), true), "appendfsync everysec"),
            (server(true, None, false), "CONFIG GET"),
        ] {
            let error = server.disk().unwrap_err();
            assert!(error.contains(setting), "{error}");
        }
    }

    #[test]
    fn only_a_policy_that_takes_any_key_of_a_full_memory_is_refused() {
        let info = |maxmemory: u64, policy: &str| {
            let mut server = Server::default();
            server.read_info(&format!("# Memory\r\nmaxmemory:{maxmemory}\r\nmaxmemory_policy:{policy}\r\n"));
            server.evicts()
        };
        assert!(info(1, "allkeys-lru").unwrap().contains("maxmemory-policy noeviction"));
        for (maxmemory, policy) in [(0, "allkeys-lru"), (1, "noeviction"), (1, "volatile-lru")] {
            assert_eq!(info(maxmemory, policy), None);
        }
    }
}

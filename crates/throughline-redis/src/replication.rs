//! How far replicas are behind.

use std::time::Instant;

use crate::error::Fault;
use crate::reply;
use crate::store::RedisStore;
use crate::topology::ask;

impl RedisStore {
    /// Of the replica that is furthest behind its primary, in bytes of the replication stream; none without a replica.
    pub(crate) fn replication_lag_bytes(&self) -> Result<Option<u64>, Fault> {
        let deadline = Instant::now() + self.client.call_wait_max;
        let mut most = None;
        for address in self.client.topology.primaries(&self.client.pools, deadline)? {
            let mut command = redis::cmd("INFO");
            command.arg("replication");
            let info = reply::text(ask(&self.client.pools, &address, &command, deadline)?)?;
            most = most.max(lag_bytes(&info.unwrap_or_default()));
        }
        Ok(most)
    }
}

/// From the lines `master_repl_offset:70` and `slave0:ip=…,port=…,state=online,offset=60,lag=1`.
fn lag_bytes(info: &str) -> Option<u64> {
    let fields = || info.lines().filter_map(|line| line.trim_end().split_once(':'));
    let own: u64 = fields().find(|(name, _)| *name == "master_repl_offset")?.1.parse().ok()?;
    let replicas = fields().filter(|(name, _)| {
        name.strip_prefix("slave").is_some_and(|number| number.bytes().all(|digit| digit.is_ascii_digit()))
    });
    let offset = |fields: &str| {
        fields
            .split(',')
            .find_map(|field| field.strip_prefix("offset="))
            .and_then(|offset| offset.parse::<u64>().ok())
    };
    replicas.filter_map(|(_, replica)| offset(replica)).map(|offset| own.saturating_sub(offset)).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_replica_that_is_furthest_behind_counts() {
        let info = "# Replication\r\nrole:master\r\nconnected_slaves:2\r\n\
            slave0:ip=10.0.0.2,port=6379,state=online,offset=90,lag=0\r\n\
            slave1:ip=10.0.0.3,port=6379,state=online,offset=60,lag=1\r\nmaster_repl_offset:100\r\n";
        assert_eq!(lag_bytes(info), Some(40));
        assert_eq!(lag_bytes("role:master\r\nconnected_slaves:0\r\nmaster_repl_offset:100\r\n"), None);
        assert_eq!(lag_bytes(""), None);
    }
}

//! What servers' files hold of what was taken away.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use throughline::model::{ChainHash, Content};
use throughline::ports::{Forget, RedactedTurn, Store};
use throughline_redis::{Durability, RedisOptions, RedisStore};

use crate::servers::Servers;
use crate::support::{options, said, scope};

fn holds(directory: &Path, words: &str) -> bool {
    let found = Command::new("grep").args(["-r", "-q", "-a", "-F", words]).arg(directory).status();
    found.unwrap().success()
}

#[test]
fn real_an_append_only_file_is_wiped_if_that_is_asked_for() {
    let servers = Servers::start("single", "redis-7", &["appendfsync=always"]);
    let wipe_wait_max = Some(Duration::from_mins(1));
    let options = RedisOptions { durability: Durability::Fsync, wipe_wait_max, ..options() };
    let store = RedisStore::open(&servers.url, None, &options).unwrap();
    let store: &dyn Store = &store;
    let (ann, bob) = (scope("the user ann"), scope("bob"));
    store.append(&ann, said("what ann said", ChainHash::ROOT)).unwrap();
    store.append(&bob, said("what bob said", ChainHash::ROOT)).unwrap();
    assert!(holds(servers.directory(), "what ann said"));
    store.erase_user(&ann.user).unwrap();
    // A server takes the old file away in the background.
    let is_gone = |words: &str| {
        (0..100).any(|_| {
            std::thread::sleep(Duration::from_millis(20));
            !holds(servers.directory(), words)
        })
    };
    assert!(is_gone("what ann said") && is_gone("the user ann"));
    assert!(holds(servers.directory(), "what bob said"));

    let left =
        RedactedTurn { seq: 1, name: None, content: Content::text(""), metadata: None, passages: vec![] };
    let forget = Forget {
        after: 0,
        tombstones: vec![],
        entries: vec![],
        turns: vec![left],
        receipts: vec![],
        profile: None,
        now: throughline::model::Timestamp::UNIX_EPOCH,
    };
    store.forget(&bob, forget).unwrap();
    assert!(is_gone("what bob said"));
}

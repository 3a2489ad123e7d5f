//! Answers that are lost on the way: the write was done, and nobody was told.

use throughline::model::{ChainHash, Content};
use throughline::ports::{Append, Parent, Store, TurnsPage};
use throughline_redis::{Durability, RedisOptions, RedisStore};

use crate::proxy::Proxy;
use crate::servers::Servers;
use crate::support::{options, said, scope};

/// Also where nothing in the words tells that it is the same again.
#[test]
fn real_a_write_whose_answer_is_lost_is_done_once() {
    let servers = Servers::start("single", "redis-7", &["appendfsync=always"]);
    let proxy = Proxy::before(servers.nodes[0].port);
    let options = RedisOptions { durability: Durability::Fsync, ..options() };
    let store = RedisStore::open(&proxy.url(), None, &options).unwrap();
    let (store, ann) = (&store as &dyn Store, scope("ann"));
    let yes = || Append { parent: Parent::Head, ..said("yes", ChainHash::ROOT) };
    for number in 1..=40_u64 {
        // The answer to the read, to the announcement or to the commit; an append has at least two.
        proxy.lose(1 + u32::from(number % 2 == 0));
        let appended = store.append(&ann, yes()).unwrap();
        assert_eq!((appended.turns[0].seq, appended.turns[0].known), (number, false));
        assert!(proxy.has_lost());
    }
    let page = TurnsPage { session: None, after: 0, limit: usize::MAX };
    let turns = store.turns_page(&ann, &page).unwrap();
    assert_eq!(turns.len(), 40);
    assert!(turns.iter().all(|turn| turn.content == Content::text("yes")));
    assert!(turns.iter().all(|turn| turn.parent.unwrap_or(0) == turn.id.seq - 1));
}

/// As docs/redis.md says.
#[test]
fn real_a_write_takes_two_round_trips_and_a_read_one() {
    let servers = Servers::start("single", "redis-7", &["appendfsync=always"]);
    let proxy = Proxy::before(servers.nodes[0].port);
    let options = RedisOptions { durability: Durability::Fsync, ..options() };
    let store = RedisStore::open(&proxy.url(), None, &options).unwrap();
    let (store, ann) = (&store as &dyn Store, scope("ann"));
    let yes = || Append { parent: Parent::Head, ..said("yes", ChainHash::ROOT) };
    let trips = |what: &dyn Fn()| {
        let before = proxy.requests();
        what();
        proxy.requests() - before
    };
    let append = || {
        store.append(&ann, yes()).unwrap();
    };
    append();
    // A script is sent whole the first time a server hears of it.
    store.search_rows(&ann, 0, &mut |_| {}).unwrap();
    store.turns(&ann, &[1]).unwrap();
    assert_eq!(trips(&append), 2);
    let rows = || {
        store.search_rows(&ann, 1, &mut |_| {}).unwrap();
    };
    assert_eq!(trips(&rows), 1);
    let turns = || {
        store.turns(&ann, &[1, 2]).unwrap();
    };
    assert_eq!(trips(&turns), 1);
}

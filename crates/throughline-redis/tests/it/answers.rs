//! Answers that are lost on the way: the write was done, and nobody was told.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use throughline::model::{ChainHash, Content};
use throughline::ports::{Append, Parent, Store, TurnsPage};
use throughline_redis::{Durability, RedisOptions, RedisStore};

use crate::servers::Servers;
use crate::support::{options, said, scope};

/// Stands before a server and loses an answer with its connection: the one that the number counts down to.
fn lossy(server: u16) -> (u16, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let countdown = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&countdown);
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (client, server) = (client.unwrap(), TcpStream::connect(("127.0.0.1", server)).unwrap());
            let (mut up, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut up, &mut to));
            let counted = Arc::clone(&counted);
            std::thread::spawn(move || answers(server, client, &counted));
        }
    });
    (port, countdown)
}

fn answers(mut server: TcpStream, mut client: TcpStream, countdown: &AtomicU32) {
    let mut bytes = [0; 65_536];
    while let Ok(count @ 1..) = server.read(&mut bytes) {
        let counted = countdown.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if counted == Ok(1) || client.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    let _ = (client.shutdown(Shutdown::Both), server.shutdown(Shutdown::Both));
}

/// Also where nothing in the words tells that it is the same again.
#[test]
fn real_a_write_whose_answer_is_lost_is_done_once() {
    let servers = Servers::start("single", "redis-7", &["appendfsync=always"]);
    let (port, countdown) = lossy(servers.nodes[0].port);
    let options = RedisOptions { durability: Durability::Fsync, ..options() };
    let store = RedisStore::open(&format!("redis://127.0.0.1:{port}"), &options).unwrap();
    let (store, ann) = (&store as &dyn Store, scope("ann"));
    let yes = || Append { parent: Parent::Head, ..said("yes", ChainHash::ROOT) };
    for number in 1..=40_u64 {
        // The answer to the read, to the announcement or to the commit; an append has at least two.
        countdown.store(1 + u32::from(number % 2 == 0), Ordering::SeqCst);
        let appended = store.append(&ann, yes()).unwrap();
        assert_eq!((appended.turns[0].seq, appended.turns[0].known), (number, false));
        assert_eq!(countdown.load(Ordering::SeqCst), 0, "no answer was lost");
    }
    let page = TurnsPage { session: None, after: 0, limit: usize::MAX };
    let turns = store.turns_page(&ann, &page).unwrap();
    assert_eq!(turns.len(), 40);
    assert!(turns.iter().all(|turn| turn.content == Content::text("yes")));
    assert!(turns.iter().all(|turn| turn.parent.unwrap_or(0) == turn.id.seq - 1));
}

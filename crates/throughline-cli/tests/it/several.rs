//! Two servers on one store while many users talk to both: servers are killed, or nodes of the store.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use throughline_testkit::RedisServers;

use crate::program::Program;
use crate::server::{Server, ask};

/// Users that talk at once.
const WRITERS: usize = 8;
/// A server is killed after so many acknowledged turns, and again.
const KILLED_EVERY: usize = 120;
/// How often a turn is sent before the test gives up, and after how long it is sent again.
const ATTEMPTS_MAX: usize = 2_000;
const RETRY_EVERY: Duration = Duration::from_millis(50);
/// How long a node of the store is away: others take its place meanwhile.
const AWAY: Duration = Duration::from_secs(5);
/// Where each user moves, one city after the other.
const CITIES: [&str; 5] = ["Graz", "Lisbon", "Turin", "Oslo", "Ghent"];

const JSON: &str = "Content-Type: application/json\r\n";

struct Pair<'a> {
    programs: [Program; 2],
    servers: [Mutex<Server>; 2],
    store: &'a str,
    durability: &'a str,
    acknowledged: AtomicUsize,
}

impl<'a> Pair<'a> {
    fn start(store: &'a str, durability: &'a str) -> Self {
        let programs = [Program::new(), Program::new()];
        let servers = [0, 1].map(|at| Mutex::new(serve(&programs[at], store, durability)));
        Self { programs, servers, store, durability, acknowledged: AtomicUsize::new(0) }
    }

    fn address(&self, at: usize) -> String {
        self.servers[at % 2].lock().unwrap().address().to_owned()
    }

    /// Sends a turn to one of the servers, and again, until one has acknowledged it. Returns how many are acknowledged now.
    fn write(&self, user: usize, moved: usize) -> usize {
        let body = json!({
            "user": format!("user-{user}"), "session": "moves", "idempotency_key": format!("{user}-{moved}"),
            "turns": [{
                "role": "user", "content": format!("I moved to {}.", CITIES[moved]),
                "time": format!("2026-0{}-01T08:00:00Z", moved + 1),
            }],
        });
        let is_taken = (user + moved..).take(ATTEMPTS_MAX).any(|at| {
            let is_taken = ask(&self.address(at), "POST /api/v1/turns", JSON, &body.to_string())
                .is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"));
            if !is_taken {
                std::thread::sleep(RETRY_EVERY);
            }
            is_taken
        });
        assert!(is_taken, "user {user}, move {moved}");
        self.acknowledged.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Every user moves on and on; `after_each` is told how many moves are acknowledged.
    fn talk(&self, users: usize, after_each: &(dyn Fn(usize) + Sync)) {
        std::thread::scope(|threads| {
            for writer in 0..WRITERS {
                threads.spawn(move || {
                    for moved in 0..CITIES.len() {
                        for user in (writer..users).step_by(WRITERS) {
                            after_each(self.write(user, moved));
                        }
                    }
                });
            }
        });
    }

    /// Kills one of the servers and starts it again.
    fn kill(&self, at: usize) {
        let mut server = self.servers[at].lock().unwrap();
        let next = serve(&self.programs[at], self.store, self.durability);
        std::mem::replace(&mut *server, next).kill();
    }

    /// Nothing is lost, nothing is there twice, all is in order, and each turn was learned from once.
    fn verify(&self, users: usize) {
        for user in 0..users {
            let name = format!("user-{user}");
            let learn = json!({ "user": name, "wait": true }).to_string();
            body(&ask(&self.address(user), "POST /api/v1/learn", JSON, &learn).unwrap());

            let turns = self.get(user, &format!("/api/v1/turns?user={name}"));
            let said =
                turns["turns"].as_array().unwrap().iter().map(|turn| turn["content"].as_str().unwrap());
            let moves = CITIES.map(|city| format!("I moved to {city}."));
            assert_eq!(said.collect::<Vec<_>>(), moves, "{name}");

            // The other server answers.
            let memories = self.get(user + 1, &format!("/api/v1/memories?user={name}"));
            let memories = memories["memories"].as_array().unwrap();
            assert_eq!(memories.len(), CITIES.len(), "{name}: {memories:?}");
            assert!(
                memories.iter().all(|memory| memory["evidence"].as_array().unwrap().len() == 1),
                "{memories:?}"
            );
            let current: Vec<_> = memories.iter().filter(|memory| memory["state"] == "active").collect();
            assert_eq!(current.len(), 1, "{name}: {memories:?}");
            assert_eq!(current[0]["text"], "I moved to Ghent");
        }
    }

    fn get(&self, at: usize, path: &str) -> Value {
        body(&ask(&self.address(at), &format!("GET {path}"), "", "").unwrap())
    }
}

/// One that learns almost at once, so that it is killed in the middle of that too.
fn serve(program: &Program, store: &str, durability: &str) -> Server {
    let mut command = program.command(&["serve", "--json", "--listen", "127.0.0.1:0", "--store", store]);
    command.env("THROUGHLINE_LEARNING_QUIET_MS", "50").env("THROUGHLINE_STORE_DURABILITY", durability);
    Server::spawn(command)
}

fn body(answer: &str) -> Value {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

#[test]
fn real_store_two_servers_that_are_killed_in_turn_lose_nothing_and_learn_nothing_twice() {
    const USERS: usize = 200;
    let store = RedisServers::start("single", "redis-7", &["appendfsync=always"]);
    let pair = Pair::start(&store.url, "fsync");
    pair.talk(USERS, &|acknowledged| {
        if acknowledged.is_multiple_of(KILLED_EVERY) {
            pair.kill(acknowledged / KILLED_EVERY % 2);
        }
    });
    pair.verify(USERS);
}

/// A primary dies and another takes its place; a replica dies; a primary is cut off. What is acknowledged is on two nodes.
#[test]
fn real_store_two_servers_lose_nothing_while_nodes_of_their_cluster_die_and_freeze() {
    const USERS: usize = 40;
    let store = RedisServers::start("cluster", "redis-7", &[]);
    let url = store.url.clone();
    let pair = Pair::start(&url, "replicated:1");
    let store = Mutex::new(store);
    let is_away = |node: usize| {
        let mut store = store.lock().unwrap();
        store.kill(node);
        std::thread::sleep(AWAY);
        store.start_again(node);
    };
    // The first three nodes are primaries, each with a replica among the others. Whoever writes meanwhile waits or goes on.
    pair.talk(USERS, &|acknowledged| match acknowledged {
        40 => is_away(0),
        90 => is_away(4),
        140 => {
            let store = store.lock().unwrap();
            store.freeze(2);
            std::thread::sleep(AWAY);
            store.thaw(2);
        }
        _ => (),
    });
    pair.verify(USERS);
}

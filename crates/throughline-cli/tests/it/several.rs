//! Two servers on one store, killed in turn while many users talk to both.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use throughline_testkit::RedisServers;

use crate::program::Program;
use crate::server::{Server, ask};

const USERS: usize = 200;
/// Users that talk at once.
const WRITERS: usize = 8;
/// A server is killed after so many acknowledged turns, and again.
const KILLED_EVERY: usize = 120;
/// How often a turn is sent before the test gives up.
const ATTEMPTS_MAX: usize = 2_000;
/// Where each user moves, one city after the other.
const CITIES: [&str; 5] = ["Graz", "Lisbon", "Turin", "Oslo", "Ghent"];

struct Pair<'a> {
    programs: [Program; 2],
    servers: [Mutex<Server>; 2],
    store: &'a RedisServers,
    acknowledged: AtomicUsize,
}

impl<'a> Pair<'a> {
    fn start(store: &'a RedisServers) -> Self {
        let programs = [Program::new(), Program::new()];
        let servers = [0, 1].map(|at| Mutex::new(serve(&programs[at], store)));
        Self { programs, servers, store, acknowledged: AtomicUsize::new(0) }
    }

    fn address(&self, at: usize) -> String {
        self.servers[at % 2].lock().unwrap().address().to_owned()
    }

    /// Sends a turn to one of the servers, and again, until one has acknowledged it.
    fn write(&self, user: usize, moved: usize) {
        let body = json!({
            "user": format!("user-{user}"), "session": "moves", "idempotency_key": format!("{user}-{moved}"),
            "turns": [{
                "role": "user", "content": format!("I moved to {}.", CITIES[moved]),
                "time": format!("2026-0{}-01T08:00:00Z", moved + 1),
            }],
        });
        let headers = "Content-Type: application/json\r\n";
        let is_taken = (user + moved..).take(ATTEMPTS_MAX).any(|at| {
            ask(&self.address(at), "POST /api/v1/turns", headers, &body.to_string())
                .is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
        });
        assert!(is_taken, "user {user}, move {moved}");
        let acknowledged = self.acknowledged.fetch_add(1, Ordering::Relaxed) + 1;
        if acknowledged.is_multiple_of(KILLED_EVERY) {
            let at = acknowledged / KILLED_EVERY % 2;
            let mut server = self.servers[at].lock().unwrap();
            let next = serve(&self.programs[at], self.store);
            std::mem::replace(&mut *server, next).kill();
        }
    }

    fn get(&self, at: usize, path: &str) -> Value {
        body(&ask(&self.address(at), &format!("GET {path}"), "", "").unwrap())
    }
}

/// One that learns almost at once, so that it is killed in the middle of that too.
fn serve(program: &Program, store: &RedisServers) -> Server {
    let mut command = program.command(&["serve", "--json", "--listen", "127.0.0.1:0", "--store", &store.url]);
    command.env("THROUGHLINE_LEARNING_QUIET_MS", "50");
    Server::spawn(command)
}

fn body(answer: &str) -> Value {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

#[test]
fn real_store_two_servers_that_are_killed_in_turn_lose_nothing_and_learn_nothing_twice() {
    let store = RedisServers::start("single", "redis-7", &["appendfsync=always"]);
    let pair = Pair::start(&store);
    std::thread::scope(|threads| {
        for writer in 0..WRITERS {
            let pair = &pair;
            threads.spawn(move || {
                for moved in 0..CITIES.len() {
                    (writer..USERS).step_by(WRITERS).for_each(|user| pair.write(user, moved));
                }
            });
        }
    });
    for user in 0..USERS {
        let name = format!("user-{user}");
        let learn = json!({ "user": name, "wait": true }).to_string();
        body(
            &ask(&pair.address(user), "POST /api/v1/learn", "Content-Type: application/json\r\n", &learn)
                .unwrap(),
        );

        let turns = pair.get(user, &format!("/api/v1/turns?user={name}"));
        let said = turns["turns"].as_array().unwrap().iter().map(|turn| turn["content"].as_str().unwrap());
        let moves = CITIES.map(|city| format!("I moved to {city}."));
        assert_eq!(said.collect::<Vec<_>>(), moves, "{name}");

        // The other server answers.
        let memories = pair.get(user + 1, &format!("/api/v1/memories?user={name}"));
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

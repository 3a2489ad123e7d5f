//! A store on another machine that goes away and comes back, and servers that die meanwhile.

use std::time::Duration;

use throughline_testkit::{RedisServers, Script, ScriptedUpstream, replies};

use crate::program::Program;
use crate::server::Server;

/// How often something that must happen soon is looked for, and after how long once more.
const LOOKS_MAX: u32 = 600;
const LOOK_EVERY: Duration = Duration::from_millis(100);

fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..LOOKS_MAX {
        if is_so() {
            return;
        }
        std::thread::sleep(LOOK_EVERY);
    }
    panic!("never happened: {what}");
}

/// The runtime in which the upstream lives: keep it.
fn upstream() -> (tokio::runtime::Runtime, ScriptedUpstream) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let noted = Script::json(200, &replies::completion("Noted."));
    let upstream = runtime.block_on(ScriptedUpstream::always(noted));
    (runtime, upstream)
}

fn serve(program: &Program, store: &RedisServers, upstream: &ScriptedUpstream) -> Server {
    let (store, upstream) = (&store.url, upstream.url());
    Server::start(program, &["--listen", "127.0.0.1:0", "--store", store, "--upstream", &upstream])
}

fn turns(server: &Server, user: &str) -> String {
    server.get(&format!("/api/v1/turns?user={user}"))
}

fn degraded(answer: &str) -> Option<&str> {
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    answer.lines().find_map(|line| line.strip_prefix("x-memory-degraded: "))
}

fn is_away(server: &Server) {
    eventually("its absence is noticed", || !server.get("/readyz").contains("\"store\":\"ok\""));
}

#[test]
fn real_store_chats_go_on_while_it_is_away_and_what_was_said_is_in_it_when_it_is_back() {
    let (_runtime, upstream) = upstream();
    let mut store = RedisServers::start("single", "redis-7", &["appendfsync=always"]);
    let program = Program::new();
    let server = serve(&program, &store, &upstream);
    server.say("ada", "My bicycle is green.");
    eventually("the first turn is written", || turns(&server, "ada").contains("bicycle"));
    assert!(server.get("/metrics").contains("throughline_store_connections{state=\"idle\"}"));

    store.kill(0);
    is_away(&server);
    assert_eq!(degraded(&server.say("ada", "My sister Ines keeps bees.")), Some("store_unavailable"));
    assert_eq!(degraded(&server.say("bob", "I am afraid of bees.")), Some("store_unavailable"));
    eventually("both wait on disk", || server.get("/readyz").contains("\"exchanges_waiting\":2"));
    assert!(server.get("/readyz").starts_with("HTTP/1.1 200"), "chats go on");
    assert!(server.get("/readyz?store=required").starts_with("HTTP/1.1 503"));
    assert!(turns(&server, "ada").starts_with("HTTP/1.1 503"), "only chats go on without");

    store.start_again(0);
    eventually("they are delivered", || turns(&server, "ada").contains("Ines"));
    eventually("nothing waits", || !server.get("/readyz").contains("exchanges_waiting"));
    let said = turns(&server, "ada");
    assert_eq!(said.matches("Ines").count(), 1, "{said}");
    assert!(said.find("bicycle") < said.find("Ines"), "{said}");
    assert_eq!(server.terminate(), Some(0));
}

#[test]
fn real_store_what_waits_for_it_survives_the_servers_death() {
    let (_runtime, upstream) = upstream();
    let mut store = RedisServers::start("single", "redis-7", &["appendfsync=always"]);
    let program = Program::new();
    let server = serve(&program, &store, &upstream);
    store.kill(0);
    is_away(&server);
    server.say("ada", "My sister Ines keeps bees.");
    server.say("bob", "I am afraid of bees.");
    eventually("both wait on disk", || server.get("/readyz").contains("\"exchanges_waiting\":2"));
    server.kill();
    store.start_again(0);

    let server = serve(&program, &store, &upstream);
    eventually("both are delivered", || {
        turns(&server, "ada").contains("Ines") && turns(&server, "bob").contains("afraid")
    });
    let files = || std::fs::read_dir(program.data().join("spool")).unwrap().count();
    eventually("no file is left", || files() == 0);
}

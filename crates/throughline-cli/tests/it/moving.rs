//! Moving a memory from one engine to another, with servers on it.

use std::fmt::Write as _;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use throughline_testkit::{RedisServers, Script, ScriptedUpstream, replies};

use crate::program::Program;
use crate::server::{Server, ask};

const JSON: &str = "Content-Type: application/json\r\n";

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

fn body(answer: &str) -> Value {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 2"), "{answer}");
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

/// A database of its own, gone with the server of the tests.
fn postgres(name: &str) -> String {
    let of = |variable: &str| {
        std::env::var(variable)
            .unwrap_or_else(|_| panic!("{variable} is not set: run `cargo xtask test --only stores`"))
    };
    let (url, programs) =
        (of("THROUGHLINE_TEST_POSTGRES_NEW_URL"), of("THROUGHLINE_TEST_POSTGRES_NEW_PROGRAMS"));
    let name = format!("{name}_{}", std::process::id());
    let made = Command::new(format!("{programs}/createdb"))
        .args(["--maintenance-db", &format!("{url}/postgres"), &name])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    format!("{url}/{name}")
}

/// Where a server has its memory.
fn serve(program: &Program, place: &str, more: &[&str]) -> Server {
    let flag = if place.contains("://") { "--store" } else { "--data" };
    Server::start(program, &[&["--listen", "127.0.0.1:0", flag, place], more].concat())
}

/// A server, asked with a key.
struct Keyed<'a> {
    server: &'a Server,
    key: &'a str,
}

impl Keyed<'_> {
    fn ask(&self, line: &str, sent: &str) -> String {
        self.server.ask(
            line,
            &format!(
                "{JSON}X-Memory-Key: {}
",
                self.key
            ),
            sent,
        )
    }

    fn get(&self, path: &str) -> String {
        self.ask(&format!("GET {path}"), "")
    }

    fn post(&self, line: &str, sent: &Value) -> Value {
        body(&self.ask(line, &sent.to_string()))
    }
}

/// A bit of everything, and the receipt of a context.
fn furnish(server: &Keyed<'_>) -> String {
    for (month, user, text) in [
        (1, "ada", "I live in Graz and I work as a nurse."),
        (2, "ada", "Should I move to Rome? My sister might."),
        (3, "ada", "I moved to Lisbon. I prefer short answers."),
        (4, "bob", "I am afraid of bees. My locker code is 4711."),
    ] {
        let turns = json!([
            { "role": "user", "content": text, "time": format!("2026-0{month}-02T08:00:00Z"), "metadata": { "n": month } },
            { "role": "assistant", "content": "Noted.", "time": format!("2026-0{month}-02T08:00:05Z") },
        ]);
        let said = json!({ "user": user, "session": format!("s{month}"), "turns": turns, "idempotency_key": month.to_string() });
        server.post("POST /api/v1/turns", &said);
    }
    let learn = || {
        for user in ["ada", "bob"] {
            server.post("POST /api/v1/learn", &json!({ "user": user, "wait": true }));
        }
    };
    learn();
    let schema = json!({ "schema": { "type": "object", "properties": { "diet": { "type": "string" } } } });
    server.post("PUT /api/v1/profile/schema", &schema);
    let bob = server.post("POST /api/v1/memories", &json!({ "user": "bob", "text": "Bob has a locker." }));
    let id = bob["id"].as_str().unwrap();
    server.post(&format!("POST /api/v1/memories/{id}/forget"), &json!({ "user": "bob" }));
    server.post("PUT /api/v1/identity", &json!({ "text": "You are Nell." }));
    let context = server.post("POST /api/v1/context", &json!({ "user": "ada", "query": "Where do I live?" }));
    learn();
    context["receipt"]["id"].as_str().unwrap().to_owned()
}

/// All that is answered about what is kept, as text.
fn answers(server: &Keyed<'_>, receipt: &str) -> String {
    let mut all = String::new();
    let mut tell = |path: &str, value: &Value| writeln!(all, "{path}: {value}").unwrap();
    for user in ["ada", "bob"] {
        for path in ["turns", "sessions", "memories", "profile", "changes", "summaries", "usage", "jobs"] {
            let path = format!("/api/v1/{path}?user={user}");
            let answer = server.get(&path);
            if answer.starts_with("HTTP/1.1 4") {
                continue;
            }
            let found = body(&answer);
            for memory in found["memories"].as_array().into_iter().flatten() {
                let id = memory["id"].as_str().unwrap();
                let why = format!("/api/v1/memories/{id}/why?user={user}");
                tell(&why, &body(&server.get(&why)));
            }
            tell(&path, &found);
        }
        let recalled = server.post("POST /api/v1/recall", &json!({ "user": user, "query": "Lisbon bees" }));
        tell(&format!("recall of {user}"), &recalled["items"]);
    }
    for path in
        [format!("/api/v1/receipts/{receipt}"), "/api/v1/identity".into(), "/api/v1/profile/schema".into()]
    {
        tell(&path, &body(&server.get(&path)));
    }
    all
}

fn copy(program: &Program, from: &str, to: &str, more: &[&str]) -> Value {
    program.json(&[&["store", "copy", from, to], more].concat())
}

#[test]
fn real_store_a_memory_that_went_through_all_engines_answers_as_before() {
    let program = Program::new();
    let redis = RedisServers::start("single", "redis-7", &["appendfsync=always"]);
    let folder = |name: &str| program.path(name).to_str().unwrap().to_owned();
    let places = [folder("first"), redis.url.clone(), postgres("round"), folder("last")];
    let key = program.run(&["keys", "create", "--data", &places[0]]).ok();
    let keys = program.run(&["keys", "list", "--json", "--data", &places[0]]).ok();
    let server = serve(&program, &places[0], &[]);
    let asked = Keyed { server: &server, key: key.trim() };
    let receipt = furnish(&asked);
    let before = answers(&asked, &receipt);
    assert!(before.contains("I moved to Lisbon") && !before.contains("Bob has a locker"), "{before}");
    assert_eq!(server.terminate(), Some(0));
    for pair in places.windows(2) {
        let moved = copy(&program, &pair[0], &pair[1], &["--switch"]);
        assert_eq!((&moved["switched"], &moved["verified"]["turns"]), (&true.into(), &9.into()), "{moved}");
        let server = serve(&program, &pair[1], &[]);
        assert_eq!(answers(&Keyed { server: &server, key: key.trim() }, &receipt), before, "{}", pair[1]);
        assert_eq!(server.terminate(), Some(0));
    }
    assert_eq!(program.run(&["keys", "list", "--json", "--data", &places[3]]).ok(), keys);
}

#[test]
fn real_store_a_server_goes_on_while_its_memory_is_moved_and_nothing_acknowledged_is_missing() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let noted = Script::json(200, &replies::completion("Noted."));
    let upstream = runtime.block_on(ScriptedUpstream::always(noted));
    let upstream_url = upstream.url();
    let program = Program::new();
    let (data, to) = (program.data().to_str().unwrap().to_owned(), postgres("online"));
    let server = serve(&program, &data, &["--upstream", &upstream_url]);
    // Writers go on until they are told where the memory has moved.
    let address = server.address().to_owned();
    let write = |user: usize| {
        for number in 0.. {
            let turn = json!({ "user": format!("user-{user}"), "session": "s", "turns": [{ "role": "user", "content": format!("number {number}") }] });
            let answer = ask(&address, "POST /api/v1/turns", JSON, &turn.to_string()).unwrap();
            if answer.starts_with("HTTP/1.1 503") {
                assert!(answer.contains("moved to postgres://"), "{answer}");
                return number;
            }
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        }
        unreachable!("numbers do not end")
    };
    let written: Vec<usize> = std::thread::scope(|threads| {
        let writers: Vec<_> = (0..4).map(|user| threads.spawn(move || write(user))).collect();
        copy(&program, &data, &to, &[]);
        copy(&program, &data, &to, &["--switch"]);
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    // A chat is answered all the same; what was said in it waits, and is in the new place when the server is.
    assert!(server.say("ada", "My sister Ines keeps bees.").starts_with("HTTP/1.1 200"));
    eventually("it waits on disk", || server.get("/readyz").contains("\"exchanges_waiting\":1"));
    assert_eq!(server.terminate(), Some(0));

    let server = Server::start(
        &program,
        &["--listen", "127.0.0.1:0", "--data", &data, "--store", &to, "--upstream", &upstream_url],
    );
    for (user, count) in written.iter().enumerate() {
        let turns = body(&server.get(&format!("/api/v1/sessions?user=user-{user}")));
        assert_eq!(turns["sessions"][0]["turns"], *count, "user {user}: {turns}");
    }
    eventually("it is delivered", || server.get("/api/v1/turns?user=ada").contains("Ines"));
}

const USERS: usize = 60;

/// A folder with a turn of each user.
fn filled(program: &Program, name: &str) -> String {
    let folder = program.path(name).to_str().unwrap().to_owned();
    let mut lines = String::new();
    for user in 0..USERS {
        let turn = json!({ "user": format!("user-{user}"), "session": "s", "role": "user", "content": format!("I keep {user} bees.") });
        writeln!(lines, "{turn}").unwrap();
    }
    let file = program.file("chat.jsonl", &lines);
    program.run(&["turns", "import", &file, "--data", &folder]).ok();
    folder
}

#[test]
fn a_copy_that_was_killed_goes_on_when_it_is_run_again() {
    let program = Program::new();
    let from = filled(&program, "from");
    let to = program.path("to").to_str().unwrap().to_owned();
    let mut copying = program.command(&["store", "copy", &from, &to]).spawn().unwrap();
    eventually("the copy was begun", || program.path("to").join("throughline.sqlite").exists());
    copying.kill().unwrap();
    copying.wait().unwrap();
    let done = copy(&program, &from, &to, &["--switch"]);
    assert_eq!(done["verified"]["turns"], USERS, "{done}");
    let listed =
        |folder: &str| program.run(&["turns", "list", "--user", "user-7", "--json", "--data", folder]).ok();
    assert_eq!(listed(&from), listed(&to));
}

#[test]
fn a_memory_that_was_moved_takes_no_writes_until_it_is_taken_back_into_use() {
    let program = Program::new();
    let from = filled(&program, "from");
    let to = program.path("to").to_str().unwrap().to_owned();
    copy(&program, &from, &to, &["--switch"]);
    let file = program.path("chat.jsonl").to_str().unwrap().to_owned();
    let import = |folder: &str| program.run(&["turns", "import", &file, "--data", folder]);
    let refused = import(&from);
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains("has moved to") && refused.stderr.contains("store reopen"),
        "{}",
        refused.stderr
    );
    import(&to).ok();

    let again = program.run(&["store", "copy", &from, &to, "--switch"]);
    assert_eq!(again.code, Some(1));
    assert!(again.stderr.contains("finished copy"), "{}", again.stderr);
    assert!(program.run(&["store", "reopen", &from]).ok().contains("in use again"));
    import(&from).ok();
}

#[test]
fn looking_at_a_copy_makes_none_and_tells_what_differs() {
    let program = Program::new();
    let from = filled(&program, "from");
    let to = program.path("to").to_str().unwrap().to_owned();
    let would = program.run(&["store", "copy", &from, &to, "--dry-run"]).ok();
    assert!(would.contains(&format!("Would copy {USERS} users' memories")), "{would}");
    assert!(!program.path("to").exists());
    let absent = program.run(&["store", "copy", "nowhere", &to]);
    assert!(absent.stderr.contains("there is no memory in nowhere"), "{}", absent.stderr);
    assert!(!program.path("to").exists());

    copy(&program, &from, &to, &[]);
    program.run(&["store", "copy", &from, &to, "--verify-only"]).ok();
    let file = program.file(
        "more.jsonl",
        "{\"user\":\"user-7\",\"session\":\"s\",\"role\":\"user\",\"content\":\"More bees.\"}\n",
    );
    program.run(&["turns", "import", &file, "--data", &from]).ok();
    let differs = program.run(&["store", "copy", &from, &to, "--verify-only"]);
    assert_eq!(differs.code, Some(1));
    assert!(differs.stdout.contains("user user-7 of tenant default: scopes, turns"), "{}", differs.stdout);
}

#[test]
fn no_password_of_a_store_is_shown() {
    let program = Program::new();
    let from = filled(&program, "from");
    let password = program.file("password", "hunter2\n");
    for (url, more) in [
        ("redis://:hunter2@127.0.0.1:1", &[][..]),
        ("redis://127.0.0.1:1", &["--to-password-file", &password]),
        ("postgres://me:hunter2@127.0.0.1:1/x", &[]),
    ] {
        let ran = program.run(&[&["store", "copy", &from, url], more].concat());
        assert_eq!(ran.code, Some(1));
        assert!(ran.stderr.contains("127.0.0.1:1") && !ran.stderr.contains("hunter2"), "{}", ran.stderr);
    }
}

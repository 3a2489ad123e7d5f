//! Commands on a data folder: keys, imports, profiles, the doctor.

use std::fmt::Write as _;

use crate::program::{Program, model_dir};

#[test]
fn a_key_is_made_listed_and_revoked_and_its_secret_is_shown_once() {
    let program = Program::new();
    let key = program.run(&["keys", "create", "--tenant", "shop", "--label", "web"]).ok();
    let key = key.trim();
    assert!(key.starts_with("tl_") && key.len() > 60, "{key}");
    let listed = program.run(&["keys", "list"]).ok();
    assert!(listed.contains("shop") && listed.contains("web") && listed.contains("active"), "{listed}");
    let secret = key.rsplit('_').next().unwrap();
    assert!(!listed.contains(secret));

    let id = program.json(&["keys", "list"])["keys"][0]["id"].as_str().unwrap().to_owned();
    assert!(program.run(&["keys", "revoke", &id]).ok().contains("no longer accepted"));
    assert!(program.run(&["keys", "revoke", key]).ok().contains("revoked before"));
    assert!(program.run(&["keys", "list"]).ok().contains("revoked 2"));

    let unknown = program.run(&["keys", "revoke", "0000"]);
    assert_eq!(unknown.code, Some(1));
    assert_eq!(
        unknown.stderr,
        "error: there is no key `0000`\n  hint: `throughline keys list` shows their ids\n"
    );
}

#[test]
fn looking_into_a_folder_without_memory_is_an_error_and_makes_none() {
    let program = Program::new();
    let ran = program.run(&["recall", "--user", "ada", "anything"]);
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.stderr.starts_with("error: there is no memory in ") && ran.stderr.contains("hint: "),
        "{}",
        ran.stderr
    );
    assert!(!program.data().exists());
}

const LINES: &str = r#"{"user":"ada","session":"monday","role":"user","name":"Ada","content":"I keep bees on the roof.","time":"2026-03-02T08:00:00Z","metadata":{"big":123456789012345678901234567890}}
{"user":"ada","session":"monday","role":"assistant","content":"How many hives?"}
{"user":"bob","session":"monday","role":"user","content":"I am afraid of bees."}
"#;

#[test]
fn importing_a_file_twice_adds_nothing_the_second_time() {
    let program = Program::new();
    let file = program.file("chat.jsonl", LINES);
    let first = program.json(&["turns", "import", &file]);
    assert_eq!((&first["added"], &first["users"], &first["sessions"]), (&3.into(), &2.into(), &2.into()));
    let second = program.json(&["turns", "import", &file]);
    assert_eq!((&second["turns"], &second["added"], &second["known"]), (&3.into(), &0.into(), &3.into()));

    let turns = program.json(&["turns", "list", "--user", "ada"]);
    assert_eq!(turns["turns"].as_array().unwrap().len(), 2);
    let raw = program.run(&["turns", "list", "--user", "ada", "--json"]).ok();
    assert!(raw.contains(r#""metadata":{"big":123456789012345678901234567890}"#), "{raw}");

    let found = program.json(&["recall", "--user", "ada", "where are the bees?"]);
    assert_eq!(found["items"][0]["text"], "I keep bees on the roof.");
    assert_eq!(found["items"][0]["role"], "user");
    assert_eq!(found["degraded"], "no_embedding_model");
}

#[test]
fn what_people_are_shown_is_dated_in_their_time_zone() {
    let program = Program::new();
    let file = program.file("chat.jsonl", LINES);
    program.run(&["turns", "import", &file]).ok();
    let shown = |arguments: &[&str]| program.run(&[arguments, &["--time-zone", "-09:00"]].concat()).ok();
    assert!(shown(&["turns", "list", "--user", "ada"]).contains("2026-03-01 23:00"));
    assert!(shown(&["recall", "--user", "ada", "bees"]).contains("Sun 1 Mar 2026 23:00"));
    assert!(shown(&["context", "--user", "ada", "bees on the roof"]).contains("Sunday 2026-03-01"));
}

#[test]
fn a_wrong_line_stops_the_import_before_it_begins_unless_it_is_to_be_skipped() {
    let program = Program::new();
    let file = program.file("chat.jsonl", &format!("{LINES}{{\"user\":\"ada\"}}\n{LINES}"));
    let refused = program.run(&["turns", "import", &file]);
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains("1 line is wrong, nothing was imported")
            && refused.stderr.contains("line 4: missing field"),
        "{}",
        refused.stderr
    );
    assert!(!program.data().exists());

    let skipped = program.json(&["turns", "import", &file, "--skip-wrong"]);
    assert_eq!(skipped["added"], 6);
    assert!(skipped["skipped"][0].as_str().unwrap().contains("line 4"), "{skipped}");
}

#[test]
fn a_file_that_names_no_user_needs_one() {
    let program = Program::new();
    let file = program.file("chat.jsonl", r#"{"session":"s","role":"user","content":"hello"}"#);
    let ran = program.run(&["turns", "import", &file]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("hint: say whose turns these are with `--user ID`"), "{}", ran.stderr);
    assert_eq!(program.json(&["turns", "import", &file, "--user", "eve"])["added"], 1);
}

#[test]
fn many_turns_of_mingled_sessions_keep_their_order() {
    let program = Program::new();
    let mut lines = String::new();
    for turn in 0..3_000 {
        let session = turn % 3;
        writeln!(
            lines,
            r#"{{"user":"u","session":"s{session}","role":"user","content":"number {turn} of the list"}}"#
        )
        .unwrap();
    }
    let imported = program.json(&["turns", "import", &program.file("many.jsonl", &lines)]);
    assert_eq!((&imported["added"], &imported["sessions"]), (&3_000.into(), &3.into()));
    let page = program.json(&["turns", "list", "--user", "u", "--session", "s1", "--limit", "1000"]);
    let texts: Vec<&str> =
        page["turns"].as_array().unwrap().iter().map(|turn| turn["content"].as_str().unwrap()).collect();
    let expected: Vec<String> = (0..1_000).map(|at| format!("number {} of the list", at * 3 + 1)).collect();
    assert_eq!(texts, expected);
    assert!(page["next_cursor"].is_null());
}

#[test]
fn profile_and_identity_stand_in_the_context() {
    let program = Program::new();
    program.run(&["identity", "set", "You are Juno."]).ok();
    program.run(&["identity", "set", "You are Juno, a tutor."]).ok();
    assert_eq!(program.json(&["identity", "show"])["version"], 2);
    assert_eq!(program.json(&["identity", "show", "--version-number", "1"])["text"], "You are Juno.");
    program.run(&["profile", "set", "--user", "ada", r#"{"goals":["keep bees"]}"#]).ok();
    let patched = program.json(&["profile", "patch", "--user", "ada", r#"{"summary":"A beekeeper."}"#]);
    assert_eq!((&patched["profile"]["goals"][0], &patched["epoch"]), (&"keep bees".into(), &2.into()));
    let context = program.json(&["context", "--user", "ada", "what now?"]);
    let prefix = context["messages"][0]["content"].as_str().unwrap();
    assert!(prefix.contains("You are Juno, a tutor.") && prefix.contains("keep bees"), "{prefix}");
    for (json, problem) in [
        (r#"{"goals":"bees"}"#, "error: profile.goals: expected a list of texts\n  hint: "),
        (
            r#"{"hives":7}"#,
            "error: profile.hives: is neither a common slot nor in the tenant's schema\n  hint: ",
        ),
        ("[]", "error: the profile is not a JSON object: "),
    ] {
        let wrong = program.run(&["profile", "set", "--user", "ada", json]);
        assert_eq!(wrong.code, Some(2));
        assert!(wrong.stderr.starts_with(problem), "{}", wrong.stderr);
    }
}

#[test]
fn the_doctor_finds_a_good_store_good_and_a_corrupt_one_corrupt() {
    let program = Program::new();
    program.run(&["turns", "import", &program.file("chat.jsonl", LINES)]).ok();
    let report = program.json(&["doctor"]);
    assert_eq!((&report["sound"], &report["counts"]["turns"]), (&true.into(), &3.into()));

    let file = report["file"].as_str().unwrap();
    let mut bytes = std::fs::read(file).unwrap();
    let end = bytes.len();
    bytes[end / 2..].fill(0xab);
    std::fs::write(file, bytes).unwrap();
    let ran = program.run(&["doctor"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stdout.contains("error: ") && ran.stdout.contains("hint: "), "{}", ran.stdout);
    assert!(ran.stderr.contains("wrong with"), "{}", ran.stderr);
}

#[test]
fn real_imported_turns_are_embedded_and_another_model_is_refused() {
    let program = Program::new();
    let file = program.file("chat.jsonl", LINES);
    let dir = model_dir();
    let local = ["--embeddings", "local", "--model-dir", &dir];
    let imported = program.json(&[&["turns", "import", &file][..], &local].concat());
    assert_eq!(imported["embedded_passages"], 3);
    let found =
        program.json(&[&["recall", "--user", "ada", "insects on top of the house"][..], &local].concat());
    assert_eq!(found["items"][0]["text"], "I keep bees on the roof.");
    assert!(found["degraded"].is_null());
    let status = program.json(&[&["model", "status"][..], &local].concat());
    assert_eq!((&status["usable"], &status["passages_waiting"]), (&true.into(), &0.into()));

    let other = program.run(&["recall", "--user", "ada", "bees", "--embeddings", "http://127.0.0.1:9/v1"]);
    assert_eq!(other.code, Some(1));
    assert!(other.stderr.contains("throughline model switch"), "{}", other.stderr);
}

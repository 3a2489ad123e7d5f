//! Learning and memories by command: from a file of turns to what holds, why, and taking it back.

use serde_json::Value;

use crate::program::Program;

const LINES: &str = r#"{"user":"ada","session":"monday","role":"user","content":"I live in Graz and I work as a nurse.","time":"2026-03-02T08:00:00Z"}
{"user":"ada","session":"monday","role":"assistant","content":"Noted."}
{"user":"ada","session":"may","role":"user","content":"I moved to Lisbon last week.","time":"2026-05-11T08:00:00Z"}
"#;

/// A program that has learned from [`LINES`].
fn learned() -> Program {
    let program = Program::new();
    program.run(&["turns", "import", &program.file("chat.jsonl", LINES)]).ok();
    program.run(&["learn", "--user", "ada"]).ok();
    program
}

fn memories(program: &Program, more: &[&str]) -> Vec<Value> {
    let listed = program.json(&[&["memories", "list", "--user", "ada"], more].concat());
    listed["memories"].as_array().unwrap().clone()
}

/// The id of the memory with this value, in whatever state.
fn id_of(program: &Program, value: &str) -> String {
    let memories = memories(program, &["--all"]);
    let found = memories.iter().find(|memory| memory["value"] == value);
    found.unwrap_or_else(|| panic!("{memories:?}"))["id"].as_str().unwrap().to_owned()
}

fn values(memories: &[Value]) -> Vec<&str> {
    memories.iter().map(|memory| memory["value"].as_str().unwrap()).collect()
}

#[test]
fn turns_of_a_file_are_learned_from_and_what_holds_is_listed_with_its_reasons() {
    let program = Program::new();
    program.run(&["turns", "import", &program.file("chat.jsonl", LINES)]).ok();
    let waiting = program.json(&["jobs"]);
    assert_eq!(
        (waiting["jobs"].as_array().unwrap().len(), &waiting["jobs"][0]["state"]),
        (2, &"waiting".into())
    );
    let said = program.run(&["learn", "--user", "ada"]).ok();
    assert!(said.starts_with("2 jobs, 3 claims accepted"), "{said}");
    assert_eq!(program.json(&["jobs"])["jobs"], Value::Array(vec![]));
    assert_eq!(program.json(&["learn", "--user", "ada"])["jobs"], 0);
    let said = program.run(&["learn", "--user", "ada"]).ok();
    assert!(said.contains("Nothing was waiting."), "{said}");

    assert_eq!(values(&memories(&program, &[])), ["nurse", "Lisbon"]);
    assert_eq!(values(&memories(&program, &["--state", "superseded"])), ["Graz"]);
    assert_eq!(values(&memories(&program, &["--kind", "goal"])), [""; 0]);
    let turns = program.json(&["turns", "list", "--user", "ada"]);
    let before = &memories(&program, &["--state", "superseded"])[0];
    assert_eq!(
        (&before["evidence"][0]["turn_id"], &before["importance"]),
        (&turns["turns"][0]["id"], &0.8.into())
    );
    let why = program.run(&["memories", "why", &id_of(&program, "Graz")]).ok();
    for part in ["superseded fact, on the word of the user", "user.home = Graz", "“I live in Graz", "active"]
    {
        assert!(why.contains(part), "{part} is not in:\n{why}");
    }
    let entry = program.json(&["memories", "why", &id_of(&program, "Graz")])["entries"][0].clone();
    assert_eq!(
        (&entry["act"], &entry["by"], &entry["number"]),
        (&"claimed".into(), &"learning".into(), &1.into())
    );
    assert!(program.run(&["memories", "list", "--user", "ada"]).ok().contains("Lisbon"));
}

#[test]
fn a_memory_is_taken_back_brought_back_changed_and_its_changes_undone() {
    let program = learned();
    let id = id_of(&program, "nurse");
    let state = |command: &str| program.json(&["memories", command, &id])["state"].clone();
    assert_eq!(state("retract"), "retracted");
    assert_eq!(values(&memories(&program, &[])), ["Lisbon"]);
    assert_eq!(state("restore"), "active");
    assert_eq!(state("retract"), "retracted");
    assert_eq!(state("undo"), "active");
    assert_eq!(program.json(&["memories", "pin", &id])["pinned"], true);
    assert_eq!(program.json(&["memories", "unpin", &id])["pinned"], false);

    let edited =
        program.json(&["memories", "edit", &id, "--value", "midwife", "--text", "Works as a midwife"]);
    assert_eq!((&edited["value"], &edited["authority"]), (&"midwife".into(), &"operator".into()));
    let mut active = memories(&program, &[]);
    active.sort_by_key(|memory| memory["value"].to_string());
    assert_eq!(values(&active), ["Lisbon", "midwife"]);
}

#[test]
fn what_is_forgotten_is_gone_from_turns_and_memories_and_no_file_holds_it() {
    let program = learned();
    let report = program.json(&["memories", "forget", &id_of(&program, "Graz")]);
    assert_eq!((&report["claims"], &report["turns"]), (&1.into(), &1.into()), "{report}");
    let shown = program.json(&["turns", "list", "--user", "ada"]).to_string();
    assert!(!shown.contains("Graz") && shown.contains("nurse"), "{shown}");
    assert!(!values(&memories(&program, &["--all"])).contains(&"Graz"));
    for entry in std::fs::read_dir(program.data()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        assert!(!bytes.windows(4).any(|window| window == b"Graz"), "{}", path.display());
    }
    // The same file again brings nothing back.
    program.run(&["turns", "import", &program.file("chat.jsonl", LINES)]).ok();
    program.run(&["learn", "--user", "ada"]).ok();
    assert!(!values(&memories(&program, &["--all"])).contains(&"Graz"));
    // An operator lets it be said again.
    assert_eq!(program.json(&["memories", "lift", "--user", "ada", "graz"])["lifted"], 1);
    program.run(&["memories", "add", "--user", "ada", "She is in Graz again"]).ok();
}

#[test]
fn a_user_lifts_what_was_forgotten_by_saying_it_anew_if_the_settings_let_them() {
    let anew = r#"{"user":"ada","session":"june","role":"user","content":"I live in Graz.","time":"2999-06-01T08:00:00Z"}"#;
    for (allowed, expected) in [("false", false), ("true", true)] {
        let program = learned();
        let config = program.file("t.toml", &format!("[learning]\nuser_may_lift = {allowed}\n"));
        program.run(&["memories", "forget", &id_of(&program, "Graz")]).ok();
        let anew = program.file("anew.jsonl", anew);
        program.run(&["turns", "import", "--config", &config, &anew]).ok();
        program.run(&["learn", "--user", "ada"]).ok();
        assert_eq!(values(&memories(&program, &["--all"])).contains(&"Graz"), expected, "{allowed}");
    }
}

#[test]
fn a_dry_run_shows_what_would_be_learned_and_refused_and_writes_nothing() {
    let program = Program::new();
    let file = program.file("chat.jsonl", LINES);
    let dry = program.json(&["learn", "--dry-run", &file]);
    let mut claimed: Vec<&str> =
        dry["claims"].as_array().unwrap().iter().map(|claim| claim["value"].as_str().unwrap()).collect();
    claimed.sort_unstable();
    assert_eq!(claimed, ["Graz", "Lisbon", "nurse"]);
    assert_eq!((&dry["extractor"], &dry["calls"]), (&"local".into(), &0.into()));
    let shown = program.run(&["learn", "--dry-run", &file]).ok();
    assert!(shown.starts_with("Would be learned\n") && shown.contains("user.home"), "{shown}");
    assert!(!program.data().exists());
    assert_eq!(program.run(&["learn"]).code, Some(2), "whose turns?");
}

#[test]
fn the_history_of_a_profile_tells_what_each_version_changed() {
    let program = learned();
    program.run(&["profile", "patch", "--user", "ada", r#"{"goals":["run a marathon"]}"#]).ok();
    program.run(&["profile", "patch", "--user", "ada", r#"{"goals":["learn to sail"]}"#]).ok();
    let history = program.json(&["profile", "history", "--user", "ada"]);
    let versions = history["versions"].as_array().unwrap();
    let newest: Vec<(&str, &str)> = versions[0]["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| (change["change"].as_str().unwrap(), change["text"].as_str().unwrap()))
        .collect();
    assert_eq!(newest, [("removed", "run a marathon"), ("added", "learn to sail")]);
    let epochs: Vec<u64> = versions.iter().map(|version| version["epoch"].as_u64().unwrap()).collect();
    assert_eq!(epochs, [4, 3, 2, 1]);
    let shown = program.run(&["profile", "history", "--user", "ada", "--limit", "1"]).ok();
    assert!(shown.contains("- goals  run a marathon") && shown.contains("+ goals  learn to sail"), "{shown}");
    assert_eq!(shown.lines().count(), 3);

    // Forgetting takes the older versions away, and the history says so.
    program.run(&["memories", "forget", &id_of(&program, "Lisbon")]).ok();
    let shown = program.run(&["profile", "history", "--user", "ada"]).ok();
    assert!(shown.contains("(what came before was forgotten)") && !shown.contains("Lisbon"), "{shown}");
}

#[test]
fn what_is_not_there_or_cannot_be_meant_is_an_error_with_a_way_out() {
    let program = learned();
    let unknown = "mem_00000000000000000000000000000000";
    for command in ["why", "retract", "restore", "pin", "undo", "forget"] {
        let ran = program.run(&["memories", command, unknown]);
        assert_eq!(ran.code, Some(1), "{command}");
        assert!(ran.stderr.contains("has no memory") && ran.stderr.contains("hint: "), "{}", ran.stderr);
    }
    let other = program.run(&["memories", "why", &id_of(&program, "Graz"), "--tenant", "other"]);
    assert_eq!(other.code, Some(1), "another tenant's memory is not there");
    for arguments in [
        &["memories", "list", "--user", "ada", "--kind", "hunch"][..],
        &["memories", "list", "--user", "ada", "--state", "true"],
        &["memories", "why", "seven"],
        &["jobs", "replay", "soon"],
    ] {
        assert_eq!(program.run(arguments).code, Some(2), "{arguments:?}");
    }
    let replay = program.run(&["jobs", "replay", "job_4711"]);
    assert_eq!(replay.code, Some(1));
    assert!(replay.stderr.contains("`throughline jobs` shows which are"), "{}", replay.stderr);
}

#[test]
fn recall_says_what_is_so_no_longer_and_which_memories_say_so() {
    let program = learned();
    let shown = program.run(&["recall", "--user", "ada", "--explain", "Graz"]).ok();
    assert!(shown.contains("monday"), "{shown}");
    let items = program.json(&["recall", "--user", "ada", "Graz"])["items"].clone();
    let graz = items.as_array().unwrap().iter().find(|item| item["text"].as_str().unwrap().contains("Graz"));
    let states: Vec<&Value> =
        graz.unwrap()["memories"].as_array().unwrap().iter().map(|one| &one["state"]).collect();
    // The home is over, the job in the same words is not.
    assert_eq!(states, ["superseded", "active"]);
    program.run(&["memories", "retract", &id_of(&program, "nurse")]).ok();
    let shown = program.run(&["recall", "--user", "ada", "Graz"]).ok();
    assert!(shown.contains("no longer so since "), "{shown}");
}

const SCHEMA: &str = r#"{"type":"object","properties":{"airport":{"type":"string","x-written-by":"user","x-phrases":["I fly from {value}"]}}}"#;

#[test]
fn own_slots_are_declared_tried_learned_and_taken_away_by_command() {
    let program = Program::new();
    let line = r#"{"user":"ada","session":"s","role":"user","content":"I fly from Graz.","time":"2026-03-02T08:00:00Z"}"#;
    let (chat, schema) = (program.file("chat.jsonl", line), program.file("slots.json", SCHEMA));
    let without = program.json(&["learn", "--dry-run", &chat]);
    assert_eq!(without["claims"], Value::Array(vec![]));
    let dry = program.json(&["learn", "--dry-run", &chat, "--schema", &schema]);
    assert_eq!(
        (&dry["claims"][0]["slot"], &dry["claims"][0]["value"]),
        (&"profile.airport".into(), &"Graz".into())
    );

    let kept = program.json(&["profile", "schema", "--file", &schema]);
    assert_eq!(kept["schema"]["properties"]["airport"]["type"], "string");
    assert_eq!(program.json(&["profile", "schema"]), kept);
    program.run(&["turns", "import", &chat]).ok();
    program.run(&["learn", "--user", "ada"]).ok();
    assert_eq!(program.json(&["profile", "get", "--user", "ada"])["profile"]["airport"], "Graz");
    let add = |value| {
        let slot = ["--slot", "profile.airport", "--value", value];
        program.json(&[&["memories", "add", "--user", "ada", "Flies from there"], &slot[..]].concat())
    };
    assert_eq!(add("Linz")["slot"], "profile.airport");

    let bad = program.file("bad.json", &SCHEMA.replace("\"user\"", "\"robots\""));
    let refused = program.run(&["profile", "schema", "--file", &bad]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("schema.properties.airport.x-written-by"), "{}", refused.stderr);
    assert_eq!(program.json(&["profile", "schema", "--clear"])["schema"], Value::Null);
}

#[test]
fn the_end_of_a_memory_is_set_and_taken_away_by_command() {
    let program = learned();
    let id = id_of(&program, "Lisbon");
    let ended = program.json(&["memories", "edit", &id, "--valid-to", "2999-01-01T00:00:00Z"]);
    assert_eq!(ended["valid_to"], "2999-01-01T00:00:00Z");
    let open = program.json(&["memories", "edit", ended["id"].as_str().unwrap(), "--no-valid-to"]);
    assert_eq!(open["valid_to"], Value::Null);
    let undone = program.json(&["memories", "undo", open["id"].as_str().unwrap()]);
    assert_eq!(undone["id"], ended["id"]);
}

//! The configuration and the demo, as seen from outside.

use serde_json::Value;

use crate::program::{Program, model_dir};

#[test]
fn an_unknown_key_names_file_line_key_and_the_nearest_one() {
    let program = Program::new();
    let file = program.file("t.toml", "listen = \"127.0.0.1:1\"\n[upstreem]\nurl = \"http://h\"\n");
    let ran = program.run(&["config", "--config", &file]);
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.stderr.starts_with(&format!("error: {file}, line 2: unknown key `upstreem")),
        "{}",
        ran.stderr
    );
    let file = program.file("t.toml", "[upstream]\nurls = \"http://h\"\n");
    let ran = program.run(&["serve", "--config", &file]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("hint: did you mean `upstream.url`?"), "{}", ran.stderr);
}

#[test]
fn the_configuration_is_found_at_home_and_shown_with_its_sources() {
    let program = Program::new();
    program.file(".config/throughline/config.toml", "[context]\nbudget_tokens = 1234\n");
    let shown = program.json(&["config", "--listen", "127.0.0.1:9"]);
    let setting = |key: &str| shown["settings"][key]["value"].as_str().unwrap().to_owned();
    assert_eq!(setting("context.budget_tokens"), "1234");
    assert_eq!(setting("listen"), "127.0.0.1:9");
    assert_eq!(shown["settings"]["listen"]["source"], "--listen");
    assert_eq!(shown["settings"]["data"]["source"], "$THROUGHLINE_DATA");
    assert!(
        shown["settings"]["context.budget_tokens"]["source"].as_str().unwrap().ends_with("config.toml:2")
    );
}

#[test]
fn a_wrong_flag_is_a_usage_error_and_help_is_not() {
    let program = Program::new();
    assert_eq!(program.run(&["serve", "--lisen", "x"]).code, Some(2));
    assert_eq!(program.run(&["serve", "--listen", "x"]).code, Some(2));
    assert!(program.run(&["serve", "--help"]).ok().contains("throughline serve --upstream"));
}

#[test]
fn a_time_zone_that_is_none_names_its_source_and_says_what_to_write() {
    let program = Program::new();
    let file = program.file("t.toml", "[memory]\ntime_zone = \"CEST\"\n");
    for (arguments, source) in
        [(["--config", &file], "line 2: `memory.time_zone`"), (["--time-zone", "CEST"], "--time-zone")]
    {
        let ran = program.run(&[["serve"].as_slice(), &arguments].concat());
        assert_eq!(ran.code, Some(2));
        assert!(ran.stderr.contains(source) && ran.stderr.contains("Europe/Vienna"), "{}", ran.stderr);
    }
    let shown = program.json(&["config", "--time-zone", "europe/vienna"]);
    assert_eq!(shown["settings"]["memory.time_zone"]["value"], "Europe/Vienna");
}

fn check_demo(demo: &Value) {
    let text: String =
        demo["messages"].as_array().unwrap().iter().map(|m| m["content"].as_str().unwrap()).collect();
    assert!(text.contains("oat porridge with figs") && text.contains("allergic to nuts"), "{text}");
    assert!(text.contains("tile museum"), "{text}");
    let tokens = |key: &str| demo["tokens"][key].as_u64().unwrap();
    assert!(tokens("with_memory") < tokens("full_history"), "{}", demo["tokens"]);
    assert_eq!(demo["receipt"]["degraded"].is_null(), demo["model"].is_string());
}

#[test]
fn the_demo_recalls_what_was_said_days_before_by_words_alone() {
    let program = Program::new();
    check_demo(&program.json(&["demo"]));
    let shown = program.run(&["demo"]).ok();
    for heading in [
        "Four days",
        "The program stops",
        "What memory recalled",
        "What would be sent",
        "What it costs",
        "The receipt",
    ] {
        assert!(shown.contains(heading), "{heading} is missing in {shown}");
    }
    assert!(!shown.contains('\u{1b}'), "there is no colour in a pipe");
    assert!(!program.data().exists(), "nothing is kept");
}

#[test]
fn real_the_demo_uses_the_model_if_it_is_there() {
    let program = Program::new();
    let demo = program.json(&["demo", "--embeddings", "local", "--model-dir", &model_dir()]);
    assert_eq!(demo["model"], "all-MiniLM-L6-v2");
    check_demo(&demo);
}

#[test]
fn a_store_nobody_knows_is_refused_with_the_known_ones_and_no_password_is_ever_shown() {
    let program = Program::new();
    let ran = program.run(&["serve", "--store", "mysql://me:hunter2@h/db"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("--store: `mysql`") && ran.stderr.contains("postgres://"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("hunter2"), "{}", ran.stderr);

    let url = "postgres://me:hunter2@127.0.0.1:1/memory?sslmode=disable";
    let file = program.file("t.toml", "[store]\npassword = \"hunter3\"\n");
    let shown = program.run(&["config", "--store", url, "--config", &file, "--json"]).ok();
    assert!(shown.contains("postgres://127.0.0.1:1/memory") && !shown.contains("hunter"), "{shown}");
    for command in [["doctor"].as_slice(), &["keys", "list"], &["model", "status"]] {
        let ran = program.run(&[command, &["--store", url, "--config", &file]].concat());
        assert_ne!(ran.code, Some(0));
        assert!(ran.stderr.contains("postgres://127.0.0.1:1/memory"), "{}", ran.stderr);
        assert!(!ran.stderr.contains("hunter"), "{}", ran.stderr);
    }
}

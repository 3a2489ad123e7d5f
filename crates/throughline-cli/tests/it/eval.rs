//! Evaluations: the example file, a saved run, the report, comparisons.

use std::path::Path;

use serde_json::Value;

use crate::program::Program;

/// The file that the documentation sends people to.
fn example() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/evaluation/questions.jsonl");
    std::fs::read_to_string(path).unwrap()
}

fn run(program: &Program, content: &str, options: &[&str]) -> String {
    let file = program.file("questions.jsonl", content);
    let arguments = ["eval", "jsonl", &file, "--ranking", "lexical"];
    program.run(&[&arguments, options].concat()).ok()
}

#[test]
fn the_example_is_measured_by_category_without_touching_the_data_folder() {
    let program = Program::new();
    let shown = run(&program, &example(), &[]);
    assert!(shown.starts_with("jsonl (questions.jsonl), ranking lexical, throughline "), "{shown}");
    for part in [
        "several turns",
        "whole session",
        "adversarial (apart)",
        "bootstrap over 2 conversations",
        "mara",
        "30–90 days",
    ] {
        assert!(shown.contains(part), "{part} is missing in {shown}");
    }
    assert!(!program.data().exists());
}

#[test]
fn what_is_learned_before_the_questions_ranks_or_not() {
    // Two homes; the later is learned to hold, and it was said first, so that no order of turns can put it first.
    let lines = r#"{"id":"lyon","session":"b","role":"user","content":"I live in Lyon now, near the old port of the town.","time":"2026-03-02T08:00:00Z"}
{"id":"paris","session":"a","role":"user","content":"I live in Paris now, near the old port of the town.","time":"2026-01-02T08:00:00Z"}
{"question":"Where do I live now, near the old port of the town?","evidence":["lyon"],"time":"2026-03-03T08:00:00Z"}
"#;
    let program = Program::new();
    let of = |options: &[&str]| -> Value {
        serde_json::from_str(&run(&program, lines, &[options, &["--json"]].concat())).unwrap()
    };
    let first = |report: &Value| report["overall"]["recall"]["1"].as_f64().unwrap();
    let learned = of(&["--learn"]);
    assert_eq!(learned["run"]["ranking"], "lexical, learned");
    assert!((first(&learned) - 1.0).abs() < 1e-9, "{learned}");
    assert!(first(&of(&["--learn", "--without", "memory"])).abs() < 1e-9);
    assert!(first(&of(&[])).abs() < 1e-9);
}

#[test]
fn a_run_is_saved_with_its_rows_and_its_report_loads_nothing() {
    let program = Program::new();
    let path = |name| program.path(name).to_str().unwrap().to_owned();
    let (out, html) = (path("run.json"), path("report.html"));
    let shown = run(&program, &example(), &["--out", &out, "--html", &html, "--json"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let saved: Value = serde_json::from_str(&std::fs::read_to_string(out).unwrap()).unwrap();
    assert_eq!(saved["overall"], shown["overall"]);
    assert_eq!((saved["rows"].as_array().unwrap().len(), shown.get("rows")), (8, None));
    assert_eq!((&saved["run"]["ranking"], &saved["run"]["model"]), (&"lexical".into(), &Value::Null));
    let page = std::fs::read_to_string(html).unwrap();
    assert!(
        page.contains("<svg ")
            && !page.contains("http://")
            && !page.contains("https://")
            && !page.contains("<script"),
        "{page}"
    );
}

#[test]
fn two_runs_are_compared_over_the_questions_of_both() {
    let program = Program::new();
    let (a, b) = (program.path("a.json"), program.path("b.json"));
    let (a, b) = (a.to_str().unwrap(), b.to_str().unwrap());
    run(&program, &example(), &["--out", a]);
    run(&program, &example().replace("Whose pot did I borrow?", "Who lent me the pot?"), &["--out", b]);
    let shown = program.run(&["eval", "compare", a, b]).ok();
    assert!(shown.contains("questions in both: 7, only in A: 1, only in B: 1"), "{shown}");
    assert!(shown.contains("Only in B\n  mara: Who lent me the pot?"), "{shown}");
    let json = program.json(&["eval", "compare", a, b]);
    assert_eq!((&json["questions"], &json["overall"]["recall"]["10"]), (&7.into(), &0.0.into()));

    let wrong = program.run(&["eval", "compare", a, &program.file("x.json", "{}")]);
    assert_eq!(wrong.code, Some(1));
    assert!(
        wrong.stderr.contains("is not a saved evaluation") && wrong.stderr.contains("hint: save a run"),
        "{}",
        wrong.stderr
    );
}

#[test]
fn confidence_is_measured_on_own_questions_and_on_those_of_the_other_user() {
    let program = Program::new();
    let path = |name| program.path(name).to_str().unwrap().to_owned();
    let (file, out, html) =
        (program.file("questions.jsonl", &example()), path("confidence.json"), path("confidence.html"));
    let arguments = ["eval", "confidence", "jsonl", &file, "--ranking", "lexical"];
    let shown = program.run(&arguments).ok();
    for part in ["own questions: 7, foreign questions: 7", "at even odds", "area under the curve"] {
        assert!(shown.contains(part), "{part} is missing in {shown}");
    }
    let json = program.json(&[&arguments[..], &["--out", &out, "--html", &html]].concat());
    let first = &json["thresholds"][0];
    assert!(first["noise_avoided"].as_f64().unwrap() >= first["evidence_lost"].as_f64().unwrap(), "{json}");
    let saved: Value = serde_json::from_str(&std::fs::read_to_string(out).unwrap()).unwrap();
    assert_eq!((&saved["thresholds"], saved["rows"].as_array().unwrap().len()), (&json["thresholds"], 14));
    assert!(std::fs::read_to_string(html).unwrap().contains("<svg "));
    assert!(!program.data().exists());
}

#[test]
fn agreement_is_measured_on_one_memory_of_all_conversations_that_is_filled_up() {
    let program = Program::new();
    let file = program.file("questions.jsonl", &example());
    let arguments = ["eval", "agreement", "jsonl", &file, "--ranking", "lexical"];
    // Whatever is small is ranked in full.
    let small = program.json(&arguments);
    assert_eq!((&small["overall"]["same"], &small["filled"]), (&1.0.into(), &0.into()), "{small}");
    let json = program.json(&[&arguments[..], &["--pool", "8300"]].concat());
    assert_eq!((&json["memories"], &json["turns"]), (&1.into(), &8_300.into()));
    let same = json["overall"]["same"].as_f64().unwrap();
    assert!((0.9..=1.0).contains(&same), "{same}");
    assert!(program.run(&arguments).ok().contains("of ten, the same"));
    assert!(!program.data().exists());
}

#[test]
fn one_conversation_needs_the_questions_of_another_file() {
    let program = Program::new();
    let only = |user: &str| {
        let of_user = |line: &&str| line.contains(&format!("\"user\": \"{user}\""));
        example().lines().filter(of_user).collect::<Vec<_>>().join("\n")
    };
    let (mara, jon) = (program.file("mara.jsonl", &only("mara")), program.file("jon.jsonl", &only("jon")));
    let arguments = ["eval", "confidence", "jsonl", &mara, "--ranking", "lexical"];
    let refused = program.run(&arguments);
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains("holds one conversation") && refused.stderr.contains("--foreign"),
        "{}",
        refused.stderr
    );
    let shown = program.run(&[&arguments[..], &["--foreign", &jon]].concat()).ok();
    assert!(shown.contains("own questions: 4, foreign questions: 3 (jon.jsonl)"), "{shown}");
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_measured() {
    let program = Program::new();
    let file = program.file("questions.jsonl", &example());
    let gone = program.path("gone/run.json");
    let cases = [
        (vec!["eval", "locomo", &file], "is a file of jsonl"),
        (vec!["eval", "jsonl", &file, "--out", gone.to_str().unwrap()], "there is no folder "),
        (vec!["eval", "jsonl"], "required arguments were not provided"),
        (vec!["eval", "jsonl", &file, "compare"], "cannot be used with"),
    ];
    for (arguments, expected) in cases {
        let ran = program.run(&arguments);
        assert_eq!(ran.code, Some(2), "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(expected), "{arguments:?}: {}", ran.stderr);
    }
    let wrong = program.file("wrong.jsonl", &example().replace("[\"m7\"]", "[\"m77\"]"));
    let ran = program.run(&["eval", "jsonl", &wrong, "--ranking", "lexical"]);
    assert!(ran.stderr.contains("line 13: `m77` is no id of a turn of user `mara`"), "{}", ran.stderr);
    let turns_only = program.file("turns.jsonl", example().lines().next().unwrap());
    let ran = program.run(&["eval", "jsonl", &turns_only, "--ranking", "lexical"]);
    assert!(
        ran.stderr.contains("no questions to measure by") && ran.stderr.contains("docs/evaluation.md"),
        "{}",
        ran.stderr
    );
}

/// The bounds lie a little below the figures of docs/learning.md, so that a rule can be narrowed without changing this. What
/// must never be, is at zero: a memory that ends what is true is worse than one that misses something.
#[test]
fn rules_alone_stay_true_through_the_stories() {
    let json = Program::new().json(&["eval", "drift", "--local"]);
    let themes = json["themes"].as_array().unwrap();
    let of = |figures: &Value, name: &str| figures[name].as_u64().unwrap();
    assert_eq!(of(&json["overall"], "false_supersessions"), 0, "{json}");
    // No rule is written for what is said in own words; that theme is there for models.
    let ruled = |name: &str| -> u64 {
        themes.iter().filter(|figures| figures["theme"] != "own words").map(|figures| of(figures, name)).sum()
    };
    assert!(ruled("stories") >= 100, "{json}");
    assert!(ruled("current_found") * 100 >= ruled("current") * 90, "{json}");
    assert!(ruled("history_kept") * 100 >= ruled("history") * 85, "{json}");
    assert!(ruled("false_current") * 100 <= ruled("stories") * 5, "{json}");
    for theme in ["assistant wrong", "tools and systems", "poisoned text", "echo", "forgetting", "operators"]
    {
        let figures = themes.iter().find(|figures| figures["theme"] == theme).unwrap();
        assert_eq!(figures["passed"], figures["stories"], "code alone decides: {figures}");
    }
}

#[test]
fn stories_of_ones_own_are_judged_and_their_mistakes_are_named() {
    let program = Program::new();
    let story = "theme: moves\nstory: Oslo\non 2026-03-02\nuser: I live in Oslo.\ncurrent: user.home=";
    let wrong = program.file("wrong.txt", &format!("{story}Bergen"));
    let shown = program.run(&["eval", "drift", &wrong]).ok();
    assert!(shown.contains("FAIL  moves: Oslo\n      missed    user.home=Bergen"), "{shown}");
    assert!(shown.contains("      invented  user.home=Oslo"), "{shown}");
    let right = program.file("right.txt", &format!("{story}Oslo"));
    assert!(program.run(&["eval", "drift", &right]).ok().contains("pass  moves: Oslo"));
    let refused = program.run(&["eval", "drift", &program.file("bad.txt", "theme: x\nnobody: hi")]);
    assert!(refused.stderr.contains("line 2: `nobody` is no key of a story"), "{}", refused.stderr);
    assert!(program.run(&["eval", "drift", "--only", "zzz"]).stderr.contains("there is no such story"));
}

//! The change of the embedding model, from the command line.

use std::process::Command;

use serde_json::{Value, json};

use crate::embeddings;
use crate::program::Program;

const LINES: &str = r#"{"user":"ada","session":"monday","role":"user","content":"I keep bees on the roof."}
{"user":"ada","session":"monday","role":"assistant","content":"How many hives?"}
"#;

/// Runs a command with a model of the stand-in configured, and perhaps another one as the model before.
struct Models {
    program: Program,
    url: String,
}

impl Models {
    fn command(&self, model: &str, before: Option<&str>, arguments: &[&str]) -> Command {
        let mut command = self.program.command(arguments);
        command.env("THROUGHLINE_EMBEDDINGS_SOURCE", &self.url).env("THROUGHLINE_EMBEDDINGS_MODEL", model);
        if let Some(before) = before {
            command.env("THROUGHLINE_PREVIOUS_SOURCE", &self.url).env("THROUGHLINE_PREVIOUS_MODEL", before);
        }
        command
    }

    fn json(&self, model: &str, before: Option<&str>, arguments: &[&str]) -> Value {
        let output = self.command(model, before, &[arguments, &["--json"]].concat()).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// What a question without a word in common finds, and what was missing to answer it.
    fn recall(&self, model: &str, before: Option<&str>) -> (Value, Value) {
        let found = self.json(model, before, &["recall", "--user", "ada", "insects"]);
        (found["items"][0]["text"].clone(), found["degraded"].clone())
    }

    fn status(&self, model: &str) -> [Value; 4] {
        let status = self.json(model, None, &["model", "status"]);
        ["store_model", "coming_model", "previous_model", "passages_waiting"].map(|key| status[key].clone())
    }
}

#[test]
fn a_switch_runs_beside_the_old_model_and_can_be_taken_back_and_forgotten() {
    let models = Models { program: Program::new(), url: embeddings::start() };
    let file = models.program.file("chat.jsonl", LINES);
    let bees = || json!("I keep bees on the roof.");
    assert_eq!(models.json("old", None, &["turns", "import", &file])["embedded_passages"], 2);
    assert_eq!(models.recall("old", None), (bees(), Value::Null));
    let refused = models.command("new", None, &["recall", "--user", "ada", "bees"]).output().unwrap();
    assert!(!refused.status.success());

    let begun = models.json("new", None, &["model", "switch", "--background"]);
    assert_eq!((&begun["complete"], &begun["passages_waiting"]), (&json!(false), &json!(2)));
    assert_eq!(models.status("new"), [json!("old"), json!("new"), Value::Null, json!(2)]);
    // Whoever has the old model still answers in full, whichever is configured.
    assert_eq!(models.recall("old", None), (bees(), Value::Null));
    assert_eq!(models.recall("new", Some("old")), (bees(), Value::Null));
    assert_eq!(models.recall("new", None).1, "other_model_serves");

    let called_off = models.json("new", None, &["model", "rollback"]);
    assert_eq!((&called_off["outcome"], &called_off["store_model"]), (&json!("cancelled"), &json!("old")));
    let done = models.json("new", None, &["model", "switch"]);
    assert_eq!((&done["complete"], &done["embedded_passages"]), (&json!(true), &json!(2)));
    assert_eq!(models.status("new"), [json!("new"), Value::Null, json!("old"), json!(0)]);
    assert_eq!(models.recall("new", None), (bees(), Value::Null));
    let report = models.json("new", None, &["doctor"]);
    assert_eq!(report["models"], json!({ "serving": "new", "coming": null, "previous": "old" }));
    assert_eq!(report["findings"], json!([]));

    let returned = models.json("old", None, &["model", "rollback"]);
    assert_eq!((&returned["outcome"], &returned["model"]), (&json!("restored"), &json!("old")));
    assert_eq!(models.recall("old", None), (bees(), Value::Null));
    assert_eq!(
        models.json("old", None, &["model", "forget"]),
        json!({ "forgotten": "new", "tidied_passages": 2 })
    );
    let nothing = models.command("old", None, &["model", "rollback"]).output().unwrap();
    assert_eq!(nothing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&nothing.stderr).contains("hint: `throughline model switch`"));
    assert_eq!(models.recall("old", None), (bees(), Value::Null));
}

//! Asking for a conversation in short: sentences, each with the lines it rests on. The model only proposes them; what becomes of
//! them is decided where every other sentence of a summary is judged.

use std::borrow::Cow;
use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::learn::summarise::WRITTEN_SENTENCES_MAX;
use crate::learn::{Batch, BatchTurn, ToldSentence};
use crate::model::{OwnSlots, UsageStage};

use super::Asked;
use super::parse::{Sentence, sentences};
use super::prompt::{self, Prompt};

/// The number of a turn for a line that is not there: there is no such turn, so the sentence is refused.
const NO_TURN: u64 = u64::MAX;

/// The instructions.
static SYSTEM: LazyLock<String> = LazyLock::new(|| {
    include_str!("summary.txt").trim_end().replace("{sentences}", &WRITTEN_SENTENCES_MAX.to_string())
});

/// The JSON Schema of an answer, as strict providers want it.
static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    json!({
        "type": "object",
        "properties": {
            "sentences": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "turns": {"type": "array", "items": {"type": "integer"}},
                        "text": {"type": "string"},
                    },
                    "required": ["turns", "text"],
                    "additionalProperties": false,
                },
            },
        },
        "required": ["sentences"],
        "additionalProperties": false,
    })
});

/// What is the same in all questions for a summary.
pub(super) fn asked() -> Asked<Sentence> {
    Asked {
        system: Cow::Borrowed(SYSTEM.as_str()),
        schema: Cow::Borrowed(&SCHEMA),
        form: r#"{"sentences": […]}"#,
        stages: [UsageStage::Summarise; 2],
        read: sentences,
    }
}

/// The prompt: one, whatever the turns are; of more than fits the newest. None if no turn may be cited.
pub(super) fn prompt(turns: &[BatchTurn], tokens_max: usize) -> Option<Prompt> {
    let batch = Batch { turns, known: &[], slots: &OwnSlots::default() };
    prompt::prompts(&batch, &SYSTEM, tokens_max).pop()
}

/// The sentences with the numbers of turns in the place of those of lines.
pub(super) fn told(turns: &[BatchTurn], prompt: &Prompt, sentences: Vec<Sentence>) -> Vec<ToldSentence> {
    let turn = |line: usize| {
        let place = line.checked_sub(1).and_then(|at| prompt.turns.get(at));
        place.map_or(NO_TURN, |place| turns[*place].seq)
    };
    let told = |Sentence { text, lines }| ToldSentence { text, turns: lines.into_iter().map(turn).collect() };
    sentences.into_iter().map(told).collect()
}

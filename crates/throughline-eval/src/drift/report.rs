//! The JSON of a run over stories.

use std::collections::BTreeMap;

use serde::Serialize;

use super::figures::{DriftFigures, ThemeFigures};
use super::judge::{FailureKind, Verdict};

/// A run as a JSON document: figures first, then each story.
#[derive(Debug, Serialize)]
pub struct JsonDrift {
    extractor: String,
    overall: JsonFigures,
    themes: Vec<JsonFigures>,
    stories: Vec<JsonStory>,
}

#[derive(Debug, Serialize)]
struct JsonFigures {
    theme: String,
    stories: usize,
    passed: usize,
    current: usize,
    current_found: usize,
    current_in_slot: usize,
    history: usize,
    history_kept: usize,
    false_current: usize,
    false_supersessions: usize,
    failures: BTreeMap<&'static str, usize>,
}

#[derive(Debug, Serialize)]
struct JsonStory {
    theme: String,
    story: String,
    passed: bool,
    failures: Vec<JsonFailure>,
}

#[derive(Debug, Serialize)]
struct JsonFailure {
    kind: &'static str,
    what: String,
}

impl From<&ThemeFigures> for JsonFigures {
    fn from(figures: &ThemeFigures) -> Self {
        Self {
            theme: figures.theme.clone(),
            stories: figures.stories,
            passed: figures.passed,
            current: figures.current,
            current_found: figures.current_found(),
            current_in_slot: figures.current_in_slot,
            history: figures.history,
            history_kept: figures.history_kept(),
            false_current: figures.false_current(),
            false_supersessions: figures.false_supersessions(),
            failures: FailureKind::ALL.iter().map(|kind| (kind.as_str(), figures.count(*kind))).collect(),
        }
    }
}

impl JsonDrift {
    /// Of the extractor of this name.
    pub fn new(extractor: &str, verdicts: &[Verdict]) -> Self {
        let figures = DriftFigures::new(verdicts);
        let story = |verdict: &Verdict| JsonStory {
            theme: verdict.theme.clone(),
            story: verdict.name.clone(),
            passed: verdict.failures.is_empty(),
            failures: verdict
                .failures
                .iter()
                .map(|failure| JsonFailure { kind: failure.kind.as_str(), what: failure.what.clone() })
                .collect(),
        };
        Self {
            extractor: extractor.to_owned(),
            overall: JsonFigures::from(&figures.overall),
            themes: figures.themes.iter().map(JsonFigures::from).collect(),
            stories: verdicts.iter().map(story).collect(),
        }
    }
}

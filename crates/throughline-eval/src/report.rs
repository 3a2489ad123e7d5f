//! A run with everything there is to say about it: what the table, the JSON document, the page and comparisons show.

use jiff::Timestamp;

use crate::run::Evaluation;
use crate::summary::Figures;

/// A run, its circumstances and its figures.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The circumstances.
    pub facts: RunFacts,
    /// What was asked and found.
    pub evaluation: Evaluation,
    /// What that comes to.
    pub figures: Figures,
}

impl Report {
    /// Computes the figures.
    pub fn new(facts: RunFacts, evaluation: Evaluation) -> Self {
        Self { figures: Figures::of(&evaluation), facts, evaluation }
    }
}

/// The circumstances of a run, as the caller knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFacts {
    /// The kind of data set, such as `locomo`.
    pub data_set: String,
    /// Name of the file, without its folders.
    pub file: String,
    /// What ranked, such as `full`.
    pub ranking: String,
    /// The embedding model; none if the ranking goes by words alone.
    pub model: Option<String>,
    /// Name and version of the program.
    pub program: String,
    /// When the run began.
    pub started: Timestamp,
}

impl RunFacts {
    /// All of it on one line.
    pub fn line(&self) -> String {
        let Self { data_set, file, ranking, model, program, started } = self;
        let model = model.as_deref().map(|model| format!(" with {model}")).unwrap_or_default();
        format!(
            "{data_set} ({file}), ranking {ranking}{model}, {program}, {}",
            started.strftime("%Y-%m-%d %H:%M")
        )
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use super::*;
    use crate::row::tests::row;

    pub(crate) fn facts(ranking: &str) -> RunFacts {
        RunFacts {
            data_set: "locomo".into(),
            file: "some.json".into(),
            ranking: ranking.into(),
            model: None,
            program: "throughline 1.2.3".into(),
            started: "2026-03-01T10:00:00Z".parse().unwrap(),
        }
    }

    /// Two conversations, two categories, one adversarial question.
    pub(crate) fn report() -> Report {
        let rows = vec![
            row("ada", "where?", "temporal", &[2]),
            row("ada", "who <b>?", "single-hop", &[1, 6]),
            row("ada", "which?", "trick", &[0]),
            row("bo", "where?", "temporal", &[0, 30]),
        ];
        let evaluation = Evaluation {
            conversations: 2,
            turns: 20,
            questions_skipped: 2,
            rows,
            ingest: Duration::from_millis(1_500),
        };
        Report::new(facts("lexical"), evaluation)
    }

    #[test]
    fn the_facts_of_a_run_fit_on_a_line() {
        assert_eq!(
            facts("lexical").line(),
            "locomo (some.json), ranking lexical, throughline 1.2.3, 2026-03-01 10:00"
        );
        let with_model = RunFacts { model: Some("all-MiniLM-L6-v2".into()), ..facts("full") };
        assert!(with_model.line().contains("ranking full with all-MiniLM-L6-v2, "));
    }
}

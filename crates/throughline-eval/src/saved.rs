//! Reads back a run that was saved with its rows.
//!
//! Only the rows and the circumstances are taken from the file: figures are computed from them again, so that two runs
//! saved by different versions are measured alike.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;

use crate::error::{Problem, parse};
use crate::json::{FORMAT, JsonFacts, JsonPiece, JsonRow, VERSION};
use crate::metrics::Found;
use crate::report::Report;
use crate::row::{Piece, Row};
use crate::run::Evaluation;

/// The largest file: a row has some 400 bytes, so this is room for half a million questions.
const SAVED_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// A file that is not a saved run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SavedError {
    /// The file cannot be opened or read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is something else, or a value in it is wrong.
    #[error("{} is not a saved evaluation: {problem}", path.display())]
    NotARun {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A newer program wrote it.
    #[error("{} has version {version} and this program reads up to {VERSION}", path.display())]
    TooNew {
        /// The file.
        path: PathBuf,
        /// What it says.
        version: u32,
    },
}

impl SavedError {
    /// What to do about it, where there is something to say beyond the error itself.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Read { .. } => None,
            Self::NotARun { .. } => Some("save a run with `throughline eval … --out FILE`"),
            Self::TooNew { .. } => Some("update throughline, or run the evaluation again with this version"),
        }
    }
}

#[derive(Deserialize)]
struct Head {
    format: String,
    version: u32,
}

#[derive(Deserialize)]
struct Document {
    run: JsonFacts,
    conversations: usize,
    turns: usize,
    questions_skipped: usize,
    ingest_ms: f64,
    rows: Vec<JsonRow>,
}

/// Reads a file that [`JsonReport::with_rows`](crate::JsonReport::with_rows) was written to.
///
/// # Errors
/// If it cannot be read, is something else, or is of a newer version.
pub fn read_saved(path: impl AsRef<Path>) -> Result<Report, SavedError> {
    let path = path.as_ref();
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(SAVED_BYTES_MAX).read_to_string(&mut text))
        .map_err(|source| SavedError::Read { path: path.to_owned(), source })?;
    report(&text).map_err(|wrong| match wrong {
        Wrong::Version(version) => SavedError::TooNew { path: path.to_owned(), version },
        Wrong::Value(Problem { at, problem }) => {
            let problem = if at.is_empty() { problem } else { format!("`{at}`: {problem}") };
            SavedError::NotARun { path: path.to_owned(), problem }
        }
    })
}

enum Wrong {
    Version(u32),
    Value(Problem),
}

fn report(text: &str) -> Result<Report, Wrong> {
    let head: Head = parse(text).map_err(Wrong::Value)?;
    if head.format != FORMAT {
        return Err(Wrong::Value(Problem::new("format", format!("it is `{}`, not `{FORMAT}`", head.format))));
    }
    if head.version > VERSION {
        return Err(Wrong::Version(head.version));
    }
    let document: Document = parse(text).map_err(Wrong::Value)?;
    let rows = document.rows.into_iter().enumerate().map(|(number, row)| read_row(number, row));
    let evaluation = Evaluation {
        conversations: document.conversations,
        turns: document.turns,
        questions_skipped: document.questions_skipped,
        rows: rows.collect::<Result<_, _>>().map_err(Wrong::Value)?,
        ingest: duration(document.ingest_ms, "ingest_ms").map_err(Wrong::Value)?,
    };
    Ok(Report::new(document.run.facts().map_err(Wrong::Value)?, evaluation))
}

fn read_row(number: usize, row: JsonRow) -> Result<Row, Problem> {
    if row.evidence.is_empty() {
        return Err(Problem::new(format!("rows[{number}].evidence"), "is empty"));
    }
    Ok(Row {
        conversation: row.conversation,
        question: row.question,
        category: row.category,
        adversarial: row.adversarial,
        evidence: row.evidence.into_iter().map(read_piece).collect(),
        latency: duration(row.latency_ms, &format!("rows[{number}].latency_ms"))?,
    })
}

fn read_piece(JsonPiece { name, rank, tokens, age_s }: JsonPiece) -> Piece {
    let found = rank.zip(tokens).map(|(rank, tokens)| Found { rank: rank.max(1), tokens });
    Piece { name, found, age: age_s.map(Duration::from_secs) }
}

fn duration(milliseconds: f64, at: &str) -> Result<Duration, Problem> {
    Duration::try_from_secs_f64(milliseconds / 1_000.0).map_err(|error| Problem::new(at, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::JsonReport;
    use crate::report::tests::report as some_report;

    fn saved() -> String {
        serde_json::to_string(&JsonReport::with_rows(&some_report())).unwrap()
    }

    fn problem(text: &str) -> String {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let error = read_saved(file.path()).unwrap_err();
        assert!(error.hint().is_some());
        error.to_string().replace(&file.path().display().to_string(), "FILE")
    }

    #[test]
    fn a_saved_run_is_read_back_as_it_was() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), saved()).unwrap();
        assert_eq!(read_saved(file.path()).unwrap(), some_report());
    }

    #[test]
    fn what_is_not_a_saved_run_is_refused_with_a_reason() {
        let cases = [
            ("[]".to_owned(), "invalid length 0, expected struct Head with 2 elements"),
            ("{}".to_owned(), "missing field `format`"),
            (saved().replace("throughline-eval", "other"), "`format`: it is `other`, not `throughline-eval`"),
            (serde_json::to_string(&JsonReport::from(&some_report())).unwrap(), "missing field `rows`"),
            (
                saved().replacen("\"rank\":2,", "\"rank\":\"2\",", 1),
                "`rows[0].evidence[0].rank`: invalid type: string \"2\", expected usize",
            ),
            (saved().replacen("\"latency_ms\":2.0", "\"latency_ms\":-2.0", 1), "`rows[0].latency_ms`: "),
        ];
        for (text, expected) in cases {
            let problem = problem(&text);
            assert!(problem.starts_with(&format!("FILE is not a saved evaluation: {expected}")), "{problem}");
        }
    }

    #[test]
    fn a_run_of_a_newer_program_is_refused() {
        assert_eq!(
            problem(&saved().replacen("\"version\":1", "\"version\":2", 1)),
            "FILE has version 2 and this program reads up to 1"
        );
    }

    #[test]
    fn a_missing_file_is_named() {
        assert_eq!(read_saved("no/such.json").unwrap_err().to_string(), "cannot read no/such.json");
    }
}

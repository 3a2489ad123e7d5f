//! What can be wrong with a file of conversations. Every error names the file and the place in it.

use std::fmt;
use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// A file that cannot be taken in.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The file cannot be opened or read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The content is none of the formats.
    #[error("{} is not in a known format: it holds {found}", path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// What was found instead.
        found: String,
    },
    /// A line of a JSONL file is wrong.
    #[error("{}, line {line}: {problem}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// A value in a JSON file is wrong.
    #[error("{}, at {at}: {problem}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// Path of the value, such as `[2].conversation.session_3[0].text`.
        at: String,
        /// What is wrong with it.
        problem: String,
    },
    /// An evaluation was asked of a file that only holds turns.
    #[error("{} holds turns but no questions to measure by", path.display())]
    NoQuestions {
        /// The file.
        path: PathBuf,
    },
}

impl ImportError {
    /// What to do about it, where there is something to say beyond the error itself.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::UnknownFormat { .. } => Some(
                "the formats are LoCoMo (a JSON list of objects with `conversation`), LongMemEval (a JSON list of objects \
                 with `haystack_sessions`) and JSONL (one turn or question a line)",
            ),
            Self::Line { .. } => Some(
                "a line is one turn: {\"user\"?, \"session\", \"role\", \"name\"?, \"content\", \"time\"?, \"metadata\"?, \"id\"?}, \
                 or one question: {\"user\"?, \"question\", \"evidence\": [ids of turns], \"category\"?, \"time\"?}",
            ),
            Self::NoQuestions { .. } => Some(
                "add lines such as {\"question\": \"Who is Bo?\", \"evidence\": [\"id of a turn\"]}, see docs/evaluation.md",
            ),
            Self::Read { .. } | Self::Value { .. } => None,
        }
    }
}

/// A wrong value inside one record: the path below the record, and what is wrong. The reader adds the file and the record.
#[derive(Debug)]
pub(crate) struct Problem {
    /// Empty for the record itself; else starts with a key, such as `conversation.speaker_a`.
    pub(crate) at: String,
    pub(crate) problem: String,
}

impl Problem {
    pub(crate) fn new(at: impl Into<String>, problem: impl fmt::Display) -> Self {
        Self { at: at.into(), problem: problem.to_string() }
    }
}

/// Words of a JSON error without its position, which counts from the start of a record and would mislead.
pub(crate) fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(words, _)| words.to_owned())
}

/// Reads a value and says where in it something is wrong.
pub(crate) fn parse<'a, T: serde::Deserialize<'a>>(json: &'a str) -> Result<T, Problem> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let at = error.path().to_string();
        Problem::new(if at == "." { "" } else { &at }, without_position(error.inner()))
    })?;
    deserializer.end().map_err(|error| Problem::new("", without_position(&error)))?;
    Ok(value)
}

//! JSONL: one turn a line, `{user?, session, role, name?, content, time?, metadata?, id?}`, or one question about them,
//! `{user?, question, evidence | evidence_sessions, category?, time?, adversarial?}`.
//!
//! Lines are read one at a time, so a file may be larger than memory. It must never guess: a key it does not know,
//! a time without an offset or a blank content is an error that names the line.

use std::collections::BTreeSet;
use std::io::{self, BufRead, Read};

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::conversation::{ConversationTurn, Evidence, Question, Role};
use crate::error::{Problem, parse};
use crate::import::ImportedTurn;
use crate::records::Counted;

/// The longest line: room for a message of 10 MB with every character escaped twofold.
const LINE_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// Why the next turn could not be read.
pub(crate) enum LineError {
    Io(io::Error),
    Malformed { line: u64, problem: String },
}

/// What a line holds.
#[derive(Debug)]
pub(crate) enum Line {
    Turn(ImportedTurn),
    Question(AskedQuestion),
}

/// A question, and whose conversation it is about.
#[derive(Debug)]
pub(crate) struct AskedQuestion {
    pub(crate) user: Option<String>,
    /// Its evidence is as it stands in the file: the names need not exist.
    pub(crate) question: Question,
}

/// The lines of a JSONL file, in order. A wrong line is stepped over; after a line beyond the limit or a failure to read
/// nothing more comes.
pub(crate) struct Lines<R> {
    reader: Counted<R>,
    line: u64,
    buffer: Vec<u8>,
    ended: bool,
}

impl<R: BufRead> Lines<R> {
    pub(crate) fn new(reader: Counted<R>) -> Self {
        Self { line: reader.lines_skipped(), reader, buffer: Vec::new(), ended: false }
    }

    pub(crate) fn bytes_read(&self) -> u64 {
        self.reader.bytes_read()
    }

    /// The number of the line read last, from 1.
    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    /// The next turn, or none at the end of the file. Questions and blank lines are stepped over.
    pub(crate) fn next_turn(&mut self) -> Result<Option<ImportedTurn>, LineError> {
        loop {
            match self.next()? {
                Some(Line::Turn(turn)) => return Ok(Some(turn)),
                Some(Line::Question(_)) => {}
                None => return Ok(None),
            }
        }
    }

    /// The next turn or question, or none at the end of the file. Blank lines are stepped over.
    pub(crate) fn next(&mut self) -> Result<Option<Line>, LineError> {
        if self.ended {
            return Ok(None);
        }
        let line = self.read();
        self.ended |= matches!(line, Ok(None) | Err(LineError::Io(_)));
        line
    }

    fn read(&mut self) -> Result<Option<Line>, LineError> {
        loop {
            self.line += 1;
            self.buffer.clear();
            let mut limited = (&mut self.reader).take(LINE_BYTES_MAX);
            let count = limited.read_until(b'\n', &mut self.buffer).map_err(LineError::Io)?;
            if count == 0 {
                return Ok(None);
            }
            let malformed = |problem: String| LineError::Malformed { line: self.line, problem };
            if count as u64 == LINE_BYTES_MAX && !self.buffer.ends_with(b"\n") {
                self.ended = true;
                return Err(malformed(format!("longer than {} MB", LINE_BYTES_MAX / (1024 * 1024))));
            }
            let text = std::str::from_utf8(&self.buffer)
                .map_err(|error| malformed(format!("not valid UTF-8 after byte {}", error.valid_up_to())))?;
            let text = text.trim_end();
            if !text.is_empty() {
                return line(text, self.line).map(Some).map_err(|Problem { at, problem }| {
                    malformed(if at.is_empty() { problem } else { format!("`{at}`: {problem}") })
                });
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TurnLine {
    id: Option<String>,
    user: Option<String>,
    session: String,
    role: String,
    name: Option<String>,
    content: String,
    time: Option<String>,
    metadata: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QuestionLine {
    user: Option<String>,
    question: String,
    evidence: Option<Vec<String>>,
    evidence_sessions: Option<Vec<String>>,
    category: Option<String>,
    time: Option<String>,
    #[serde(default)]
    adversarial: bool,
}

/// Category of questions that name none.
const CATEGORY_DEFAULT: &str = "general";

fn line(text: &str, number: u64) -> Result<Line, Problem> {
    #[derive(Deserialize)]
    struct Kind {
        question: Option<IgnoredAny>,
    }
    // Nearly all lines are turns; few of these are parsed twice.
    if text.contains("\"question\"") && parse::<Kind>(text)?.question.is_some() {
        question(text).map(Line::Question)
    } else {
        turn(text, number).map(Line::Turn)
    }
}

fn question(text: &str) -> Result<AskedQuestion, Problem> {
    let QuestionLine { user, question, evidence, evidence_sessions, category, time, adversarial } =
        parse(text)?;
    check_filled(&[("user", user.as_ref()), ("question", Some(&question)), ("category", category.as_ref())])?;
    let evidence = match (evidence, evidence_sessions) {
        (Some(turns), None) => Evidence::Turns(distinct(turns)),
        (None, Some(sessions)) => Evidence::Sessions(distinct(sessions)),
        (None, None) => {
            return Err(Problem::new("evidence", "is missing: give ids of turns, or `evidence_sessions`"));
        }
        (Some(_), Some(_)) => {
            return Err(Problem::new("evidence", "give ids of turns or `evidence_sessions`, not both"));
        }
    };
    let question = Question {
        text: question,
        category: category.unwrap_or_else(|| CATEGORY_DEFAULT.into()),
        adversarial,
        evidence,
        time: read_time(time)?,
    };
    Ok(AskedQuestion { user, question })
}

fn distinct(names: Vec<String>) -> Vec<String> {
    names.into_iter().collect::<BTreeSet<_>>().into_iter().collect()
}

fn check_filled(values: &[(&str, Option<&String>)]) -> Result<(), Problem> {
    match values.iter().find(|(_, value)| value.is_some_and(|value| value.trim().is_empty())) {
        Some((key, _)) => Err(Problem::new(*key, "is blank")),
        None => Ok(()),
    }
}

fn read_time(time: Option<String>) -> Result<Option<Timestamp>, Problem> {
    time.map(|time| time.parse::<Timestamp>())
        .transpose()
        .map_err(|error| Problem::new("time", format!("{error}; write it as 2026-01-31T09:30:00Z")))
}

fn turn(text: &str, line: u64) -> Result<ImportedTurn, Problem> {
    let TurnLine { id, user, session, role, name, content, time, metadata } = parse(text)?;
    check_filled(&[("user", user.as_ref()), ("session", Some(&session)), ("content", Some(&content))])?;
    let role = Role::from_name(&role).ok_or_else(|| {
        Problem::new("role", format!("`{role}` is not a role; use user, assistant, system or tool"))
    })?;
    let time = read_time(time)?;
    if metadata.as_ref().is_some_and(|json| !json.get().starts_with('{')) {
        return Err(Problem::new("metadata", "expected an object"));
    }
    let id = id.unwrap_or_else(|| line.to_string());
    Ok(ImportedTurn {
        user,
        turn: ConversationTurn { id, session, role, name, text: content, time, metadata },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(text: impl AsRef<[u8]>) -> Result<Vec<ImportedTurn>, String> {
        let mut lines = Lines::new(Counted::new(text.as_ref()));
        let mut all = Vec::new();
        loop {
            match lines.next_turn() {
                Ok(Some(turn)) => all.push(turn),
                Ok(None) => return Ok(all),
                Err(LineError::Malformed { line, problem }) => return Err(format!("{line}: {problem}")),
                Err(LineError::Io(error)) => panic!("{error}"),
            }
        }
    }

    #[test]
    fn a_line_becomes_a_turn_with_its_metadata_untouched() {
        let turns = read_all(concat!(
            r#"{"user":"ada","session":"s1","role":"user","name":"Ada","content":"Hello","time":"2026-03-01T10:00:00+02:00","metadata":{"b": 123456789012345678901234567890, "a":1}}"#,
            "\r\n\n",
            r#"{"session":"s1","role":"function","content":"ok","id":"t9"}"#,
        ))
        .unwrap();
        let [first, second] = &turns[..] else { panic!("{turns:?}") };
        assert_eq!(first.user.as_deref(), Some("ada"));
        assert_eq!(
            (first.turn.id.as_str(), first.turn.role, first.turn.name.as_deref()),
            ("1", Role::User, Some("Ada"))
        );
        assert_eq!(first.turn.time.unwrap().to_string(), "2026-03-01T08:00:00Z");
        assert_eq!(
            first.turn.metadata.as_ref().unwrap().get(),
            r#"{"b": 123456789012345678901234567890, "a":1}"#
        );
        assert_eq!(
            (second.user.as_deref(), second.turn.id.as_str(), second.turn.role),
            (None, "t9", Role::Tool)
        );
        assert!(second.turn.time.is_none() && second.turn.metadata.is_none());
    }

    #[test]
    fn a_wrong_line_is_named_with_what_is_wrong() {
        let good = r#"{"session":"s","role":"user","content":"x"}"#;
        let cases = [
            (r#"{"session":"s","role":"user"}"#, "2: missing field `content`"),
            (
                r#"{"session":"s","role":"user","content":7}"#,
                "2: `content`: invalid type: integer `7`, expected a string",
            ),
            (
                r#"{"session":"s","role":"robot","content":"x"}"#,
                "2: `role`: `robot` is not a role; use user, assistant, system or tool",
            ),
            (r#"{"session":" ","role":"user","content":"x"}"#, "2: `session`: is blank"),
            (r#"{"session":"s","role":"user","content":"\n"}"#, "2: `content`: is blank"),
            (
                r#"{"session":"s","role":"user","content":"x","metadata":[]}"#,
                "2: `metadata`: expected an object",
            ),
            (r#"{"session":"s","role":"user","content":"x"} {}"#, "2: trailing characters"),
            (r#"{"session":"s","role":"us"#, "2: `role`: EOF while parsing a string"),
        ];
        for (line, expected) in cases {
            assert_eq!(read_all(format!("{good}\n{line}\n{good}")).unwrap_err(), expected, "{line}");
        }
        let unknown = read_all(r#"{"session":"s","role":"user","content":"x","timestamp":1}"#).unwrap_err();
        assert!(
            unknown.starts_with("1: `timestamp`: unknown field `timestamp`, expected one of"),
            "{unknown}"
        );
        let local =
            read_all(r#"{"session":"s","role":"user","content":"x","time":"2026-01-31 09:30"}"#).unwrap_err();
        assert!(local.ends_with("write it as 2026-01-31T09:30:00Z"), "{local}");
        assert_eq!(
            read_all(b"\n\n{\"session\":\"\xff\"}\n").unwrap_err(),
            "3: not valid UTF-8 after byte 12"
        );
    }

    #[test]
    fn the_lines_after_a_wrong_one_can_be_read() {
        let good = r#"{"session":"s","role":"user","content":"x"}"#;
        let text = format!("{good}\n{{}}\n{good}\n");
        let mut lines = Lines::new(Counted::new(text.as_bytes()));
        assert!(matches!(lines.next_turn(), Ok(Some(_))));
        assert!(matches!(lines.next_turn(), Err(LineError::Malformed { line: 2, .. })));
        assert!(matches!(lines.next_turn(), Ok(Some(_))));
        assert!(matches!(lines.next_turn(), Ok(None)));
    }

    #[test]
    fn a_line_beyond_the_limit_is_refused_without_being_held() {
        let endless = io::BufReader::new(io::repeat(b'x'));
        let mut lines = Lines::new(Counted::new(endless));
        let Err(LineError::Malformed { line: 1, problem }) = lines.next_turn() else {
            panic!("expected a refusal")
        };
        assert_eq!(problem, "longer than 32 MB");
        assert!(matches!(lines.next_turn(), Ok(None)), "nothing comes after it");
    }

    const TURN: &str = r#"{"session":"s","role":"user","content":"a \"question\""}"#;

    fn question_of(line: &str) -> Result<Question, String> {
        match super::line(line, 1) {
            Ok(Line::Question(asked)) => Ok(asked.question),
            Ok(Line::Turn(turn)) => panic!("{turn:?}"),
            Err(Problem { at, problem }) => Err(format!("{at}: {problem}")),
        }
    }

    #[test]
    fn a_question_has_its_evidence_in_turns_or_in_sessions() {
        let question =
            question_of(r#"{"question":"Who?","evidence":["b","a","b"],"category":"people","time":"2026-01-31T09:30:00Z"}"#).unwrap();
        assert_eq!(question.evidence, Evidence::Turns(vec!["a".into(), "b".into()]));
        assert_eq!((question.category.as_str(), question.adversarial), ("people", false));
        assert!(question.time.is_some());
        let question =
            question_of(r#"{"question":"Who?","evidence_sessions":["s"],"adversarial":true}"#).unwrap();
        assert_eq!(question.evidence, Evidence::Sessions(vec!["s".into()]));
        assert_eq!((question.category.as_str(), question.adversarial), ("general", true));
    }

    #[test]
    fn a_wrong_question_says_what_is_wrong() {
        let cases = [
            (r#"{"question":" ","evidence":["a"]}"#, "question: is blank"),
            (r#"{"question":"Who?"}"#, "evidence: is missing: give ids of turns, or `evidence_sessions`"),
            (
                r#"{"question":"Who?","evidence":[],"evidence_sessions":[]}"#,
                "evidence: give ids of turns or `evidence_sessions`, not both",
            ),
            (
                r#"{"question":"Who?","evidence":"a"}"#,
                "evidence: invalid type: string \"a\", expected a sequence",
            ),
        ];
        for (line, expected) in cases {
            assert_eq!(question_of(line).unwrap_err(), expected);
        }
        let unknown = question_of(r#"{"question":"Who?","answer":"Bo"}"#).unwrap_err();
        assert!(unknown.starts_with("answer: unknown field `answer`"), "{unknown}");
    }

    #[test]
    fn an_import_steps_over_questions() {
        let text = format!("{TURN}\n{}\n{TURN}\n", r#"{"question":"Who?","evidence":["1"]}"#);
        let ids: Vec<_> = read_all(text).unwrap().into_iter().map(|turn| turn.turn.id).collect();
        assert_eq!(ids, ["1", "3"]);
    }
}

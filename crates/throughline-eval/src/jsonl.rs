//! JSONL: one turn a line, `{user?, session, role, name?, content, time?, metadata?, id?}`.
//!
//! Lines are read one at a time, so a file may be larger than memory. It must never guess: a key it does not know,
//! a time without an offset or a blank content is an error that names the line.

use std::io::{self, BufRead, Read};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::conversation::{ConversationTurn, Role};
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

/// The turns of a JSONL file, in order. A wrong line is stepped over; after a line beyond the limit or a failure to read
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

    /// The next turn, or none at the end of the file. Blank lines are stepped over.
    pub(crate) fn next(&mut self) -> Result<Option<ImportedTurn>, LineError> {
        if self.ended {
            return Ok(None);
        }
        let turn = self.read();
        self.ended |= matches!(turn, Ok(None) | Err(LineError::Io(_)));
        turn
    }

    fn read(&mut self) -> Result<Option<ImportedTurn>, LineError> {
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
                return turn(text, self.line).map(Some).map_err(|Problem { at, problem }| {
                    malformed(if at.is_empty() { problem } else { format!("`{at}`: {problem}") })
                });
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    id: Option<String>,
    user: Option<String>,
    session: String,
    role: String,
    name: Option<String>,
    content: String,
    time: Option<String>,
    metadata: Option<Box<RawValue>>,
}

fn turn(text: &str, line: u64) -> Result<ImportedTurn, Problem> {
    let Line { id, user, session, role, name, content, time, metadata } = parse(text)?;
    let filled = [("user", user.as_ref()), ("session", Some(&session)), ("content", Some(&content))];
    if let Some((key, _)) = filled.iter().find(|(_, value)| value.is_some_and(|v| v.trim().is_empty())) {
        return Err(Problem::new(*key, "is blank"));
    }
    let role = Role::from_name(&role).ok_or_else(|| {
        Problem::new("role", format!("`{role}` is not a role; use user, assistant, system or tool"))
    })?;
    let time = time
        .map(|time| time.parse::<Timestamp>())
        .transpose()
        .map_err(|error| Problem::new("time", format!("{error}; write it as 2026-01-31T09:30:00Z")))?;
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
            match lines.next() {
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
        assert!(matches!(lines.next(), Ok(Some(_))));
        assert!(matches!(lines.next(), Err(LineError::Malformed { line: 2, .. })));
        assert!(matches!(lines.next(), Ok(Some(_))));
        assert!(matches!(lines.next(), Ok(None)));
    }

    #[test]
    fn a_line_beyond_the_limit_is_refused_without_being_held() {
        let endless = io::BufReader::new(io::repeat(b'x'));
        let mut lines = Lines::new(Counted::new(endless));
        let Err(LineError::Malformed { line: 1, problem }) = lines.next() else {
            panic!("expected a refusal")
        };
        assert_eq!(problem, "longer than 32 MB");
        assert!(matches!(lines.next(), Ok(None)), "nothing comes after it");
    }
}

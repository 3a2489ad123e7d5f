//! Opens a file of conversations in any of the known formats, told apart by what stands in it, and streams what it holds.
//!
//! Only as much of a file is held as one step needs: a line of JSONL, one conversation of a JSON list. A pipe will do.

use std::fmt;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::vec;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::conversation::{Conversation, ConversationTurn};
use crate::error::{ImportError, Problem, parse};
use crate::jsonl::{LineError, Lines};
use crate::records::{Counted, RecordError, Records};
use crate::{locomo, longmemeval, own};

/// The known formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A JSON list of conversations between two people, with questions.
    Locomo,
    /// A JSON list of haystacks of chat sessions, with questions.
    LongMemEval,
    /// One turn or question a line.
    Jsonl,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Locomo => "locomo",
            Self::LongMemEval => "longmemeval",
            Self::Jsonl => "jsonl",
        })
    }
}

/// One turn on its way into memory.
#[derive(Debug, Clone)]
pub struct ImportedTurn {
    /// Whose memory it belongs to: the conversation's id, or what the line of a JSONL file says, if it does.
    pub user: Option<String>,
    /// The turn itself.
    pub turn: ConversationTurn,
}

/// An opened file whose format is known. Nothing beyond its first element has been read.
pub struct Dataset {
    path: PathBuf,
    source: Source,
}

enum Source {
    Lines(Lines<BufReader<File>>),
    Records(RecordSource),
}

struct RecordSource {
    parse: ParseRecord,
    format: Format,
    first: Option<(u64, Box<RawValue>)>,
    rest: Records<BufReader<File>>,
}

impl Dataset {
    /// Opens a file and tells its format by its first element.
    ///
    /// # Errors
    /// [`ImportError::Read`] if it cannot be read, [`ImportError::UnknownFormat`] if it is none of the formats,
    /// [`ImportError::Value`] if it breaks off in the first element.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ImportError> {
        let path = path.as_ref().to_owned();
        let read = |source| ImportError::Read { path: path.clone(), source };
        let mut reader = Counted::new(BufReader::new(File::open(&path).map_err(read)?));
        reader.skip_byte_order_mark().map_err(read)?;
        let source = match reader.peek_visible().map_err(read)? {
            Some(b'{') => Source::Lines(Lines::new(reader)),
            Some(b'[') => {
                let mut rest = Records::new(reader);
                match rest.next().map_err(|error| record_error(&path, error))? {
                    Some((index, first)) => {
                        let (format, parse) = format_of(&path, &first)?;
                        Source::Records(RecordSource { parse, format, first: Some((index, first)), rest })
                    }
                    None => return Err(ImportError::UnknownFormat { path, found: "an empty list".into() }),
                }
            }
            Some(byte) => {
                let found = format!("no JSON but text that starts with `{}`", byte.escape_ascii());
                return Err(ImportError::UnknownFormat { path, found });
            }
            None => return Err(ImportError::UnknownFormat { path, found: "nothing".into() }),
        };
        Ok(Self { path, source })
    }

    /// What the file was recognised as.
    pub fn format(&self) -> Format {
        match &self.source {
            Source::Lines(_) => Format::Jsonl,
            Source::Records(records) => records.format,
        }
    }

    /// Streams conversations with their questions, for an evaluation. JSONL is read to its end first.
    ///
    /// # Errors
    /// [`ImportError::NoQuestions`] for JSONL without a question, and whatever is wrong with its lines.
    pub fn conversations(self) -> Result<Conversations, ImportError> {
        let Self { path, source } = self;
        let source = match source {
            Source::Records(records) => ConversationSource::Records(records),
            Source::Lines(lines) => {
                let gathered = own::conversations(lines).map_err(|error| line_error(&path, error))?;
                if gathered.is_empty() {
                    return Err(ImportError::NoQuestions { path });
                }
                ConversationSource::Gathered(gathered.into_iter())
            }
        };
        Ok(Conversations { path, source })
    }

    /// Streams turns, for an import. Questions are stepped over.
    pub fn turns(self) -> Turns {
        let inner = match self.source {
            Source::Lines(lines) => TurnSource::Lines { path: self.path, lines },
            Source::Records(records) => TurnSource::Conversations {
                conversations: Conversations {
                    path: self.path,
                    source: ConversationSource::Records(records),
                },
                user: String::new(),
                turns: Vec::new().into_iter(),
            },
        };
        Turns(inner)
    }
}

type ParseRecord = fn(&str, u64) -> Result<Conversation, Problem>;

fn format_of(path: &Path, first: &RawValue) -> Result<(Format, ParseRecord), ImportError> {
    #[derive(Deserialize)]
    struct Keys {
        conversation: Option<IgnoredAny>,
        haystack_sessions: Option<IgnoredAny>,
    }
    let keys: Keys = parse(first.get()).map_err(|problem| value_error(path, 0, problem))?;
    if keys.conversation.is_some() {
        Ok((Format::Locomo, locomo::conversation))
    } else if keys.haystack_sessions.is_some() {
        Ok((Format::LongMemEval, |json, _| longmemeval::conversation(json)))
    } else {
        let found = "a list of objects with neither `conversation` nor `haystack_sessions`".into();
        Err(ImportError::UnknownFormat { path: path.to_owned(), found })
    }
}

fn value_error(path: &Path, index: u64, Problem { at, problem }: Problem) -> ImportError {
    let dot = if at.is_empty() || at.starts_with('[') { "" } else { "." };
    ImportError::Value { path: path.to_owned(), at: format!("[{index}]{dot}{at}"), problem }
}

fn record_error(path: &Path, error: RecordError) -> ImportError {
    match error {
        RecordError::Io(source) => ImportError::Read { path: path.to_owned(), source },
        RecordError::Malformed { index, problem } => value_error(path, index, Problem::new("", problem)),
    }
}

fn line_error(path: &Path, error: LineError) -> ImportError {
    match error {
        LineError::Io(source) => ImportError::Read { path: path.to_owned(), source },
        LineError::Malformed { line, problem } => ImportError::Line { path: path.to_owned(), line, problem },
    }
}

/// The conversations of a file, in order. After an error nothing more comes.
pub struct Conversations {
    path: PathBuf,
    source: ConversationSource,
}

enum ConversationSource {
    Records(RecordSource),
    Gathered(vec::IntoIter<Conversation>),
}

impl Conversations {
    /// Bytes of the file read so far, for a progress bar. None once the file has been closed.
    fn bytes_read(&self) -> Option<u64> {
        match &self.source {
            ConversationSource::Records(records) => Some(records.rest.bytes_read()),
            ConversationSource::Gathered(_) => None,
        }
    }

    fn read(&mut self) -> Result<Option<Conversation>, ImportError> {
        let records = match &mut self.source {
            ConversationSource::Records(records) => records,
            ConversationSource::Gathered(gathered) => return Ok(gathered.next()),
        };
        let record = match records.first.take() {
            Some(first) => Some(first),
            None => records.rest.next().map_err(|error| record_error(&self.path, error))?,
        };
        let Some((index, json)) = record else { return Ok(None) };
        (records.parse)(json.get(), index).map(Some).map_err(|problem| {
            records.rest.end();
            value_error(&self.path, index, problem)
        })
    }
}

impl Iterator for Conversations {
    type Item = Result<Conversation, ImportError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

/// The turns of a file, in order. After [`ImportError::Line`] the next line may be asked for, unless the line was beyond
/// the limit; after any other error nothing more comes.
pub struct Turns(TurnSource);

enum TurnSource {
    Lines { path: PathBuf, lines: Lines<BufReader<File>> },
    Conversations { conversations: Conversations, user: String, turns: vec::IntoIter<ConversationTurn> },
}

impl Turns {
    /// Bytes of the file read so far, for a progress bar.
    pub fn bytes_read(&self) -> u64 {
        match &self.0 {
            TurnSource::Lines { lines, .. } => lines.bytes_read(),
            TurnSource::Conversations { conversations, .. } => conversations.bytes_read().unwrap_or_default(),
        }
    }
}

impl Iterator for Turns {
    type Item = Result<ImportedTurn, ImportError>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            TurnSource::Lines { path, lines } => {
                lines.next_turn().map_err(|error| line_error(path, error)).transpose()
            }
            TurnSource::Conversations { conversations, user, turns } => loop {
                if let Some(turn) = turns.next() {
                    return Some(Ok(ImportedTurn { user: Some(user.clone()), turn }));
                }
                match conversations.next()? {
                    Ok(conversation) => {
                        *user = conversation.id;
                        *turns = conversation.turns.into_iter();
                    }
                    Err(error) => return Some(Err(error)),
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn written(content: impl AsRef<[u8]>) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content.as_ref()).unwrap();
        file
    }

    fn open(content: impl AsRef<[u8]>) -> Result<Dataset, ImportError> {
        Dataset::open(written(content).path())
    }

    const LOCOMO: &str = r#"[
        {"sample_id": "one", "qa": [], "conversation": {"speaker_a": "Noor", "session_1_date_time": "9:07 am on 1 May, 2025",
         "session_1": [{"speaker": "Noor", "dia_id": "D1:1", "text": "Hi."}, {"speaker": "Bo", "dia_id": "D1:2", "text": "Ho."}]}},
        {"qa": [{"question": "Who?", "category": 4, "evidence": ["D1:1"]}], "conversation": {"speaker_a": "Ida",
         "session_1_date_time": "1:00 pm on 2 May, 2025", "session_1": [{"speaker": "Ida", "dia_id": "D1:1", "text": "Me."}]}}
    ]"#;
    const LONGMEMEVAL: &str = r#"[{"question_id": "q", "question": "Where?", "question_type": "single",
        "answer_session_ids": ["s"], "haystack_session_ids": ["s"], "haystack_dates": ["2026/01/10 (Sat) 18:30"],
        "haystack_sessions": [[{"role": "user", "content": "Here."}]]}]"#;
    const JSONL: &str =
        "\u{feff}\n{\"user\":\"ada\",\"session\":\"s\",\"role\":\"user\",\"content\":\"Hey.\"}\n";

    #[test]
    fn formats_are_told_apart_by_content_and_give_their_turns() {
        let cases = [
            (LOCOMO, "locomo", vec!["one D1:1 Hi.", "one D1:2 Ho.", "conversation-1 D1:1 Me."]),
            (LONGMEMEVAL, "longmemeval", vec!["q s:0 Here."]),
            (JSONL, "jsonl", vec!["ada 2 Hey."]),
        ];
        for (content, format, expected) in cases {
            let dataset = open(content).unwrap();
            assert_eq!(dataset.format().to_string(), format);
            let mut turns = dataset.turns();
            let row = |t: ImportedTurn| format!("{} {} {}", t.user.unwrap(), t.turn.id, t.turn.text);
            let rows: Vec<_> = turns.by_ref().map(|turn| row(turn.unwrap())).collect();
            assert_eq!(rows, expected);
            assert_eq!(turns.bytes_read(), content.len() as u64);
        }
    }

    #[test]
    fn conversations_come_with_their_questions() {
        let conversations: Result<Vec<_>, _> = open(LOCOMO).unwrap().conversations().unwrap().collect();
        let counts: Vec<_> =
            conversations.unwrap().iter().map(|c| (c.turns.len(), c.questions.len())).collect();
        assert_eq!(counts, [(2, 0), (1, 1)]);
        assert!(matches!(open(JSONL).unwrap().conversations(), Err(ImportError::NoQuestions { .. })));
        let own = format!("{JSONL}{}", r#"{"user":"ada","question":"Who?","evidence":["2"]}"#);
        let conversations: Result<Vec<_>, _> = open(&own).unwrap().conversations().unwrap().collect();
        assert_eq!(conversations.unwrap()[0].questions.len(), 1);
        let error = open(own.replace("[\"2\"]", "[\"3\"]")).unwrap().conversations().err().unwrap();
        assert!(error.to_string().ends_with("line 3: `3` is no id of a turn of user `ada`"), "{error}");
    }

    #[test]
    fn an_unknown_format_says_what_was_found_and_what_is_known() {
        let cases = [
            ("", "nothing"),
            ("[]", "an empty list"),
            ("role,content\n", "no JSON but text that starts with `r`"),
            ("\0\0", "no JSON but text that starts with `\\x00`"),
            ("[{\"messages\": []}]", "a list of objects with neither `conversation` nor `haystack_sessions`"),
        ];
        for (content, expected) in cases {
            let error = open(content).err().unwrap();
            assert!(error.to_string().ends_with(&format!("it holds {expected}")), "{error}");
            assert!(error.hint().unwrap().contains("JSONL"));
        }
    }

    #[test]
    fn a_malformed_file_is_an_error_that_names_the_place_and_ends_the_stream() {
        let cases = [
            (
                LOCOMO.replace("\"Ida\", \"dia_id\"", "\"Ida\", \"die_id\""),
                "at [1].conversation.session_1[0]: missing field `dia_id`",
            ),
            (
                LOCOMO.replace("9:07 am", "9:07"),
                "at [0].conversation.session_1_date_time: `9:07 on 1 May, 2025` is not a time",
            ),
            (LOCOMO[..LOCOMO.len() - 20].to_owned(), "at [1]: not valid JSON at byte"),
            (
                LONGMEMEVAL.replace("\"user\"", "3"),
                "at [0].haystack_sessions[0][0].role: invalid type: integer `3`",
            ),
            (JSONL.replace("\"Hey.\"", "\"\""), "line 2: `content`: is blank"),
        ];
        for (content, expected) in cases {
            let mut turns = open(&content).unwrap().turns();
            let error = turns.by_ref().find_map(Result::err).unwrap().to_string();
            assert!(error.contains(expected), "{error}");
            assert!(turns.next().is_none());
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = Dataset::open("no/such/file.json").err().unwrap();
        assert_eq!(error.to_string(), "cannot read no/such/file.json");
    }
}

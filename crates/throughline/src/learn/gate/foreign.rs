//! What stands in a message without being said by its sender: code, logs, quotations, e-mails, recalled text.
//!
//! Line by line, by shape alone; in doubt a line is foreign, since a lost sentence costs less than a false memory.

use std::ops::Range;

use crate::learn::pattern::any_at;
use crate::learn::words::words;

use super::tables::TABLES;

/// A quotation of more words than a title has is what somebody else said.
const TITLE_WORDS_MAX: usize = 4;

/// Header lines that make an e-mail.
const HEADERS_MIN: usize = 2;

const HEADERS: &[&str] = &[
    "from:",
    "to:",
    "subject:",
    "date:",
    "cc:",
    "sent:",
    "reply-to:",
    "von:",
    "an:",
    "betreff:",
    "gesendet:",
    "de:",
    "à:",
    "objet:",
    "envoyé:",
    "para:",
    "asunto:",
    "enviado:",
];

/// What the first line of a stack trace or of a program's report holds.
const TRACES: &[&str] = &[
    "traceback (most recent call last)",
    "panicked at",
    "exception in thread",
    "stack trace:",
    "stacktrace:",
];

/// What only lines of code begin with.
const CODE_STARTS: &[&str] = &[
    "import ",
    "def ",
    "fn ",
    "let ",
    "const ",
    "return ",
    "#include",
    "public ",
    "private ",
    "class ",
    "select ",
    "insert into ",
    "update ",
    "delete from ",
    "create table ",
    "function ",
    "var ",
    "package ",
    "using ",
    "$ ",
    "#!/",
    "//",
    "/*",
    "</",
    "<?",
    "<!",
];

/// What stands in a line of code and nowhere else.
const CODE_MARKS: &[&str] = &["();", "=>", "==", "!=", "&&", "||", "::", "</", "/>", "+=", "-> ", "\": "];

/// Levels of logs.
const LEVELS: &[&str] = &["INFO", "WARN", "WARNING", "ERROR", "DEBUG", "TRACE", "FATAL"];

/// The parts that the sender may have said, in order: runs of whole lines.
pub(super) fn own_parts(text: &str) -> Vec<Range<usize>> {
    let mut parts: Vec<Range<usize>> = Vec::new();
    let mut reader = Reader::default();
    let mut at = 0;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let range = at..at + line.len();
        at = range.end;
        if number == 0 || !reader.rest_is_foreign {
            reader.headers(&text[range.start..]);
        }
        if reader.is_foreign(line) {
            continue;
        }
        match parts.last_mut().filter(|last| last.end == range.start) {
            Some(last) => last.end = range.end,
            None => parts.push(range),
        }
    }
    parts
}

/// Whether a quotation, marks included, is more than a title: what somebody else said. "I love it" is, however short.
pub(super) fn is_somebody_elses(quotation: &str) -> bool {
    let inner = quotation.trim_matches(|c: char| !c.is_alphanumeric() && !matches!(c, '.' | '!' | '?'));
    let words = words(inner, 0..inner.len());
    let first_person = TABLES.iter().any(|table| words.iter().any(|word| word.is_one_of(table.me)));
    inner.split_whitespace().count() > TITLE_WORDS_MAX || inner.ends_with('.') || first_person
}

/// What the lines so far say about the next.
#[derive(Default)]
struct Reader<'a> {
    /// What closes the fence that is open.
    fence: Option<&'a str>,
    rest_is_foreign: bool,
    /// A trace goes on until a blank line.
    trace: bool,
    /// An indented block begins after a blank line or a colon.
    may_indent: bool,
}

impl Reader<'_> {
    fn headers(&mut self, rest: &str) {
        let lines = rest.lines().map(|line| line.trim_start_matches(['>', ' ', '*']).to_lowercase());
        let is_header =
            |line: &String| HEADERS.iter().any(|header| line.replace(" :", ":").starts_with(header));
        self.rest_is_foreign |= lines.take_while(is_header).count() >= HEADERS_MIN;
    }

    fn is_foreign(&mut self, line: &str) -> bool {
        let line = line.trim_end();
        let trimmed = line.trim_start();
        if self.rest_is_foreign {
            return true;
        }
        if let Some(fence) = self.fence {
            if trimmed.starts_with(fence) {
                self.fence = None;
            }
            return true;
        }
        self.fence = ["```", "~~~"].into_iter().find(|fence| trimmed.starts_with(fence));
        if self.fence.is_some() {
            // A fence of one line: ```like this```.
            if trimmed.len() > 6 && trimmed[3..].ends_with("```") {
                self.fence = None;
            }
            return true;
        }
        let small = trimmed.to_lowercase();
        self.trace = (self.trace || TRACES.iter().any(|trace| small.contains(trace))) && !trimmed.is_empty();
        let indented = (line.starts_with("    ") || line.starts_with('\t')) && self.may_indent;
        self.may_indent = trimmed.is_empty() || indented || trimmed.ends_with(':');
        let first = words(trimmed, 0..trimmed.len());
        if TABLES.iter().any(|table| any_at(&table.recalled, &first, 0)) {
            self.rest_is_foreign = true;
        }
        self.rest_is_foreign
            || self.trace
            || indented
            || trimmed.starts_with('>')
            || trimmed.starts_with('|')
            || is_code(trimmed, &small)
            || is_log(trimmed)
    }
}

fn is_code(line: &str, small: &str) -> bool {
    let opens = line.starts_with(['{', '[', '}', ']']) && !line.starts_with("[image")
        || line.starts_with('"') && line.contains("\":");
    let ends = line.ends_with([';', '{', '}']) && line.contains(['(', '=', '{', '}', '"']);
    let begins = CODE_STARTS.iter().any(|start| small.starts_with(start))
        && line.contains(['(', '=', ';', '{', '<', '*', '"', '/', '`']);
    opens
        || ends
        || begins
        || CODE_MARKS.iter().any(|mark| line.contains(mark)) && !line.ends_with(['.', '!', '?'])
}

/// A line that begins with a moment or a level.
fn is_log(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let first = words.next().unwrap_or_default().trim_matches(['[', ']', ':']);
    let second = words.next().unwrap_or_default();
    let dated = first.len() >= 10
        && first.as_bytes()[..10].iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => matches!(byte, b'-' | b'/'),
            _ => byte.is_ascii_digit(),
        });
    let timed = second.len() >= 8 && second.as_bytes()[2] == b':' && second.as_bytes()[5] == b':';
    LEVELS.contains(&first) || dated && (first.contains('T') || timed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let found: Vec<&str> = own_parts(text).into_iter().map(|part| text[part].trim()).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn code_is_not_said_wherever_it_stands() {
        check("Before\n```\nI am code\n```\nAfter", &["Before", "After"]);
        check("Look:\n\n    I am code\n    too\n\nAfter", &["Look:", "After"]);
        check("```never closed\nI am code", &[]);
        check("let x = 5;\nI like it", &["I like it"]);
        check("{\"me\": \"I live here\"}", &[]);
    }

    #[test]
    fn logs_and_traces_are_not_said() {
        check("2026-03-01T10:00:00Z my worker\n[ERROR] my queue\nHelp", &["Help"]);
        check("Traceback (most recent call last):\n  my\n  file\n\nMy app broke", &["My app broke"]);
    }

    #[test]
    fn quoted_lines_and_emails_are_not_said() {
        check("> I live here\nNo", &["No"]);
        check("See below\nFrom: Bob\nTo: Eve\n\nI love dogs", &["See below"]);
        check("From: here to there", &["From: here to there"]);
    }

    #[test]
    fn what_memory_gave_is_not_said_again() {
        check("Here is what you know about me:\n- I live in Rome", &[]);
    }

    #[test]
    fn titles_are_told_from_what_others_said() {
        assert!(!is_somebody_elses("\"The Left Hand\""));
        assert!(is_somebody_elses("\"I love it\""));
        assert!(is_somebody_elses("\"a long walk on a short pier\""));
    }
}

//! The sentences of a summary out of an answer, with the tolerance that facts are read with.

use serde_json::{Map, Value};

use super::read::Root;
use super::{ESCAPED_LEVELS_MAX, is_empty_list, read, read_escaped, reasoning};

/// Sentences taken from one answer; a model that goes on for ever repeats itself.
const SENTENCES_MAX: usize = 32;
/// Lines one sentence may name.
const LINES_MAX: usize = 16;

const TEXT: [&str; 5] = ["text", "sentence", "summary", "statement", "content"];
const LINES: [&str; 9] =
    ["turns", "turn", "lines", "line", "sources", "source", "cites", "citations", "evidence"];

/// A sentence as the model gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Sentence {
    pub(in super::super) text: String,
    /// The numbers of the lines in the prompt, each once.
    pub(in super::super) lines: Vec<usize>,
}

/// Reads an answer: the sentences, none if it says that there are none, or what is wrong with it.
pub(in super::super) fn sentences(answer: &str) -> Result<Vec<Sentence>, &'static str> {
    let answer = reasoning::without(answer);
    let reading = read_escaped(answer, 0);
    let mut found = Vec::new();
    for root in &reading.roots {
        find(&root.value, 0, &mut found);
    }
    let says_none = |root: &Root| match &root.value {
        Value::Object(members) => !members.is_empty() && members.values().all(is_empty_list),
        value => is_empty_list(value),
    };
    match found {
        found if !found.is_empty() => Ok(found),
        _ if answer.trim().is_empty() => Err("it is empty"),
        _ if reading.cut => Err("it was cut off before the first sentence was complete"),
        _ if reading.roots.iter().any(says_none) => Ok(Vec::new()),
        _ if reading.roots.is_empty() => Err("there is no JSON in it"),
        _ => Err("no sentence in it has both a text and the lines it rests on"),
    }
}

/// Looks for sentences in a value. `level` counts strings that were read as JSON.
fn find(value: &Value, level: usize, found: &mut Vec<Sentence>) {
    match value {
        Value::Object(members) => match sentence(members) {
            // An answer that was given twice holds everything twice.
            Some(sentence) if found.len() < SENTENCES_MAX && !found.contains(&sentence) => {
                found.push(sentence);
            }
            Some(_) => {}
            None => members.values().for_each(|value| find(value, level, found)),
        },
        Value::Array(items) => items.iter().for_each(|item| find(item, level, found)),
        Value::String(text) if level < ESCAPED_LEVELS_MAX && text.trim_start().starts_with(['{', '[']) => {
            read::read(text).roots.iter().for_each(|root| find(&root.value, level + 1, found));
        }
        _ => {}
    }
}

/// The sentence of an object, if it has a text and names lines.
fn sentence(members: &Map<String, Value>) -> Option<Sentence> {
    let member = |names: &[&str]| {
        members.iter().find(|(name, _)| names.contains(&name.to_lowercase().as_str())).map(|(_, value)| value)
    };
    let text = member(&TEXT)?.as_str()?.trim();
    let mut lines = Vec::new();
    match member(&LINES)? {
        Value::Array(items) => items.iter().for_each(|item| add_lines(item, &mut lines)),
        one => add_lines(one, &mut lines),
    }
    (!text.is_empty() && !lines.is_empty()).then(|| Sentence { text: text.to_owned(), lines })
}

/// The numbers of `3`, `3.0`, `"3"`, `"[3]"` and `"1, 3"`. A number that cannot be one of a line stands for none that is there.
fn add_lines(value: &Value, lines: &mut Vec<usize>) {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.as_f64().map(|number| format!("{number:.0}")).unwrap_or_default(),
        _ => return,
    };
    let digits = text.split(|letter: char| !letter.is_ascii_digit()).filter(|digits| !digits.is_empty());
    for line in digits.map(|digits| digits.parse().unwrap_or(usize::MAX)) {
        if lines.len() < LINES_MAX && !lines.contains(&line) {
            lines.push(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(answer: &str, expected: &Result<Vec<(&str, Vec<usize>)>, &str>) {
        let read = sentences(answer);
        let read = read
            .as_ref()
            .map(|all| all.iter().map(|one| (one.text.as_str(), one.lines.clone())).collect::<Vec<_>>());
        assert_eq!(read.map_err(|why| *why), expected.clone(), "{answer}");
    }

    #[test]
    fn sentences_are_read_however_they_are_wrapped() {
        let both = Ok(vec![("Rex is a dog.", vec![1, 2])]);
        for answer in [
            r#"{"sentences": [{"turns": [1, 2], "text": "Rex is a dog."}]}"#,
            r#"[{"text": "Rex is a dog.", "lines": "1, 2"}]"#,
            r#"<think>[1]?</think>Here you are: ```json
            {"summary": {"sentences": [{"Text": "Rex is a dog.", "turns": ["[1]", 2.0, 2],}]}}```"#,
            r#""{\"sentences\": [{\"turns\": [1, 2], \"text\": \"Rex is a dog.\"}]}""#,
            r#"{"sentences": [{"turns": [1, 2], "text": "Rex is a dog."}]}{"sentences": [{"turns": [1, 2], "text": "Rex is a dog."}]}"#,
            r#"{"sentences": [{"turns": [1, 2], "text": "Rex is a dog."}, {"turns": [3], "text": "He li"#,
        ] {
            check(answer, &both);
        }
    }

    #[test]
    fn no_sentences_and_an_answer_that_cannot_be_read_are_told_apart() {
        check(r#"{"sentences": []}"#, &Ok(vec![]));
        check("[]", &Ok(vec![]));
        check("", &Err("it is empty"));
        check("They talked about a dog.", &Err("there is no JSON in it"));
        check(r#"{"sentences": [{"tu"#, &Err("it was cut off before the first sentence was complete"));
        for answer in
            [r#"{"sentences": ["Rex is a dog."]}"#, r#"{"text": "Rex is a dog.", "turns": []}"#, "{}"]
        {
            check(answer, &Err("no sentence in it has both a text and the lines it rests on"));
        }
    }

    #[test]
    fn a_line_that_cannot_be_is_kept_for_the_verification_to_refuse() {
        check(
            r#"{"text": "Rex is a dog.", "turns": [99999999999999999999999, -1]}"#,
            &Ok(vec![("Rex is a dog.", vec![usize::MAX, 1])]),
        );
    }
}

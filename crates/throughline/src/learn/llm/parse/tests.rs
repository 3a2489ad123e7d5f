//! The parser over answers as models gave them (`tests/answers`), and over made ones.

use std::fmt::Write as _;
use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::model::Polarity;

/// Reads a file of cases: `=== name`, the answer, `---`, what is read.
fn check(file: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/answers").join(file);
    let text = std::fs::read_to_string(path).unwrap();
    let cases: Vec<_> = text.split("=== ").skip(1).collect();
    assert!(!cases.is_empty());
    for case in cases {
        let (name, rest) = case.split_once('\n').unwrap();
        let (answer, expected) = rest.split_once("\n---\n").unwrap();
        assert_eq!(shown(&parse(answer)), expected.trim_end(), "{file}: {name}");
    }
}

fn shown(result: &Result<Vec<Item>, &'static str>) -> String {
    match result {
        Err(reason) => format!("unreadable: {reason}"),
        Ok(items) if items.is_empty() => "nothing".to_owned(),
        Ok(items) => items.iter().map(line).collect::<Vec<_>>().join("\n"),
    }
}

fn line(item: &Item) -> String {
    let mut line = item.turn.map_or("?".to_owned(), |turn| turn.to_string());
    write!(line, " {}", item.kind.as_str()).unwrap();
    if !item.slot.is_empty() {
        write!(line, " {}.{}={}", item.subject, item.slot, item.value).unwrap();
    }
    if item.polarity == Polarity::Denies {
        line.push_str(" (denied)");
    }
    if !item.explicit {
        line.push_str(" (implied)");
    }
    if !item.when.is_empty() {
        write!(line, " @{}", item.when).unwrap();
    }
    for text in [&item.quote, &item.text].into_iter().filter(|text| !text.is_empty()) {
        write!(line, " | {}", text.replace('\n', "⏎")).unwrap();
    }
    line
}

#[test]
fn what_stands_around_an_answer_is_passed_over() {
    check("around.txt");
}

#[test]
fn facts_are_found_in_whatever_shape_they_come() {
    check("shape.txt");
}

#[test]
fn damaged_json_is_read_as_far_as_it_is_whole() {
    check("syntax.txt");
}

#[test]
fn fields_of_other_names_and_types_are_understood_and_nothing_is_turned_into_its_opposite() {
    check("fields.txt");
}

#[test]
fn of_an_answer_that_was_cut_off_the_whole_facts_are_kept() {
    check("cut.txt");
}

#[test]
fn no_facts_and_no_answer_are_told_apart() {
    check("nothing.txt");
}

#[test]
fn one_answer_gives_only_so_many_facts() {
    let facts: Vec<Value> = (0..ITEMS_MAX + 9).map(|number| json!({"turn": 1, "quote": number})).collect();
    assert_eq!(parse(&json!({ "facts": facts }).to_string()).unwrap().len(), ITEMS_MAX);
}

/// A fact as a good model gives it, with whatever people say.
fn any_fact() -> impl Strategy<Value = Value> {
    (1..9_u8, ".{1,30}", any::<bool>(), "[a-z]{0,6}").prop_map(|(turn, quote, explicit, slot)| {
        json!({
            "turn": turn, "quote": format!("q{quote}"), "kind": "fact", "subject": "user", "slot": slot,
            "value": "v", "text": quote, "polarity": "affirms", "explicit": explicit, "when": "",
        })
    })
}

fn any_answer() -> impl Strategy<Value = Value> {
    prop::collection::vec(any_fact(), 1..6).prop_map(|facts| json!({ "facts": facts }))
}

/// Pieces that damaged answers are made of.
fn any_garbage() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("{".to_owned()),
        Just("}".into()),
        Just("[".into()),
        Just("]".into()),
        Just("\"".into()),
        Just("'".into()),
        Just("\\".into()),
        Just(",".into()),
        Just(":".into()),
        Just("\"facts\":".into()),
        Just("\"quote\":\"".into()),
        Just("//".into()),
        Just("/*".into()),
        Just("\\u".into()),
        Just("<think>".into()),
        Just("</think>".into()),
        Just("```json\n".into()),
        Just("null".into()),
        Just("“".into()),
        Just(" \n ".into()),
        Just("\\\"".into()),
        ".{0,5}",
        "[0-9.eE+-]{1,4}",
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn whatever_an_answer_is_it_is_read_or_refused(text in any_garbage()) {
        let _ = parse(&text);
    }

    #[test]
    fn valid_json_is_read_as_any_parser_reads_it(answer in any_answer()) {
        for text in [answer.to_string(), serde_json::to_string_pretty(&answer).unwrap()] {
            let reading = read::read(&text);
            prop_assert_eq!(reading, Reading { roots: vec![Root { key: None, value: answer.clone() }], cut: false });
        }
    }

    #[test]
    fn a_valid_answer_that_was_cut_off_gives_a_beginning_of_its_facts(answer in any_answer(), part in 0.0..1.0_f64) {
        let text = answer.to_string();
        let whole = parse(&text).unwrap();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in a short text")]
        let end = text.floor_char_boundary((text.len() as f64 * part) as usize);
        let has_whole_fact = text[..end].contains("\"when\":\"\"}");
        let facts = parse(&text[..end]).unwrap_or_default();
        prop_assert_eq!(&facts[..], &whole[..facts.len()]);
        prop_assert_eq!(facts.is_empty(), !has_whole_fact);
    }

    #[test]
    fn an_answer_survives_a_fence_prose_and_a_missing_end(answer in any_answer()) {
        let expected = parse(&answer.to_string()).unwrap();
        let text = answer.to_string();
        let cut = text.strip_suffix("]}").unwrap();
        prop_assert_eq!(parse(&format!("Sure:\n```json\n{answer}\n```\nDone.")).unwrap(), expected.clone());
        prop_assert_eq!(parse(cut).unwrap(), expected);
    }
}

/// Time itself is not asserted: at quadratic cost this would take many minutes, and the test runner ends it.
#[test]
fn long_garbage_ends_soon() {
    for piece in [
        "{",
        "[",
        "\"",
        "'",
        "{\"",
        "{'a",
        "[\"a\",",
        "\"a\":",
        "\\\"",
        "/*",
        "{//",
        "</think>",
        "<think></think>",
        "{\"a\":{\"b\":[",
        "{\"quote\":\"x\",\"turn\":1}",
        "{\"x\" \"",
        "\"   ",
        ",  \"",
        "“",
        "[1]",
        "{a",
        "#",
        "\"{\\\"",
        "{\"facts\":\"[{",
    ] {
        let text = piece.repeat(300_000 / piece.len());
        let _ = parse(&text);
        let _ = parse(&format!("x {text}"));
    }
}

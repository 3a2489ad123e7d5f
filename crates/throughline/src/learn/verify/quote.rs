//! Finds a quote in its turn: the true substring, in a part that the gate let through.
//!
//! A proposer may have straightened quotation marks and joined white space; nothing else is forgiven.

use std::ops::Range;

use crate::learn::proposal::{BatchTurn, Refusal};
use crate::learn::sentences::sentences;

/// Where a quote stands in the wanted parts of a turn. It begins and ends between words.
pub(super) fn locate(turn: &BatchTurn, quote: &str) -> Result<Range<usize>, Refusal> {
    let found = places(&turn.text, quote);
    if found.is_empty() {
        return Err(Refusal::NotQuoted);
    }
    let wanted = |place: &Range<usize>| {
        turn.wanted.iter().any(|part| part.start <= place.start && place.end <= part.end)
            || is_joined(turn, place)
    };
    found.into_iter().find(wanted).ok_or(Refusal::NotSaid)
}

/// The sentences that a place of a turn lies in.
pub(super) fn sentences_around<'a>(turn: &'a BatchTurn, place: &Range<usize>) -> &'a str {
    let around = sentences(&turn.text, 0..turn.text.len());
    let touching =
        || around.iter().filter(|part| part.bytes.start < place.end && place.start < part.bytes.end);
    let start = touching().map(|part| part.bytes.start).min().unwrap_or(place.start).min(place.start);
    let end = touching().map(|part| part.bytes.end).max().unwrap_or(place.end).max(place.end);
    &turn.text[start..end]
}

/// A quote may run over several wanted parts with nothing but white space between them.
fn is_joined(turn: &BatchTurn, place: &Range<usize>) -> bool {
    let mut at = place.start;
    let mut begun = false;
    for part in &turn.wanted {
        let touches = part.start <= at && at < part.end;
        let goes_on = begun
            && part.start >= at
            && turn.text.get(at..part.start).is_some_and(|gap| gap.trim().is_empty());
        if touches || goes_on {
            begun = true;
            at = part.end;
            if at >= place.end {
                return true;
            }
        } else if begun {
            return false;
        }
    }
    false
}

/// All places of a quote.
fn places(text: &str, quote: &str) -> Vec<Range<usize>> {
    let (text_plain, starts) = plain(text);
    let (quote_plain, _) = plain(quote.trim());
    if quote_plain.trim().is_empty() {
        return Vec::new();
    }
    let range = |(at, _): (usize, &str)| starts[at]..starts[at + quote_plain.len()];
    text_plain
        .match_indices(quote_plain.as_str())
        .map(range)
        .map(|range| range.start..range.start + text[range.clone()].trim_end().len())
        .filter(|range| is_whole(text, range))
        .collect()
}

/// Runs of white space as one space, quotation marks straight; with the byte that each byte of it comes from, and the end.
fn plain(text: &str) -> (String, Vec<usize>) {
    let mut plain = String::with_capacity(text.len());
    let mut starts = Vec::with_capacity(text.len() + 1);
    for (at, character) in text.char_indices() {
        let character = match character {
            '\u{2018}' | '\u{2019}' | '\u{201A}' | '\u{2032}' => '\'',
            '\u{201C}' | '\u{201D}' | '\u{201E}' | '\u{2033}' | '«' | '»' => '"',
            space if space.is_whitespace() => ' ',
            other => other,
        };
        if character == ' ' && plain.ends_with(' ') {
            continue;
        }
        plain.push(character);
        starts.resize(plain.len(), at);
    }
    starts.push(text.len());
    (plain, starts)
}

/// "ate" is not quoted from "I was late".
fn is_whole(text: &str, range: &Range<usize>) -> bool {
    let joins = |before: Option<char>, after: Option<char>| {
        // Scripts without spaces have no words to cut.
        let spaced =
            |c: char| c.is_alphanumeric() && !('\u{0E00}'..='\u{0EFF}').contains(&c) && c < '\u{2E80}';
        before.zip(after).is_some_and(|(before, after)| spaced(before) && spaced(after))
    };
    let quote = &text[range.clone()];
    !joins(text[..range.start].chars().next_back(), quote.chars().next())
        && !joins(quote.chars().next_back(), text[range.end..].chars().next())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, quote: &str, expected: &[&str]) {
        let found: Vec<&str> = places(text, quote).into_iter().map(|range| &text[range]).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn the_true_substring_is_found() {
        check("I  live\nin “Rome” now", "live in \"Rome\"", &["live\nin “Rome”"]);
        check("I don’t smoke", "don't smoke", &["don’t smoke"]);
        check("I live in Rome", "i live in rome", &[]);
        check("I live in Rome", "I live at Rome", &[]);
    }

    #[test]
    fn words_are_not_cut() {
        check("I was late", "ate", &[]);
        check("ich mag Käse", "mag Kä", &[]);
        check("我住在上海。", "住在上海", &["住在上海"]);
    }

    proptest! {
        #[test]
        fn every_part_between_words_is_found_where_it_stands(words in prop::collection::vec("[a-zé’\"]{1,5}", 1..12), cut in any::<(prop::sample::Index, prop::sample::Index)>()) {
            let text = words.join(" \n ");
            let (a, b) = (cut.0.index(words.len()), cut.1.index(words.len()));
            let quote = words[a.min(b)..=a.max(b)].join(" ");
            let found = places(&text, &quote);
            prop_assert!(found.iter().any(|range| text[range.clone()].split_whitespace().eq(quote.split_whitespace())));
        }

        #[test]
        fn any_text_and_quote_give_places_of_the_text(text in any::<String>(), quote in any::<String>()) {
            for range in places(&text, &quote) {
                prop_assert!(text.get(range).is_some());
            }
        }
    }
}

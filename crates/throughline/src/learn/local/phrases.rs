//! Own slots of the tenant, by the phrases that its schema gives: "my favourite airport is {value}".
//!
//! The same caution as with our own rules: a phrase must stand where a clause begins, in a sentence that denies nothing, and what
//! it takes ends with the clause. The language is not known, so a word that takes a statement back in any language counts.

use std::ops::Range;

use crate::learn::proposal::{Batch, BatchTurn, Proposal};
use crate::learn::verify::turns;
use crate::learn::words::{Token, Word, words};
use crate::model::{MemoryKind, OwnSlot, PHRASE_VALUE, Polarity, SlotType};
use crate::truth::profile_slot;

use super::clause::{self, Start};
use super::tables::LANGUAGES;
use super::{importance, value};

/// Most words of a value: a longer one is a sentence.
const VALUE_WORDS_MAX: usize = 8;

/// What a sentence of the user's says of own slots.
pub(super) fn of_sentence(turn: &BatchTurn, bytes: Range<usize>, batch: &Batch<'_>) -> Vec<Proposal> {
    let with_phrases = || batch.slots.learned().filter(|(_, slot)| !slot.phrases.is_empty());
    if with_phrases().next().is_none() || turn.text.get(bytes.clone()).is_none_or(turns) {
        return Vec::new();
    }
    let words = words(&turn.text, bytes);
    let starts = starts(&words);
    let mut found = Vec::new();
    for (name, slot) in with_phrases() {
        let at_any =
            |phrase: &String| starts.iter().find_map(|start| said(turn, &words, *start, slot, phrase));
        if let Some((quote, said, start)) = slot.phrases.iter().find_map(at_any) {
            found.push(Proposal {
                turn: turn.seq,
                text: value::sentence(&quote),
                quote,
                kind: MemoryKind::Fact,
                slot: Some(profile_slot(name)),
                value: said,
                polarity: Polarity::Affirms,
                explicit: !start.vague,
                importance: importance::of(MemoryKind::Fact, None),
                valid_from: None,
                valid_to: None,
            });
        }
    }
    found
}

/// Where a statement may begin in any language, before what takes it back in any.
fn starts(words: &[Word]) -> Vec<Start> {
    let is_taken_back = |word: &Word| LANGUAGES.iter().any(|language| word.is_one_of(language.takes_back));
    let end = words.iter().position(is_taken_back).unwrap_or(words.len());
    let all = LANGUAGES.iter().flat_map(|language| clause::starts(language, words));
    all.filter(|start| start.at < end).collect()
}

/// The quote and the value, if the phrase stands at the start of a clause.
fn said(
    turn: &BatchTurn,
    said: &[Word],
    start: Start,
    slot: &OwnSlot,
    phrase: &str,
) -> Option<(String, String, Start)> {
    let (before, after) = phrase.split_once(PHRASE_VALUE)?;
    let from = start.at + stands_at(before, said, start.at)?;
    let clause = LANGUAGES.iter().map(|language| clause::end(language, said, from)).min()?;
    let ends: Vec<usize> = (from + 1..=clause.min(from + VALUE_WORDS_MAX)).rev().collect();
    let is_text = matches!(slot.value, Some(SlotType::Text(_)));
    for end in ends {
        let Some(rest) = stands_at(after, said, end) else { continue };
        // Of a text there is no telling where it ends but by the clause or what the phrase says behind it.
        if is_text && rest == 0 && end != clause {
            continue;
        }
        let words = without_article(&said[from..end]);
        let text = value::tidy(text(turn, words)?);
        if !is_vague(words) && slot.value_of(&text).is_some() {
            return Some((self::text(turn, &said[start.at..end + rest])?.to_owned(), text, start));
        }
    }
    None
}

/// The number of words, if these stand there.
fn stands_at(wanted: &str, said: &[Word], at: usize) -> Option<usize> {
    let wanted = words(wanted, 0..wanted.len());
    let there = said.get(at..at + wanted.len())?;
    let same = |(a, b): (&Word, &Word)| a.token == Token::Word && b.token == Token::Word && a.text == b.text;
    wanted.iter().zip(there).all(same).then_some(wanted.len())
}

fn without_article(words: &[Word]) -> &[Word] {
    let is_article =
        |word: &Word| !word.capital && LANGUAGES.iter().any(|language| word.is_one_of(language.articles));
    match words {
        [first, rest @ ..] if !rest.is_empty() && is_article(first) => rest,
        _ => words,
    }
}

/// "it", "the same": what points at the talk is no value, nor is what has marks in it, such as the place of forgotten words.
fn is_vague(words: &[Word]) -> bool {
    let points = |word: &Word| LANGUAGES.iter().any(|language| word.is_one_of(language.vague));
    words.first().is_none_or(points) || words.iter().any(|word| word.token != Token::Word)
}

fn text<'a>(turn: &'a BatchTurn, words: &[Word]) -> Option<&'a str> {
    turn.text.get(words.first()?.bytes.start..words.last()?.bytes.end)
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use serde_json::json;

    use super::*;
    use crate::learn::{Extractor, LocalExtractor, gate};
    use crate::model::{OwnSlots, Role, Timestamp};

    /// What is read of own slots, `?` before what is vague.
    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let slots = OwnSlots::of_schema(&json!({ "properties": {
            "airport": { "type": "string", "x-written-by": "user",
                "x-phrases": ["my favourite airport is {value}", "I usually fly from {value}", "ich fliege von {value} ab"] },
            "seat": { "enum": ["window", "aisle"], "x-written-by": "user", "x-phrases": ["I prefer the {value}"] },
            "bags": { "type": "integer", "x-written-by": "user", "x-phrases": ["I travel with {value} bags"] },
        } }));
        let (role, time) = (Role::User, Timestamp::UNIX_EPOCH);
        let turns = [BatchTurn {
            seq: 1,
            role,
            name: None,
            time,
            zone: TimeZone::UTC,
            text: text.to_owned(),
            wanted: gate(role, text),
        }];
        let batch = Batch { turns: &turns, known: &[], slots: &slots.unwrap() };
        let found = LocalExtractor.extract(&batch).unwrap().proposals.into_iter();
        let own = found.filter(|one| one.slot.as_ref().is_some_and(|slot| slot.subject == "profile"));
        let shown = own.map(|one| {
            let vague = if one.explicit { "" } else { "?" };
            assert!(text.contains(&one.quote), "{}", one.quote);
            format!("{vague}{}={}", one.slot.map(|slot| slot.name).unwrap_or_default(), one.value)
        });
        assert_eq!(shown.collect::<Vec<_>>(), expected, "{text}");
    }

    #[test]
    fn a_phrase_at_the_start_of_a_clause_takes_what_stands_in_its_place() {
        check("My favourite airport is Vienna.", &["airport=Vienna"]);
        check(
            "Actually, I usually fly from Salt Lake City because it is close.",
            &["airport=Salt Lake City"],
        );
        check("Ich fliege von Wien ab.", &["airport=Wien"]);
        check("I prefer the aisle seat, and I travel with 2 bags.", &["bags=2", "seat=aisle"]);
        check("I think my favourite airport is Vienna.", &["?airport=Vienna"]);
    }

    #[test]
    fn what_is_not_said_as_so_says_nothing() {
        check("If my favourite airport is Vienna, what then?", &[]);
        check("My favourite airport is not Vienna.", &[]);
        check("Tom said my favourite airport is Vienna.", &[]);
        check("I usually fly from there.", &[]);
        check("I prefer the middle seat.", &[]);
        check("I travel with many bags.", &[]);
        check("Is my favourite airport Vienna?", &[]);
        check("My favourite airport is one of those old ones with a very long runway.", &[]);
    }
}

//! One sentence → what it says.

use std::ops::Range;

use crate::learn::proposal::{BatchTurn, Proposal};
use crate::learn::words::{Token, Word, words};
use crate::model::{Polarity, SlotKey};

use super::capture::Reader;
use super::clause::{self, Start};
use super::rule::{Rule, Says, Slot, Subject, Value, When};
use super::tables::{LANGUAGES, Language};
use super::{importance, validity, value};
use crate::learn::pattern::Matched;

/// Most things of a list ("I like a, b and c").
const LIST_MAX: usize = 8;
/// Most words of a further thing in a list: a longer one is a clause.
const LISTED_WORDS_MAX: usize = 3;

/// "My ex husband Tom" is no husband.
const FORMER: &[&str] = &["ex", "former"];

/// What a sentence of a turn says, in the first language that finds anything.
pub(super) fn of_sentence(turn: &BatchTurn, bytes: Range<usize>) -> Vec<Proposal> {
    let words = words(&turn.text, bytes);
    LANGUAGES
        .iter()
        .map(|language| Sentence { turn, words: &words, language }.proposals())
        .find(|found| !found.is_empty())
        .unwrap_or_default()
}

struct Sentence<'a> {
    turn: &'a BatchTurn,
    words: &'a [Word],
    language: &'a Language,
}

impl<'a> Sentence<'a> {
    fn proposals(&self) -> Vec<Proposal> {
        let reader = Reader { language: self.language, small: self.is_small() };
        let mut found = Vec::new();
        let mut from = 0;
        for start in clause::starts(self.language, self.words) {
            if start.at < from {
                continue;
            }
            let matched = |rule: &'a Rule| {
                // What is kept in its words is kept only if it is certain.
                let fits = (start.first || !rule.is_order()) && !(start.vague && rule.is_slotless());
                let matched = rule.pattern.matches(self.words, start.at, &reader).filter(|_| fits)?;
                let said = self.said(rule, start, &matched);
                let end = if rule.is_slotless() { self.words.len() } else { matched.end };
                (!said.is_empty()).then_some((end, said))
            };
            if let Some((end, said)) = self.language.rules.iter().find_map(matched) {
                from = end.max(start.at + 1);
                found.extend(said);
            }
        }
        for told in self.in_passing(&reader) {
            let same = |other: &Proposal| (&other.slot, &other.value) == (&told.slot, &told.value);
            if !found.iter().any(same) {
                found.push(told);
            }
        }
        found
    }

    /// What is so wherever it stands, before anything that takes it back and before a colon, behind which others may speak.
    fn in_passing(&self, reader: &Reader<'_>) -> Vec<Proposal> {
        let open = |word: &&Word| !word.is_one_of(self.language.takes_back) && word.token != Token::Mark(':');
        let end = self.words.iter().take_while(open).count();
        let at = |at: usize| {
            // The phrase alone is what says it.
            let start = Start { at: at + 1, vague: false, first: false };
            let told = |rule: &Rule| {
                let matched = rule.pattern.matches(self.words, at, reader)?;
                let quote = self.text(start.at..matched.end);
                let said =
                    |says: &Says| self.proposal(*says, says.captured(&matched)?, start, &matched, quote);
                Some(rule.says.iter().filter_map(said).collect::<Vec<_>>())
            };
            self.language.in_passing.iter().find_map(told).unwrap_or_default()
        };
        (0..end).flat_map(at).collect()
    }

    /// Nobody writes "I" small who uses capitals.
    fn is_small(&self) -> bool {
        self.words.iter().all(|word| !word.capital)
    }

    fn said(&self, rule: &Rule, start: Start, matched: &Matched) -> Vec<Proposal> {
        let list = if rule.pattern.ends_with_list() { self.list(matched) } else { Vec::new() };
        let clause = clause::end(self.language, self.words, list.last().map_or(matched.end, |item| item.end));
        let end = if rule.is_slotless() { self.words.len() } else { clause.max(matched.end) };
        let first = if start.at > 0 && self.leads_with_time(start.at) { 0 } else { start.at };
        let quote = self.text(first..end);
        let mut proposals = Vec::new();
        for says in rule.says {
            let widest = matched.captures.len().checked_sub(1);
            let listed = matches!(says.value, Value::Captured(capture) if Some(capture) == widest);
            let values: Vec<Range<usize>> = match says.value {
                // The words themselves, whatever the captures.
                _ if matches!(says.slot, Slot::None) => vec![Range::default()],
                _ => says
                    .captured(matched)
                    .into_iter()
                    .chain(if listed { list.clone() } else { Vec::new() })
                    .collect(),
            };
            proposals.extend(
                values.into_iter().filter_map(|value| self.proposal(*says, value, start, matched, quote)),
            );
        }
        proposals
    }

    fn proposal(
        &self,
        says: Says,
        value: Range<usize>,
        start: Start,
        matched: &Matched,
        quote: &str,
    ) -> Option<Proposal> {
        let slot = match says.slot {
            Slot::None => None,
            Slot::Named(name) => Some(name.to_owned()),
            Slot::Relation(capture) => {
                Some(self.relation(matched.captures.get(capture)?.clone())?.to_owned())
            }
            Slot::Favourite(capture) => Some(self.favourite(matched.captures.get(capture)?.clone())),
        };
        let text = value::sentence(quote);
        let value = match (says.value, &slot) {
            (_, None) => text.clone(),
            (Value::Fixed(value), _) => value.to_owned(),
            (Value::Whatever, _) => String::new(),
            (Value::Captured(_), _) => {
                Some(value::tidy(self.text(self.without_article(value)))).filter(|value| !value.is_empty())?
            }
        };
        let subject = match says.subject {
            Subject::User => "user".to_owned(),
            Subject::Captured(capture) => self.subject(matched.captures.get(capture)?.clone()),
            Subject::Both(relation, name) => format!(
                "{} {}",
                self.subject(matched.captures.get(relation)?.clone()),
                self.subject(matched.captures.get(name)?.clone())
            ),
        };
        let valid = validity::of(
            quote,
            says.when,
            says.slot_is_date(),
            self.language,
            self.turn.time,
            &self.turn.zone,
        );
        let lacks = match says.when {
            When::OnDay | When::Bounded => valid.to.is_none(),
            _ => false,
        };
        if lacks {
            return None;
        }
        Some(Proposal {
            turn: self.turn.seq,
            quote: quote.to_owned(),
            kind: says.kind,
            importance: importance::of(says.kind, slot.as_deref()),
            slot: slot.map(|name| SlotKey { subject, name }),
            value,
            text,
            polarity: says.polarity,
            explicit: !start.vague && !says.vague,
            valid_from: valid.from,
            valid_to: if says.polarity == Polarity::Denies { None } else { valid.to },
        })
    }

    fn text(&self, range: Range<usize>) -> &str {
        match (self.words.get(range.start), range.end.checked_sub(1).and_then(|last| self.words.get(last))) {
            (Some(first), Some(last)) if range.start < range.end => {
                &self.turn.text[first.bytes.start..last.bytes.end]
            }
            _ => "",
        }
    }

    fn subject(&self, range: Range<usize>) -> String {
        value::tidy(self.text(range)).to_lowercase()
    }

    fn without_article(&self, range: Range<usize>) -> Range<usize> {
        let article = range.len() > 1
            && !self.words[range.start].capital
            && self.words[range.start].is_one_of(self.language.articles);
        range.start + usize::from(article)..range.end
    }

    fn relation(&self, range: Range<usize>) -> Option<&'static str> {
        if self.words.get(range.start)?.is_one_of(FORMER) {
            return None;
        }
        let word = self.words.get(range.end.checked_sub(1)?)?;
        self.language.kin.iter().find(|(_, names)| word.is_one_of(names)).map(|(name, _)| *name)
    }

    /// One slot for "color" and "colour", "movie" and "film".
    fn favourite(&self, range: Range<usize>) -> String {
        let topic = self.subject(range);
        let name = match topic.as_str() {
            "color" => "colour",
            "movie" => "film",
            "meal" | "dish" => "food",
            "beverage" => "drink",
            other => other,
        };
        format!("favourite_{}", name.replace([' ', '-'], "_"))
    }

    /// "Until Friday, I…": the words of time belong to the statement.
    fn leads_with_time(&self, at: usize) -> bool {
        crate::text::dates::mentions_time(self.text(0..at))
    }

    /// The further things of a list that ends the clause: of "a, b and c", b and c.
    fn list(&self, matched: &Matched) -> Vec<Range<usize>> {
        let mut items = Vec::new();
        let first = matched.captures.last().map_or(&[][..], |last| &self.words[last.clone()]);
        // "buying food, drinks and clothes" is one thing to do.
        if first.len() > 1 && first[0].text.ends_with("ing") {
            return items;
        }
        let mut closed = false;
        let mut at = matched.end;
        let joins = |word: &Word| word.is_one_of(self.language.lists);
        while items.len() < LIST_MAX && !closed {
            let Some(word) = self.words.get(at) else { break };
            let comma = word.token == Token::Mark(',');
            let and = if comma { self.words.get(at + 1).is_some_and(joins) } else { joins(word) };
            if !comma && !and {
                break;
            }
            closed = and;
            let start = at + 1 + usize::from(comma && and);
            let count = self.words[start.min(self.words.len())..]
                .iter()
                .take_while(|word| {
                    word.token != Token::Mark(',') && !word.is_mark() && !word.is_one_of(self.language.stops)
                })
                .count();
            let begins_clause = self.words[start.min(self.words.len())..].iter().take(count).any(|word| {
                word.is_one_of(self.language.clause_words) || word.is_one_of(self.language.vague)
            });
            let after = self.words.get(start + count);
            let ends = after.is_none_or(|word| word.is_mark() || word.is_one_of(self.language.stops));
            if count == 0 || count > LISTED_WORDS_MAX || begins_clause || !ends {
                return Vec::new();
            }
            items.push(start..start + count);
            at = start + count;
        }
        if closed { items } else { Vec::new() }
    }
}

impl Says {
    /// The words of its value; none if a word of the pattern or nothing is.
    fn captured(self, matched: &Matched) -> Option<Range<usize>> {
        match self.value {
            Value::Captured(capture) => matched.captures.get(capture).cloned(),
            Value::Fixed(_) | Value::Whatever => Some(Range::default()),
        }
    }

    /// The day is the value itself and bounds nothing.
    fn slot_is_date(self) -> bool {
        matches!(self.slot, Slot::Named("birthday"))
    }
}

//! What the local extractor knows of each language: one file of words and rules each.
//!
//! To add a language, write its table and add it to [`LANGUAGES`]. Words are as [`words`](crate::learn::words) gives them. Rules are
//! tried in order at each place, the first that matches counts: the narrow stand before the wide.

mod english;
mod english_classes;
mod english_rules;
mod french;
mod german;
mod spanish;

use std::collections::HashMap;
use std::sync::LazyLock;

use super::rule::{Row, Rule};
use crate::learn::pattern::Pattern;

/// A language as it is written down.
pub(super) struct Written {
    /// May stand before a statement and says nothing: "actually".
    pub(super) leads: &'static [&'static str],
    /// May stand before a statement and makes it vague: "I think".
    pub(super) hedges: &'static [&'static str],
    /// Words behind which a new clause may begin.
    pub(super) joins: &'static [&'static str],
    /// Words between the last two things of a list.
    pub(super) lists: &'static [&'static str],
    /// What stands behind these is not said as so: "if", "he said".
    pub(super) takes_back: &'static [&'static str],
    /// Values end before these.
    pub(super) stops: &'static [&'static str],
    /// Values of doing ("walking in the rain") and phrases end before these alone.
    pub(super) hard_stops: &'static [&'static str],
    /// Left out at the beginning of a value.
    pub(super) articles: &'static [&'static str],
    /// What begins with these, or holds one of the second, is no value: "it", "your idea".
    pub(super) vague: &'static [&'static str],
    pub(super) of_you: &'static [&'static str],
    /// Things of a list do not begin with these: another clause does.
    pub(super) clause_words: &'static [&'static str],
    /// Relations: the slot's name, and the words for it.
    pub(super) kin: &'static [(&'static str, &'static [&'static str])],
    /// May stand before a relation and belongs to it: "older".
    pub(super) kin_adjectives: &'static [&'static str],
    /// Numbers in words.
    pub(super) numbers: &'static [&'static str],
    /// Words within a name or place that have no capital.
    pub(super) particles: &'static [&'static str],
    /// What a capture takes: its class, and words or phrases with `|` between.
    pub(super) classes: &'static [(&'static str, &'static str)],
    /// What a greeting begins with, before "I'm Anna".
    pub(super) greetings: &'static [&'static str],
    /// Until when: "until".
    pub(super) until: &'static [&'static str],
    /// Since when: "since", "starting".
    pub(super) since: &'static [&'static str],
    /// For how long, before a number and a unit: "for the next two weeks".
    pub(super) lasting: &'static [&'static str],
    /// What a time before its statement begins with.
    pub(super) time_leads: &'static [&'static str],
    /// Units of time: the word, and its days.
    pub(super) units: &'static [(&'static str, i32)],
    /// The running period: "this week".
    pub(super) this: &'static [&'static str],
    pub(super) rules: &'static [Row],
    /// What is so wherever in a sentence it stands: "with my husband Tom".
    pub(super) in_passing: &'static [Row],
}

/// A language, ready to be used.
pub(super) struct Language {
    pub(super) words: Written,
    pub(super) leads: Vec<Pattern>,
    pub(super) hedges: Vec<Pattern>,
    pub(super) rules: Vec<Rule>,
    pub(super) in_passing: Vec<Rule>,
    classes: HashMap<&'static str, Vec<Phrase>>,
}

/// The words of a phrase.
type Phrase = Vec<&'static str>;

impl Language {
    /// What a class takes.
    pub(super) fn class(&self, class: &str) -> &[Phrase] {
        self.classes.get(class).map_or(&[], Vec::as_slice)
    }
}

impl std::ops::Deref for Language {
    type Target = Written;

    fn deref(&self) -> &Written {
        &self.words
    }
}

/// All of them. A sentence is read with the first whose rules say something.
pub(super) static LANGUAGES: LazyLock<Vec<Language>> = LazyLock::new(|| {
    let read = |words: Written| Language {
        leads: Pattern::table(words.leads),
        hedges: Pattern::table(words.hedges),
        rules: Rule::table(words.rules),
        in_passing: Rule::table(words.in_passing),
        classes: words.classes.iter().map(|(class, phrases)| (*class, phrases_of(phrases))).collect(),
        words,
    };
    [english::ENGLISH, german::GERMAN, french::FRENCH, spanish::SPANISH].map(read).into()
});

fn phrases_of(written: &'static str) -> Vec<Phrase> {
    written.split('|').map(|phrase| phrase.split(' ').collect()).collect()
}

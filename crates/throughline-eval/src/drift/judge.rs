//! What is held after a story against what must be.

use std::collections::BTreeSet;

use super::story::{Expected, Fact, Must, Story};

/// Something that is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The slot, as `user.home`, if it has one.
    pub slot: Option<String>,
    /// The value.
    pub value: String,
    /// It in a sentence.
    pub text: String,
    /// What it is held to be.
    pub state: HeldState,
}

/// What something is held to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldState {
    /// True.
    Current,
    /// Over, taken back or replaced.
    Past,
    /// True from a later moment on.
    ToCome,
    /// Kept apart and never used, or never held.
    Apart,
}

/// How a memory drifts from the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FailureKind {
    /// Something true was not learned.
    Missed,
    /// Something true was learned, and is held to be over: a false supersession.
    Ended,
    /// Something that is over is held to be true.
    Stale,
    /// Something that never was is held to be, or to have been.
    Invented,
    /// Something that is over is not held to have been.
    Lost,
}

impl FailureKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Missed, Self::Ended, Self::Stale, Self::Invented, Self::Lost];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missed => "missed",
            Self::Ended => "ended",
            Self::Stale => "stale",
            Self::Invented => "invented",
            Self::Lost => "lost",
        }
    }
}

/// One way in which a story went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriftFailure {
    /// How.
    pub kind: FailureKind,
    /// What: the fact that was expected, or what is held in its place.
    pub what: String,
}

/// How a story went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Of the story.
    pub theme: String,
    /// Of the story.
    pub name: String,
    /// None if it went right.
    pub failures: Vec<DriftFailure>,
    /// Facts that must be current.
    pub current: usize,
    /// How many of them are, under the slot that was expected.
    pub current_in_slot: usize,
    /// Facts that must be history.
    pub history: usize,
}

impl Verdict {
    /// How often it went wrong in this way.
    pub fn count(&self, kind: FailureKind) -> usize {
        self.failures.iter().filter(|failure| failure.kind == kind).count()
    }
}

/// Compares what is held after a story with what must be.
///
/// A value fits if it has the expected words in their order. A true fact may stand under another name of the same subject, or
/// under none: it is found, though not in its slot. A slot that the story speaks of may hold nothing else.
pub fn judge(story: &Story, held: &[Held]) -> Verdict {
    let held: Vec<&Held> = held.iter().filter(|held| held.state != HeldState::Apart).collect();
    let mut verdict = Verdict {
        theme: story.theme.clone(),
        name: story.name.clone(),
        failures: Vec::new(),
        current: 0,
        current_in_slot: 0,
        history: 0,
    };
    // Two lines may mean the same memory.
    let mut fail = |kind, what: String| {
        let failure = DriftFailure { kind, what };
        if !verdict.failures.contains(&failure) {
            verdict.failures.push(failure);
        }
    };
    for line in &story.expected {
        let any = |state: HeldState, fits: fn(&Fact, &Held) -> bool| {
            held.iter().find(|held| held.state == state && line.facts.iter().any(|fact| fits(fact, held)))
        };
        match line.must {
            Must::Current => {
                verdict.current += 1;
                if any(HeldState::Current, Fact::fits).is_some() {
                    verdict.current_in_slot += 1;
                } else if any(HeldState::Current, Fact::is_mentioned_in).is_none() {
                    let over = any(HeldState::Past, Fact::is).is_some();
                    fail(if over { FailureKind::Ended } else { FailureKind::Missed }, shown(line));
                }
            }
            Must::History => {
                verdict.history += 1;
                if any(HeldState::Current, Fact::is).is_some() {
                    fail(FailureKind::Stale, shown(line));
                } else if any(HeldState::Past, Fact::is_mentioned_in).is_none() {
                    fail(FailureKind::Lost, shown(line));
                }
            }
            Must::Never => {
                for state in [HeldState::Current, HeldState::Past] {
                    if let Some(held) = any(state, Fact::is) {
                        fail(FailureKind::Invented, said(held));
                    }
                }
            }
        }
    }
    for held in held.iter().filter(|held| held.state == HeldState::Current && is_surplus(story, held)) {
        fail(FailureKind::Invented, said(held));
    }
    verdict
}

/// Whether something stands in a slot that the story speaks of without the story speaking of it.
fn is_surplus(story: &Story, held: &Held) -> bool {
    let facts = || story.expected.iter().flat_map(|line| &line.facts);
    let slots: BTreeSet<&str> = facts().filter_map(|fact| fact.slot.as_deref()).collect();
    held.slot.as_deref().is_some_and(|slot| slots.contains(slot)) && !facts().any(|fact| fact.is(held))
}

impl Fact {
    /// Whether something that is held is this: under its slot, or with exactly this value under none.
    pub fn is(&self, held: &Held) -> bool {
        let same = || !self.words.is_empty() && words(&held.value) == words(&self.words);
        self.fits(held) || (held.slot.is_none() && same())
    }

    /// Under its slot.
    fn fits(&self, held: &Held) -> bool {
        match &self.slot {
            Some(slot) => held.slot.as_ref() == Some(slot) && contains(&held.value, &self.words),
            None => contains(&held.value, &self.words) || contains(&held.text, &self.words),
        }
    }

    /// Somewhere in what is held of the same subject.
    fn is_mentioned_in(&self, held: &Held) -> bool {
        let somewhere = || contains(&held.value, &self.words) || contains(&held.text, &self.words);
        self.fits(held) || (is_of_one_subject(self, held) && !self.words.is_empty() && somewhere())
    }
}

fn is_of_one_subject(fact: &Fact, held: &Held) -> bool {
    let subject = |slot: &str| slot.split('.').next().map(str::to_owned);
    match (&fact.slot, &held.slot) {
        (Some(fact), Some(held)) => subject(fact) == subject(held),
        _ => true,
    }
}

/// Whether the words stand in a text, in their order, next to each other.
fn contains(text: &str, expected: &str) -> bool {
    // Some scripts have no spaces between words.
    let spaceless = expected.chars().any(|c| c >= '\u{2e80}');
    let (text, expected) = (words(text), words(expected));
    if spaceless {
        text.contains(expected.trim())
    } else {
        expected.trim().is_empty() || text.contains(&expected)
    }
}

/// Small letters and digits, a space before, between and after words.
fn words(text: &str) -> String {
    let spaced: String =
        text.to_lowercase().chars().map(|c| if c.is_alphanumeric() { c } else { ' ' }).collect();
    let words: Vec<&str> = spaced.split_whitespace().collect();
    format!(" {} ", words.join(" "))
}

fn shown(line: &Expected) -> String {
    line.facts.first().map(ToString::to_string).unwrap_or_default()
}

fn said(held: &Held) -> String {
    match &held.slot {
        Some(slot) => format!("{slot}={}", held.value),
        None => held.text.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::read_stories;
    use super::*;

    fn held(state: HeldState, said: &str) -> Held {
        let (slot, value) = said.split_once('=').map_or((None, said), |(slot, value)| (Some(slot), value));
        Held { slot: slot.map(str::to_owned), value: value.to_owned(), text: said.to_owned(), state }
    }

    /// What goes wrong in a story of somebody who moved from Paris to Lyon and never lived in Rome.
    #[track_caller]
    fn check(holding: &[Held], expected: &[&str]) {
        let text = "theme: t\nstory: s\non 2026-03-02\nuser: hi\n\
                    current: user.home=Lyon\nhistory: user.home=Paris\nnever: user.home=Rome\n";
        let verdict = judge(&read_stories(text).unwrap()[0], holding);
        let shown: Vec<String> = verdict
            .failures
            .iter()
            .map(|failure| format!("{} {}", failure.kind.as_str(), failure.what))
            .collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_story_goes_right_if_all_is_as_it_must_be() {
        use HeldState::{Apart, Current, Past, ToCome};
        check(
            &[
                held(Past, "user.home=Paris"),
                held(Current, "user.home=Lyon, France"),
                held(Apart, "user.home=Rome"),
                held(ToCome, "user.home=Oslo"),
                held(Current, "sister.home=Rome"),
            ],
            &[],
        );
        check(&[held(Past, "user.home=Paris"), held(Current, "lives in Lyon now")], &[]);
    }

    #[test]
    fn each_way_of_going_wrong_has_its_name() {
        use HeldState::{Current, Past};
        check(&[], &["missed user.home=Lyon", "lost user.home=Paris"]);
        check(
            &[held(Current, "user.home=Paris"), held(Past, "user.home=Lyon")],
            &["ended user.home=Lyon", "stale user.home=Paris"],
        );
        let right = [held(Current, "user.home=Lyon"), held(Past, "user.home=Paris")];
        let and = |more: Held| [right.to_vec(), vec![more]].concat();
        check(&and(held(Current, "user.home=Rome")), &["invented user.home=Rome"]);
        check(&and(held(Past, "user.home=Rome")), &["invented user.home=Rome"]);
        check(&and(held(Current, "Rome")), &["invented Rome"]);
        check(&and(held(Current, "user.home=Oslo")), &["invented user.home=Oslo"]);
        check(&and(held(Current, "sister.home=Lyon")), &[]);
    }

    #[test]
    fn words_are_whole_but_where_a_script_has_no_spaces() {
        assert!(contains("the Dog's", "dog") && !contains("dogma", "dog"));
        assert!(contains("我住在上海。", "上海"));
    }
}

//! How far each class of capture reaches: a name is a run of capitals, a place too, a thing ends where a language's words say.
//!
//! | class | takes |
//! |---|---|
//! | `name`, `names`, `org`, `place`, `proper` | words with a capital; the last three, in a message without any, a word or two that end the clause |
//! | `introduced` | a name behind a greeting |
//! | `called`, `subject` | a name of one word, before the end of its phrase; before the verb of a main clause |
//! | `aim`, `wish` | something to reach; `wish` if it is more than a favour to ask for |
//! | `word`, `nick` | one word that ends the clause; `nick` with a capital if the message has any |
//! | `thing`, `things`, `tools`, `topic` | up to the next stop |
//! | `phrase`, `failing` | up to the end of the clause; `failing` if it says that something failed |
//! | `number`, `clock`, `date`, `email`, `phone` | what they say |
//! | `counted:x` | a number and a word of class `x` |
//! | `kin` | a relation, with "older" and the like before it |
//! | any other | a word or phrase that the language lists for it; `job`, `occasion`, `possession` with words before it |

use crate::learn::pattern::Capture;
use crate::learn::words::{Token, Word};
use crate::text::dates::mentions_time;

use super::tables::Language;

/// Longest name in words.
const NAME_WORDS_MAX: usize = 4;
/// Longest thing in words.
const THING_WORDS_MAX: usize = 8;
/// Longest thing to do.
const DOING_WORDS_MAX: usize = 14;
/// Longest phrase in words.
const PHRASE_WORDS_MAX: usize = 24;
/// Words before what a table lists: "senior software" before "engineer".
const BEFORE_LISTED_MAX: usize = 3;
/// Most words of a date.
const DATE_WORDS_MAX: usize = 4;
/// Words before a name in the subject of a sentence: "meine kleine Schwester".
const SUBJECT_WORDS_MAX: usize = 3;
/// Fewest digits of a telephone number.
const PHONE_DIGITS_MIN: usize = 6;

/// Reads captures as a language has them.
pub(super) struct Reader<'a> {
    pub(super) language: &'a Language,
    /// Nobody who wrote this used a capital, so that a missing one says nothing.
    pub(super) small: bool,
}

impl Capture for Reader<'_> {
    fn ends(&self, class: &str, words: &[Word], at: usize, last: bool) -> Vec<usize> {
        let Some(first) = words.get(at) else { return Vec::new() };
        let one = |fits: bool| if fits { vec![at + 1] } else { Vec::new() };
        if let Some(listed) = class.strip_prefix("counted:") {
            let counts = first.is_number() || first.is_one_of(self.language.numbers);
            let ends = self.listed(listed, words, at + 1, 1);
            return if counts { ends } else { Vec::new() };
        }
        match class {
            "introduced" if words[0].is_one_of(self.language.greetings) => self.capitals(words, at),
            "introduced" => Vec::new(),
            "place" | "org" | "proper" | "propers" => self.proper(class, words, at),
            "title" if first.token == Token::Quotation => vec![at + 1],
            "name" | "names" | "title" => self.capitals(words, at),
            "word" => one(first.token == Token::Word && !self.is_vague(first) && is_end(words, at + 1)),
            "nick" => one(first.token == Token::Word
                && (first.capital || self.small && !first.is_one_of(NO_NICKNAMES))
                && !self.is_vague(first)
                && is_end(words, at + 1)),
            "topic" => one(first.token == Token::Word && !self.is_vague(first)),
            "thing" | "things" | "tools" => self.things(class, words, at, last),
            "aim" => self.aim(words, at),
            "wish" => self.wish(words, at),
            "called" => self.called(words, at),
            "subject" => self.subject(words, at),
            // "Let's go for it" settles nothing that can be told later.
            "phrase" if self.is_vague(first) && is_end(words, at + 1) => Vec::new(),
            "phrase" => phrases(words, at, last),
            "failing" => {
                let end = *phrases(words, at, true).first().unwrap_or(&at);
                let fails =
                    |word: &Word| self.language.class("failure").iter().any(|phrase| word.is_one_of(phrase));
                // "it broke" as much as "X went flat": what failed may be all there is.
                let at_all = words[at..].iter().any(fails);
                if at_all && end > at { vec![end] } else { Vec::new() }
            }
            "number" => one(is_small_number(first) && !is_share(words, at + 1)),
            "email" => one(first.text.contains('@')),
            "phone" => phone(words, at),
            "clock" => clock(words, at),
            "date" => self.date(words, at),
            "remote" => remote(words, at),
            "kin" => self.kin(words, at),
            "possession" => self.possession(words, at),
            "job" | "occasion" => {
                let mut ends = self.listed(class, words, at, BEFORE_LISTED_MAX);
                // "a doctor's wife" is no doctor.
                ends.retain(|end| words.get(*end).is_none_or(|next| !next.is("'s")));
                ends
            }
            listed => self.listed(listed, words, at, 0),
        }
    }
}

/// A mark, the end, or a word that begins something else.
fn is_end(words: &[Word], at: usize) -> bool {
    words.get(at).is_none_or(Word::is_mark)
}

/// With its capital: "May" is a month, "may" is none.
fn written(word: &Word) -> String {
    let mut characters = word.text.chars();
    match characters.next() {
        Some(first) if word.capital => first.to_uppercase().chain(characters).collect(),
        _ => word.text.clone(),
    }
}

fn clock(words: &[Word], at: usize) -> Vec<usize> {
    let word = &words[at];
    if word.is_one_of(&["noon", "midnight"]) {
        return vec![at + 1];
    }
    let half =
        words.get(at + 1).is_some_and(|next| next.is_one_of(&["am", "pm", "a.m", "p.m", "o'clock", "uhr"]));
    if word.is_number() && word.text.len() <= 7 { vec![at + 1 + usize::from(half)] } else { Vec::new() }
}

fn is_small_number(word: &Word) -> bool {
    (1..=3).contains(&word.text.len()) && word.text.chars().all(|c| c.is_ascii_digit())
}

/// "100%" is no age.
fn is_share(words: &[Word], at: usize) -> bool {
    words.get(at).is_some_and(|word| matches!(word.token, Token::Mark('%' | '€' | '$' | '°')))
}

fn phone(words: &[Word], at: usize) -> Vec<usize> {
    let numeric =
        |word: &&Word| word.text.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | '-' | '/' | '.'));
    let run = words[at..].iter().take_while(|word| word.token == Token::Word).take_while(numeric);
    let (count, digits) = run.fold((0, 0), |(count, digits), word| {
        (count + 1, digits + word.text.chars().filter(char::is_ascii_digit).count())
    });
    if digits >= PHONE_DIGITS_MIN { vec![at + count] } else { Vec::new() }
}

fn remote(words: &[Word], at: usize) -> Vec<usize> {
    let home = words[at].is("from") && words.get(at + 1).is_some_and(|next| next.is("home"));
    match (home, words[at].is("remotely")) {
        (true, _) => vec![at + 2],
        (_, true) => vec![at + 1],
        _ => Vec::new(),
    }
}

/// "eat less before" ends with "less".
fn without_loose_end(words: &[Word], at: usize, mut end: usize) -> usize {
    while end > at + 1 && words[end - 1].is_one_of(LOOSE) {
        end -= 1;
    }
    end
}

fn phrases(words: &[Word], at: usize, last: bool) -> Vec<usize> {
    let ends = |word: &Word| matches!(word.token, Token::Mark(',' | ';' | '.' | '!' | '?' | '(' | '…'));
    let most = words[at..].iter().take(PHRASE_WORDS_MAX).take_while(|word| !ends(word)).count();
    match (most, last) {
        // "My goal is not …" says nothing.
        _ if words[at].is("not") => Vec::new(),
        (0, _) => Vec::new(),
        (_, true) => vec![at + most],
        (_, false) => (at + 1..=at + most).collect(),
    }
}

impl Reader<'_> {
    fn is_vague(&self, word: &Word) -> bool {
        word.is_one_of(self.language.vague) || word.is_one_of(self.language.of_you)
    }

    fn is_stop(&self, word: &Word) -> bool {
        word.is_one_of(self.language.stops)
    }

    /// A run of words with capitals; the longest first.
    fn capitals(&self, words: &[Word], at: usize) -> Vec<usize> {
        let is_name = |word: &Word| {
            word.token == Token::Word && word.capital && !self.is_vague(word) && !mentions_time(&word.text)
                || word.token == Token::Word
                    && word.capital
                    && word.text.len() > 3
                    && at > 0
                    && !mentions_time(&word.text)
        };
        if !is_name(&words[at]) {
            return Vec::new();
        }
        let mut ends = vec![at + 1];
        let mut end = at + 1;
        while end < words.len() && end < at + NAME_WORDS_MAX {
            let particle = words[end].is_one_of(self.language.particles) || words[end].is("&");
            if is_name(&words[end]) {
                end += 1;
            } else if (particle || is_title(words, end - 1)) && words.get(end + 1).is_some_and(is_name) {
                end += 2;
            } else {
                break;
            }
            ends.push(end);
        }
        ends.reverse();
        ends
    }

    fn proper(&self, class: &str, words: &[Word], at: usize) -> Vec<usize> {
        let the = usize::from(!words[at].capital && words[at].is_one_of(self.language.articles));
        let begins = words.get(at + the).is_some_and(|word| word.capital);
        if begins {
            return self.capitals(words, at + the);
        }
        if !self.small || the > 0 || class == "org" && words[at].is_number() {
            return Vec::new();
        }
        let taken = words[at..]
            .iter()
            .take(2)
            .take_while(|word| word.token == Token::Word && !self.is_vague(word) && !self.is_stop(word))
            .count();
        let fits = taken > 0 && (is_end(words, at + taken) || self.is_stop(&words[at + taken]));
        if fits && !words[at].is_one_of(NOWHERE) { vec![at + taken] } else { Vec::new() }
    }

    /// Up to the next stop; where something stands behind it in the pattern, any shorter one too.
    fn things(&self, class: &str, words: &[Word], at: usize, last: bool) -> Vec<usize> {
        let first = &words[at];
        if first.token == Token::Quotation {
            return vec![at + 1];
        }
        let article = usize::from(first.is_one_of(self.language.articles));
        let Some(head) = words.get(at + article).filter(|head| head.token == Token::Word) else {
            return Vec::new();
        };
        let definite = class == "tools" && first.is_one_of(&["the", "der", "die", "das", "le", "la", "el"]);
        let pointed = first.is("the") && head.is_one_of(POINTED);
        if self.is_vague(first) && article == 0 || self.is_vague(head) || definite || pointed {
            return Vec::new();
        }
        let doing = head.text.len() > 4 && head.text.ends_with("ing");
        let stops =
            |word: &Word| word.is_one_of(if doing { self.language.hard_stops } else { self.language.stops });
        let most = words[at + article..]
            .iter()
            .take(if doing { DOING_WORDS_MAX } else { THING_WORDS_MAX })
            .take_while(|word| word.token == Token::Word && !stops(word))
            .count();
        let taken = &words[at..at + article + most];
        let points = taken.last().is_some_and(|last| most > 1 && self.is_vague(last));
        if most == 0 || points || taken.iter().any(|word| word.is_one_of(self.language.of_you)) {
            return Vec::new();
        }
        let end = without_loose_end(words, at + article, at + article + most);
        if last { vec![end] } else { (at + article + 1..=end).collect() }
    }

    /// "learn how to bake bread": a verb of the table, and what it does.
    fn aim(&self, words: &[Word], at: usize) -> Vec<usize> {
        if self.listed("aim", words, at, 0).is_empty() {
            Vec::new()
        } else {
            self.doing(words, at, words.len())
        }
    }

    /// "run a marathon": a wish that no answer fulfils, or one for years ahead. What one would like to see or to book is asked for.
    fn wish(&self, words: &[Word], at: usize) -> Vec<usize> {
        let clause = at + words[at..].iter().take(DOING_WORDS_MAX).take_while(|word| !word.is_mark()).count();
        let holds = |class: &str, from: usize| !self.listed(class, &words[..clause], from, 0).is_empty();
        let horizon = (at + 1..clause).find(|from| holds("horizon", *from));
        let is_wish = holds("wish", at) || holds("wish", clause.saturating_sub(1)) || horizon.is_some();
        let asked =
            words[at].is_one_of(FAVOURS) || words.get(at + 1).is_some_and(|next| next.is_one_of(ASKED));
        if is_wish && !asked { self.doing(words, at, horizon.unwrap_or(clause)) } else { Vec::new() }
    }

    /// Something to do, up to where another thing begins.
    fn doing(&self, words: &[Word], at: usize, before: usize) -> Vec<usize> {
        let ends = |word: &Word| word.is_mark() || word.is_one_of(self.language.hard_stops);
        let taken = words[at..before].iter().take(DOING_WORDS_MAX).take_while(|word| !ends(word)).count();
        let end = without_loose_end(words, at, at + taken);
        let points =
            |word: &Word| word.is_one_of(self.language.of_you) || word.is_one_of(&["this", "that", "it"]);
        if end > at + 1 && !words[at..end].iter().any(points) { vec![end] } else { Vec::new() }
    }

    /// A name of one word with which its phrase ends: "Tom" in "with my husband Tom in June", not "Kubernetes" in "with my boss
    /// Kubernetes costs".
    fn called(&self, words: &[Word], at: usize) -> Vec<usize> {
        let ends = is_end(words, at + 1)
            || words.get(at + 1).is_some_and(|next| next.is("'s") || self.is_stop(next));
        if ends && self.is_first_name(words, at) { vec![at + 1] } else { Vec::new() }
    }

    /// A name between the subject at the beginning of a sentence and a verb.
    fn subject(&self, words: &[Word], at: usize) -> Vec<usize> {
        let verb = words.get(at + 1).is_some_and(|next| next.token == Token::Word && !next.capital);
        let begins = words[0].is_one_of(&["mein", "meine", "unser", "unsere"]) && at <= SUBJECT_WORDS_MAX;
        if verb && begins && self.is_first_name(words, at) { vec![at + 1] } else { Vec::new() }
    }

    fn is_first_name(&self, words: &[Word], at: usize) -> bool {
        let letters = words[at].text.chars().all(|c| c.is_alphabetic() || c == '-');
        letters && self.capitals(words, at).contains(&(at + 1))
    }

    fn date(&self, words: &[Word], at: usize) -> Vec<usize> {
        let dated = |word: &Word| word.is_number() || mentions_time(&format!("{} 1", written(word)));
        let passes = |word: &&Word| {
            dated(word) || word.is_one_of(self.language.particles) || word.token == Token::Mark('.')
        };
        let mut end = at + words[at..].iter().take(DATE_WORDS_MAX).take_while(passes).count();
        while end > at && !dated(&words[end - 1]) {
            end -= 1;
        }
        let all = words[at..end].iter().map(written).collect::<Vec<_>>().join(" ");
        let names_day =
            mentions_time(&all) || words[at..end].iter().any(|word| word.text.contains(['/', '.', '-']));
        if end > at && names_day { vec![end] } else { Vec::new() }
    }

    /// A relation with what belongs to it.
    fn kin(&self, words: &[Word], at: usize) -> Vec<usize> {
        let adjective = usize::from(words[at].is_one_of(self.language.kin_adjectives));
        let is_kin = |word: &Word| self.language.kin.iter().any(|(_, names)| word.is_one_of(names));
        if words.get(at + adjective).is_some_and(is_kin) { vec![at + adjective + 1] } else { Vec::new() }
    }

    /// Something to own: of the table, or with a name of its own.
    fn possession(&self, words: &[Word], at: usize) -> Vec<usize> {
        let listed = self.listed("possession", words, at, BEFORE_LISTED_MAX);
        if !listed.is_empty() {
            return listed;
        }
        self.things("thing", words, at, true)
            .into_iter()
            .filter(|end| words[at].capital && end - at <= 4)
            .collect()
    }

    /// A phrase of the table, with up to so many words before it.
    fn listed(&self, class: &str, words: &[Word], at: usize, before: usize) -> Vec<usize> {
        let phrase_at = |at: usize| {
            let fits = |phrase: &&Vec<&str>| {
                phrase.iter().enumerate().all(|(n, part)| words.get(at + n).is_some_and(|word| word.is(part)))
            };
            self.language.class(class).iter().filter(fits).map(|phrase| at + phrase.len()).max()
        };
        for start in at..=at + before {
            if let Some(mut end) = phrase_at(start) {
                // "software engineer manager": as long as the next is listed, too.
                while before > 0
                    && let Some(next) = phrase_at(end)
                {
                    end = next;
                }
                return vec![end];
            }
            let passes = words.get(start).is_some_and(|word| {
                word.token == Token::Word
                    && !self.is_stop(word)
                    && !self.is_vague(word)
                    && !word.is_one_of(NO_MODIFIERS)
            });
            if !passes {
                break;
            }
        }
        Vec::new()
    }
}

/// What people live or are in that is no place.
const NOWHERE: &[&str] =
    &["fear", "pain", "hope", "peace", "constant", "hell", "denial", "poverty", "harmony", "sin", "love"];

/// "Dr." and "St.": the name goes on behind the full stop.
fn is_title(words: &[Word], at: usize) -> bool {
    let stop = words.get(at + 1).is_some_and(|next| next.token == Token::Mark('.'));
    stop && words[at].is_one_of(&["dr", "st", "mr", "mrs", "ms", "prof", "mt", "ft"])
}

/// What people are called that is no name.
const NO_NICKNAMES: &[&str] = &[
    "later",
    "back",
    "crazy",
    "soon",
    "asap",
    "lazy",
    "stupid",
    "paranoid",
    "weird",
    "maybe",
    "important",
    "tomorrow",
    "today",
    "wrong",
    "irrelevant",
    "secret",
    "private",
    "misspelled",
    "missing",
];

/// No value ends with these.
const LOOSE: &[&str] = &[
    "to", "of", "for", "in", "on", "at", "with", "before", "after", "the", "a", "an", "my", "about", "from",
];

/// What is asked for, whatever year it is about: "I'd like to see the figures of next year".
const FAVOURS: &[&str] = &[
    "see",
    "know",
    "hear",
    "get",
    "have",
    "ask",
    "check",
    "book",
    "order",
    "compare",
    "understand",
    "view",
    "use",
    "change",
    "cancel",
    "talk",
    "discuss",
    "add",
    "find",
];

/// "learn more", "learn why": an answer is what is wanted.
const ASKED: &[&str] = &["about", "more", "what", "why", "when", "where", "whether", "if", "which"];

/// "the second one" points at what was said before.
const POINTED: &[&str] = &[
    "first",
    "second",
    "third",
    "last",
    "latter",
    "former",
    "other",
    "idea",
    "way",
    "one",
    "option",
    "sound",
    "look",
    "next",
    "new",
    "same",
    "previous",
    "suggestion",
    "answer",
    "recipe",
    "version",
];

/// "a big doctor fan", "a former teacher" are no trade.
const NO_MODIFIERS: &[&str] = &[
    "big",
    "huge",
    "bit",
    "fan",
    "former",
    "ex",
    "bad",
    "terrible",
    "fake",
    "frustrated",
    "friend",
    "not",
    "of",
];

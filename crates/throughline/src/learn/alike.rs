//! Whether two things that may stand side by side are one, said in other words: then the second is no news.
//!
//! A vector alone cannot tell: "my left knee hurts" and "my right knee hurts" are nearer to each other than most paraphrases.
//! So words decide first ([`may_be_one`]): neither may say something the other does not, but for one that says a little more, and
//! never a number, a name, a "not" or a word that turns the meaning. Of what is left, vectors decide. It would rather keep
//! both: to lose one is worse than to keep a repetition.

use std::collections::HashSet;

use super::verify::is_turning;
use super::words::{Token, Word, words};
use crate::model::{Claim, MemoryKind, Polarity};
use crate::text::terms::{TermHash, terms};
use crate::truth::{Cardinality, cardinality};

/// The cosine from which two texts that [`may_be_one`] are. Chosen on labelled pairs with `all-MiniLM-L6-v2`.
pub const ALIKE_COSINE_MIN: f32 = 0.8;

/// Words that one text may have more than the other.
const MORE_WORDS_MAX: usize = 3;

/// Words that carry none of what is said: whether they stand there does not matter.
const LIGHT: &str = "a an the i me my we us our you your it its is am are was be been being do does did have has had will that which this \
    there of for to in on at and or as so very really quite just also please ever s t \
    like love prefer enjoy want wish should \
    ein eine einen einem einer der die das den dem des ich mein meine mir mich wir uns ist bin sind und oder zu von im in am auf \
    sehr gern gerne mag liebe bitte \
    un une le la les l' des du de d' je j' mon ma mes nous est suis sont et ou à au aux en très aime \
    el los las unos unas yo mi mis me nos es soy son y o del al muy gusta gustan por favor que";

/// Words that turn the meaning of what stands beside them, so that neither text may have one that the other lacks.
const TURNING: &str = "before after with without more less most least first last left right early late half only except but unless until \
    while instead over under above below up down out off big small old young new ex former other another same different high \
    low hot cold always sometimes often seldom rarely anti non \
    vor nach mit mehr weniger erste letzte linke rechte links rechts früh spät halb nur außer immer manchmal \
    avant après avec plus moins premier dernier gauche droite tôt tard demi seulement sauf toujours parfois \
    antes después con más menos primero último izquierda derecha temprano tarde medio solo siempre";

/// Whether their words allow two texts to be one statement. Symmetric.
pub fn may_be_one(one: &str, other: &str) -> bool {
    let (one, other) = (Said::of(one), Said::of(other));
    let (more, less) = (one.beyond(&other), other.beyond(&one));
    let extra = if more.is_empty() {
        less
    } else if less.is_empty() {
        more
    } else {
        return false;
    };
    extra.len() <= MORE_WORDS_MAX
        && !extra.iter().any(|word| word.turns)
        // One of both has to say something.
        && !one.words.is_empty()
        && !other.words.is_empty()
}

/// Whether two claims may be one in other words: of the same, on the same word, for the same time, and both possible at once.
pub(crate) fn comparable(one: &Claim, other: &Claim) -> bool {
    let topic = |claim: &Claim| match &claim.slot {
        Some(slot) => cardinality(slot) == Cardinality::Multiple,
        None => true,
    };
    let affirms = |claim: &Claim| claim.polarity == Polarity::Affirms && !claim.quarantined;
    // A summary repeats what others say, and in other words each time.
    let repeats = one.kind == MemoryKind::Summary;
    one.id != other.id
        && !repeats
        && affirms(one)
        && affirms(other)
        && topic(one)
        && one.slot == other.slot
        && (one.slot.is_some() || one.kind == other.kind)
        && (one.authority, one.valid_to) == (other.authority, other.valid_to)
        && may_be_one(&one.value, &other.value)
}

/// Words that only say no: one is as good as another.
const DENYING: &str = "not never no don't nicht nie niemals kein keine keinen ne n' pas jamais nunca jamás";

/// A word that counts.
struct Counted {
    stem: TermHash,
    turns: bool,
}

struct Said {
    words: Vec<Counted>,
}

impl Said {
    fn of(text: &str) -> Self {
        let all = words(text, 0..text.len());
        let starts = |at: usize| at == 0 || matches!(all[at - 1].token, Token::Mark('.' | '!' | '?' | ':'));
        let counted = all.iter().enumerate().filter_map(|(at, word)| counted(word, text, starts(at)));
        Self { words: counted.collect() }
    }

    /// What it says and the other does not.
    fn beyond(&self, other: &Self) -> Vec<&Counted> {
        let there: HashSet<TermHash> = other.words.iter().map(|word| word.stem).collect();
        self.words.iter().filter(|word| !there.contains(&word.stem)).collect()
    }
}

fn counted(word: &Word, text: &str, starts: bool) -> Option<Counted> {
    let is = |listed: &str| listed.split_whitespace().any(|listed| word.is(listed));
    let named = word.capital && !starts && !word.is("i") || word.text.chars().any(char::is_numeric);
    let said = match word.token {
        Token::Word => word.text.as_str(),
        Token::Quotation => &text[word.bytes.clone()],
        Token::Mark(_) => return None,
    };
    let turns = named || word.token == Token::Quotation || is(TURNING) || is_turning(said);
    if is(LIGHT) && !named {
        return None;
    }
    if is(DENYING) {
        return Some(Counted { stem: TermHash::of("not"), turns: true });
    }
    let stem = terms(said).first().map_or_else(|| TermHash::of(said), |term| term.hash);
    Some(Counted { stem, turns })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::may_be_one;

    #[test]
    fn the_same_words_in_another_order_or_a_few_more_may_be_one() {
        assert!(may_be_one("On flights I prefer a window seat.", "I prefer window seats on flights."));
        assert!(may_be_one("Never force push to main again.", "Do not force push to main again."));
        assert!(may_be_one("hiking in the mountains", "mountain hiking"));
        assert!(may_be_one("I like my steak rare.", "I prefer my steaks rare."));
        assert!(may_be_one("dairy", "dairy products"));
    }

    #[test]
    fn what_both_say_apart_from_each_other_is_two() {
        assert!(!may_be_one("dark chocolate", "white chocolate"));
        assert!(!may_be_one("My left knee hurts.", "My right knee hurts."));
        assert!(!may_be_one("I visited Porto in May.", "I visited Porto in June."));
    }

    #[test]
    fn a_number_a_name_a_not_or_a_turning_word_is_never_too_much_to_say() {
        for (one, other) in [
            ("run a marathon", "run a half marathon"),
            ("We use Postgres.", "We do not use Postgres."),
            ("visited my aunt", "visited my aunt in Porto"),
            ("read books", "read 20 books"),
            ("tea", "tea without sugar"),
            ("", "tea"),
        ] {
            assert!(!may_be_one(one, other), "{one} / {other}");
        }
    }

    proptest! {
        #[test]
        fn which_is_said_first_does_not_matter(one in "[a-z ]{0,24}|I (do not )?(like|run) (Rome|tea|[0-9])", other in "[a-z ]{0,24}|I (do not )?(like|run) (Rome|tea|[0-9])") {
            prop_assert_eq!(may_be_one(&one, &other), may_be_one(&other, &one));
        }
    }
}

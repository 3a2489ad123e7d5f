//! Standing statements: what a user says holds from now on or in general ("always answer in metric", "I'm vegetarian").
//!
//! Found by tables of phrases, one a language, for precision: a wish that is missed can still be recalled like anything
//! else, but what is taken for one wrongly stands in every context. So a phrase must begin a clause, a question is none, and
//! neither is what is quoted, said by others or only supposed. Long messages are passed over: they are mostly pasted,
//! and a prompt's "always" holds for that prompt.

mod languages;
mod phrase;

use std::sync::LazyLock;

use unicode_segmentation::UnicodeSegmentation;

use self::languages::{LANGUAGES, Language};
use self::phrase::{Phrase, Place, Word};

/// The longest message that is looked at.
const MESSAGE_BYTES_MAX: usize = 1_500;

/// What stands between two of these is quoted.
const QUOTES: [(char, char); 6] = [('"', '"'), ('“', '”'), ('„', '“'), ('«', '»'), ('`', '`'), ('「', '」')];

/// A language's tables, its phrases taken apart.
struct Table {
    language: &'static Language,
    phrases: Vec<Phrase>,
}

static TABLES: LazyLock<Vec<Table>> = LazyLock::new(|| {
    let table = |language: &'static Language| Table {
        language,
        phrases: language.phrases.iter().map(|phrase| Phrase::new(phrase, language.words)).collect(),
    };
    LANGUAGES.iter().map(table).collect()
});

/// Whether a part of a message has a standing statement of its writer. `message` is the whole of it.
pub fn has_standing(message: &str, part: &str) -> bool {
    message.len() <= MESSAGE_BYTES_MAX
        && unquoted(part).lines().filter(|line| !line.trim_start().starts_with('>')).any(|line| {
            line.split_sentence_bounds().any(|sentence| {
                let words = words(sentence);
                !asks(sentence) && TABLES.iter().any(|table| table.has(&words))
            })
        })
}

impl Table {
    fn has(&self, words: &[Word]) -> bool {
        let place = |at: usize| match at.checked_sub(1) {
            _ if words[at].begins => Place::Mark,
            Some(before) if self.language.joints.contains(&words[before].text.as_str()) => Place::Clause,
            _ => Place::Any,
        };
        let doubt = |word: &Word| self.language.doubts.contains(&word.text.as_str());
        let certain = words.iter().position(doubt).unwrap_or(words.len());
        (0..certain).any(|at| {
            let place = place(at);
            self.phrases.iter().any(|phrase| phrase.place >= place && phrase.matches(&words[at..]))
        })
    }
}

fn asks(sentence: &str) -> bool {
    sentence.trim_end().ends_with(['?', '\u{ff1f}'])
}

/// The text without what it quotes. A quotation mark without its like quotes nothing.
fn unquoted(text: &str) -> String {
    let mut left = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(QUOTES.map(|(open, _)| open)) {
        let (before, quote) = rest.split_at(at);
        left.push_str(before);
        let open = quote.chars().next().unwrap_or_default();
        let inside = &quote[open.len_utf8()..];
        let close = QUOTES
            .iter()
            .filter(|(first, _)| *first == open)
            .find_map(|(_, close)| inside.find(*close).map(|end| end + close.len_utf8()));
        // A comma keeps what stands around it apart.
        left.push(',');
        rest = &inside[close.unwrap_or(0)..];
    }
    left.push_str(rest);
    left
}

/// The words of a sentence in lower case, each with whether a clause begins with it or ends behind it.
fn words(sentence: &str) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut begins = true;
    for piece in sentence.split_word_bounds() {
        if piece.chars().any(char::is_alphanumeric) {
            let text = piece.to_lowercase().replace('’', "'");
            words.push(Word { text, begins, ends: false });
            begins = false;
        } else if piece.contains([',', ';', ':', '.', '!', '(', ')', '–', '—', '¡']) {
            begins = true;
            if let Some(last) = words.last_mut() {
                last.ends = true;
            }
        }
    }
    if let Some(last) = words.last_mut() {
        last.ends = true;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(text: &str) -> bool {
        has_standing(text, text)
    }

    #[test]
    fn wishes_and_what_holds_of_a_person_are_standing() {
        for text in [
            "Always answer in metric.",
            "Please always use British spelling!",
            "Never call me before ten.",
            "Oh, and never book a middle seat.",
            "Don't ever text me during work",
            "From now on, reply in German.",
            "Write short answers from now on.",
            "I want you to always cite your sources",
            "Going forward, please use Celsius.",
            "Whenever I ask for a recipe, give grams.",
            "I'm vegetarian.",
            "I’m a strict vegan, so no honey",
            "Thanks! By the way I'm allergic to peanuts.",
            "remember that I am lactose intolerant",
            "I'm no longer vegetarian.",
            "I don't eat pork",
            "We could cook, but I can't have any gluten.",
            "I have a severe nut allergy",
            "I've got celiac disease",
            "I generally prefer window seats",
            "I hate it when you apologise",
            "Please call me Sam.",
            "Keep your answers short",
            "My pronouns are they/them",
            "Antworte bitte immer auf Deutsch.",
            "Ruf mich nie vor zehn an.",
            "Ich bin Vegetarierin.",
            "Ich esse kein Fleisch",
            "Ich habe eine Nussallergie.",
            "Von nun an bitte nur metrisch.",
            "Réponds toujours en français.",
            "Ne m'appelle jamais avant dix heures",
            "Je suis végétarienne.",
            "Je ne mange pas de viande",
            "Responde siempre en español.",
            "Nunca me llames antes de las diez.",
            "Soy vegetariana.",
            "No como carne",
            "A partir de ahora, usa grados Celsius.",
        ] {
            assert!(standing(text), "{text} {:?}", words(text));
        }
    }

    #[test]
    fn what_is_asked_quoted_supposed_or_said_of_others_is_not() {
        for text in [
            "",
            "Am I vegetarian?",
            "I'm vegetarian, right?",
            "Should I always answer in metric?",
            "She said \"always answer in metric\" and left.",
            "The sign says “never call me”.",
            "Er sagte „ich bin Vegetarier“.",
            "> I'm vegetarian",
            "If I'm vegetarian, what is left?",
            "Imagine I'm vegan.",
            "He told me that I'm allergic to nuts",
            "My sister is vegetarian.",
            "I'm not sure. The vegan place was nice.",
            "I met a vegetarian",
            "I was vegetarian.",
            "I always wanted to see Rome.",
            "Always a pleasure!",
            "Never mind.",
            "Never give up!",
            "I've never been there.",
            "I don't eat there.",
            "Call me back later",
            "Call me when you land.",
            "I prefer the second one",
            "Keep going!",
            "They bring joy and always remind me of that day.",
            "I'll make it a priority from now on.",
            "What do I do from now on?",
            "Ich bin immer müde.",
            "Ich esse gern Fleisch.",
            "Je suis toujours là.",
            "Soy de Madrid.",
            "No como aquí.",
            "Nunca me gustó.",
        ] {
            assert!(!standing(text), "{text}");
        }
    }

    #[test]
    fn a_pasted_text_says_nothing_of_whoever_pasted_it() {
        let pasted = format!("{}\nAlways answer in metric.", "A prompt goes on and on. ".repeat(80));
        assert!(!standing(&pasted));
        assert!(has_standing("Always answer in metric.", "Always answer in metric."));
    }

    #[test]
    fn any_text_is_looked_at_without_trouble() {
        for text in ["\"", "\"\"", "„a“ „", "«»«", "I'm", "call me", "ne", "…?!", "\u{301}\u{200b}"]
        {
            assert!(!standing(text), "{text}");
        }
    }
}

//! What a word can mean in a date phrase, and the lexicon of all languages that [`super::languages`] lists.
//!
//! A word may have several meanings ("vor" is "before" and "ago"); the phrase it stands in picks one. The lexicon is
//! one for all languages, since a question does not say which it is in; words that are common in another language
//! carry a [`Guard`].

use std::collections::HashMap;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;

use super::calendar::{Part, Season, Unit};
use super::{languages, names};

/// What else must be near a word before it counts as a month, weekday or season.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Guard {
    /// Nothing: it means only this.
    Clear,
    /// English "May" and "March": a day or year, or a preposition; with a capital letter unless that is plain.
    Verb,
    /// A word of another language too ("mars", "mai"): a day or year, or a preposition of its own language.
    Homonym,
    /// An abbreviation: a day or year, or "in", "last" and the like.
    Short,
    /// An abbreviation that is an everyday word ("set", "ago", "out"): the day before it and the year after it.
    Everyday,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// 1 to 12.
    Month(i8, Guard),
    /// 0 is Monday.
    Weekday(i8, Guard),
    Season(Season, Guard),
    /// Month and day.
    Holiday(i8, i8),
    /// 1 to 4.
    Quarter(i8),
    /// One unit ("week"); [`Meaning::Units`] are several ("weeks").
    Unit(Unit),
    Units(Unit),
    /// Least and most.
    Count(u32, u32),
    Ordinal(i8),
    /// Days from today.
    Day(i32),
    /// Between so many days ago, least and most.
    DaysAgo(u32, u32),
    /// Years from this one.
    Year(i16),
    /// "last week"; after its noun: "semana pasada".
    Last,
    LastAfter,
    /// "the past week", "los últimos días": up to today.
    Lately,
    This,
    Next,
    NextAfter,
    /// "ago", after the count, or before it ("vor", "hace").
    Ago,
    AgoBefore,
    Since,
    Until,
    Before,
    After,
    Between,
    From,
    And,
    To,
    Of,
    In,
    The,
    Part(Part),
    Every,
    YearMark,
    MonthMark,
    DayMark,
    /// "pm", "o'clock": the number before it is a time of day.
    Clock,
    /// A time of day that needs no number.
    TimeOfDay,
}

/// Longest entry in words, and in characters for scripts without spaces.
pub(super) const ENTRY_WORDS_MAX: usize = 4;

/// Words that mean something else without their accents.
const ACCENTED_ONLY: &[&str] = &["março", "há", "à"];

static LEXICON: LazyLock<HashMap<String, Vec<Meaning>>> = LazyLock::new(|| {
    let mut lexicon = HashMap::new();
    for (words, meaning) in languages::TABLES.iter().copied().flatten() {
        add(&mut lexicon, words, *meaning);
    }
    for (columns, guard) in names::MONTHS {
        for (month, words) in (1..).zip(columns.split(' ')) {
            add(&mut lexicon, words, Meaning::Month(month, *guard));
        }
    }
    for (columns, guard) in names::WEEKDAYS {
        for (weekday, words) in (0..).zip(columns.split(' ')) {
            add(&mut lexicon, words, Meaning::Weekday(weekday, *guard));
        }
    }
    lexicon
});

/// Adds all words of a cell of a table, also without their accents.
fn add(lexicon: &mut HashMap<String, Vec<Meaning>>, words: &str, meaning: Meaning) {
    for word in words.split('|').filter(|word| *word != "-") {
        let word: String = word.replace('_', " ").nfkc().collect();
        let plain = without_accents(&word);
        let forms = if ACCENTED_ONLY.contains(&word.as_str()) { vec![word] } else { vec![plain, word] };
        for form in forms {
            let meanings = lexicon.entry(form).or_default();
            if !meanings.contains(&meaning) {
                meanings.push(meaning);
            }
        }
    }
}

/// All a word (or words joined by one space) can mean; nothing for words that have no part in dates.
///
/// Expects NFKC and lower case, without apostrophes: "new year s eve".
pub(super) fn meanings(words: &str) -> &'static [Meaning] {
    LEXICON.get(words).map_or(&[], Vec::as_slice)
}

/// As people type it where they lack the keys: "fevrier".
fn without_accents(word: &str) -> String {
    word.nfd().filter(|character| !matches!(character, '\u{0300}'..='\u{036F}')).nfc().collect()
}

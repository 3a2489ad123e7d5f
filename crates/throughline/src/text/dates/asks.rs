//! Whether a text speaks of time at all, and whether a question asks for a time.
//!
//! Both only tell yes or no, for "when did ..." questions: which time it is, [`super::ranges`] says. A "when" that only
//! introduces a clause ("what did I say when we met?") asks for no time.

use jiff::civil::Date;

use super::calendar::Unit;
use super::lexer::{Token, end_of, tokens};
use super::phrases::Reader;
use super::words::Meaning;

/// Interrogatives that are nothing else.
const ALWAYS: &[&str] = &["wann", "cuándo", "متى", "कब"];

/// Interrogatives that introduce clauses too.
const WHEN: &[&str] = &["when", "quand", "cuando", "quando", "wanneer", "когда"];

/// What makes of "when" a question if it follows ("s": "when's").
const AFTER_WHEN: &[&str] = &[
    "did", "do", "does", "was", "were", "is", "are", "am", "has", "have", "had", "will", "would", "should",
    "can", "could", "s", "d", "exactly", "est", "ai", "as", "avons", "avez",
];

/// With one of these later in its sentence, "when" introduces a clause.
const INTERROGATIVES: &[&str] = &[
    "what", "who", "whom", "where", "which", "how", "why", "did", "do", "does", "que", "qué", "cosa", "wat",
    "что",
];

/// What makes of "when" a question if it stands before.
const BEFORE_WHEN: &[&str] = &[
    "since",
    "until",
    "till",
    "remember",
    "know",
    "recall",
    "exactly",
    "me",
    "remind",
    "depuis",
    "jusqu",
    "à",
    "desde",
    "hasta",
    "da",
    "até",
    "sinds",
    "dis",
    "dimmi",
    "помнишь",
    "знаешь",
];

/// Words after "what" or "which", perhaps with [`BETWEEN`] between.
const TIMES: &[&str] = &[
    "date",
    "dates",
    "day",
    "year",
    "month",
    "week",
    "weekend",
    "time",
    "season",
    "weekday",
    "hour",
    "jahr",
    "tag",
    "monat",
    "woche",
    "datum",
    "uhr",
    "uhrzeit",
    "tages",
    "día",
    "año",
    "mes",
    "semana",
    "fecha",
    "hora",
    "jour",
    "année",
    "mois",
    "semaine",
    "heure",
    "giorno",
    "anno",
    "mese",
    "settimana",
    "data",
    "ora",
    "dia",
    "ano",
    "mês",
    "jaar",
    "maand",
    "dag",
    "году",
    "месяце",
    "день",
    "числа",
    "год",
    "месяц",
    "время",
    "дату",
];
const WHAT: &[&str] = &[
    "what",
    "which",
    "welches",
    "welchem",
    "welchen",
    "welcher",
    "welche",
    "wieviel",
    "wie viel",
    "qué",
    "que",
    "cuál",
    "quel",
    "quelle",
    "che",
    "quale",
    "qual",
    "welk",
    "welke",
    "hoe",
    "каком",
    "какого",
    "какой",
    "какую",
    "что",
];
const BETWEEN: &[&str] = &[
    "s", "is", "was", "were", "the", "exact", "specific", "of", "and", "est", "la", "le", "es", "era", "fue",
    "el", "viel", "a",
];
const BETWEEN_MAX: usize = 3;

/// Beginnings of questions for a length of time.
const HOW_LONG: &[&[&str]] = &[
    &["how", "long"],
    &["how", "recently"],
    &["wie", "lange"],
    &["seit", "wann"],
    &["cuánto", "tiempo"],
    &["cuanto", "tiempo"],
    &["combien", "de", "temps"],
    &["quanto", "tempo"],
    &["hoe", "lang"],
    &["как", "долго"],
    &["как", "давно"],
    &["сколько", "времени"],
];

/// With these, "how many days" asks for a time and not for a number.
const SPANS: &[&str] = &["ago", "since", "passed", "between", "after", "before", "elapsed"];

/// Chinese and Japanese.
const UNSPACED: &[&str] = &[
    "什么时候",
    "什麼時候",
    "何时",
    "何時",
    "哪天",
    "哪年",
    "哪一天",
    "哪一年",
    "哪个月",
    "几月",
    "几号",
    "多久",
    "何年",
    "何月",
    "何日",
    "何曜日",
    "何週",
    "どのくらい前",
];

/// Words before a count of days, weeks, ... that make "a" and "one" a length of time.
const FOR: &[&str] = &["for", "in", "within", "after", "seit", "durante", "pendant", "per", "lang"];

/// Whether a text has a time expression: a date, weekday, "yesterday", "N days ago", "at 5 pm", "for three years".
///
/// Only the last 4 KiB of a longer text are looked at.
pub fn mentions_time(text: &str) -> bool {
    let tokens = tokens(text);
    // Any day and year do: which days are meant does not matter here.
    let reader = Reader::new(&tokens, Date::constant(2024, 5, 15), &[2024]);
    reader.found().next().is_some() || (0..tokens.len()).any(|at| is_time(&reader, at))
}

fn is_time(reader: &Reader<'_>, at: usize) -> bool {
    let token = reader.token(at);
    let next = reader.token(at + 1);
    let is_clock = token.number.is_some_and(|number| number.value <= 24)
        && (next.means(Meaning::Clock)
            || next.is_mark(':')
                && next.glued
                && reader.token(at + 2).number.is_some_and(|minute| minute.digits == 2));
    // "Rome was not built in a day" is no time, "in a year" is.
    let is_span = reader.counted(at).is_some_and(|((least, _), unit, _)| {
        let long = matches!(unit, Unit::Week | Unit::Month | Unit::Quarter | Unit::Year);
        least > 1 || long && at > 0 && reader.is_one_of(at - 1, FOR)
    });
    let is_week = token.means(Meaning::Every) && next.weekday().is_some();
    let is_next = token.means(Meaning::Next) && matches!(next.unit(), Some(unit) if unit != Unit::Minute);
    is_clock || is_span || is_week || is_next || token.means(Meaning::TimeOfDay) || token.word == "ago"
}

/// Whether a text names a weekday without a direction, a date or a week ("on Friday"): in a question that is the last one, in
/// a plan the next.
///
/// Only the last 4 KiB of a longer text are looked at.
pub fn leaves_week_open(text: &str) -> bool {
    let tokens = tokens(text);
    let reader = Reader::new(&tokens, Date::constant(2024, 5, 15), &[2024]);
    let directed = |at: usize| reader.sign(at).is_some() || reader.sign_after(at).is_some();
    let dated = tokens.iter().any(|token| token.number.is_some());
    (0..tokens.len()).any(|at| {
        let beside = at.checked_sub(1).is_some_and(directed) || directed(at + 1);
        reader.token(at).weekday().is_some() && !beside && !dated
    })
}

/// Whether a question asks for a time: when, what date, which year, how long, since when.
///
/// Only the last 4 KiB of a longer question are looked at.
pub fn asks_when(question: &str) -> bool {
    let end = end_of(question);
    let tokens = tokens(question);
    UNSPACED.iter().any(|words| end.contains(words))
        || end.match_indices("いつ").any(|(at, word)| !end[at + word.len()..].starts_with('も'))
        || (0..tokens.len()).any(|at| asks_at(&tokens, at))
}

fn asks_at(tokens: &[Token], at: usize) -> bool {
    let word = |at: usize| tokens.get(at).map_or("", |token| token.word.as_str());
    let one_of = |at: usize, words: &[&str]| words.contains(&word(at));
    if one_of(at, ALWAYS) || one_of(at, WHEN) && asks_by_when(tokens, at) {
        return true;
    }
    if HOW_LONG.iter().any(|words| words.iter().zip(at..).all(|(expected, at)| word(at) == *expected)) {
        return true;
    }
    if word(at) == "how"
        && word(at + 1) == "many"
        && tokens.get(at + 2).is_some_and(|token| token.units().is_some())
    {
        return (at + 3..tokens.len()).any(|at| one_of(at, SPANS));
    }
    if one_of(at, WHAT) {
        let time = (at + 1..).take(BETWEEN_MAX + 1).find(|&at| !one_of(at, BETWEEN));
        return time.is_some_and(|at| one_of(at, TIMES));
    }
    false
}

/// Whether a "when" is the interrogative: by its neighbours, or since the sentence begins or ends with it.
fn asks_by_when(tokens: &[Token], at: usize) -> bool {
    let one_of = |at: Option<usize>, words: &[&str]| {
        at.and_then(|at| tokens.get(at)).is_some_and(|token| words.contains(&token.word.as_str()))
    };
    let ends_sentence =
        |token: &Token| token.mark.is_some_and(|mark| matches!(mark, '.' | '?' | '!' | ';' | '¿'));
    if one_of(Some(at + 1), AFTER_WHEN) || one_of(at.checked_sub(1), BEFORE_WHEN) {
        return true;
    }
    let sentence_ends = tokens.get(at + 1).is_none_or(ends_sentence);
    let begins = at == 0 || at.checked_sub(1).and_then(|at| tokens.get(at)).is_some_and(ends_sentence);
    // "Quand j'étais à Paris, ..." and "When I was there what did I eat?" are clauses.
    let mut rest = tokens[at + 1..].iter().take_while(|token| !ends_sentence(token));
    let is_clause = rest.any(|token| token.is_mark(',') || INTERROGATIVES.contains(&token.word.as_str()));
    sentence_ends && at > 0 || begins && !sentence_ends && !is_clause
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weekday_alone_does_not_say_of_which_week() {
        for text in ["on Friday", "Freitag", "am Montag", "el lunes", "Monday and Tuesday"] {
            assert!(leaves_week_open(text), "{text}");
        }
        for text in [
            "last Friday",
            "next Monday",
            "nächsten Montag",
            "Monday last week",
            "Friday, 10 May",
            "yesterday",
            "",
        ] {
            assert!(!leaves_week_open(text), "{text}");
        }
    }

    #[test]
    fn questions_for_a_time_are_recognised() {
        for question in [
            "When did I move to Lyon?",
            "when's the launch",
            "When Ana has quit the choir?",
            "Do you remember when I bought the bike?",
            "Since when do I run?",
            "What date was the interview?",
            "What was the exact date of the interview?",
            "In which year did Ana graduate?",
            "On what day do we meet?",
            "How long ago did I quit?",
            "How long have I known Ana?",
            "How many days ago did I buy it?",
            "How many weeks passed between the two trips?",
            "Wann bin ich umgezogen?",
            "In welchem Jahr war das?",
            "Seit wann laufe ich?",
            "Wie lange wohne ich hier?",
            "¿Cuándo me mudé?",
            "¿En qué año me mudé?",
            "Quand ai-je déménagé ?",
            "C'était quand ?",
            "Depuis combien de temps est-ce que je cours ?",
            "Quelle est la date du rendez-vous ?",
            "Quando mi sono trasferito?",
            "In che mese è successo?",
            "Quando me mudei?",
            "Em que ano me mudei?",
            "Wanneer ben ik verhuisd?",
            "In welk jaar was dat?",
            "Когда я переехал?",
            "В каком году я переехал?",
            "我什么时候搬家的？",
            "引っ越したのはいつですか",
            "何年に卒業しましたか",
            "متى انتقلت؟",
        ] {
            assert!(asks_when(question), "{question}");
        }
    }

    #[test]
    fn questions_for_something_else_are_not() {
        for question in [
            "",
            "What did I say when we met?",
            "When I was in Paris, what did I eat?",
            "When I was in Paris what did I eat?",
            "What is the weather like that day?",
            "How many dogs do I have?",
            "How many hours a week do I train?",
            "What did I do yesterday?",
            "How do you know my whenever-list?",
            "Quand j'étais à Paris, qu'ai-je mangé ?",
            "いつも何を食べますか",
            "Was habe ich gestern gesagt?",
        ] {
            assert!(!asks_when(question), "{question}");
        }
    }

    #[test]
    fn texts_that_speak_of_time_are_recognised() {
        for text in [
            "I moved yesterday.",
            "We met on Friday.",
            "I've been there for three years.",
            "I lived there for a year.",
            "See you at 5 pm!",
            "See you at 5pm!",
            "at 17:30",
            "It was in 2019.",
            "two days after the interview",
            "That was ages ago.",
            "The party is in May.",
            "The party is next week.",
            "Ich war letzte Woche da.",
            "Hace dos años que vivo aquí.",
            "昨天我去了",
            "I run every Sunday.",
        ] {
            assert!(mentions_time(text), "{text}");
        }
    }

    #[test]
    fn other_texts_are_not() {
        for text in [
            "",
            "May I come in?",
            "I like tea.",
            "They march on.",
            "I ate 3 apples and paid $2023.",
            "Have a nice day!",
            "The sun shines on spring rolls.",
            "a second opinion",
            "Ratio 3:2",
        ] {
            assert!(!mentions_time(text), "{text}");
        }
    }
}

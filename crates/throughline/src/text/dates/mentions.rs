//! Whether a text speaks of time at all, and whether it leaves open which time it means: yes or no. Which time it is,
//! [`super::ranges`] says.

use jiff::civil::Date;

use super::calendar::Unit;
use super::lexer::tokens;
use super::phrases::Reader;
use super::words::Meaning;

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

/// Whether which time a text means depends on when it was said: "last week", "tomorrow", "three days ago", "on Friday".
///
/// Only the last 4 KiB of a longer text are looked at.
pub fn depends_on_when_said(text: &str) -> bool {
    let tokens = tokens(text);
    let on = |today| Reader::new(&tokens, today, &[2024]);
    let ranges = |today| on(today).found().map(|found| found.ranges).collect::<Vec<_>>();
    let reader = on(Date::constant(2024, 5, 15));
    let points = |at: usize| {
        let (token, next) = (reader.token(at), reader.token(at + 1));
        let is_distance = reader.counted(at).is_some()
            && at > 0
            && reader.is_one_of(at - 1, &["in", "within", "en", "dans", "fra"]);
        let is_next = token.means(Meaning::Next) && next.unit().is_some();
        is_distance || is_next || token.means(Meaning::TimeOfDay) || token.word == "ago"
    };
    // Two days of other weeks, months and years.
    ranges(Date::constant(2024, 5, 15)) != ranges(Date::constant(2023, 11, 2))
        || (0..tokens.len()).any(points)
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

#[cfg(test)]
mod tests {
    use super::{depends_on_when_said, leaves_week_open, mentions_time};

    #[test]
    fn times_are_mentioned_in_dates_spans_and_hours() {
        for text in
            ["on 3 May", "three years ago", "at 5 pm", "tomorrow", "for a year", "every Monday", "at noon"]
        {
            assert!(mentions_time(text), "{text}");
        }
        for text in ["Rome was not built in a day", "I like tea", "room 5", ""] {
            assert!(!mentions_time(text), "{text}");
        }
    }

    #[test]
    fn some_times_depend_on_when_they_were_said() {
        for text in [
            "I went there last week",
            "tomorrow I fly",
            "three years ago",
            "on Friday we meet",
            "I leave in two weeks",
            "next month",
            "this morning",
            "gestern war ich krank",
            "la semaine dernière",
            "Since last May I run",
        ] {
            assert!(depends_on_when_said(text), "{text}");
        }
        for text in [
            "I was born on 3 May 1990",
            "We met in 2019",
            "I like tea",
            "I get up at 6 am",
            "In March 2025 we moved",
        ] {
            assert!(!depends_on_when_said(text), "{text}");
        }
    }

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
}

//! Since when and until when a statement is so, by its own words and the day it was said on.
//!
//! Days are read by [`dates`](crate::text::dates), which looks back, as questions do. What has yet to come ("until Friday") is the
//! next such day.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, ToSpan};

use crate::model::Timestamp;
use crate::text::dates::{DateRange, ranges};

use super::rule::When;
use super::tables::Language;

/// A weekday that lies behind is meant as the next one.
const WEEK_DAYS: i32 = 7;

/// Most units of "for the next N weeks".
const LASTING_MAX: i32 = 1_000;

/// Words behind "since" that may name the day.
const DATE_WORDS_MAX: usize = 4;

/// Since when, until when; none if the words do not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Valid {
    pub(super) from: Option<Timestamp>,
    pub(super) to: Option<Timestamp>,
}

/// Of a statement said at a time, with days as they are in a zone.
pub(super) fn of(
    statement: &str,
    when: When,
    is_date: bool,
    language: &Language,
    said: Timestamp,
    zone: &TimeZone,
) -> Valid {
    let today = said.to_zoned(zone.clone()).date();
    let day = Days { today, zone };
    match when {
        _ if is_date => Valid::default(),
        When::Past => Valid { from: None, to: Some(said) },
        When::OnDay => match day.named(statement) {
            Some(range) => Valid { from: day.begins(range.first), to: day.ends(range.last) },
            None => Valid::default(),
        },
        When::Now | When::Change | When::Bounded => {
            let to = day
                .until(statement, language)
                .or_else(|| day.lasting(statement, language))
                .or_else(|| day.this(statement, language));
            let from = day.since(statement, language).or_else(|| {
                let changed = (when == When::Change && to.is_none()).then(|| day.named(statement)).flatten();
                changed.map(|range| range.first)
            });
            let valid =
                Valid { from: from.and_then(|from| day.begins(from)), to: to.and_then(|to| day.ends(to)) };
            if valid.from.zip(valid.to).is_some_and(|(from, to)| from >= to) {
                Valid::default()
            } else {
                valid
            }
        }
    }
}

struct Days<'a> {
    today: Date,
    zone: &'a TimeZone,
}

impl Days<'_> {
    fn begins(&self, day: Date) -> Option<Timestamp> {
        day.to_zoned(self.zone.clone()).ok().map(|zoned| zoned.timestamp())
    }

    /// The moment after the day's last.
    fn ends(&self, day: Date) -> Option<Timestamp> {
        self.begins(day.tomorrow().ok()?)
    }

    fn plus(&self, days: i32) -> Option<Date> {
        self.today.checked_add(Span::new().try_days(days).ok()?).ok()
    }

    /// The first days that a text names. A weekday is the next one unless the text says that it is past.
    fn named(&self, text: &str) -> Option<DateRange> {
        let range = *ranges(text, self.today, &[self.today.year()]).first()?;
        let behind = self.today.since(range.last).map_or(0, |span| span.get_days());
        let past = PAST.iter().any(|word| {
            crate::text::terms::plain_words(text).contains(&crate::text::terms::TermHash::of(word))
        });
        if past || !(1..=WEEK_DAYS).contains(&behind) || range.first != range.last {
            return Some(range);
        }
        let next = range.first.checked_add(WEEK_DAYS.days()).ok()?;
        Some(DateRange { first: next, last: next })
    }

    /// "until Friday", "bis Freitag".
    fn until(&self, statement: &str, language: &Language) -> Option<Date> {
        let (marker, rest) = after(statement, language.until)?;
        let last = ranges(&format!("{marker} {rest}"), self.today, &[self.today.year()])
            .first()
            .or(ranges(rest, self.today, &[self.today.year()]).first())?
            .last;
        if last >= self.today {
            return Some(last);
        }
        let behind = self.today.since(last).map_or(0, |span| span.get_days());
        if behind <= WEEK_DAYS {
            last.checked_add(WEEK_DAYS.days()).ok()
        } else {
            last.checked_add(1.year()).ok()
        }
    }

    /// "since May", "seit 2019": never a day to come, except behind "starting".
    fn since(&self, statement: &str, language: &Language) -> Option<Date> {
        let (marker, rest) = after(statement, language.since)?;
        let rest = &beginning(clause(rest));
        let range = match ranges(&format!("since {rest}"), self.today, &[self.today.year()]).first() {
            Some(range) => *range,
            None => return None,
        };
        if FORWARD.contains(&marker) {
            return self.named(rest).map(|range| range.first);
        }
        (range.first <= self.today).then_some(range.first)
    }

    /// "for the next two weeks".
    fn lasting(&self, statement: &str, language: &Language) -> Option<Date> {
        for marker in language.lasting.iter().filter(|marker| marker.contains(' ')) {
            let Some((_, rest)) = after(statement, &[marker]) else { continue };
            let mut words =
                rest.split_whitespace().map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()));
            let mut word = words.next()?;
            let mut count = 1;
            if let Some(number) = number(word, language) {
                count = number;
                word = words.next()?;
            }
            let days = language.units.iter().find(|(unit, _)| *unit == word)?.1;
            return self.plus(days * count.min(LASTING_MAX));
        }
        None
    }

    /// "this week": until its end.
    fn this(&self, statement: &str, language: &Language) -> Option<Date> {
        let phrase = language.this.iter().find(|phrase| after(statement, &[phrase]).is_some())?;
        let range = *ranges(phrase, self.today, &[self.today.year()]).first()?;
        (range.last >= self.today).then_some(range.last)
    }
}

/// Words that put a day behind the speaker.
const PAST: &[&str] = &[
    "ago",
    "last",
    "yesterday",
    "was",
    "were",
    "went",
    "had",
    "got",
    "joined",
    "moved",
    "started",
    "quit",
    "met",
    "flew",
    "visited",
    "saw",
    "finished",
    "attended",
    "ran",
    "left",
    "bought",
    "graduated",
    "celebrated",
    "switched",
    "became",
    "hatte",
    "war",
    "letzten",
    "letzte",
    "dernier",
    "dernière",
    "pasado",
    "pasada",
];

/// Words behind which a day has yet to come.
const FORWARD: &[&str] = &["starting", "beginning", "as of", "ab", "à partir de", "a partir de", "dès"];

/// The first of the markers that stands in the text as words, and what follows it.
fn after<'t>(text: &'t str, markers: &[&'static str]) -> Option<(&'static str, &'t str)> {
    // Small letters of ASCII alone keep every byte in its place.
    let small = text.to_ascii_lowercase();
    let free = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
    markers.iter().find_map(|marker| {
        let stands = |at: &usize| {
            free(small[..*at].chars().next_back()) && free(small[at + marker.len()..].chars().next())
        };
        let at = small.match_indices(marker).map(|(at, _)| at).find(stands)?;
        Some((*marker, text[at + marker.len()..].trim_start()))
    })
}

fn clause(text: &str) -> &str {
    &text[..text.find([',', ';', '.', '!', '(']).unwrap_or(text.len())]
}

/// A day named later belongs to something else: "since the party where we met in May".
fn beginning(text: &str) -> String {
    text.split_whitespace().take(DATE_WORDS_MAX).collect::<Vec<_>>().join(" ")
}

fn number(word: &str, language: &Language) -> Option<i32> {
    let named = language.numbers.iter().position(|number| *number == word);
    word.parse().ok().or_else(|| named.and_then(|at| i32::try_from(at).ok()).map(|at| at + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::local::tables::LANGUAGES;

    /// Wednesday, 4 March 2026, noon in Lisbon.
    fn check(statement: &str, when: When, from: &str, to: &str) {
        let zone = TimeZone::fixed(jiff::tz::offset(0));
        let said = jiff::civil::date(2026, 3, 4).at(12, 0, 0, 0).to_zoned(zone.clone()).unwrap().timestamp();
        let shown = |time: Option<Timestamp>| {
            time.map_or(String::new(), |time| time.to_zoned(zone.clone()).date().to_string())
        };
        let language = LANGUAGES
            .iter()
            .find(|language| {
                after(statement, language.until).is_some() || after(statement, language.this).is_some()
            })
            .unwrap_or(&LANGUAGES[0]);
        let valid = of(statement, when, false, language, said, &zone);
        assert_eq!((shown(valid.from).as_str(), shown(valid.to).as_str()), (from, to), "{statement}");
    }

    #[test]
    fn a_day_in_until_is_the_last_day_it_is_so() {
        check("I'm in Rome until Friday", When::Now, "", "2026-03-07");
        check("until 15 May", When::Now, "", "2026-05-16");
        check("Ich bin bis Freitag in Rom", When::Now, "", "2026-03-07");
        check("until the end of March", When::Now, "", "2026-04-01");
    }

    #[test]
    fn this_week_ends_with_it() {
        check("I work from home this week", When::Now, "", "2026-03-09");
        check("for the next two weeks I am in Oslo", When::Now, "", "2026-03-19");
    }

    #[test]
    fn since_names_the_first_day() {
        check("I have lived in Rome since 2019", When::Now, "2019-01-01", "");
        check("I work at Acme starting Monday", When::Change, "2026-03-09", "");
        check("I work at Acme", When::Change, "", "");
    }

    #[test]
    fn a_change_began_on_the_day_it_names() {
        check("I moved to Berlin last month", When::Change, "2026-02-01", "");
        check("I live in Berlin, I was there last month", When::Now, "", "");
    }

    #[test]
    fn an_event_is_its_days() {
        check("I have an interview on Friday", When::OnDay, "2026-03-06", "2026-03-07");
        check("I met Ana on Friday", When::OnDay, "2026-02-27", "2026-02-28");
        check("I'm flying to Tokyo on 5 April", When::OnDay, "2026-04-05", "2026-04-06");
        check("I have an interview", When::OnDay, "", "");
    }
}

//! Reads what a question says about the dates in it: "since May", "from 3 to 9 May", "two days after 8 May", or just
//! "in May"; and turns it into ranges.
//!
//! Each place of the text is read once, with bounded looking ahead, and no reader calls itself: that keeps the time
//! about linear and the stack flat whatever the text is.

use jiff::civil::Date;

use super::calendar::{self, DateRange, Unit};
use super::lexer::Token;
use super::named::{Kind, Level, Named, Shape};
use super::relative::{is_french, weekday_of};
use super::words::Meaning;

/// What is open on one side and has no year reaches at least so far beyond its own year, in days.
const OPEN_DAYS: i32 = 30;

static NONE: Token =
    Token { word: String::new(), capital: false, number: None, mark: None, glued: false, meanings: &[] };

/// Reads tokens from a place on; see [`Reader::found`].
pub(super) struct Reader<'a> {
    tokens: &'a [Token],
    pub(super) today: Date,
    /// Ascending, without repetition.
    pub(super) years: &'a [i16],
    pub(super) french: bool,
}

/// What one phrase names; without ranges if it is about time, but names no date.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) level: Level,
    pub(super) ranges: Vec<DateRange>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(tokens: &'a [Token], today: Date, years: &'a [i16]) -> Self {
        Self { tokens, today, years, french: is_french(tokens) }
    }

    /// All phrases, in order.
    pub(super) fn found(&self) -> impl Iterator<Item = Found> {
        let mut at = 0;
        std::iter::from_fn(move || {
            while at < self.tokens.len() {
                match self.phrase(at) {
                    Some((found, end)) => {
                        at = end.max(at + 1);
                        return Some(found);
                    }
                    None => at += 1,
                }
            }
            None
        })
    }

    /// The token at a place; an empty one beyond the end.
    pub(super) fn token(&self, at: usize) -> &Token {
        self.tokens.get(at).unwrap_or(&NONE)
    }

    /// The place after at most `most` tokens of these meanings.
    pub(super) fn skip(&self, at: usize, meanings: &[Meaning], most: usize) -> usize {
        let skipped = |at: usize| meanings.iter().any(|meaning| self.token(at).means(*meaning));
        at + (at..at + most).take_while(|&at| skipped(at)).count()
    }

    pub(super) fn is_one_of(&self, at: usize, words: &[&str]) -> bool {
        words.contains(&self.token(at).word.as_str())
    }

    pub(super) fn word_before(&self, at: usize, words: &[&str]) -> bool {
        at.checked_sub(1).is_some_and(|at| self.is_one_of(at, words))
    }

    fn phrase(&self, at: usize) -> Option<(Found, usize)> {
        self.span(at)
            .or_else(|| self.list(at))
            .or_else(|| self.offset(at))
            .or_else(|| self.open(at))
            .or_else(|| self.plain(at))
    }

    /// A date, or a third of one: "early May", "mid-May".
    fn named(&self, at: usize, trusted: bool) -> Option<(Named, usize)> {
        let at = self.skip(at, &[Meaning::The], 2);
        if let Some(part) = self.token(at).part() {
            let hyphen = usize::from(self.token(at + 1).is_mark('-'));
            let date_at = self.skip(at + 1 + hyphen, &[Meaning::Of, Meaning::The, Meaning::In], 2);
            let read = self.relative(date_at).or_else(|| self.explicit(date_at, true));
            let unit = self.token(date_at).unit().filter(|_| self.word_before(date_at, &["the"]));
            if let Some(unit @ (Unit::Week | Unit::Month | Unit::Year)) = unit {
                let now = Named::fixed(calendar::containing(self.today, unit));
                return Some((now.shaped(Shape::Part(part)), date_at + 1));
            }
            if let Some((named, end)) = read {
                let is_period = !matches!(named.kind, Kind::Day { .. });
                return Some((if is_period { named.shaped(Shape::Part(part)) } else { named }, end));
            }
        }
        self.relative(at).or_else(|| self.explicit(at, trusted))
    }

    fn plain(&self, at: usize) -> Option<(Found, usize)> {
        let (named, end) = self.named(at, false)?;
        Some((self.resolved(self.with_year_of_next(named, end)), end))
    }

    /// "in May and June 2023": the year is that of both.
    fn with_year_of_next(&self, named: Named, end: usize) -> Named {
        let joins = self.token(end).means(Meaning::And) || self.token(end).is_mark(',');
        if named.year.is_some() || !joins {
            return named;
        }
        match self.explicit(self.skip(end + 1, &[Meaning::In, Meaning::The], 2), true) {
            Some((next, _)) if named.level == next.level => Named { year: next.year, ..named },
            _ => named,
        }
    }

    fn resolved(&self, named: Named) -> Found {
        self.each_year(named, |year| named.all_at(year).collect())
    }

    /// The ranges in the date's own year, or in each of the years.
    fn each_year(&self, named: Named, ranges: impl Fn(i16) -> Vec<DateRange>) -> Found {
        let ranges = match named.year {
            Some(year) => ranges(year),
            None => self.years.iter().flat_map(|&year| ranges(year)).collect(),
        };
        Found { level: named.level, ranges }
    }

    /// "two days after 8 May", "the week before 8 May", "the Friday before 8 May". After or before anything that is no
    /// date, the first of these is read too, and names nothing.
    fn offset(&self, at: usize) -> Option<(Found, usize)> {
        let the = self.word_before(at, &["the"]) || self.token(at).word == "the";
        let at = self.skip(at, &[Meaning::The], 1);
        // "last weekend before 10 April" is not last weekend.
        let last = usize::from(self.token(at).means(Meaning::Last));
        let at = at + last;
        let sign_at = |at: usize| {
            let token = self.token(at);
            if token.means(Meaning::Before) { Some(-1) } else { token.means(Meaning::After).then_some(1) }
        };
        let date_after = |at: usize| {
            let at = self.skip(at + 1, &[Meaning::The, Meaning::Of], 2);
            self.named(at, true)
        };
        if let Some((count, unit, end)) = self.counted(at)
            && let Some(sign) = sign_at(end)
        {
            let Some((named, end)) = date_after(end) else {
                return Some((Found { level: Level::Day, ranges: Vec::new() }, end + 1));
            };
            // "The three days after" are all of them, "three days after" is the third.
            let shape = if the { Shape::Within(unit, count.1, sign) } else { Shape::Away(unit, count, sign) };
            return Some((self.resolved(named.shaped(shape)), end));
        }
        let sign = sign_at(at + 1)?;
        let token = self.token(at);
        let shape = match (token.weekday(), token.unit()) {
            (Some((weekday, _)), _) => Shape::Nearest(weekday_of(weekday), sign),
            (_, Some(unit)) => Shape::Beside(unit, sign),
            _ => return None,
        };
        match date_after(at + 1) {
            Some((named, end)) => Some((self.resolved(named.shaped(shape)), end)),
            None if the && last == 0 => Some((Found { level: Level::Day, ranges: Vec::new() }, at + 2)),
            None => None,
        }
    }

    /// "since May", "before June", "after 3 March", "until 2022".
    fn open(&self, at: usize) -> Option<(Found, usize)> {
        let marker = self.token(at);
        let meaning = [Meaning::Since, Meaning::Before, Meaning::After, Meaning::Until]
            .into_iter()
            .find(|meaning| marker.means(*meaning))?;
        let (named, end) = self.named(at + 1, false)?;
        if meaning == Meaning::Since {
            return Some((self.since(named), end));
        }
        let known = named.year.is_some();
        let found = self.each_year(named, |year| {
            let range = named.at(year);
            let (earliest, latest) = if known { self.bounds(year) } else { (year, year) };
            let before = |last: Date| {
                let first = calendar::day(earliest, 1, 1).min(calendar::step(last, Unit::Day, -OPEN_DAYS));
                DateRange::between(first, last)
            };
            let after = |first: Date| {
                let last = calendar::day(latest, 12, 31).max(calendar::step(first, Unit::Day, OPEN_DAYS));
                DateRange::between(first, last)
            };
            vec![match meaning {
                Meaning::After => after(calendar::step(range.last, Unit::Day, 1)),
                Meaning::Before => before(calendar::step(range.first, Unit::Day, -1)),
                _ => before(range.last),
            }]
        });
        Some((found, end))
    }

    /// The first and last year that anything was said in, with that of a date and today's.
    fn bounds(&self, year: i16) -> (i16, i16) {
        let earliest = self.years.first().copied().unwrap_or(year).min(year);
        let latest = self.years.last().copied().unwrap_or(year).max(year).max(self.today.year());
        (earliest, latest)
    }

    /// From the most recent one until today.
    fn since(&self, named: Named) -> Found {
        let this = self.today.year();
        let start = [this, this.saturating_sub(1)]
            .into_iter()
            .map(|year| named.at(year))
            .find(|range| range.first <= self.today)
            .unwrap_or_else(|| named.at(this));
        let last = if start.first <= self.today { self.today } else { start.last };
        Found { level: named.level, ranges: vec![DateRange::between(start.first, last)] }
    }

    /// "between May and July", "from 3 to 9 May", "May 3-9", "Monday to Friday".
    fn span(&self, at: usize) -> Option<(Found, usize)> {
        let opening = self.token(at);
        let between = opening.means(Meaning::Between);
        let marked = between || opening.means(Meaning::From) || opening.means(Meaning::Since);
        let start = self.skip(at + usize::from(marked), &[Meaning::The], 1);
        if self.is_fragment(start) {
            return None;
        }
        let joins = |at: usize| {
            let token = self.token(at);
            token.means(Meaning::To) || token.is_mark('-') || between && token.means(Meaning::And)
        };
        let (first, second, end) = self.day_to_date(start, &joins).or_else(|| {
            let (first, join) = self.named(start, true).filter(|(_, end)| joins(*end))?;
            let (second, end) = self.date_to_day(first, join + 1).or_else(|| self.named(join + 1, true))?;
            Some((first, second, end))
        })?;
        Some((self.joined(first, second), end))
    }

    /// "on the 5th and 6th of May", "May 5 and 6".
    fn list(&self, at: usize) -> Option<(Found, usize)> {
        let joins = |at: usize| self.token(at).means(Meaning::And) || self.token(at).word == "or";
        if self.is_fragment(at) {
            return None;
        }
        let (first, second, end) = self.day_to_date(at, &joins).or_else(|| {
            let (first, join) = self.explicit(at, false).filter(|(_, end)| joins(*end))?;
            let (second, end) = self.date_to_day(first, join + 1)?;
            Some((first, second, end))
        })?;
        let found = self.each_year(second, |year| vec![first.at(year), second.at(year)]);
        Some((found, end))
    }

    /// "3 to 9 May": the first day has the month of the second.
    fn day_to_date(&self, at: usize, joins: &impl Fn(usize) -> bool) -> Option<(Named, Named, usize)> {
        let day = self.bare_day(at)?;
        let join = at + 1 + usize::from(self.token(at + 1).is_mark('.'));
        if !joins(join) {
            return None;
        }
        let date_at = self.skip(join + 1, &[Meaning::The], 1);
        let (second, end) = self.explicit(date_at, true)?;
        let Kind::Day { month, .. } = second.kind else { return None };
        Some((Named { kind: Kind::Day { month, day }, or: None, ..second }, second, end))
    }

    /// "May 3 to 9, 2023": the second day has the month of the first.
    fn date_to_day(&self, first: Named, at: usize) -> Option<(Named, usize)> {
        let Kind::Day { month, .. } = first.kind else { return None };
        let at = self.skip(at, &[Meaning::The], 1);
        let day = self.bare_day(at)?;
        let next = self.token(at + 1);
        if next.month().is_some() || next.mark == Some('.') && self.token(at + 2).month().is_some() {
            return None;
        }
        if next.glued
            && next.mark.is_some_and(|mark| matches!(mark, '-' | '/' | '.'))
            && self.token(at + 2).number.is_some()
        {
            return None;
        }
        if next.means(Meaning::Clock) || next.units().is_some() || next.means(Meaning::Of) {
            return None;
        }
        let (year, end) = self.year_after(at + 1);
        Some((Named { kind: Kind::Day { month, day }, or: None, year: year.or(first.year), ..first }, end))
    }

    fn year_after(&self, at: usize) -> (Option<i16>, usize) {
        let at_year = at + usize::from(self.token(at).is_mark(','));
        match self.token(at_year).number.filter(|number| number.digits == 4) {
            Some(number) => (i16::try_from(number.value).ok(), at_year + 1),
            None => (None, at),
        }
    }

    fn bare_day(&self, at: usize) -> Option<i8> {
        let number = self.token(at).number.filter(|number| number.digits <= 2)?;
        i8::try_from(number.value).ok().filter(|day| (1..=31).contains(day))
    }

    /// From the first day of one to the last of the other, in the nearest years in which they follow each other.
    fn joined(&self, first: Named, second: Named) -> Found {
        let level = first.level.min(second.level);
        let one = |first: DateRange, second: DateRange| DateRange::between(first.first, second.last);
        let ranges = match (first.year, second.year) {
            (None, None) => {
                let later = |year: i16| {
                    let same = second.at(year);
                    if same.last < first.at(year).first { second.at(year.saturating_add(1)) } else { same }
                };
                self.years.iter().map(|&year| one(first.at(year), later(year))).collect()
            }
            (None, Some(year)) => {
                let second = second.at(year);
                let same = first.at(second.first.year());
                let earlier = first.at(second.first.year().saturating_sub(1));
                vec![one(if same.first <= second.last { same } else { earlier }, second)]
            }
            (Some(year), None) => {
                let first = first.at(year);
                let same = second.at(first.first.year());
                let later = second.at(first.first.year().saturating_add(1));
                vec![one(first, if same.last >= first.first { same } else { later })]
            }
            (Some(a), Some(b)) => vec![self.both_known(first.at(a), second.at(b))],
        };
        Found { level, ranges }
    }

    /// "From Friday to Monday" asked on a Wednesday: the Friday before that Monday.
    fn both_known(&self, first: DateRange, second: DateRange) -> DateRange {
        let week_before = DateRange {
            first: calendar::step(first.first, Unit::Day, -7),
            last: calendar::step(first.last, Unit::Day, -7),
        };
        let wraps = first.first > second.last && week_before.first <= second.last && first.last <= self.today;
        if wraps { week_before.hull(second) } else { first.hull(second) }
    }
}

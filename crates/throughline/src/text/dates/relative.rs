//! Reads dates that depend on the asker's day: "yesterday", "two weeks ago", "last May", "on Monday".
//!
//! What depends on something else than today ("the next day", "two days after the interview") names no date here.

use jiff::civil::Weekday;

use super::calendar::{self, DateRange, Unit};
use super::lexer::Token;
use super::named::{Kind, Level, Named, Shape};
use super::phrases::Reader;
use super::words::{Guard, Meaning};

/// How many of a unit "the last weeks" are, at most.
const PLURAL_MAX: u32 = 5;

/// Words before an abbreviated weekday.
const BEFORE_SHORT: &[&str] = &["on", "last", "this", "next", "since", "from", "until"];

/// Words before a weekday that make it a holiday of no fixed date.
const HOLY: &[&str] = &["black", "good", "cyber", "giving", "easter", "palm", "ash", "shrove"];

/// Words between two counts: "2 or 3 weeks".
const OR: &[&str] = &["or", "to", "and", "oder", "bis", "o", "ou", "или"];

/// Words that round the count after or before them.
const ROUGHLY: &[&str] = &[
    "about",
    "around",
    "almost",
    "nearly",
    "etwa",
    "ungefähr",
    "fast",
    "circa",
    "casi",
    "environ",
    "presque",
    "cerca",
    "quase",
    "ongeveer",
    "примерно",
    "около",
    "约",
    "大约",
    "约莫",
];

/// "hier" is French "yesterday" and German and Dutch "here".
const FRENCH: &[&str] = &[
    "je", "j", "tu", "il", "elle", "on", "nous", "vous", "ai", "que", "qu", "quoi", "est", "c", "le", "la",
    "les", "du", "avec", "et", "quel", "quelle", "dit", "soir", "matin",
];
const NOT_FRENCH: &[&str] = &[
    "ich", "du", "wir", "ist", "war", "habe", "und", "der", "die", "das", "was", "wer", "wo", "ik", "wij",
    "het", "een", "wat", "wie", "waar", "is", "niet", "nicht", "steht",
];

pub(super) fn weekday_of(monday_zero: i8) -> Weekday {
    Weekday::from_monday_zero_offset(monday_zero).unwrap_or(Weekday::Monday)
}

/// Whether "hier" is meant in French.
pub(super) fn is_french(tokens: &[Token]) -> bool {
    let count = |words: &[&str]| tokens.iter().filter(|token| words.contains(&token.word.as_str())).count();
    count(FRENCH) > count(NOT_FRENCH)
}

impl Reader<'_> {
    /// The date that begins at a token, and where it ends.
    pub(super) fn relative(&self, at: usize) -> Option<(Named, usize)> {
        self.day_word(at)
            .or_else(|| self.counted_ago(at))
            .or_else(|| self.year_and_date(at))
            .or_else(|| self.last_this_next(at))
            .or_else(|| {
                let (nth, end) = self.ordinal(at)?;
                self.nth_of_month(end, nth).or_else(|| self.ordinal_of_month(end, nth))
            })
            .or_else(|| self.unit_then_last(at))
            .or_else(|| self.weekday(at))
            .or_else(|| self.week_of(at))
    }

    /// "yesterday", "the other day".
    fn day_word(&self, at: usize) -> Option<(Named, usize)> {
        let token = self.token(at);
        if token.word == "hier" && !self.french {
            return None;
        }
        let range = token.find(|meaning| match meaning {
            Meaning::Day(days) => Some(DateRange::day(calendar::step(self.today, Unit::Day, days))),
            Meaning::DaysAgo(least, most) => Some(calendar::away(self.today, Unit::Day, (least, most), -1)),
            _ => None,
        })?;
        Some((Named::fixed(range), at + 1))
    }

    /// "two weeks ago", "vor zwei Wochen", "неделю назад".
    fn counted_ago(&self, at: usize) -> Option<(Named, usize)> {
        let ago = |unit, count, end| Some((Named::fixed(calendar::away(self.today, unit, count, -1)), end));
        let before = self.token(at).means(Meaning::AgoBefore);
        let count_at = at + usize::from(before);
        let count_at = count_at + usize::from(before && self.is_one_of(count_at, ROUGHLY));
        if let Some((count, unit, end)) = self.counted(count_at) {
            let after = self.token(end).means(Meaning::Ago);
            return (before || after).then(|| ago(unit, count, end + usize::from(after))).flatten();
        }
        match self.token(at).unit() {
            Some(unit) if self.token(at + 1).word == "назад" => ago(unit, (1, 1), at + 2),
            _ => None,
        }
    }

    /// A count and its unit: "3 days", "a few weeks", "2 or 3 weeks", "三个月".
    pub(super) fn counted(&self, at: usize) -> Option<((u32, u32), Unit, usize)> {
        let (least, mut most) = self.token(at).count()?;
        let mut unit_at = at + 1;
        if (self.is_one_of(unit_at, OR) || self.token(unit_at).is_mark('-'))
            && let Some((_, more)) = self.token(unit_at + 1).count()
        {
            (most, unit_at) = (most.max(more), unit_at + 2);
        }
        let unit = self.token(unit_at).units()?;
        let of_month = self.token(unit_at).means(Meaning::MonthMark);
        let half = self.word_before(at, &["half"]);
        (!of_month && !half && !self.is_fragment(at)).then_some(((least, most), unit, unit_at + 1))
    }

    /// "first", "2nd".
    pub(super) fn ordinal(&self, at: usize) -> Option<(i8, usize)> {
        let token = self.token(at);
        let word = token.find(|meaning| match meaning {
            Meaning::Ordinal(nth) => Some(nth),
            _ => None,
        });
        let number = token.number.filter(|number| number.ordinal && (1..=5).contains(&number.value));
        let nth = word.or_else(|| number.and_then(|number| i8::try_from(number.value).ok()))?;
        Some((nth, at + 1))
    }

    /// "last year", "l'an dernier", "去年".
    pub(super) fn relative_year(&self, at: usize) -> Option<(i16, usize)> {
        let year = |years: i16, end| Some((self.today.year().saturating_add(years), end));
        let token = self.token(at);
        let word = token.find(|meaning| match meaning {
            Meaning::Year(years) => Some(years),
            _ => None,
        });
        if let Some(years) = word {
            return year(years, at + 1);
        }
        let is_year = |at: usize| self.token(at).unit() == Some(Unit::Year);
        match self.sign(at) {
            Some(sign) if is_year(at + 1) => year(sign, at + 2),
            _ if is_year(at) => year(self.sign_after(at + 1)?, at + 2),
            _ => None,
        }
    }

    /// "last year", "last year in May", "去年5月".
    fn year_and_date(&self, at: usize) -> Option<(Named, usize)> {
        let (year, end) = self.relative_year(at)?;
        let is_rolling = self.is_after_the(at) && self.token(at).word != "this";
        let date_at = self.skip(end, &[Meaning::Of, Meaning::In, Meaning::The], 2);
        match self.explicit(date_at, date_at > end) {
            Some((named, end)) if named.year.is_none() => Some((Named { year: Some(year), ..named }, end)),
            _ if is_rolling => None,
            _ => Some((Named::year(year), end)),
        }
    }

    fn last_this_next(&self, at: usize) -> Option<(Named, usize)> {
        let token = self.token(at);
        let lately = token.means(Meaning::Lately);
        let sign = self.sign(at).or(lately.then_some(-1))?;
        if sign == -1
            && let Some(found) = self.rolling(at, lately)
        {
            return Some(found);
        }
        let next = self.token(at + 1);
        if sign == -1
            && let Some(found) = self.nth_of_month(at + 1, -1)
        {
            return Some(found);
        }
        if let Some(unit) = next.unit() {
            return self.unit_beside(unit, i32::from(sign), at, at + 2);
        }
        if let Some((weekday, _)) = next.weekday() {
            return Some((self.weekday_beside(weekday, i32::from(sign), at + 1), at + 2));
        }
        let (named, end) = self.explicit(at + 1, true).filter(|(named, _)| named.kind != Kind::Year)?;
        Some((named.from(self.today, i32::from(sign)), end))
    }

    /// "the last three months", "the past week", "the last weeks", "le ultime tre settimane".
    fn rolling(&self, at: usize, lately: bool) -> Option<(Named, usize)> {
        let found = |unit, count, end| Some((Named::fixed(calendar::rolling(self.today, unit, count)), end));
        if let Some(((_, most), unit, end)) = self.counted(at + 1) {
            return found(unit, most, end);
        }
        let next = self.token(at + 1);
        let in_month = || self.nth_of_month(at + 1, -1).is_some();
        match (next.unit(), next.units()) {
            (Some(unit @ (Unit::Week | Unit::Month | Unit::Quarter | Unit::Year)), _)
                if (lately || self.is_after_the(at)) && !in_month() =>
            {
                found(unit, 1, at + 2)
            }
            (
                None,
                Some(unit @ (Unit::Hour | Unit::Day | Unit::Week | Unit::Weekend | Unit::Month | Unit::Year)),
            ) => found(unit, PLURAL_MAX, at + 2),
            _ => None,
        }
    }

    /// "semana pasada", "trois derniers mois" from its count, "lundi dernier" from its weekday.
    fn unit_then_last(&self, at: usize) -> Option<(Named, usize)> {
        let token = self.token(at);
        if let Some((_, most)) = token.count()
            && (self.token(at + 1).means(Meaning::Lately) || self.token(at + 1).means(Meaning::Last))
            && let Some(unit) = self.token(at + 2).units()
            && !self.is_fragment(at)
        {
            return Some((Named::fixed(calendar::rolling(self.today, unit, most)), at + 3));
        }
        let sign = self.sign_after(at + 1)?;
        self.unit_beside(token.unit()?, i32::from(sign), at, at + 2)
    }

    /// The calendar week, weekend, month, ... before this one, this one, or the next.
    fn unit_beside(&self, unit: Unit, sign: i32, at: usize, end: usize) -> Option<(Named, usize)> {
        let of_event = sign == 1 && self.is_after_the(at);
        if of_event || matches!(unit, Unit::Minute | Unit::Hour | Unit::Day) {
            return None;
        }
        let range = calendar::neighbour(self.today, unit, sign);
        let day_at = self.skip(end, &[Meaning::In, Meaning::Of], 1);
        if unit == Unit::Week
            && let Some((weekday, Guard::Clear)) = self.token(day_at).weekday()
        {
            let day = calendar::step(range.first, Unit::Day, i32::from(weekday));
            return Some((Named::fixed(DateRange::day(day)), day_at + 1));
        }
        let level = if unit == Unit::Year { Level::Year } else { Level::Day };
        Some((Named { level, ..Named::fixed(range) }, end))
    }

    fn weekday_beside(&self, weekday: i8, sign: i32, at: usize) -> Named {
        // "上周一" is the Monday of last week, whatever today is.
        let of_week = self.token(at).word.starts_with(['周', '週', '星', '礼']);
        let day = if of_week || sign == 0 {
            let week = calendar::neighbour(self.today, Unit::Week, sign);
            calendar::step(week.first, Unit::Day, i32::from(weekday))
        } else {
            calendar::nearest(self.today, weekday_of(weekday), sign)
        };
        Named::fixed(DateRange::day(day))
    }

    /// "on Monday": the most recent one; "Monday, 8 May" and "Monday last week" say which.
    fn weekday(&self, at: usize) -> Option<(Named, usize)> {
        let token = self.token(at);
        let (weekday, guard) = token.weekday().filter(|_| !self.word_before(at, HOLY))?;
        if guard != Guard::Clear
            && !(token.capital && (self.word_before(at, BEFORE_SHORT) || self.date_follows(at)))
        {
            return None;
        }
        // "every Monday" and "on a Monday" are any.
        if at > 0
            && (self.token(at - 1).means(Meaning::Every) || self.token(at - 1).means(Meaning::Count(1, 1)))
        {
            return None;
        }
        if let Some(found) = self.date_after_weekday(at) {
            return Some(found);
        }
        let week = match self.sign(at + 1) {
            Some(sign) if self.token(at + 2).unit() == Some(Unit::Week) => Some(sign),
            _ => None,
        };
        if let Some(sign) = week {
            let week = calendar::neighbour(self.today, Unit::Week, i32::from(sign));
            let day = calendar::step(week.first, Unit::Day, i32::from(weekday));
            return Some((Named::fixed(DateRange::day(day)), at + 3));
        }
        let after = self.sign_after(at + 1);
        let named = self.weekday_beside(weekday, i32::from(after.unwrap_or(-1)), usize::MAX);
        Some((named, at + 1 + usize::from(after.is_some())))
    }

    fn date_follows(&self, at: usize) -> bool {
        self.date_after_weekday(at).is_some()
    }

    fn date_after_weekday(&self, at: usize) -> Option<(Named, usize)> {
        let dotted = self.token(at + 1).mark.is_some_and(|mark| matches!(mark, ',' | '.'));
        let date_at = self.skip(at + 1 + usize::from(dotted), &[Meaning::The], 1);
        self.explicit(date_at, false).filter(|(named, _)| matches!(named.kind, Kind::Day { .. }))
    }

    /// "the week of May 8".
    fn week_of(&self, at: usize) -> Option<(Named, usize)> {
        let unit = self.token(at).unit().filter(|unit| matches!(unit, Unit::Week | Unit::Weekend))?;
        let date_at = self.skip(at + 1, &[Meaning::Of, Meaning::The], 2);
        let (named, end) = self.explicit(date_at, false).filter(|_| date_at > at + 1)?;
        matches!(named.kind, Kind::Day { .. }).then(|| (named.shaped(Shape::Around(unit)), end))
    }

    /// Last: -1, this: 0, next: 1; as words before their noun.
    pub(super) fn sign(&self, at: usize) -> Option<i16> {
        let token = self.token(at);
        [(Meaning::Last, -1), (Meaning::This, 0), (Meaning::Next, 1)]
            .into_iter()
            .find_map(|(meaning, sign)| token.means(meaning).then_some(sign))
    }

    /// The same as words after it.
    pub(super) fn sign_after(&self, at: usize) -> Option<i16> {
        let token = self.token(at);
        [(Meaning::LastAfter, -1), (Meaning::NextAfter, 1)]
            .into_iter()
            .find_map(|(meaning, sign)| token.means(meaning).then_some(sign))
    }

    /// "the last week" is not "last week".
    fn is_after_the(&self, at: usize) -> bool {
        self.word_before(at, &["the"])
    }
}

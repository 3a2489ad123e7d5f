//! Reads dates of the calendar: "7 May 2023", "2023-05-07", "May '23", "summer of 2022", "Q2", "2023年5月7日".
//!
//! Here it is decided whether a word that may be a month is one; see [`Guard`].

use super::lexer::{Number, Token};
use super::named::{Kind, Named, Nth};
use super::phrases::Reader;
use super::words::{Guard, Meaning};

/// Words before "May" and "March" that make them months.
const BEFORE_MONTH: &[&str] = &[
    "in",
    "during",
    "of",
    "on",
    "by",
    "since",
    "before",
    "after",
    "until",
    "till",
    "to",
    "from",
    "through",
    "between",
    "early",
    "mid",
    "late",
    "this",
    "last",
    "next",
    "past",
    "around",
    "beginning of",
    "start of",
    "middle of",
    "end of",
];

/// The same for "may" and "march" in lower case.
const BEFORE_LOWER_MONTH: &[&str] = &[
    "in",
    "during",
    "of",
    "early",
    "mid",
    "late",
    "last",
    "since",
    "until",
    "beginning of",
    "start of",
    "middle of",
    "end of",
];

/// "the March on Washington" is none.
const AFTER_MARCH: &[&str] = &["on", "of", "to", "for", "from", "against", "through", "towards", "is", "was"];

/// Words before an abbreviated month.
const BEFORE_SHORT: &[&str] =
    &["in", "during", "early", "mid", "late", "last", "this", "next", "since", "until", "till", "im", "em"];

/// Words before "mai", "mars" and "mei" that make them months.
const BEFORE_HOMONYM: &[&str] = &[
    "en", "em", "im", "de", "du", "diesen", "depuis", "seit", "ab", "avant", "après", "début", "fin", "mi",
    "anfang", "mitte", "ende", "letzten", "vor", "nach", "bis", "in", "sinds", "vorige", "eind", "begin",
    "zwischen", "ce", "jusqu en",
];

/// Words before "spring" and "fall", with or without "the" between.
const BEFORE_SEASON: &[&str] = &[
    "in",
    "of",
    "during",
    "since",
    "until",
    "by",
    "this",
    "last",
    "next",
    "early",
    "mid",
    "late",
    "throughout",
    "every",
    "beginning of",
    "end of",
    "start of",
    "middle of",
];

/// Words before "été" and "estate" that make them summer.
const BEFORE_SUMMER: &[&str] = &["en", "cet", "l", "d", "quest"];

/// Words before "7.5." that make it a day.
const BEFORE_DOTTED_DAY: &[&str] = &["am", "vom", "zum", "bis zum", "bis", "seit", "dem", "den"];

/// Words before a number that make it a year even if nothing was said in that year.
const BEFORE_YEAR: &[&str] = &[
    "in",
    "of",
    "during",
    "since",
    "until",
    "till",
    "before",
    "after",
    "from",
    "year",
    "early",
    "mid",
    "late",
    "by",
    "en",
    "em",
    "im",
    "jahr",
    "seit",
    "vor",
    "nach",
    "año",
    "année",
    "anno",
    "ano",
    "desde",
    "depuis",
    "nel",
    "dal",
    "sinds",
    "в",
    "с",
    "до",
    "после",
    "between",
    "beginning of",
    "end of",
    "start of",
    "middle of",
];

/// A number alone is a year from here to 2099.
const FIRST_YEAR: u32 = 1900;

impl Reader<'_> {
    /// The date that begins at a token, and where it ends. `trusted`: the words around say that here is a date.
    pub(super) fn explicit(&self, at: usize, trusted: bool) -> Option<(Named, usize)> {
        let token = self.token(at);
        if let Some(number) = token.number {
            return if trusted || !self.is_fragment(at) { self.numeric(at, number, trusted) } else { None };
        }
        self.month_first(at, trusted)
            .or_else(|| self.season(at, trusted))
            .or_else(|| self.quarter(at))
            .or_else(|| {
                let (month, day) = token.find(|meaning| match meaning {
                    Meaning::Holiday(month, day) => Some((month, day)),
                    _ => None,
                })?;
                Some(self.with_year(Kind::Day { month, day }, at + 1))
            })
    }

    /// Part of a longer number or amount: the 5 of "3.5", the 2023 of "$2023".
    pub(super) fn is_fragment(&self, at: usize) -> bool {
        let before = |back: usize| at.checked_sub(back).map(|at| self.token(at));
        let Some(mark) = before(1).and_then(|token| token.mark) else { return false };
        self.token(at).glued
            && match mark {
                '.' | ',' | '/' | ':' | '-' => {
                    before(2).is_some_and(|token| token.number.is_some())
                        && before(1).is_some_and(|token| token.glued)
                }
                '$' | '€' | '£' | '¥' | '#' | '@' => true,
                _ => false,
            }
    }

    fn numeric(&self, at: usize, number: Number, trusted: bool) -> Option<(Named, usize)> {
        self.separated(at, number)
            .or_else(|| self.han(at, number))
            .or_else(|| self.day_first(at, number))
            .or_else(|| self.year_alone(at, number, trusted))
    }

    /// "2023-05-07", "7.5.2023", "5/7/2023", "2023-05", "5/2023", "am 7.5.".
    fn separated(&self, at: usize, first: Number) -> Option<(Named, usize)> {
        let part =
            |at: usize| self.token(at).number.filter(|_| self.token(at).glued && self.token(at - 1).glued);
        let mark = self.token(at + 1).mark.filter(|mark| matches!(mark, '-' | '/' | '.'))?;
        let second = part(at + 2)?;
        let same_mark = |at: usize| self.token(at).is_mark(mark) && self.token(at).glued;
        if same_mark(at + 3)
            && let Some(third) = part(at + 4)
        {
            let more = same_mark(at + 5) && part(at + 6).is_some();
            return Self::triple([first, second, third], mark).filter(|_| !more).map(|named| (named, at + 5));
        }
        if same_mark(at + 3) && mark == '.' && self.word_before(at, BEFORE_DOTTED_DAY) {
            return day_of(second, first).map(|kind| (Named::new(kind, None), at + 4));
        }
        let month = |number: Number| i8::try_from(number.value).ok().filter(|month| (1..=12).contains(month));
        if first.digits == 4 && second.digits == 2 && mark != '.' {
            return Some((Named::new(Kind::Month(month(second)?), Some(year_of(first)?)), at + 3));
        }
        if second.digits == 4 && first.digits <= 2 && mark != '-' {
            return Some((Named::new(Kind::Month(month(first)?), Some(year_of(second)?)), at + 3));
        }
        None
    }

    fn triple([first, second, third]: [Number; 3], mark: char) -> Option<Named> {
        if first.digits == 4 {
            return Some(Named::new(day_of(second, third)?, Some(year_of(first)?)));
        }
        let year = if third.digits == 2 { two_digit_year(third) } else { year_of(third)? };
        let day_first = day_of(second, first);
        let month_first = day_of(first, second).filter(|_| mark != '.');
        // Some write the month first, some the day: both are meant where both can be.
        let named = Named::new(month_first.or(day_first)?, Some(year));
        let or = match day_first {
            Some(Kind::Day { month, day }) if day_first != Some(named.kind) => Some((month, day)),
            _ => None,
        };
        Some(Named { or, ..named })
    }

    /// "2023年5月7日", "5月".
    fn han(&self, at: usize, number: Number) -> Option<(Named, usize)> {
        if self.token(at + 1).means(Meaning::YearMark) && number.digits == 4 {
            let year = year_of(number)?;
            let dated = self.token(at + 2).number.and_then(|number| self.han(at + 2, number));
            return match dated {
                Some((named, end)) if named.year.is_none() => {
                    Some((Named { year: Some(year), ..named }, end))
                }
                _ => Some((Named::year(year), at + 2)),
            };
        }
        let month = i8::try_from(number.value).ok().filter(|month| (1..=12).contains(month))?;
        if !self.token(at + 1).means(Meaning::MonthMark) {
            return None;
        }
        match self.token(at + 2).number {
            Some(day) if self.token(at + 3).means(Meaning::DayMark) => {
                Some((Named::new(day_of(number, day)?, None), at + 4))
            }
            _ => Some((Named::new(Kind::Month(month), None), at + 2)),
        }
    }

    /// "7 May", "7th of May, 2023", "7. Mai", "7 de mayo de 2023", "2023 Q2".
    fn day_first(&self, at: usize, number: Number) -> Option<(Named, usize)> {
        if number.digits == 4 {
            let quarter = at + 1 + usize::from(self.token(at + 1).is_mark('-'));
            let quarter_of = quarter_of(self.token(quarter))?;
            return Some((Named::new(Kind::Quarter(quarter_of), Some(year_of(number)?)), quarter + 1));
        }
        let dotted = self.token(at + 1).is_mark('.') && self.token(at + 1).glued;
        let hyphen = self.token(at + 1).is_mark('-') && self.token(at + 1).glued && self.token(at + 2).glued;
        let month_at = self.skip(at + 1 + usize::from(dotted || hyphen), &[Meaning::Of, Meaning::The], 2);
        let (month, guard) = self.token(month_at).month()?;
        let day = day_number(number)?;
        let (named, end) = self.with_year(Kind::Day { month, day }, month_at + 1);
        let plain = number.ordinal || named.year.is_some() || month_at > at + 1 && !dotted;
        let counts = match guard {
            Guard::Clear | Guard::Homonym | Guard::Short => true,
            Guard::Verb => plain || self.token(month_at).capital && !dotted,
            Guard::Everyday => named.year.is_some(),
        };
        counts.then_some((named, end))
    }

    /// "May 7, 2023", "May 2023", "May '23", "in May".
    fn month_first(&self, at: usize, trusted: bool) -> Option<(Named, usize)> {
        let (month, guard) = self.token(at).month()?;
        let dotted = self.token(at + 1).is_mark('.') && self.token(at + 1).glued && guard == Guard::Short;
        let after = at + 1 + usize::from(dotted && self.token(at + 2).number.is_some());
        let day = self.day_after_month(after);
        let kind = day.map_or(Kind::Month(month), |(day, ..)| Kind::Day { month, day });
        let (named, end) = self.with_year(kind, day.map_or(after, |(.., end)| end));
        let plain = named.year.is_some() || day.is_some_and(|(_, ordinal, _)| ordinal);
        let counts = match guard {
            Guard::Clear => true,
            Guard::Verb => plain || self.is_may_or_march(at, day.is_some(), trusted),
            Guard::Homonym => plain || day.is_some() || trusted || self.word_before(at, BEFORE_HOMONYM),
            Guard::Short => plain || day.is_some() || trusted || self.word_before(at, BEFORE_SHORT),
            Guard::Everyday => false,
        };
        counts.then_some((named, end))
    }

    fn is_may_or_march(&self, at: usize, has_day: bool, trusted: bool) -> bool {
        if !self.token(at).capital {
            return self.word_before(at, if has_day { BEFORE_MONTH } else { BEFORE_LOWER_MONTH });
        }
        let the = self.word_before(at, &["the"]) && !AFTER_MARCH.contains(&self.token(at + 1).word.as_str());
        has_day || trusted || the || self.word_before(at, BEFORE_MONTH)
    }

    /// A day number after its month, whether it is an ordinal, and where it ends; not "in May 3 weeks ago", "May 5pm".
    fn day_after_month(&self, at: usize) -> Option<(i8, bool, usize)> {
        let at = self.skip(at, &[Meaning::The], 1);
        let number = self.token(at).number?;
        let next = self.token(at + 1);
        let other = next.means(Meaning::Clock)
            || next.means(Meaning::MonthMark)
            || next.units().is_some()
            || next.is_mark('%')
            || (next.glued
                && next.mark.is_some_and(|mark| matches!(mark, '.' | ':' | '/' | ','))
                && self.token(at + 2).glued
                && self.token(at + 2).number.is_some());
        day_number(number).filter(|_| !other).map(|day| (day, number.ordinal, at + 1))
    }

    fn season(&self, at: usize, trusted: bool) -> Option<(Named, usize)> {
        let (season, guard) = self.token(at).season()?;
        let (named, end) = self.with_year(Kind::Season(season), at + 1);
        let the = at > 0 && self.token(at - 1).word == "the";
        // "the Winter Garden Theatre"
        let is_name = self.token(at).capital && self.token(at + 1).capital && at > 0;
        let alone = match guard {
            Guard::Clear => !is_name,
            Guard::Homonym => self.word_before(at, BEFORE_SUMMER),
            _ => self.word_before(at - usize::from(the), BEFORE_SEASON),
        };
        (alone || trusted || named.year.is_some()).then_some((named, end))
    }

    /// "Q2 2023", "second quarter of 2023".
    fn quarter(&self, at: usize) -> Option<(Named, usize)> {
        if let Some(quarter) = quarter_of(self.token(at)) {
            return Some(self.with_year(Kind::Quarter(quarter), at + 1));
        }
        let (nth, end) = self.ordinal(at).filter(|(nth, _)| (1..=4).contains(nth))?;
        let is_quarter = self.token(end).unit() == Some(super::calendar::Unit::Quarter);
        is_quarter.then(|| self.with_year(Kind::Quarter(nth), end + 1))
    }

    /// "first week of May", "last Friday of May 2023"; at its weekday or unit.
    pub(super) fn nth_of_month(&self, at: usize, nth: i8) -> Option<(Named, usize)> {
        use super::calendar::Unit;
        let token = self.token(at);
        let of = match (token.weekday(), token.unit()) {
            (Some((weekday, _)), _) => Nth::Weekday(super::relative::weekday_of(weekday)),
            (_, Some(Unit::Day)) => Nth::Day,
            (_, Some(Unit::Week)) => Nth::Week,
            (_, Some(Unit::Weekend)) => Nth::Weekend,
            _ => return None,
        };
        let month_at = self.skip(at + 1, &[Meaning::Of, Meaning::In, Meaning::The], 2);
        let (month, _) = self.token(month_at).month().filter(|_| month_at > at + 1)?;
        if self.day_after_month(month_at + 1).is_some() {
            return None;
        }
        Some(self.with_year(Kind::Nth { nth, of, month }, month_at + 1))
    }

    /// "fifth of May"; at its "of".
    pub(super) fn ordinal_of_month(&self, at: usize, day: i8) -> Option<(Named, usize)> {
        let month_at = self.skip(at, &[Meaning::Of, Meaning::The], 2);
        let (month, _) = self.token(month_at).month().filter(|_| month_at > at)?;
        Some(self.with_year(Kind::Day { month, day }, month_at + 1))
    }

    /// A number alone: a year that something was said in, or one after "in", "since" and the like.
    fn year_alone(&self, at: usize, number: Number, trusted: bool) -> Option<(Named, usize)> {
        let next = self.token(at + 1);
        let goes_on = next.glued
            && next
                .mark
                .is_some_and(|mark| matches!(mark, '.' | ',' | ':' | '/' | '%') || mark == '-' && !trusted)
            && (next.is_mark('%') || self.token(at + 2).glued && self.token(at + 2).number.is_some());
        if number.digits != 4 || number.ordinal || goes_on || !(FIRST_YEAR..2100).contains(&number.value) {
            return None;
        }
        let year = year_of(number)?;
        let the = at > 0 && self.token(at - 1).means(Meaning::The);
        let known = self.years.contains(&year) || year == self.today.year();
        let year_word = next.unit() == Some(super::calendar::Unit::Year);
        (trusted || known || year_word || self.word_before(at - usize::from(the), BEFORE_YEAR))
            .then_some((Named::year(year), at + 1))
    }

    /// A date with the year that follows it, if one does: "2023", "of 2023", ", 2023", "'23", "last year".
    fn with_year(&self, kind: Kind, at: usize) -> (Named, usize) {
        let hyphen = self.token(at).is_mark('-') && self.token(at).glued && self.token(at + 1).glued;
        let comma = at + usize::from(self.token(at).is_mark(',') || hyphen);
        let year_at = self.skip(comma, &[Meaning::Of, Meaning::In, Meaning::The], 2);
        if let Some(number) = self.token(year_at).number
            && number.digits == 4
            && let Some(year) = year_of(number)
        {
            return (Named::new(kind, Some(year)), year_at + 1);
        }
        if self.token(year_at).is_mark('\'')
            && let Some(number) = self.token(year_at + 1).number.filter(|number| number.digits == 2)
        {
            return (Named::new(kind, Some(two_digit_year(number))), year_at + 2);
        }
        if let Some((year, end)) = self.relative_year(year_at) {
            return (Named::new(kind, Some(year)), end);
        }
        let named = Named::new(kind, None);
        if self.token(at).means(Meaning::LastAfter) {
            return (named.from(self.today, -1), at + 1);
        }
        (named, at)
    }
}

fn quarter_of(token: &Token) -> Option<i8> {
    token.find(|meaning| match meaning {
        Meaning::Quarter(quarter) => Some(quarter),
        _ => None,
    })
}

fn day_number(number: Number) -> Option<i8> {
    i8::try_from(number.value).ok().filter(|day| number.digits <= 2 && (1..=31).contains(day))
}

fn day_of(month: Number, day: Number) -> Option<Kind> {
    let number =
        i8::try_from(month.value).ok().filter(|number| month.digits <= 2 && (1..=12).contains(number))?;
    Some(Kind::Day { month: number, day: day_number(day)? })
}

/// A year of four digits; nobody talks about those before 1000 or after 2999 in chats.
fn year_of(number: Number) -> Option<i16> {
    i16::try_from(number.value).ok().filter(|year| number.digits == 4 && (1000..3000).contains(year))
}

fn two_digit_year(number: Number) -> i16 {
    let year = i16::try_from(number.value.min(99)).unwrap_or(0);
    if year < 70 { 2000 + year } else { 1900 + year }
}

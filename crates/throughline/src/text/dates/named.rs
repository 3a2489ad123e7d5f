//! A date as a phrase names it, before it is known which year is meant.
//!
//! Knows nothing of words: the readers make these, and the phrases turn them into ranges.

use jiff::civil::{Date, Weekday};

use super::calendar::{self, DateRange, Part, Season, Unit};

/// How exact a date is. A question that names a day is not also about the year it mentions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// Days, weeks, months and quarters.
    Day,
    Season,
    Year,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Day {
        month: i8,
        day: i8,
    },
    Month(i8),
    /// The first, second, ... (-1: last) of something in a month.
    Nth {
        nth: i8,
        of: Nth,
        month: i8,
    },
    Season(Season),
    Quarter(i8),
    Year,
    /// Days that are known already, such as yesterday.
    Fixed(DateRange),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nth {
    Day,
    Week,
    Weekend,
    Weekday(Weekday),
}

/// What a phrase makes of a date: "the week of ...", "two days after ...".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Part(Part),
    /// The week or weekend that holds the day.
    Around(Unit),
    /// So many units before (sign -1) or after it, least and most.
    Away(Unit, (u32, u32), i32),
    /// The unit that ends just before or begins just after it.
    Beside(Unit, i32),
    /// So many units that end just before or begin just after it, at most.
    Within(Unit, u32, i32),
    /// The weekday before or after it.
    Nearest(Weekday, i32),
}

/// A date that stands for every year if it has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) kind: Kind,
    pub(super) year: Option<i16>,
    /// The other reading of 7/5/2023, as month and day.
    pub(super) or: Option<(i8, i8)>,
    pub(super) shape: Option<Shape>,
    pub(super) level: Level,
}

impl Named {
    pub(super) fn new(kind: Kind, year: Option<i16>) -> Self {
        let level = match kind {
            Kind::Season(_) => Level::Season,
            Kind::Year => Level::Year,
            _ => Level::Day,
        };
        let year = match kind {
            Kind::Fixed(range) => Some(range.first.year()),
            _ => year,
        };
        Self { kind, year, or: None, shape: None, level }
    }

    pub(super) fn fixed(range: DateRange) -> Self {
        Self::new(Kind::Fixed(range), None)
    }

    pub(super) fn year(year: i16) -> Self {
        Self::new(Kind::Year, Some(year))
    }

    pub(super) fn shaped(self, shape: Shape) -> Self {
        Self { shape: Some(shape), ..self }
    }

    /// The days in a year; a date of a year of its own ignores the one given.
    pub(super) fn at(&self, year: i16) -> DateRange {
        let year = self.year.unwrap_or(year);
        let plain = match self.kind {
            Kind::Day { month, day } => DateRange::day(calendar::day(year, month, day)),
            Kind::Month(month) => calendar::month(year, month),
            Kind::Nth { nth, of, month } => nth_of(nth, of, calendar::month(year, month)),
            Kind::Season(season) => calendar::season(year, season),
            Kind::Quarter(quarter) => calendar::quarter(year, quarter),
            Kind::Year => calendar::year(year),
            Kind::Fixed(range) => range,
        };
        self.shape.map_or(plain, |shape| shape.of(plain))
    }

    /// All readings in a year.
    pub(super) fn all_at(&self, year: i16) -> impl Iterator<Item = DateRange> {
        let other = self.or.map(|(month, day)| Self { kind: Kind::Day { month, day }, or: None, ..*self });
        std::iter::once(self.at(year)).chain(other.map(|other| other.at(year)))
    }

    /// The last one that is over (sign -1), the one around or of this year (0), or the first yet to come (1).
    pub(super) fn from(self, today: Date, sign: i32) -> Self {
        if self.year.is_some() {
            return self;
        }
        let this = today.year();
        let year = match sign {
            -1 => (this.saturating_sub(2)..=this).rev().find(|year| self.at(*year).last < today),
            0 => Some(this.saturating_sub(1)).filter(|year| self.at(*year).last >= today),
            _ => (this..=this.saturating_add(1)).find(|year| self.at(*year).first > today),
        };
        Self { year: Some(year.unwrap_or(this)), ..self }
    }
}

impl Shape {
    fn of(self, range: DateRange) -> DateRange {
        match self {
            Self::Part(part) => range.part(part),
            Self::Around(unit) => calendar::containing(range.first, unit),
            Self::Away(unit, count, sign) => {
                calendar::away(if sign < 0 { range.first } else { range.last }, unit, count, sign)
            }
            Self::Beside(Unit::Weekend, sign) => {
                let saturday = Self::Nearest(Weekday::Saturday, sign).of(range).first;
                let sunday = calendar::step(saturday, Unit::Day, 1);
                let shift = if sign < 0 && sunday >= range.first { -7 } else { 0 };
                DateRange::between(
                    calendar::step(saturday, Unit::Day, shift),
                    calendar::step(sunday, Unit::Day, shift),
                )
            }
            Self::Beside(Unit::Week, sign) => {
                let edge = if sign < 0 { range.first } else { range.last };
                DateRange::between(
                    calendar::step(edge, Unit::Day, sign),
                    calendar::step(edge, Unit::Day, sign * 7),
                )
            }
            Self::Within(unit, most, sign) => {
                let edge = if sign < 0 { range.first } else { range.last };
                let most = i32::try_from(most).unwrap_or(i32::MAX).saturating_mul(sign);
                DateRange::between(calendar::step(edge, Unit::Day, sign), calendar::step(edge, unit, most))
            }
            Self::Beside(unit, sign) => {
                calendar::neighbour(if sign < 0 { range.first } else { range.last }, unit, sign)
            }
            Self::Nearest(weekday, sign) => DateRange::day(calendar::nearest(
                if sign < 0 { range.first } else { range.last },
                weekday,
                sign,
            )),
        }
    }
}

fn nth_of(nth: i8, of: Nth, month: DateRange) -> DateRange {
    let step = |from, days| calendar::step(from, Unit::Day, days);
    let weekday = |weekday| {
        let nth = month.first.nth_weekday_of_month(nth, weekday);
        nth.unwrap_or_else(|_| calendar::nearest(step(month.last, 1), weekday, -1))
    };
    match of {
        Nth::Weekday(day) => DateRange::day(weekday(day)),
        Nth::Weekend => DateRange::between(weekday(Weekday::Saturday), step(weekday(Weekday::Saturday), 1)),
        Nth::Day if nth < 0 => DateRange::day(month.last),
        Nth::Day => DateRange::day(step(month.first, i32::from(nth) - 1)),
        Nth::Week if nth < 0 => DateRange::between(step(month.last, -6), month.last),
        Nth::Week => {
            let first = step(month.first, 7 * (i32::from(nth) - 1));
            DateRange::between(first, step(first, 6).min(month.last).max(first))
        }
    }
}

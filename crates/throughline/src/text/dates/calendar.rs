//! Calendar arithmetic for [`super`]: periods, and steps from one day to another.
//!
//! Nothing here reads text, and no step leaves the calendar: what would lie beyond its first or last day is that day.

use jiff::Span;
use jiff::civil::{Date, Weekday};

/// Steps are no longer than this many of their unit, so that every unit's step fits in a [`Span`].
const STEPS_MAX: i32 = 10_000;

/// How far a rounded "N weeks, months, years ago" may be off, in days.
const WEEK_SLACK_DAYS: i32 = 3;
const MONTH_SLACK_DAYS: i32 = 15;
const YEAR_SLACK_DAYS: i32 = 182;

/// Days `first..=last`, both included; `first` is never after `last`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DateRange {
    /// The first day.
    pub first: Date,
    /// The last day, included.
    pub last: Date,
}

impl DateRange {
    /// One day.
    pub(super) fn day(day: Date) -> Self {
        Self { first: day, last: day }
    }

    /// The days from one to the other, whichever comes first.
    pub(super) fn between(a: Date, b: Date) -> Self {
        Self { first: a.min(b), last: a.max(b) }
    }

    /// From the beginning of one range to the end of the other.
    pub(super) fn hull(self, other: Self) -> Self {
        Self { first: self.first.min(other.first), last: self.last.max(other.last) }
    }

    /// A third of the range.
    pub(super) fn part(self, part: Part) -> Self {
        let (whole_year, months) = (year(self.first.year()), |from, to| Self {
            first: month(self.first.year(), from).first,
            last: month(self.first.year(), to).last,
        });
        if self == whole_year {
            return match part {
                Part::Early => months(1, 4),
                Part::Mid => months(5, 8),
                Part::Late => months(9, 12),
            };
        }
        let days = (self.last - self.first).get_days() + 1;
        let (a, b) = (days / 3, days * 2 / 3);
        let (from, to) = match part {
            Part::Early => (0, (a - 1).max(0)),
            Part::Mid => (a, (b - 1).max(a)),
            Part::Late => (b, days - 1),
        };
        Self::between(step(self.first, Unit::Day, from), step(self.first, Unit::Day, to))
    }
}

/// Which third of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Early,
    Mid,
    Late,
}

/// What time is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Minute,
    Hour,
    Day,
    Week,
    Weekend,
    Month,
    Quarter,
    Year,
}

/// The four seasons of the northern hemisphere, by whole months.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Season {
    Spring,
    Summer,
    Autumn,
    Winter,
}

/// The day of a month; days that the month does not have are its last.
pub(super) fn day(year: i16, month: i8, day: i8) -> Date {
    let year = year.clamp(Date::MIN.year(), Date::MAX.year());
    let first = Date::new(year, month.clamp(1, 12), 1).unwrap_or(Date::ZERO);
    Date::new(year, first.month(), day.clamp(1, first.days_in_month())).unwrap_or(first)
}

pub(super) fn month(year: i16, month: i8) -> DateRange {
    DateRange { first: day(year, month, 1), last: day(year, month, 31) }
}

pub(super) fn quarter(year: i16, quarter: i8) -> DateRange {
    let last = quarter.clamp(1, 4) * 3;
    DateRange { first: day(year, last - 2, 1), last: day(year, last, 31) }
}

pub(super) fn year(year: i16) -> DateRange {
    DateRange { first: day(year, 1, 1), last: day(year, 12, 31) }
}

/// A season of the year it begins in: winter reaches into the next.
pub(super) fn season(year: i16, season: Season) -> DateRange {
    let (from, to) = match season {
        Season::Spring => (3, 5),
        Season::Summer => (6, 8),
        Season::Autumn => (9, 11),
        Season::Winter => (12, 2),
    };
    DateRange::between(day(year, from, 1), month(year.saturating_add(i16::from(to < from)), to).last)
}

/// The day some units later, or earlier for a negative count.
pub(super) fn step(from: Date, unit: Unit, count: i32) -> Date {
    let count = count.clamp(-STEPS_MAX, STEPS_MAX);
    let span = match unit {
        Unit::Minute => Span::new().days(count / (24 * 60)),
        Unit::Hour => Span::new().days(count / 24),
        Unit::Day => Span::new().days(count),
        Unit::Week | Unit::Weekend => Span::new().weeks(count),
        Unit::Month => Span::new().months(count),
        Unit::Quarter => Span::new().months(count * 3),
        Unit::Year => Span::new().years(count),
    };
    from.saturating_add(span)
}

/// The week (from Monday), weekend of that week, month, quarter or year that holds the day; for smaller units the day.
pub(super) fn containing(date: Date, unit: Unit) -> DateRange {
    let monday = step(date, Unit::Day, -i32::from(date.weekday().to_monday_zero_offset()));
    match unit {
        Unit::Minute | Unit::Hour | Unit::Day => DateRange::day(date),
        Unit::Week => DateRange::between(monday, step(monday, Unit::Day, 6)),
        Unit::Weekend => DateRange::between(step(monday, Unit::Day, 5), step(monday, Unit::Day, 6)),
        Unit::Month => month(date.year(), date.month()),
        Unit::Quarter => quarter(date.year(), (date.month() + 2) / 3),
        Unit::Year => year(date.year()),
    }
}

/// The period some periods after the one that holds the day, or before it for a negative count.
pub(super) fn neighbour(date: Date, unit: Unit, count: i32) -> DateRange {
    containing(step(containing(date, unit).first, unit, count), unit)
}

/// "Between `least` and `most` units" away from a day (`sign` -1: before, 1: after), as wide as such words are rounded.
pub(super) fn away(from: Date, unit: Unit, (least, most): (u32, u32), sign: i32) -> DateRange {
    let steps = |count: u32| i32::try_from(count).unwrap_or(STEPS_MAX).saturating_mul(sign);
    let slack = match unit {
        Unit::Minute | Unit::Hour | Unit::Day => 0,
        Unit::Week | Unit::Weekend => WEEK_SLACK_DAYS,
        Unit::Month | Unit::Quarter => MONTH_SLACK_DAYS,
        Unit::Year => YEAR_SLACK_DAYS,
    };
    let ends = DateRange::between(step(from, unit, steps(least)), step(from, unit, steps(most)));
    let wide = DateRange::between(step(ends.first, Unit::Day, -slack), step(ends.last, Unit::Day, slack));
    // Some hours ago may have been today or the day before.
    if matches!(unit, Unit::Hour) && least > 6 {
        return wide.hull(DateRange::day(step(wide.first, Unit::Day, sign)));
    }
    wide
}

/// The last `count` units up to and with `today`.
pub(super) fn rolling(today: Date, unit: Unit, count: u32) -> DateRange {
    let count = i32::try_from(count).unwrap_or(STEPS_MAX);
    DateRange::between(step(today, unit, count.saturating_neg()), today)
}

/// The nearest day of that weekday strictly before (`sign` -1) or after (1) a day.
pub(super) fn nearest(date: Date, weekday: Weekday, sign: i32) -> Date {
    let ahead =
        i32::from(weekday.to_monday_zero_offset()) - i32::from(date.weekday().to_monday_zero_offset());
    let days = (ahead * sign).rem_euclid(7);
    step(date, Unit::Day, sign * if days == 0 { 7 } else { days })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_step_leaves_the_calendar() {
        for unit in [Unit::Minute, Unit::Day, Unit::Weekend, Unit::Quarter, Unit::Year] {
            assert!(
                step(Date::MAX, unit, i32::MAX) == Date::MAX && step(Date::MIN, unit, i32::MIN) == Date::MIN
            );
            assert!(away(Date::MIN, unit, (u32::MAX, u32::MAX), -1).first == Date::MIN);
            let last = neighbour(Date::MAX, unit, 1);
            assert!(last.first <= last.last);
        }
    }

    #[test]
    fn days_that_a_month_does_not_have_are_its_last() {
        assert_eq!(day(2023, 2, 31).to_string(), "2023-02-28");
        assert_eq!(day(2024, 13, 0).to_string(), "2024-12-01");
    }

    #[test]
    fn a_month_has_three_parts_without_gap() {
        let may = month(2023, 5);
        assert_eq!(may.part(Part::Early).last.to_string(), "2023-05-10");
        assert_eq!(may.part(Part::Mid).last.to_string(), "2023-05-20");
        assert_eq!(may.part(Part::Late).first.to_string(), "2023-05-21");
    }
}

//! The date arm: turns said near a date that the question names.
//!
//! A soft boost, never a filter: people misremember dates, and things are told days after they happened.

use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::model::Timestamp;
use crate::text::dates::{self, DateRange};

use super::selection::Selection;
use super::shard::Shard;
use super::weights::{DAYS_AFTER, DAYS_BEFORE};

/// Years a date without a year may stand for, from the newest turn back.
const YEARS_MAX: i16 = 20;

/// For each turn, 1 within a range of days the question names, falling by distance to 0. None if it names none.
pub(super) fn nearness(
    shard: &Shard,
    selection: &Selection,
    question: &str,
    now: Timestamp,
    zone: &TimeZone,
) -> Option<Vec<f32>> {
    let day =
        |time_ms: i64| Timestamp::from_millisecond(time_ms).ok().map(|time| zone.to_datetime(time).date());
    let times = || selection.turns.iter().map(|place| shard.turns[*place as usize].time_ms);
    let (first, last) = (day(times().min()?)?, day(times().max()?)?);
    let years: Vec<i16> = (first.year().max(last.year() - YEARS_MAX)..=last.year()).collect();
    let ranges = dates::ranges(question, zone.to_datetime(now).date(), &years);
    if ranges.is_empty() {
        return None;
    }
    let near = |time_ms| {
        let Some(day) = day(time_ms) else { return 0.0 };
        ranges.iter().map(|range| of_range(day, *range)).fold(0.0, f32::max)
    };
    Some(times().map(near).collect())
}

fn of_range(day: Date, range: DateRange) -> f32 {
    let days = |from: Date, to: Date| from.until(to).map_or(i32::MAX, |span| span.get_days()) as f32;
    let distance = if day > range.last {
        days(range.last, day) / DAYS_AFTER
    } else if day < range.first {
        days(day, range.first) / DAYS_BEFORE
    } else {
        0.0
    };
    (-distance).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_a_week_later_has_a_third_of_the_boost_and_before_it_falls_faster() {
        let may = DateRange { first: Date::constant(2023, 5, 1), last: Date::constant(2023, 5, 31) };
        let near = |month, day| of_range(Date::constant(2023, month, day), may);
        assert_eq!((near(5, 1), near(5, 31)), (1.0, 1.0));
        assert!((near(6, 7) - (-1.0_f32).exp()).abs() < 1e-6);
        assert!((near(4, 28) - (-1.0_f32).exp()).abs() < 1e-6);
        assert!(near(8, 1) < 0.001);
    }
}

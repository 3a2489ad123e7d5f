//! Finds the dates a question names.
//!
//! The search uses this to prefer messages of the days a question is about. It is a hand-written reader over words
//! and numbers with tables of calendar words for some languages, never a guess: what depends on an event ("two days
//! after the interview") or on something else than the asker's date names no date. Pure functions: no clock, no zone,
//! no store. Nothing panics, and time is about linear in the text looked at, which is bounded.

mod calendar;
mod explicit;
mod languages;
mod lexer;
mod mentions;
mod named;
mod names;
mod phrases;
mod relative;
mod words;

#[cfg(test)]
mod tests;

use jiff::civil::Date;

pub use calendar::DateRange;
pub use mentions::{depends_on_when_said, leaves_week_open, mentions_time};

use named::Level;
use phrases::Reader;

/// Most ranges that one question gives; later ones are left out.
pub const RANGES_MAX: usize = 32;

/// Most years that a date without a year stands for: the latest of those given.
const YEARS_MAX: usize = 32;

/// The dates a question names, in its order, distinct, at most [`RANGES_MAX`].
///
/// `today` is the asker's date in their own zone. A date without a year ("in May", "on 3 March") stands for that date
/// in each of `years`, the years in which the searched messages were said, in any order. Days, weeks, months and
/// quarters count first, seasons only if there is none of these, and bare years only if there is neither.
///
/// Only the last 4 KiB of a longer question are looked at.
pub fn ranges(question: &str, today: Date, years: &[i16]) -> Vec<DateRange> {
    let mut years = years.to_vec();
    years.sort_unstable();
    years.dedup();
    let years = &years[years.len().saturating_sub(YEARS_MAX)..];

    let tokens = lexer::tokens(question);
    let found: Vec<_> =
        Reader::new(&tokens, today, years).found().filter(|found| !found.ranges.is_empty()).collect();
    let level = found.iter().map(|found| found.level).min().unwrap_or(Level::Day);
    let mut ranges = Vec::new();
    for range in found.iter().filter(|found| found.level == level).flat_map(|found| &found.ranges) {
        if ranges.len() < RANGES_MAX && !ranges.contains(range) {
            ranges.push(*range);
        }
    }
    ranges
}

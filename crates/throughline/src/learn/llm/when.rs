//! From the words that say when to moments: the model copies the words, the calendar is ours.

use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::learn::BatchTurn;
use crate::model::{MemoryKind, Timestamp};
use crate::text::dates::{self, DateRange};

use super::locate::Levelled;

/// Words before an end. Anything else names a beginning.
const UNTIL: [&str; 11] =
    ["until", "till", "through", "bis", "jusqu", "hasta", "fino", "até", "tot", "до", "by"];

/// Since when and until when something is so.
///
/// Words that do not stand in the turn count for nothing, and so does a weekday without direction ("on Friday"), which may be
/// the last or the next. An event takes the days it names; one that is still to come is true since it was told.
pub(super) fn moments(
    words: &str,
    kind: MemoryKind,
    turn: &BatchTurn,
) -> (Option<Timestamp>, Option<Timestamp>) {
    let said = Levelled::new(&turn.text).find(&Levelled::new(words)).is_some();
    if !said || dates::leaves_week_open(words) {
        return (None, None);
    }
    let zone = &turn.zone;
    let today = turn.time.to_zoned(zone.clone()).date();
    let Some(days) = nearest(words, today) else { return (None, None) };
    let begin = start_of(days.first, zone);
    let end = days.last.tomorrow().ok().and_then(|day| start_of(day, zone));
    let until = words.to_lowercase();
    if UNTIL.iter().any(|word| until.starts_with(word)) {
        return (None, end);
    }
    if kind == MemoryKind::Event {
        return (begin.filter(|begin| *begin <= turn.time), end);
    }
    (begin, None)
}

/// The days the words name; of a date without a year the nearest.
fn nearest(words: &str, today: Date) -> Option<DateRange> {
    let years = [-1, 0, 1].map(|years| today.year().saturating_add(years));
    let distance =
        |days: &DateRange| (days.first - today).get_days().abs().min((days.last - today).get_days().abs());
    dates::ranges(words, today, &years).into_iter().min_by_key(distance)
}

fn start_of(day: Date, zone: &TimeZone) -> Option<Timestamp> {
    day.to_zoned(zone.clone()).ok().map(|start| start.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Role;

    /// Said on Wednesday, 15 May 2024, 01:00 in Vienna, which is still Tuesday in UTC.
    fn check(words: &str, kind: MemoryKind, expected: [Option<&str>; 2]) {
        let zone = TimeZone::get("Europe/Vienna").unwrap();
        let turn = BatchTurn {
            seq: 1,
            role: Role::User,
            name: None,
            time: "2024-05-14T23:00:00Z".parse().unwrap(),
            zone: zone.clone(),
            text: format!("Well, {words} it was."),
            wanted: Vec::new(),
        };
        let (from, to) = moments(words, kind, &turn);
        let date = |moment: Option<Timestamp>| {
            moment.map(|moment| moment.to_zoned(zone.clone()).datetime().to_string())
        };
        let expected = expected.map(|date| date.map(|date| format!("{date}T00:00:00")));
        assert_eq!([date(from), date(to)], expected, "{words}");
    }

    #[test]
    fn an_event_takes_the_days_it_names_in_the_users_zone() {
        check("yesterday", MemoryKind::Event, [Some("2024-05-14"), Some("2024-05-15")]);
        check("last Friday", MemoryKind::Event, [Some("2024-05-10"), Some("2024-05-11")]);
        check("on 3 March", MemoryKind::Event, [Some("2024-03-03"), Some("2024-03-04")]);
        check("in May 2023", MemoryKind::Event, [Some("2023-05-01"), Some("2023-06-01")]);
    }

    #[test]
    fn an_event_to_come_is_true_since_it_was_told() {
        check("next Friday", MemoryKind::Event, [None, Some("2024-05-18")]);
        check("tomorrow", MemoryKind::Event, [None, Some("2024-05-17")]);
        check("on 20 May", MemoryKind::Event, [None, Some("2024-05-21")]);
    }

    #[test]
    fn other_memories_begin_with_a_date_or_end_with_it() {
        check("since last year", MemoryKind::Fact, [Some("2023-01-01"), None]);
        check("until 1 June", MemoryKind::Fact, [None, Some("2024-06-02")]);
        check("bis 1. Juni", MemoryKind::Goal, [None, Some("2024-06-02")]);
    }

    #[test]
    fn what_names_no_day_for_sure_gives_none() {
        check("on Friday", MemoryKind::Event, [None, None]);
        check("soon", MemoryKind::Event, [None, None]);
        check("", MemoryKind::Event, [None, None]);
    }

    #[test]
    fn words_that_were_not_said_count_for_nothing() {
        let turn = BatchTurn {
            seq: 1,
            role: Role::User,
            name: None,
            time: "2024-05-14T23:00:00Z".parse().unwrap(),
            zone: TimeZone::UTC,
            text: "I moved to Graz".into(),
            wanted: Vec::new(),
        };
        assert_eq!(moments("yesterday", MemoryKind::Event, &turn), (None, None));
    }
}

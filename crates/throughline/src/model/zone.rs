//! The time zone of whoever asks, as far as one context needs it.

use jiff::civil::Date;
use jiff::fmt::temporal::DateTimePrinter;
use jiff::tz::{Offset, TimeZone};

use super::Timestamp;

/// What a time zone says of some moments. A receipt keeps it: the rules of zones change and machines know them to
/// different degrees, and a replay must show the same days whatever the zone's rules are then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneOffsets {
    name: String,
    /// From each moment on, this offset; in the order of time. What comes before the first is as from the first on,
    /// and none at all is UTC.
    from: Vec<(Timestamp, Offset)>,
}

impl ZoneOffsets {
    /// The zone of somebody of whom no other is known.
    pub fn utc() -> Self {
        Self::new("UTC", Vec::new())
    }

    /// As it was kept.
    pub(crate) fn new(name: impl Into<String>, mut from: Vec<(Timestamp, Offset)>) -> Self {
        from.sort_by_key(|(time, _)| *time);
        Self { name: name.into(), from }
    }

    /// The zone's offsets at these moments, in any order.
    pub fn at(zone: &TimeZone, times: impl IntoIterator<Item = Timestamp>) -> Self {
        if *zone == TimeZone::UTC {
            return Self::utc();
        }
        // Only a zone that nobody can name has no text; it behaves as UTC.
        let name = DateTimePrinter::new().time_zone_to_string(zone).unwrap_or_else(|_| "UTC".into());
        let mut offsets =
            Self::new(name, times.into_iter().map(|time| (time, zone.to_offset(time))).collect());
        offsets.from.dedup_by_key(|(_, offset)| *offset);
        offsets
    }

    /// An IANA name or an offset from UTC such as `+02:00`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Each moment from which on another offset holds.
    pub(crate) fn from(&self) -> &[(Timestamp, Offset)] {
        &self.from
    }

    /// The date of a moment.
    pub fn date(&self, time: Timestamp) -> Date {
        let at = self.from.partition_point(|(from, _)| *from <= time).saturating_sub(1);
        self.from.get(at).map_or(Offset::UTC, |(_, offset)| *offset).to_datetime(time).date()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn dates_are_those_of_the_zone_in_summer_and_in_winter() {
        let zone = TimeZone::get("America/New_York").unwrap();
        let times = ["2026-01-10T04:30:00Z", "2026-07-10T04:30:00Z", "2026-02-10T04:30:00Z"].map(at);
        let offsets = ZoneOffsets::at(&zone, times);
        assert_eq!(offsets.name(), "America/New_York");
        assert_eq!(offsets.from().len(), 2, "two in winter need one entry");
        let dates = times.map(|time| offsets.date(time).to_string());
        assert_eq!(dates, ["2026-01-09", "2026-07-10", "2026-02-09"]);
    }

    #[test]
    fn a_fixed_offset_is_named_as_it_is_written() {
        let zone = TimeZone::fixed(jiff::tz::Offset::from_seconds(5 * 3600 + 1800).unwrap());
        let offsets = ZoneOffsets::at(&zone, [at("2026-01-10T20:00:00Z")]);
        assert_eq!((offsets.name(), offsets.date(at("2026-01-10T20:00:00Z")).day()), ("+05:30", 11));
    }

    #[test]
    fn nothing_known_is_utc() {
        assert_eq!(ZoneOffsets::at(&TimeZone::UTC, [at("2026-01-10T20:00:00Z")]), ZoneOffsets::utc());
        assert_eq!(ZoneOffsets::utc().date(at("2026-01-10T23:59:59Z")).day(), 10);
    }
}

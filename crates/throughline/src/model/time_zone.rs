//! Time zones as clients, configurations and the metadata of turns write them.

use jiff::fmt::temporal::DateTimeParser;
use jiff::tz::TimeZone;

/// A time zone by its IANA name such as `Europe/Vienna`, or by an offset from UTC such as `+05:30`.
///
/// # Errors
///
/// What is wrong with the text, for whoever wrote it.
pub fn read_time_zone(text: &str) -> Result<TimeZone, String> {
    let zone = DateTimeParser::new().parse_time_zone(text).ok();
    // The parser knows rules in the manner of POSIX too, which nobody means, and a zone that says it is none.
    zone.filter(|zone| zone.iana_name().is_some() || (zone.to_fixed_offset().is_ok() && !zone.is_unknown()))
        .ok_or_else(|| {
            format!(
                "`{text}` is no time zone; use an IANA name such as Europe/Vienna, or an offset such as +05:30"
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ZoneOffsets;

    #[test]
    fn a_zone_is_an_iana_name_or_an_offset() {
        for (text, name) in [
            ("Europe/Vienna", "Europe/Vienna"),
            ("asia/tokyo", "Asia/Tokyo"),
            ("UTC", "UTC"),
            ("+05:30", "+05:30"),
            ("-0330", "-03:30"),
            ("+02", "+02:00"),
        ] {
            let zone = read_time_zone(text).unwrap_or_else(|why| panic!("{why}"));
            assert_eq!(ZoneOffsets::at(&zone, []).name(), name);
        }
        assert_eq!(read_time_zone("UTC"), Ok(TimeZone::UTC));
    }

    #[test]
    fn whatever_else_is_refused_with_an_example() {
        for text in
            ["", "Mars/Olympus", "CEST", "05:30", "+99:00", "EST5EDT,M3.2.0,M11.1.0", "Etc/Unknown", "../UTC"]
        {
            let why = read_time_zone(text).expect_err(text);
            assert!(why.contains("Europe/Vienna") && why.contains("+05:30"), "{why}");
        }
    }
}

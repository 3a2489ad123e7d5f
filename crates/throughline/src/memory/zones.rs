//! The time zone a turn was said in. It is kept with the turn, in its metadata, so that "tomorrow" means the same day whoever
//! learns from it, whenever, and whatever the user's zone or the setting is by then.

use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use crate::model::{ZoneOffsets, read_time_zone};

use super::Memory;

/// The field of a turn's metadata that names its zone.
pub const TIME_ZONE_FIELD: &str = "time_zone";

/// The field that says how an answer ended which is not whole.
const OUTCOME_FIELD: &str = "outcome";

/// The zone that a turn's metadata names. The object is its caller's, and a field of it may say what it likes: one that is no
/// time zone counts for nothing.
pub fn named_zone(metadata: Option<&str>) -> Option<TimeZone> {
    // Most metadata does not name one, and need not be read.
    let metadata = metadata.filter(|json| json.contains(TIME_ZONE_FIELD))?;
    let object: Map<String, Value> = serde_json::from_str(metadata).ok()?;
    read_time_zone(object.get(TIME_ZONE_FIELD)?.as_str()?).ok()
}

/// The metadata of a turn of a chat; none if there is nothing to say.
pub(super) fn metadata(zone: Option<&TimeZone>, outcome: Option<&str>) -> Option<String> {
    let zone = zone.map(|zone| ZoneOffsets::at(zone, []).name().to_owned());
    let fields = [(OUTCOME_FIELD, outcome.map(str::to_owned)), (TIME_ZONE_FIELD, zone)];
    let object: Map<String, Value> =
        fields.into_iter().filter_map(|(field, text)| Some((field.to_owned(), text?.into()))).collect();
    (!object.is_empty()).then(|| Value::Object(object).to_string())
}

impl Memory {
    /// The zone of a turn with this metadata: the one it names, else the one that is set.
    pub(super) fn zone_of(&self, metadata: Option<&str>) -> TimeZone {
        named_zone(metadata).unwrap_or_else(|| self.settings.zone.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_read_back_as_it_was_kept() {
        for name in ["Asia/Tokyo", "+05:30", "UTC"] {
            let zone = read_time_zone(name).unwrap();
            let kept = metadata(Some(&zone), Some("truncated"));
            assert_eq!(named_zone(kept.as_deref()), Some(zone), "{kept:?}");
        }
        assert_eq!(metadata(None, None), None);
    }

    #[test]
    fn what_a_caller_keeps_under_that_name_need_not_be_a_zone() {
        for kept in
            [r#"{"time_zone":"the office"}"#, r#"{"time_zone":9}"#, r#"{"a":"time_zone"}"#, "{}", "time_zone"]
        {
            assert_eq!(named_zone(Some(kept)), None, "{kept}");
        }
    }
}

//! The bytes of what stores keep as opaque payloads: turn bodies, profiles, receipts, ledger entries; and of exchanges that
//! wait for a store.
//!
//! A payload is a format byte and the rest. Format 1 is JSON. Another format (compressed, encrypted under a user's
//! key) takes the next number, and every format ever written stays readable.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::tz::Offset;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::model::{
    Content, DropReason, Profile, Receipt, ReceiptId, ReceiptItem, Section, SectionUse, SessionId,
    StageTiming, Timestamp, ZoneOffsets,
};

mod exchange;
mod ledger;
mod summaries;

pub use exchange::{decode_exchange, encode_exchange};
pub use ledger::{decode_entry, encode_entry};
use summaries::SummariesJson;

const FORMAT_JSON: u8 = 1;

/// A payload that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CodecError {
    /// Written by a newer version.
    #[error("payload format {0} is not known to this version")]
    UnknownFormat(u8),
    /// Not what it should be.
    #[error("payload is damaged: {0}")]
    Damaged(String),
}

fn encode(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = vec![FORMAT_JSON];
    // Maps with string keys, numbers, text: serde_json has no reason to fail on any of the types below.
    serde_json::to_writer(&mut bytes, value).expect("payload types are always valid JSON");
    bytes
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    match bytes.split_first() {
        Some((&FORMAT_JSON, json)) => {
            serde_json::from_slice(json).map_err(|error| CodecError::Damaged(error.to_string()))
        }
        Some((format, _)) => Err(CodecError::UnknownFormat(*format)),
        None => Err(CodecError::Damaged("it is empty".into())),
    }
}

/// The part of a turn that nothing is searched or ordered by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnBody {
    /// The speaker's name.
    pub name: Option<String>,
    /// What was said.
    pub content: Content,
    /// The caller's JSON object.
    pub metadata: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct TurnBodyJson {
    #[serde(rename = "t")]
    text: String,
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(rename = "j", default, skip_serializing_if = "Option::is_none")]
    json: Option<String>,
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    metadata: Option<String>,
}

/// A turn body as bytes.
pub fn encode_turn(body: TurnBody) -> Vec<u8> {
    encode(&TurnBodyJson::from(body))
}

/// A turn body from its bytes.
pub fn decode_turn(bytes: &[u8]) -> Result<TurnBody, CodecError> {
    decode::<TurnBodyJson>(bytes).map(TurnBody::from)
}

impl From<TurnBody> for TurnBodyJson {
    fn from(body: TurnBody) -> Self {
        let TurnBody { name, content: Content { text, json }, metadata } = body;
        Self { text, name, json, metadata }
    }
}

impl From<TurnBodyJson> for TurnBody {
    fn from(json: TurnBodyJson) -> Self {
        let TurnBodyJson { text, name, json, metadata } = json;
        Self { name, content: Content { text, json }, metadata }
    }
}

#[derive(Serialize, Deserialize)]
struct ProfileJson {
    epoch: u64,
    changed: Option<i64>,
    /// The epoch itself if it is missing: operators wrote all profiles before there was learning.
    #[serde(default)]
    settled: Option<u64>,
    #[serde(default)]
    goals: Vec<String>,
    #[serde(default)]
    preferences: Vec<String>,
    #[serde(default)]
    past_mistakes: Vec<String>,
    #[serde(default)]
    summary: Option<String>,
    #[serde(default)]
    own: BTreeMap<String, Value>,
}

/// A profile as bytes.
pub fn encode_profile(profile: &Profile) -> Vec<u8> {
    let Profile { epoch, changed, settled, goals, preferences, past_mistakes, summary, own } =
        profile.clone();
    let settled = Some(settled);
    let changed = changed.map(Timestamp::as_millisecond);
    encode(&ProfileJson { epoch, changed, settled, goals, preferences, past_mistakes, summary, own })
}

/// A profile from its bytes.
pub fn decode_profile(bytes: &[u8]) -> Result<Profile, CodecError> {
    let ProfileJson { epoch, changed, settled, goals, preferences, past_mistakes, summary, own } =
        decode(bytes)?;
    Ok(Profile {
        epoch,
        changed: changed.map(time).transpose()?,
        settled: settled.unwrap_or(epoch),
        goals,
        preferences,
        past_mistakes,
        summary,
        own,
    })
}

#[derive(Serialize, Deserialize)]
struct ReceiptJson {
    id: uuid::Uuid,
    session: Option<String>,
    time: i64,
    /// UTC if it is missing: so were all receipts before there were zones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    zone: Option<ZoneJson>,
    query: String,
    identity: Option<u32>,
    identity_hash: Option<String>,
    profile_epoch: u64,
    budget_tokens: u32,
    used_tokens: u32,
    sections: Vec<(u8, u32, u32)>,
    /// Those of the section `standing`; receipts of earlier releases have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    standing: Vec<ItemJson>,
    /// Those of the section `recalled`.
    items: Vec<ItemJson>,
    /// Of items that say what is so no longer: place among all items, and since which millisecond.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ended: Vec<(usize, i64)>,
    /// Left out if there are none, as in receipts of earlier releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    summaries: Option<SummariesJson>,
    context_hash: String,
    degraded: Option<String>,
    timings_us: Vec<(String, u64)>,
}

/// name, and from each millisecond on the seconds east of UTC
type ZoneJson = (String, Vec<(i64, i32)>);

/// turn, first byte, byte after the last, score, tokens, why dropped
type ItemJson = (u64, u32, u32, f32, u32, Option<u8>);

const SECTIONS: [Section; 5] =
    [Section::Identity, Section::Profile, Section::Recalled, Section::Summary, Section::Standing];
const REASONS: [DropReason; 5] = [
    DropReason::Budget,
    DropReason::AlreadyInRequest,
    DropReason::NotRelevant,
    DropReason::Repeated,
    DropReason::Quarantined,
];

/// A value's place in its table of stored numbers; every value stands in its table.
fn code<T: PartialEq>(table: &[T], value: &T) -> u8 {
    table.iter().position(|known| known == value).and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX)
}

fn known<T: Copy>(table: &[T], code: u8) -> Result<T, CodecError> {
    table.get(usize::from(code)).copied().ok_or_else(|| CodecError::Damaged(format!("unknown code {code}")))
}

fn time(millisecond: i64) -> Result<Timestamp, CodecError> {
    Timestamp::from_millisecond(millisecond).map_err(|error| CodecError::Damaged(error.to_string()))
}

/// Standing items, then recalled ones: as they are written.
fn items_in_order(receipt: &Receipt) -> impl Iterator<Item = &ReceiptItem> {
    let of = |section| receipt.items.iter().filter(move |item| item.section == section);
    of(Section::Standing).chain(of(Section::Recalled))
}

fn items_of(receipt: &Receipt, section: Section) -> Vec<ItemJson> {
    let item = |item: &ReceiptItem| {
        let dropped = item.dropped.map(|reason| code(&REASONS, &reason));
        (item.turn, item.bytes.0, item.bytes.1, item.score, item.tokens, dropped)
    };
    receipt.items.iter().filter(|item| item.section == section).map(item).collect()
}

fn encode_zone(zone: &ZoneOffsets) -> Option<ZoneJson> {
    let from = zone.from().iter().map(|(time, offset)| (time.as_millisecond(), offset.seconds()));
    (*zone != ZoneOffsets::utc()).then(|| (zone.name().to_owned(), from.collect()))
}

fn decode_zone(zone: Option<ZoneJson>) -> Result<ZoneOffsets, CodecError> {
    let Some((name, from)) = zone else { return Ok(ZoneOffsets::utc()) };
    let offset =
        |seconds| Offset::from_seconds(seconds).map_err(|error| CodecError::Damaged(error.to_string()));
    let from = from.into_iter().map(|(millisecond, seconds)| Ok((time(millisecond)?, offset(seconds)?)));
    Ok(ZoneOffsets::new(name, from.collect::<Result<_, CodecError>>()?))
}

/// A receipt as bytes.
pub fn encode_receipt(receipt: &Receipt) -> Vec<u8> {
    encode(&receipt_json(receipt))
}

/// A receipt from its bytes.
pub fn decode_receipt(bytes: &[u8]) -> Result<Receipt, CodecError> {
    receipt_of(decode(bytes)?)
}

fn receipt_json(receipt: &Receipt) -> ReceiptJson {
    ReceiptJson {
        id: receipt.id.0,
        session: receipt.session.as_ref().map(|session| session.as_str().to_owned()),
        time: receipt.time.as_millisecond(),
        zone: encode_zone(&receipt.zone),
        query: receipt.query.clone(),
        identity: receipt.identity,
        identity_hash: receipt.identity_hash.clone(),
        profile_epoch: receipt.profile_epoch,
        budget_tokens: receipt.budget_tokens,
        used_tokens: receipt.used_tokens,
        sections: receipt
            .sections
            .iter()
            .map(|s| (code(&SECTIONS, &s.section), s.budget_tokens, s.used_tokens))
            .collect(),
        standing: items_of(receipt, Section::Standing),
        items: items_of(receipt, Section::Recalled),
        ended: items_in_order(receipt)
            .enumerate()
            .filter_map(|(at, item)| Some((at, item.ended?.as_millisecond())))
            .collect(),
        summaries: summaries::encode(&receipt.summaries),
        context_hash: receipt.context_hash.clone(),
        degraded: receipt.degraded.clone(),
        timings_us: receipt
            .timings
            .iter()
            .map(|t| (t.stage.clone(), u64::try_from(t.took.as_micros()).unwrap_or(u64::MAX)))
            .collect(),
    }
}

fn receipt_of(json: ReceiptJson) -> Result<Receipt, CodecError> {
    let damaged = |error: crate::model::NameError| CodecError::Damaged(error.to_string());
    let standing = json.standing.into_iter().map(|item| (Section::Standing, item));
    let recalled = json.items.into_iter().map(|item| (Section::Recalled, item));
    let items = standing.chain(recalled).map(|(section, (turn, from, to, score, tokens, dropped))| {
        let dropped = dropped.map(|reason| known(&REASONS, reason)).transpose()?;
        Ok(ReceiptItem { section, turn, bytes: (from, to), score, tokens, dropped, ended: None })
    });
    let mut items = items.collect::<Result<Vec<_>, CodecError>>()?;
    for (at, millisecond) in json.ended {
        if let Some(item) = items.get_mut(at) {
            item.ended = Some(time(millisecond)?);
        }
    }
    Ok(Receipt {
        id: ReceiptId(json.id),
        session: json.session.map(SessionId::new).transpose().map_err(damaged)?,
        time: time(json.time)?,
        zone: decode_zone(json.zone)?,
        query: json.query,
        identity: json.identity,
        identity_hash: json.identity_hash,
        profile_epoch: json.profile_epoch,
        budget_tokens: json.budget_tokens,
        used_tokens: json.used_tokens,
        sections: json
            .sections
            .into_iter()
            .map(|(section, budget_tokens, used_tokens)| {
                Ok(SectionUse { section: known(&SECTIONS, section)?, budget_tokens, used_tokens })
            })
            .collect::<Result<_, CodecError>>()?,
        items,
        summaries: json.summaries.map(summaries::decode).transpose()?.unwrap_or_default(),
        context_hash: json.context_hash,
        degraded: json.degraded,
        timings: json
            .timings_us
            .into_iter()
            .map(|(stage, us)| StageTiming { stage, took: Duration::from_micros(us) })
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    use super::*;
    use crate::model::{Citation, MemoryId, ReceiptSummaries, ReceiptSummary, SummaryOf};

    pub(super) fn receipt(zone: ZoneOffsets) -> Receipt {
        Receipt {
            id: ReceiptId(uuid::Uuid::from_u128(7)),
            session: Some(SessionId::new("s").unwrap()),
            time: Timestamp::from_millisecond(1_700_000_000_123).unwrap(),
            zone,
            query: "where do I live".into(),
            identity: Some(3),
            identity_hash: Some("ab".into()),
            profile_epoch: 2,
            budget_tokens: 2000,
            used_tokens: 77,
            sections: vec![SectionUse { section: Section::Recalled, budget_tokens: 1200, used_tokens: 77 }],
            items: vec![ReceiptItem {
                section: Section::Recalled,
                turn: 4,
                bytes: (0, 12),
                score: 1.25,
                tokens: 0,
                dropped: Some(DropReason::NotRelevant),
                ended: None,
            }],
            summaries: ReceiptSummaries::default(),
            context_hash: "cd".into(),
            degraded: Some("embed_deadline".into()),
            timings: vec![StageTiming { stage: "search".into(), took: Duration::from_micros(120) }],
        }
    }

    fn some_summaries() -> ReceiptSummaries {
        let began = Timestamp::from_millisecond(1_690_000_000_000).unwrap();
        let of = [
            SummaryOf::Session { session: SessionId::new("march").unwrap(), began },
            SummaryOf::Month(2025, 3),
            SummaryOf::Year(2024),
            SummaryOf::User,
        ];
        let cites = vec![
            Citation::Memory(MemoryId(uuid::Uuid::from_u128(9))),
            Citation::Words { turn: 7, bytes: (3, 40) },
        ];
        let line = |of| ReceiptSummary { of, cites: cites.clone(), tokens: 17 };
        ReceiptSummaries { ledger_end: 12, lines: of.into_iter().map(line).collect() }
    }

    #[test]
    fn a_receipt_reads_back_as_it_was_written() {
        let zone = TimeZone::get("Europe/Vienna").unwrap();
        let times = [1_700_000_000_123, 1_690_000_000_000].map(|ms| Timestamp::from_millisecond(ms).unwrap());
        for zone in [ZoneOffsets::utc(), ZoneOffsets::at(&zone, times)] {
            let mut receipt = receipt(zone);
            let standing =
                ReceiptItem { section: Section::Standing, dropped: None, ..receipt.items[0].clone() };
            receipt.items.insert(0, standing);
            receipt.summaries = some_summaries();
            assert_eq!(decode_receipt(&encode_receipt(&receipt)), Ok(receipt));
        }
    }

    #[test]
    fn a_receipt_from_before_there_were_zones_and_standing_statements_is_of_utc_and_written_as_then() {
        let mut before = vec![FORMAT_JSON];
        before.extend_from_slice(
            br#"{"id":"00000000-0000-0000-0000-000000000007","session":"s","time":1700000000123,"query":"where do I live","identity":3,"identity_hash":"ab","profile_epoch":2,"budget_tokens":2000,"used_tokens":77,"sections":[[2,1200,77]],"items":[[4,0,12,1.25,0,2]],"context_hash":"cd","degraded":"embed_deadline","timings_us":[["search",120]]}"#,
        );
        let receipt = receipt(ZoneOffsets::utc());
        assert_eq!(decode_receipt(&before), Ok(receipt.clone()));
        assert_eq!(encode_receipt(&receipt), before);
    }

    #[test]
    fn a_format_of_a_newer_version_is_named() {
        assert_eq!(decode_turn(&[9, 1]), Err(CodecError::UnknownFormat(9)));
    }

    proptest! {
        #[test]
        fn a_turn_body_reads_back_as_it_was_written(text: String, name: Option<String>, json: Option<String>, metadata: Option<String>) {
            let body = TurnBody { name, content: Content { text, json }, metadata };
            prop_assert_eq!(decode_turn(&encode_turn(body.clone())), Ok(body));
        }

        #[test]
        fn no_bytes_make_reading_panic(bytes: Vec<u8>) {
            let _ = decode_turn(&bytes);
            let _ = decode_profile(&bytes);
            let _ = decode_receipt(&bytes);
        }
    }
}

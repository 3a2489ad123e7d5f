//! Ledger entries as bytes: who made one, and what it says.
//!
//! Fields that a later release adds are passed over, and each has a default then. An act that is not known is an error: what a
//! scope's memories are cannot be told without it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{CodecError, decode, encode, time};
use crate::model::{
    Act, Author, Authority, Claim, Evidence, MemoryId, MemoryKind, Polarity, SlotKey, SlotTerms, Timestamp,
};

#[derive(Serialize, Deserialize)]
struct EntryJson {
    by: AuthorJson,
    act: ActJson,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum AuthorJson {
    Learning,
    Operator,
    Import,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ActJson {
    Claimed(Box<ClaimJson>),
    Retracted(Uuid),
    Restored(Uuid),
    Pinned(Uuid),
    Unpinned(Uuid),
    Undone(u64),
    Rewound(i64),
    Forgotten,
}

#[derive(Serialize, Deserialize)]
struct ClaimJson {
    id: Uuid,
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    slot: Option<SlotJson>,
    value: String,
    text: String,
    #[serde(default, skip_serializing_if = "is_false")]
    denies: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    vague: bool,
    authority: String,
    #[serde(default, skip_serializing_if = "is_false")]
    quarantined: bool,
    importance: f32,
    said: i64,
    valid_from: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    valid_to: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    evidence: Option<EvidenceJson>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    same_as: Vec<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    terms: Option<TermsJson>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replaces: Option<Uuid>,
}

#[derive(Serialize, Deserialize)]
struct TermsJson {
    #[serde(default, skip_serializing_if = "is_false")]
    multiple: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    half_life_days: Option<f32>,
}

#[derive(Serialize, Deserialize)]
struct SlotJson {
    subject: String,
    name: String,
}

#[derive(Serialize, Deserialize)]
struct EvidenceJson {
    turn: u64,
    quote: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_false(value: &bool) -> bool {
    !value
}

/// An entry's author and act as bytes. Its number and time stand beside them.
pub fn encode_entry(by: Author, act: &Act) -> Vec<u8> {
    let by = match by {
        Author::Learning => AuthorJson::Learning,
        Author::Operator => AuthorJson::Operator,
        Author::Import => AuthorJson::Import,
    };
    let act = match act {
        Act::Claimed(claim) => ActJson::Claimed(Box::new(claim_json(claim))),
        Act::Retracted(id) => ActJson::Retracted(id.0),
        Act::Restored(id) => ActJson::Restored(id.0),
        Act::Pinned(id) => ActJson::Pinned(id.0),
        Act::Unpinned(id) => ActJson::Unpinned(id.0),
        Act::Undone(number) => ActJson::Undone(*number),
        Act::Rewound(to) => ActJson::Rewound(to.as_millisecond()),
        Act::Forgotten => ActJson::Forgotten,
    };
    encode(&EntryJson { by, act })
}

/// An entry's author and act from their bytes.
pub fn decode_entry(bytes: &[u8]) -> Result<(Author, Act), CodecError> {
    let EntryJson { by, act } = decode(bytes)?;
    let by = match by {
        AuthorJson::Learning => Author::Learning,
        AuthorJson::Operator => Author::Operator,
        AuthorJson::Import => Author::Import,
    };
    let act = match act {
        ActJson::Claimed(json) => Act::Claimed(Box::new(claim(*json)?)),
        ActJson::Retracted(id) => Act::Retracted(MemoryId(id)),
        ActJson::Restored(id) => Act::Restored(MemoryId(id)),
        ActJson::Pinned(id) => Act::Pinned(MemoryId(id)),
        ActJson::Unpinned(id) => Act::Unpinned(MemoryId(id)),
        ActJson::Undone(number) => Act::Undone(number),
        ActJson::Rewound(to) => Act::Rewound(time(to)?),
        ActJson::Forgotten => Act::Forgotten,
    };
    Ok((by, act))
}

fn claim_json(claim: &Claim) -> ClaimJson {
    let Claim { id, kind, slot, value, text, polarity, explicit, authority, .. } = claim;
    ClaimJson {
        id: id.0,
        kind: kind.as_str().to_owned(),
        slot: slot.clone().map(|SlotKey { subject, name }| SlotJson { subject, name }),
        value: value.clone(),
        text: text.clone(),
        denies: *polarity == Polarity::Denies,
        vague: !explicit,
        authority: authority.as_str().to_owned(),
        quarantined: claim.quarantined,
        // JSON has no number for what is none, and one bad figure must not make a ledger unreadable.
        importance: Some(claim.importance).filter(|importance| importance.is_finite()).unwrap_or(0.0),
        said: claim.said.as_millisecond(),
        valid_from: claim.valid_from.as_millisecond(),
        valid_to: claim.valid_to.map(Timestamp::as_millisecond),
        evidence: claim.evidence.clone().map(|Evidence { turn, quote }| EvidenceJson { turn, quote }),
        same_as: claim.same_as.iter().map(|id| id.0).collect(),
        terms: claim
            .terms
            .map(|SlotTerms { multiple, half_life_days }| TermsJson { multiple, half_life_days }),
        replaces: claim.replaces.map(|id| id.0),
    }
}

fn claim(json: ClaimJson) -> Result<Claim, CodecError> {
    let authority = Authority::ALL.into_iter().find(|known| known.as_str() == json.authority);
    Ok(Claim {
        id: MemoryId(json.id),
        kind: json.kind.parse::<MemoryKind>().map_err(CodecError::Damaged)?,
        slot: json.slot.map(|SlotJson { subject, name }| SlotKey { subject, name }),
        value: json.value,
        text: json.text,
        polarity: if json.denies { Polarity::Denies } else { Polarity::Affirms },
        explicit: !json.vague,
        authority: authority
            .ok_or_else(|| CodecError::Damaged(format!("`{}` is no authority", json.authority)))?,
        quarantined: json.quarantined,
        importance: json.importance,
        said: time(json.said)?,
        valid_from: time(json.valid_from)?,
        valid_to: json.valid_to.map(time).transpose()?,
        evidence: json.evidence.map(|EvidenceJson { turn, quote }| Evidence { turn, quote }),
        same_as: json.same_as.into_iter().map(MemoryId).collect(),
        terms: json
            .terms
            .map(|TermsJson { multiple, half_life_days }| SlotTerms { multiple, half_life_days }),
        replaces: json.replaces.map(MemoryId),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millisecond: i64) -> Timestamp {
        Timestamp::from_millisecond(millisecond).unwrap()
    }

    fn id(number: u128) -> MemoryId {
        MemoryId(Uuid::from_u128(number))
    }

    /// Every field with something in it.
    fn full() -> Claim {
        Claim {
            id: id(7),
            kind: MemoryKind::Preference,
            slot: Some(SlotKey::of_user("diet")),
            value: "vegan".into(),
            text: "No longer vegan".into(),
            polarity: Polarity::Denies,
            explicit: false,
            authority: Authority::User,
            quarantined: true,
            importance: 0.7,
            said: at(1_700_000_000_123),
            valid_from: at(1_700_000_000_000),
            valid_to: Some(at(1_800_000_000_000)),
            evidence: Some(Evidence { turn: 3, quote: "I gave up being \"vegan\"".into() }),
            same_as: Vec::new(),
            terms: None,
            replaces: None,
        }
    }

    /// Of an own slot, in the place of another.
    fn edited() -> Claim {
        Claim {
            terms: Some(SlotTerms { multiple: true, half_life_days: Some(30.0) }),
            replaces: Some(id(6)),
            ..bare()
        }
    }

    /// As little as a claim can say.
    fn bare() -> Claim {
        Claim {
            kind: MemoryKind::Fact,
            slot: None,
            polarity: Polarity::Affirms,
            explicit: true,
            authority: Authority::Operator,
            quarantined: false,
            importance: 1.0,
            valid_to: None,
            evidence: None,
            ..full()
        }
    }

    /// What release 0.1 writes. Never change a line: add one for each new form.
    fn written() -> Vec<(&'static str, Author, Act)> {
        vec![
            (
                r#"{"by":"learning","act":{"claimed":{"id":"00000000-0000-0000-0000-000000000007","kind":"preference","slot":{"subject":"user","name":"diet"},"value":"vegan","text":"No longer vegan","denies":true,"vague":true,"authority":"user","quarantined":true,"importance":0.7,"said":1700000000123,"valid_from":1700000000000,"valid_to":1800000000000,"evidence":{"turn":3,"quote":"I gave up being \"vegan\""}}}}"#,
                Author::Learning,
                Act::Claimed(Box::new(full())),
            ),
            (
                r#"{"by":"import","act":{"claimed":{"id":"00000000-0000-0000-0000-000000000007","kind":"fact","value":"vegan","text":"No longer vegan","authority":"operator","importance":1.0,"said":1700000000123,"valid_from":1700000000000}}}"#,
                Author::Import,
                Act::Claimed(Box::new(bare())),
            ),
            (
                r#"{"by":"learning","act":{"claimed":{"id":"00000000-0000-0000-0000-000000000007","kind":"fact","value":"vegan","text":"No longer vegan","authority":"operator","importance":1.0,"said":1700000000123,"valid_from":1700000000000,"same_as":["00000000-0000-0000-0000-000000000003"]}}}"#,
                Author::Learning,
                Act::Claimed(Box::new(Claim { same_as: vec![id(3)], ..bare() })),
                r#"{"by":"operator","act":{"claimed":{"id":"00000000-0000-0000-0000-000000000007","kind":"fact","value":"vegan","text":"No longer vegan","authority":"operator","importance":1.0,"said":1700000000123,"valid_from":1700000000000,"terms":{"multiple":true,"half_life_days":30.0},"replaces":"00000000-0000-0000-0000-000000000006"}}}"#,
                Author::Operator,
                Act::Claimed(Box::new(edited())),
            ),
            (
                r#"{"by":"operator","act":{"retracted":"00000000-0000-0000-0000-000000000001"}}"#,
                Author::Operator,
                Act::Retracted(id(1)),
            ),
            (
                r#"{"by":"operator","act":{"restored":"00000000-0000-0000-0000-000000000002"}}"#,
                Author::Operator,
                Act::Restored(id(2)),
            ),
            (
                r#"{"by":"operator","act":{"pinned":"00000000-0000-0000-0000-000000000003"}}"#,
                Author::Operator,
                Act::Pinned(id(3)),
            ),
            (
                r#"{"by":"operator","act":{"unpinned":"00000000-0000-0000-0000-000000000004"}}"#,
                Author::Operator,
                Act::Unpinned(id(4)),
            ),
            (r#"{"by":"operator","act":{"undone":5}}"#, Author::Operator, Act::Undone(5)),
            (
                r#"{"by":"operator","act":{"rewound":1700000000123}}"#,
                Author::Operator,
                Act::Rewound(at(1_700_000_000_123)),
            ),
            (r#"{"by":"operator","act":"forgotten"}"#, Author::Operator, Act::Forgotten),
        ]
    }

    fn payload(json: &str) -> Vec<u8> {
        [&[1], json.as_bytes()].concat()
    }

    #[test]
    fn the_bytes_of_an_entry_stay_as_they_are_and_readable() {
        for (json, by, act) in written() {
            assert_eq!(String::from_utf8_lossy(&encode_entry(by, &act)[1..]), json);
            assert_eq!(decode_entry(&payload(json)), Ok((by, act)), "{json}");
        }
    }

    #[test]
    fn fields_that_a_later_release_adds_are_passed_over() {
        for (json, by, act) in written() {
            let later = json.replace('{', r#"{"later":[{}],"#);
            // A variant's name takes no field beside it: what is added stands within its content, or beside the act.
            let later = later.replace(r#""act":{"later":[{}],"#, r#""act":{"#);
            assert_eq!(decode_entry(&payload(&later)), Ok((by, act)), "{later}");
        }
    }

    #[test]
    fn an_act_kind_or_authority_of_a_later_release_is_an_error_that_names_it() {
        for (from, to) in
            [("claimed", "summed_up"), ("preference", "hunch"), (r#""user","quar"#, r#""oracle","quar"#)]
        {
            let (json, ..) = written().remove(0);
            let error = decode_entry(&payload(&json.replace(from, to))).unwrap_err().to_string();
            let named = to.split('"').find(|word| !word.is_empty()).unwrap();
            assert!(error.contains(named), "{error}");
        }
    }

    #[test]
    fn an_importance_that_is_no_number_does_not_make_the_entry_unreadable() {
        let claim = Claim { importance: f32::NAN, ..bare() };
        let read = decode_entry(&encode_entry(Author::Learning, &Act::Claimed(Box::new(claim))));
        let kept = Claim { importance: 0.0, ..bare() };
        assert_eq!(read, Ok((Author::Learning, Act::Claimed(Box::new(kept)))));
    }

    proptest! {
        #[test]
        fn a_claim_reads_back_as_it_was_written(
            value: String,
            text: String,
            quote: String,
            subject: String,
            importance in 0.0_f32..=1.0,
            kind in 0..MemoryKind::ALL.len(),
            authority in 0..Authority::ALL.len(),
        ) {
            let claim = Claim {
                kind: MemoryKind::ALL[kind],
                slot: Some(SlotKey { subject, name: "home".into() }),
                value,
                text,
                authority: Authority::ALL[authority],
                importance,
                evidence: Some(Evidence { turn: u64::MAX, quote }),
                ..full()
            };
            let act = Act::Claimed(Box::new(claim));
            prop_assert_eq!(decode_entry(&encode_entry(Author::Import, &act)), Ok((Author::Import, act)));
        }

        #[test]
        fn no_bytes_make_reading_an_entry_panic(bytes: Vec<u8>) {
            let _ = decode_entry(&bytes);
        }
    }
}

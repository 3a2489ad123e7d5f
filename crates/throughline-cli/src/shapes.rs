//! The JSON that commands write: the same names as the native API's, so that a script can use either.
//!
//! Metadata and message parts go out as they came in, to the byte.

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use throughline::model::{
    Act, Citation, DropReason, Entry, Evidence, Generation, MemoryRecord, Profile, Receipt, SessionId,
    Summary, SummaryOf, Turn, TurnId,
};
use throughline::recall::{ItemMemory, RecalledItem, Scores};

/// A turn.
#[derive(Debug, Serialize)]
pub(crate) struct TurnShape<'a> {
    id: String,
    session: &'a str,
    role: &'static str,
    name: Option<&'a str>,
    content: Box<RawValue>,
    time: String,
    metadata: Option<Box<RawValue>>,
}

impl<'a> From<&'a Turn> for TurnShape<'a> {
    fn from(turn: &'a Turn) -> Self {
        let content = turn.content.json.as_deref().and_then(raw);
        Self {
            id: turn.id.to_string(),
            session: turn.session.as_str(),
            role: turn.role.as_str(),
            name: turn.name.as_deref(),
            content: content
                .or_else(|| raw(&Value::from(turn.content.text.as_str()).to_string()))
                .unwrap_or_default(),
            time: turn.time.to_string(),
            metadata: turn.metadata.as_deref().and_then(raw),
        }
    }
}

/// A passage that was found.
#[derive(Debug, Serialize)]
pub(crate) struct ItemShape<'a> {
    text: &'a str,
    score: f32,
    confidence: f32,
    scores: Value,
    kind: &'static str,
    time: String,
    session: &'a str,
    turn_id: String,
    role: &'static str,
    name: Option<&'a str>,
    standing: bool,
    memories: Vec<Value>,
    metadata: Option<Box<RawValue>>,
}

impl<'a> From<&'a RecalledItem> for ItemShape<'a> {
    fn from(item: &'a RecalledItem) -> Self {
        let turn = &item.turn;
        Self {
            text: item.text(),
            score: item.score,
            confidence: item.confidence,
            scores: scores(&item.scores),
            kind: "turn",
            time: turn.time.to_string(),
            session: turn.session.as_str(),
            turn_id: turn.id.to_string(),
            role: turn.role.as_str(),
            name: turn.name.as_deref(),
            standing: item.standing,
            memories: item.memories.iter().map(item_memory).collect(),
            metadata: turn.metadata.as_deref().and_then(raw),
        }
    }
}

/// A memory that rests on an item's words.
fn item_memory(memory: &ItemMemory) -> Value {
    json!({
        "id": memory.id.to_string(),
        "state": memory.state.as_str(),
        "valid_to": memory.valid_to.map(|time| time.to_string()),
    })
}

/// A score taken apart.
fn scores(scores: &Scores) -> Value {
    json!({
        "bm25": scores.bm25, "cosine": scores.cosine, "max_sim": scores.max_sim,
        "lexical": scores.lexical, "dense": scores.dense, "late": scores.late, "answer": scores.answer,
        "session": scores.session, "date": scores.date, "speaker": scores.speaker, "role": scores.role,
        "memory": scores.memory,
    })
}

/// A profile: its slots, the tenant's own among them.
pub(crate) fn profile(profile: &Profile) -> Value {
    let mut slots: Map<String, Value> = Map::new();
    slots.insert("goals".into(), json!(profile.goals));
    slots.insert("preferences".into(), json!(profile.preferences));
    slots.insert("pastMistakes".into(), json!(profile.past_mistakes));
    slots.insert("summary".into(), json!(profile.summary));
    slots.extend(profile.own.iter().map(|(slot, value)| (slot.clone(), value.clone())));
    Value::Object(slots)
}

/// A memory.
pub(crate) fn memory(memory: &MemoryRecord, generation: Generation) -> Value {
    let evidence: Vec<Value> =
        memory.evidence.iter().map(|rests_on| evidence(rests_on, generation)).collect();
    json!({
        "id": memory.id.to_string(),
        "kind": memory.kind.as_str(),
        "slot": memory.slot.as_ref().map(ToString::to_string),
        "value": memory.value,
        "text": memory.text,
        "state": memory.state.as_str(),
        "authority": memory.authority.as_str(),
        "importance": decimals(memory.importance),
        "pinned": memory.pinned,
        "valid_from": memory.valid_from.to_string(),
        "valid_to": memory.valid_to.map(|time| time.to_string()),
        "recorded_at": memory.recorded_at.to_string(),
        "superseded_by": memory.superseded_by.map(|id| id.to_string()),
        "evidence": evidence,
    })
}

fn evidence(evidence: &Evidence, generation: Generation) -> Value {
    let turn = TurnId { generation, seq: evidence.turn };
    json!({ "turn_id": turn.to_string(), "quote": evidence.quote })
}

/// A number between 0 and 1 as it was written: the next number of twice the bits has more digits.
fn decimals(number: f32) -> f64 {
    (f64::from(number) * 1e6).round() / 1e6
}

/// An entry of the ledger.
pub(crate) fn entry(entry: &Entry, generation: Generation) -> Value {
    let claim = match &entry.act {
        Act::Claimed(claim) => Some(claim),
        _ => None,
    };
    let rests_on = claim.and_then(|claim| claim.evidence.as_ref());
    json!({
        "number": entry.number,
        "recorded": entry.recorded.to_string(),
        "by": entry.by.as_str(),
        "act": entry.act.as_str(),
        "text": claim.map(|claim| claim.text.as_str()),
        "evidence": rests_on.map(|rests_on| evidence(rests_on, generation)),
    })
}

/// A summary.
pub(crate) fn summary(summary: &Summary) -> Value {
    let sentences: Vec<Value> = summary
        .sentences
        .iter()
        .map(|sentence| {
            let memories: Vec<String> = sentence.memories().map(|id| id.to_string()).collect();
            let turns: Vec<u64> = sentence.turns().collect();
            json!({ "text": sentence.text, "memories": memories, "turns": turns })
        })
        .collect();
    let mut shape = summary_of(&summary.of);
    shape.insert("sentences".into(), json!(sentences));
    Value::Object(shape)
}

/// What a summary is of.
fn summary_of(of: &SummaryOf) -> Map<String, Value> {
    let mut shape = Map::new();
    shape.insert("level".into(), json!(of.level().as_str()));
    if let SummaryOf::Session { session, began } = of {
        shape.insert("session".into(), json!(session.as_str()));
        shape.insert("began".into(), json!(began.to_string()));
    }
    if let Some(period) = of.period() {
        shape.insert("period".into(), json!(period));
    }
    shape
}

/// The record of a context.
pub(crate) fn receipt(receipt: &Receipt) -> Value {
    let items: Vec<Value> = receipt
        .items
        .iter()
        .map(|item| {
            json!({
                "section": item.section.as_str(),
                "turn": item.turn,
                "bytes": [item.bytes.0, item.bytes.1],
                "score": item.score,
                "tokens": item.tokens,
                "dropped": item.dropped.map(DropReason::as_str),
            })
        })
        .collect();
    let sections: Map<String, Value> = receipt
        .sections
        .iter()
        .map(|section| {
            let tokens =
                json!({ "budget_tokens": section.budget_tokens, "used_tokens": section.used_tokens });
            (section.section.as_str().to_owned(), tokens)
        })
        .collect();
    let summaries: Vec<Value> = receipt
        .summaries
        .lines
        .iter()
        .map(|line| {
            let mut shape = summary_of(&line.of);
            let cites: Vec<String> = line.cites.iter().map(Citation::to_string).collect();
            shape.insert("cites".into(), json!(cites));
            shape.insert("tokens".into(), json!(line.tokens));
            Value::Object(shape)
        })
        .collect();
    let timings: Map<String, Value> = receipt
        .timings
        .iter()
        .map(|timing| (timing.stage.clone(), json!(timing.took.as_secs_f64() * 1_000.0)))
        .collect();
    json!({
        "id": receipt.id.to_string(),
        "session": receipt.session.as_ref().map(SessionId::as_str),
        "time": receipt.time.to_string(),
        "time_zone": receipt.zone.name(),
        "query": receipt.query,
        "budget_tokens": receipt.budget_tokens,
        "used_tokens": receipt.used_tokens,
        "sections": sections,
        "items": items,
        "summaries": summaries,
        "identity_version": receipt.identity,
        "identity_hash": receipt.identity_hash,
        "profile_epoch": receipt.profile_epoch,
        "context_hash": receipt.context_hash,
        "degraded": receipt.degraded,
        "timings_ms": timings,
    })
}

fn raw(json: &str) -> Option<Box<RawValue>> {
    RawValue::from_string(json.to_owned()).ok()
}

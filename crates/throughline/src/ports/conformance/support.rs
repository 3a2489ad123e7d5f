//! What the behaviours are made of: names, turns, receipts, and asking a store for all it has.

use std::time::Duration;

use jiff::tz::{self, TimeZone};

use crate::model::{
    AgentId, ChainHash, Content, DropReason, MessageHash, Receipt, ReceiptId, ReceiptItem, ReceiptSummaries,
    Role, Scope, Section, SectionUse, SessionId, StageTiming, TenantId, Timestamp, UserId, ZoneOffsets,
};
use crate::ports::{
    Append, Appended, FIRST_MODEL, ModelNumber, Parent, PassageDraft, SearchRow, Store, TurnDraft, TurnsPage,
};

pub(super) fn tenant(name: &str) -> TenantId {
    TenantId::new(name).expect("a tenant's name")
}

pub(super) fn scope(tenant_name: &str, user: &str) -> Scope {
    Scope::of(tenant(tenant_name), UserId::new(user).expect("a user's name"))
}

pub(super) fn scope_of_agent(user: &str, agent: &str) -> Scope {
    Scope { agent: Some(AgentId::new(agent).expect("an agent's name")), ..scope("acme", user) }
}

pub(super) fn session(name: &str) -> SessionId {
    SessionId::new(name).expect("a session's name")
}

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).expect("a time of our days")
}

pub(super) fn draft(role: Role, text: &str, passages: usize, read_by: &[ModelNumber]) -> TurnDraft {
    let passage =
        |number| PassageDraft { body: format!("{text}/{number}").into_bytes(), read_by: read_by.to_vec() };
    TurnDraft {
        role,
        name: None,
        content: Content::text(text),
        time: at(0),
        metadata: None,
        passages: (0..passages).map(passage).collect(),
        said: None,
    }
}

/// Turns of user and assistant in turn, one passage each.
pub(super) fn dialogue(session_name: &str, parent: Parent, texts: &[&str]) -> Append {
    let roles = [Role::User, Role::Assistant].into_iter().cycle();
    Append {
        session: session(session_name),
        parent,
        turns: texts.iter().zip(roles).map(|(text, role)| draft(role, text, 1, &[FIRST_MODEL])).collect(),
        idempotency: None,
        receipt: None,
        now: at(10),
    }
}

pub(super) fn append(store: &dyn Store, scope: &Scope, append: Append) -> Appended {
    store.append(scope, append).expect("an append")
}

pub(super) fn seqs(appended: &Appended) -> Vec<u64> {
    appended.turns.iter().map(|turn| turn.seq).collect()
}

/// The chains of a dialogue from its beginning.
pub(super) fn chains(texts: &[&str]) -> Vec<ChainHash> {
    let roles = [Role::User, Role::Assistant].into_iter().cycle();
    texts
        .iter()
        .zip(roles)
        .scan(ChainHash::ROOT, |chain, (text, role)| {
            *chain = chain.then(MessageHash::of(role, text));
            Some(*chain)
        })
        .collect()
}

pub(super) fn everything() -> TurnsPage {
    TurnsPage { session: None, after: 0, limit: usize::MAX }
}

pub(super) fn texts(store: &dyn Store, scope: &Scope) -> Vec<String> {
    let turns = store.turns_page(scope, &everything()).expect("a page of turns");
    turns.into_iter().map(|turn| turn.content.text).collect()
}

pub(super) fn rows(store: &dyn Store, scope: &Scope, after: u64) -> Vec<SearchRow> {
    let mut found = Vec::new();
    store.search_rows(scope, after, &mut |row| found.push(row)).expect("search rows");
    found
}

pub(super) fn receipt(number: u128, query: &str) -> Receipt {
    Receipt {
        id: ReceiptId(uuid::Uuid::from_u128(number)),
        session: Some(session("s")),
        time: at(3),
        zone: ZoneOffsets::at(&TimeZone::fixed(tz::offset(2)), [at(3)]),
        query: query.to_owned(),
        identity: Some(2),
        identity_hash: Some("ab".into()),
        profile_epoch: 1,
        budget_tokens: 2000,
        used_tokens: 12,
        sections: vec![SectionUse { section: Section::Recalled, budget_tokens: 1500, used_tokens: 12 }],
        items: vec![ReceiptItem {
            section: Section::Recalled,
            turn: 1,
            bytes: (0, 5),
            score: 1.5,
            tokens: 12,
            dropped: Some(DropReason::Budget),
            ended: None,
        }],
        summaries: ReceiptSummaries::default(),
        context_hash: "cd".into(),
        degraded: None,
        timings: vec![StageTiming { stage: "search".into(), took: Duration::from_micros(90) }],
    }
}

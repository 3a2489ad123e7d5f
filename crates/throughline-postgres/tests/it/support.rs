//! What several tests need: scopes and turns.

use throughline::model::{Content, Role, Scope, SessionId, TenantId, Timestamp, UserId};
use throughline::ports::{
    Append, FIRST_MODEL, Idempotency, Parent, PassageDraft, ReadStore as _, TurnDraft, TurnsPage,
};
use throughline_postgres::PostgresStore;

pub(crate) fn scope(user: &str) -> Scope {
    Scope::of(TenantId::single(), UserId::new(user).unwrap())
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

/// A turn with one passage, after the session's newest; the same text is the same request.
pub(crate) fn said(text: &str) -> Append {
    let time = at(0);
    let turn = TurnDraft {
        role: Role::User,
        name: None,
        passages: vec![PassageDraft { body: text.as_bytes().to_vec(), read_by: vec![FIRST_MODEL] }],
        content: Content::text(text),
        time,
        metadata: None,
        said: None,
    };
    Append {
        session: SessionId::new("s").unwrap(),
        parent: Parent::Head,
        turns: vec![turn],
        idempotency: Some(Idempotency { key: text.into(), body: [1; 16] }),
        receipt: None,
        now: time,
    }
}

/// All that was said, if it holds together: each turn follows the one before, and has its search row.
pub(crate) fn told(store: &PostgresStore, scope: &Scope) -> Vec<String> {
    let page = TurnsPage { session: None, after: 0, limit: usize::MAX };
    let turns = store.turns_page(scope, &page).unwrap();
    let mut rows = Vec::new();
    let revision = store.search_rows(scope, 0, &mut |row| rows.push(row)).unwrap();
    assert_eq!(rows.len(), turns.len());
    assert_eq!(revision.map_or(0, |revision| revision.row), turns.len() as u64);
    for (number, (turn, row)) in (1..).zip(turns.iter().zip(&rows)) {
        assert_eq!((turn.id.seq, turn.parent.unwrap_or(0)), (number, number - 1));
        assert_eq!((row.turn, &row.body[..]), (number, turn.content.text.as_bytes()));
    }
    let sessions = store.sessions(scope, 0, usize::MAX).unwrap();
    assert_eq!(sessions.iter().map(|session| session.turns).sum::<u64>(), turns.len() as u64);
    turns.into_iter().map(|turn| turn.content.text).collect()
}

//! What several tests need: stores, turns, and processes apart.

use std::path::Path;
use std::process::Command;

use throughline::model::{
    Act, Author, Authority, Claim, Content, Evidence, MemoryId, MemoryKind, Polarity, Role, Scope, SessionId,
    TenantId, Timestamp, UserId,
};
use throughline::ports::{
    Append, EntryDraft, FIRST_MODEL, LedgerAppend, Parent, PassageDraft, ReadStore, SearchRow, TurnDraft,
    TurnsPage,
};
use throughline_sqlite::doctor::doctor;
use throughline_sqlite::{SqliteOptions, SqliteStore};

pub(crate) fn open(directory: &Path) -> SqliteStore {
    SqliteStore::open(directory, SqliteOptions::default()).unwrap()
}

pub(crate) fn scope(user: &str) -> Scope {
    Scope::of(TenantId::single(), UserId::new(user).unwrap())
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_second(1_700_000_000).unwrap()
}

/// Turns of the user with one passage each, after the session's newest.
pub(crate) fn said(session: &str, texts: impl IntoIterator<Item = impl Into<String>>) -> Append {
    let turn = |text: String| TurnDraft {
        role: Role::User,
        name: None,
        passages: vec![PassageDraft { body: text.clone().into_bytes(), read_by: vec![FIRST_MODEL] }],
        content: Content::text(text),
        time: now(),
        metadata: None,
        said: None,
    };
    Append {
        session: SessionId::new(session).unwrap(),
        parent: Parent::Head,
        turns: texts.into_iter().map(|text| turn(text.into())).collect(),
        idempotency: None,
        receipt: None,
        now: now(),
    }
}

/// Claims by number that say and quote these words, after this entry.
pub(crate) fn learned(
    after: u64,
    claims: impl IntoIterator<Item = (u128, impl Into<String>)>,
) -> LedgerAppend {
    let claim = |number, words: String| Claim {
        id: MemoryId(uuid::Uuid::from_u128(number)),
        kind: MemoryKind::Fact,
        slot: None,
        value: words.clone(),
        text: words.clone(),
        polarity: Polarity::Affirms,
        explicit: true,
        authority: Authority::User,
        quarantined: false,
        importance: 0.5,
        said: now(),
        valid_from: now(),
        valid_to: None,
        evidence: Some(Evidence { turn: 1, quote: words }),
        same_as: Vec::new(),
        terms: None,
        replaces: None,
    };
    let draft = |(number, words)| EntryDraft {
        recorded: now(),
        by: Author::Learning,
        act: Act::Claimed(Box::new(claim(number, words))),
    };
    let entries = claims.into_iter().map(|(number, words)| draft((number, words.into()))).collect();
    LedgerAppend { after, entries, profile: None, job: None, now: now() }
}

pub(crate) fn texts(store: &SqliteStore, scope: &Scope) -> Vec<String> {
    let page = TurnsPage { session: None, after: 0, limit: usize::MAX };
    store.turns_page(scope, &page).unwrap().into_iter().map(|turn| turn.content.text).collect()
}

pub(crate) fn rows(store: &SqliteStore, scope: &Scope) -> Vec<SearchRow> {
    let mut rows = Vec::new();
    store.search_rows(scope, 0, &mut |row| rows.push(row)).unwrap();
    rows
}

pub(crate) fn assert_sound(directory: &Path) {
    let report = doctor(directory);
    assert!(report.is_sound(), "{report:#?}");
}

/// This test again, in a process of its own, where `variable` tells it to play its other part.
pub(crate) fn again(test: &str, variable: &str, value: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env(variable, value);
    command
}

/// Whether any file of the directory holds the words. Searched by another process: closing a file of an open store
/// here would drop the locks SQLite holds on it.
pub(crate) fn any_file_holds(directory: &Path, words: &str) -> bool {
    let mut command = Command::new("grep");
    let status = command.args(["-r", "-q", "-a", "-F", words]).arg(directory).status().unwrap();
    assert!(matches!(status.code(), Some(0 | 1)), "grep failed: {status}");
    status.success()
}

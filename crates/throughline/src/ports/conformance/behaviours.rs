//! The behaviours, one function each. They panic where the store differs.

use std::time::Duration;

use super::WithStore;
use jiff::tz::{self, TimeZone};

use crate::model::{
    AgentId, ChainHash, Content, DropReason, MessageHash, Profile, Receipt, ReceiptId, ReceiptItem,
    ReceiptSummaries, Role, Scope, Section, SectionUse, SessionId, StageTiming, TenantId, Timestamp, UserId,
    ZoneOffsets, to_millisecond,
};
use crate::ports::{
    ApiKey, Append, Appended, AppendedTurn, EmbeddedRow, FIRST_MODEL, Idempotency, ModelNumber, Parent,
    PassageDraft, SearchRow, Store, StoreError, TurnDraft, TurnsPage,
};

fn tenant(name: &str) -> TenantId {
    TenantId::new(name).expect("a tenant's name")
}

pub(super) fn scope(tenant_name: &str, user: &str) -> Scope {
    Scope::of(tenant(tenant_name), UserId::new(user).expect("a user's name"))
}

fn scope_of_agent(user: &str, agent: &str) -> Scope {
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

fn seqs(appended: &Appended) -> Vec<u64> {
    appended.turns.iter().map(|turn| turn.seq).collect()
}

/// The chains of a dialogue from its beginning.
fn chains(texts: &[&str]) -> Vec<ChainHash> {
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

fn everything() -> TurnsPage {
    TurnsPage { session: None, after: 0, limit: usize::MAX }
}

fn texts(store: &dyn Store, scope: &Scope) -> Vec<String> {
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

/// Reading what was never written is no error.
pub fn a_scope_never_written_to_has_nothing(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let (scope, session) = (scope("acme", "ann"), session("s"));
        assert_eq!(store.revision(&scope), Ok(None));
        assert_eq!(store.search_rows(&scope, 0, &mut |_| panic!("a row of nothing")), Ok(None));
        assert_eq!(store.turns(&scope, &[1]), Ok(vec![]));
        assert_eq!(store.turns_page(&scope, &everything()), Ok(vec![]));
        assert_eq!(store.sessions(&scope, 0, 10), Ok(vec![]));
        assert_eq!(store.session_head(&scope, &session), Ok(None));
        assert_eq!(store.turns_by_chain(&scope, Some(&session), &[ChainHash::ROOT]), Ok(vec![None]));
        assert_eq!(store.turns_by_message(&scope, None, MessageHash([0; 16]), 10), Ok(vec![]));
        assert_eq!(store.lineage(&scope, 1, 10), Ok(vec![]));
        assert_eq!(store.profile(&scope, None), Ok(Profile::default()));
        assert_eq!(store.profile(&scope, Some(3)), Ok(Profile::default()));
        assert_eq!(store.receipt(scope.tenant(), receipt(1, "q").id), Ok(None));
        assert_eq!(store.identity(scope.tenant(), None, None), Ok(None));
        assert_eq!(store.unembedded(FIRST_MODEL, 10), Ok(vec![]));
        assert_eq!(store.erase_user(&scope.user).map(|erased| erased.scopes), Ok(0));
    });
}

/// Every field, time to the millisecond.
pub fn a_turn_reads_back_as_it_was_written(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let scope = scope("acme", "ann");
        let time = Timestamp::from_nanosecond(1_700_000_000_123_456_789).expect("a time of our days");
        let content =
            Content { text: "see [image]\0\u{1F600}".into(), json: Some(r#"[{"type":"image"}]"#.into()) };
        let whole = TurnDraft {
            role: Role::Tool,
            name: Some("weather".into()),
            content: content.clone(),
            time,
            metadata: Some(r#"{"b":1,"a":[10000000000000000000001]}"#.into()),
            passages: vec![],
            said: None,
        };
        let request = Append { turns: vec![whole.clone()], now: time, ..dialogue("s", Parent::Head, &[]) };
        let appended = append(store, &scope, request);
        let turns = store.turns(&scope, &[9, 1]).expect("turns");
        let [turn] = &turns[..] else { panic!("{turns:?}") };
        assert_eq!((turn.id.generation, turn.id.seq), (appended.generation, 1));
        assert_eq!((turn.session.as_str(), turn.parent, turn.role), ("s", None, Role::Tool));
        assert_eq!((&turn.name, &turn.content, &turn.metadata), (&whole.name, &content, &whole.metadata));
        assert_eq!((turn.time, turn.recorded), (to_millisecond(time), to_millisecond(time)));
        assert_eq!(turn.chain, ChainHash::ROOT.then(MessageHash::of(Role::Tool, content.hashed())));
    });
}

/// By number, from any number on, of one session or of all; and by number in the order asked.
pub fn turns_are_listed_page_by_page(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let scope = scope("acme", "ann");
        append(store, &scope, dialogue("s", Parent::Head, &["a", "b"]));
        append(store, &scope, dialogue("t", Parent::Head, &["c"]));
        append(store, &scope, dialogue("s", Parent::Head, &["d"]));
        let page = |name: Option<&str>, after, limit| {
            let page = TurnsPage { session: name.map(session), after, limit };
            let turns = store.turns_page(&scope, &page).expect("a page");
            turns.into_iter().map(|turn| turn.id.seq).collect::<Vec<_>>()
        };
        assert_eq!(page(None, 0, 3), [1, 2, 3]);
        assert_eq!(page(None, 3, 3), [4]);
        assert_eq!(page(Some("s"), 0, 2), [1, 2]);
        assert_eq!(page(Some("s"), 2, 2), [4]);
        assert_eq!(page(Some("t"), 0, 2), [3]);
        assert_eq!(page(Some("u"), 0, 2), [0; 0]);
        assert_eq!(page(None, u64::MAX, 2), [0; 0]);
        let turns = store.turns(&scope, &[4, 1, u64::MAX]).expect("turns");
        assert_eq!(turns.iter().map(|turn| turn.id.seq).collect::<Vec<_>>(), [4, 1]);
    });
}

/// With the number of turns and the earliest and latest time, whatever the order of writing.
pub fn sessions_are_listed_page_by_page(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let scope = scope("acme", "ann");
        for (name, seconds) in [("s", [5, 1]), ("t", [2, 3])] {
            let mut request = dialogue(name, Parent::Head, &["a", "b"]);
            for (turn, second) in request.turns.iter_mut().zip(seconds) {
                turn.time = at(second);
            }
            append(store, &scope, request);
        }
        let listed = |after, limit| {
            let sessions = store.sessions(&scope, after, limit).expect("sessions");
            sessions
                .into_iter()
                .map(|s| (s.number, s.session.to_string(), s.turns, s.first, s.last))
                .collect::<Vec<_>>()
        };
        let (s, t) = ((1, "s".to_owned(), 2, at(1), at(5)), (2, "t".to_owned(), 2, at(2), at(3)));
        assert_eq!(listed(0, 10), [s.clone(), t.clone()]);
        assert_eq!(listed(0, 1), [s]);
        assert_eq!(listed(1, 10), [t]);
        assert_eq!(listed(u32::MAX, 10), []);
    });
}

/// What the session has is not written again; its numbers are returned.
pub fn a_resent_history_is_recorded_once(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let scope = scope("acme", "ann");
        let beginning = Parent::Chain(ChainHash::ROOT);
        append(store, &scope, dialogue("s", beginning, &["a", "b"]));
        let again = append(store, &scope, dialogue("s", beginning, &["a", "b", "c"]));
        let known = |seq, known| AppendedTurn { seq, known };
        assert_eq!(again.turns, [known(1, true), known(2, true), known(3, false)]);
        assert_eq!(texts(store, &scope), ["a", "b", "c"]);
        assert_eq!(rows(store, &scope, 0).len(), 3);
        // Another session's history is its own, however alike.
        let other = append(store, &scope, dialogue("t", beginning, &["a", "b"]));
        assert_eq!(seqs(&other), [4, 5]);
    });
}

/// A session's head moves on, so the same words after it are new.
pub fn the_same_words_said_again_are_another_turn(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let scope = scope("acme", "ann");
        append(store, &scope, dialogue("s", Parent::Head, &["yes"]));
        let again = append(store, &scope, dialogue("s", Parent::Head, &["yes"]));
        assert_eq!(again.turns, [AppendedTurn { seq: 2, known: false }]);
        let head = store.session_head(&scope, &session("s")).expect("a head").expect("a head");
        assert_eq!((head.seq, head.parent), (2, Some(1)));
    });
}

/// Two turns with one parent; the lineage of each leads over the parent.
pub fn a_changed_turn_is_a_branch_beside_the_old(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let scope = scope("acme", "ann");
        append(store, &scope, dialogue("s", Parent::Head, &["a", "b", "c"]));
        let second = chains(&["a", "b"])[1];
        append(store, &scope, dialogue("s", Parent::Chain(second), &["other c"]));
        let lineage = |seq, limit| {
            let turns = store.lineage(&scope, seq, limit).expect("a lineage");
            turns.into_iter().map(|turn| turn.seq).collect::<Vec<_>>()
        };
        assert_eq!(lineage(3, 10), [3, 2, 1]);
        assert_eq!(lineage(4, 10), [4, 2, 1]);
        assert_eq!(lineage(4, 2), [4, 2]);
        let head = store.session_head(&scope, &session("s")).expect("a head").expect("a head");
        assert_eq!((head.seq, head.recorded, head.role), (4, at(10), Role::User));
    });
}

/// Also one that is known, but to another session.
pub fn an_unknown_parent_is_a_conflict_and_nothing_is_written(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let (ann, bob) = (scope("acme", "ann"), scope("acme", "bob"));
        append(store, &ann, dialogue("s", Parent::Head, &["a"]));
        let chain = Parent::Chain(chains(&["a"])[0]);
        assert_eq!(store.append(&ann, dialogue("t", chain, &["b"])), Err(StoreError::Conflict));
        assert_eq!(store.append(&bob, dialogue("s", chain, &["b"])), Err(StoreError::Conflict));
        let with_receipt = Append { receipt: Some(receipt(1, "q")), ..dialogue("t", chain, &["b"]) };
        assert_eq!(store.append(&ann, with_receipt), Err(StoreError::Conflict));
        assert_eq!(store.revision(&bob), Ok(None));
        assert_eq!(store.sessions(&ann, 0, 10).map(|sessions| sessions.len()), Ok(1));
        assert_eq!(store.receipt(ann.tenant(), receipt(1, "q").id), Ok(None));
    });
}

/// Though it would write turns if it were new.
pub fn a_repeated_idempotency_key_answers_as_the_first_time(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let scope = scope("acme", "ann");
        let key = Some(Idempotency { key: "k".into(), body: [1; 16] });
        let request = Append { idempotency: key, ..dialogue("s", Parent::Head, &["a", "b"]) };
        let first = append(store, &scope, request.clone());
        append(store, &scope, dialogue("s", Parent::Head, &["c"]));
        assert_eq!(append(store, &scope, request.clone()), first);
        assert_eq!(texts(store, &scope), ["a", "b", "c"]);
        // The key is the scope's own.
        let other = append(store, &self::scope("acme", "bob"), request);
        assert_eq!(seqs(&other), [1, 2]);
    });
}

/// And writes nothing.
pub fn an_idempotency_key_with_another_body_is_refused(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let scope = scope("acme", "ann");
        let request = |body, text: &str| Append {
            idempotency: Some(Idempotency { key: "k".into(), body: [body; 16] }),
            ..dialogue("s", Parent::Head, &[text])
        };
        append(store, &scope, request(1, "a"));
        assert_eq!(store.append(&scope, request(2, "b")), Err(StoreError::IdempotencyMismatch));
        assert_eq!(texts(store, &scope), ["a"]);
    });
}

/// The newest that has it, in one session or in any.
pub fn a_turn_is_found_by_its_chain_and_by_its_message(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let scope = scope("acme", "ann");
        append(store, &scope, dialogue("s", Parent::Head, &["a", "b"]));
        append(store, &scope, dialogue("t", Parent::Head, &["a", "b", "a"]));
        let wanted = [chains(&["a", "b"])[1], ChainHash([9; 16]), chains(&["a"])[0]];
        let by_chain = |name: Option<&str>| {
            let session = name.map(session);
            let found = store.turns_by_chain(&scope, session.as_ref(), &wanted).expect("turns by chain");
            found.into_iter().map(|turn| turn.map(|turn| turn.seq)).collect::<Vec<_>>()
        };
        assert_eq!(by_chain(None), [Some(4), None, Some(3)]);
        assert_eq!(by_chain(Some("s")), [Some(2), None, Some(1)]);
        assert_eq!(by_chain(Some("u")), [None, None, None]);
        let message = MessageHash::of(Role::User, "a");
        let by_message = |name: Option<&str>, limit| {
            let session = name.map(session);
            let found =
                store.turns_by_message(&scope, session.as_ref(), message, limit).expect("turns by message");
            assert!(found.iter().all(|turn| turn.message == message));
            found.into_iter().map(|turn| turn.seq).collect::<Vec<_>>()
        };
        assert_eq!(by_message(None, 10), [5, 3, 1]);
        assert_eq!(by_message(None, 2), [5, 3]);
        assert_eq!(by_message(Some("s"), 10), [1]);
    });
}

/// With what the engine needs of each: turn, passage, session, body.
pub fn search_rows_are_a_log_read_from_any_number(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let scope = scope("acme", "ann");
        let request = |name, text| Append {
            turns: vec![draft(Role::User, text, 2, &[FIRST_MODEL])],
            ..dialogue(name, Parent::Head, &[])
        };
        let appended = append(store, &scope, request("s", "a"));
        append(store, &scope, request("t", "b"));
        let row = |number, turn, passage, session, body: &str| SearchRow {
            number,
            turn,
            passage,
            session,
            body: body.into(),
        };
        let all =
            [row(1, 1, 0, 1, "a/0"), row(2, 1, 1, 1, "a/1"), row(3, 2, 0, 2, "b/0"), row(4, 2, 1, 2, "b/1")];
        assert_eq!(rows(store, &scope, 0), all);
        assert_eq!(rows(store, &scope, 3), all[3..]);
        assert_eq!(rows(store, &scope, u64::MAX), []);
        let rows_at = |numbers: &[u64]| {
            let mut found = Vec::new();
            store.search_rows_at(&scope, numbers, &mut |row| found.push(row)).expect("search rows");
            found
        };
        assert_eq!(rows_at(&[1, 2, 4]), [&all[..2], &all[3..]].concat());
        assert_eq!(rows_at(&[2, 5, u64::MAX]), all[1..2]);
        assert_eq!(rows_at(&[]), []);
        let revision = store.revision(&scope).expect("a revision").expect("a revision");
        assert_eq!((revision.generation, revision.row), (appended.generation, 4));
        assert_eq!(store.search_rows(&scope, 4, &mut |_| {}), Ok(Some(revision)));
    });
}

/// So that who read up to the old one learns of it. A row that is gone is skipped.
pub fn a_row_that_gets_its_vector_is_a_new_row_in_place_of_the_old(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let (ann, bob) = (scope("acme", "ann"), scope("acme", "bob"));
        for scope in [&ann, &bob] {
            let turns = vec![draft(Role::User, "a", 1, &[]), draft(Role::User, "b", 2, &[])];
            append(store, scope, Append { turns, ..dialogue("s", Parent::Head, &[]) });
        }
        assert_eq!(store.unembedded_count(), Ok(6));
        assert_eq!(store.unembedded(FIRST_MODEL, 4).map(|rows| rows.len()), Ok(4));
        let vector = |number| EmbeddedRow {
            scope: ann.clone(),
            number,
            body: b"vector".to_vec(),
            read_by: vec![FIRST_MODEL],
        };
        let strangers = EmbeddedRow { scope: scope("acme", "eve"), ..vector(1) };
        store.put_embedded(vec![vector(2), vector(99), strangers]).expect("a vector");
        assert_eq!(rows(store, &ann, 0).iter().map(|row| row.number).collect::<Vec<_>>(), [1, 3, 4]);
        let replaced = SearchRow { number: 4, turn: 2, passage: 0, session: 1, body: b"vector".to_vec() };
        assert_eq!(rows(store, &ann, 3), [replaced]);
        // Doing it twice is doing it once.
        store.put_embedded(vec![vector(2)]).expect("a vector");
        assert_eq!(store.revision(&ann).map(|revision| revision.map(|revision| revision.row)), Ok(Some(4)));
        let waiting = store.unembedded(FIRST_MODEL, 10).expect("waiting rows");
        assert_eq!(waiting.len(), 5);
        let of_ann = waiting.iter().filter(|waiting| waiting.scope == ann);
        assert_eq!(of_ann.map(|waiting| waiting.row.number).collect::<Vec<_>>(), [1, 3]);
        assert!(
            waiting.iter().filter(|waiting| waiting.scope == bob).all(|waiting| waiting.row.session == 1)
        );
    });
}

/// Neither two tenants with the same user id, nor two agents of one user.
pub fn two_scopes_share_nothing(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let scopes = [
            scope("acme", "ann"),
            scope("other", "ann"),
            scope_of_agent("ann", "x"),
            scope_of_agent("ann", "y"),
        ];
        for (scope, text) in scopes.iter().zip(["one", "two", "three", "four"]) {
            append(store, scope, dialogue("s", Parent::Head, &[text]));
            let profile = Profile { goals: vec![text.into()], ..Profile::default() };
            store.put_profile(scope, profile, at(0)).expect("a profile");
        }
        for (scope, text) in scopes.iter().zip(["one", "two", "three", "four"]) {
            assert_eq!(texts(store, scope), [text]);
            assert_eq!(rows(store, scope, 0).len(), 1);
            assert_eq!(store.profile(scope, None).map(|profile| profile.goals), Ok(vec![text.to_owned()]));
        }
        let generations: std::collections::HashSet<_> = scopes
            .iter()
            .map(|scope| store.revision(scope).expect("a revision").map(|r| r.generation))
            .collect();
        assert_eq!(generations.len(), scopes.len());
    });
}

/// And the same content again makes none.
pub fn every_version_of_a_profile_stays_readable(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let scope = scope("acme", "ann");
        assert_eq!(store.put_profile(&scope, Profile::default(), at(0)), Ok(0));
        let mut profile = Profile {
            goals: vec!["learn to sail".into()],
            preferences: vec!["short answers".into()],
            past_mistakes: vec!["sent it to the wrong Bob".into()],
            summary: Some("a sailor".into()),
            own: [("mood".to_owned(), serde_json::json!({"today": ["calm"]}))].into(),
            ..Profile::default()
        };
        assert_eq!(store.put_profile(&scope, profile.clone(), at(1)), Ok(1));
        profile.epoch = 1;
        assert_eq!(store.put_profile(&scope, profile.clone(), at(2)), Ok(1));
        let second = Profile { summary: None, ..profile.clone() };
        assert_eq!(store.put_profile(&scope, second.clone(), at(3)), Ok(2));
        let first = Profile { changed: Some(at(1)), ..profile };
        let second = Profile { epoch: 2, changed: Some(at(3)), ..second };
        assert_eq!(store.profile(&scope, Some(1)), Ok(first));
        assert_eq!(store.profile(&scope, Some(2)), Ok(second.clone()));
        assert_eq!(store.profile(&scope, None), Ok(second));
    });
}

/// Two changes that start from one version cannot both be made.
pub fn a_profile_somebody_else_changed_is_a_conflict(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let scope = scope("acme", "ann");
        let with_goal = |goal: &str, epoch| Profile { goals: vec![goal.into()], epoch, ..Profile::default() };
        assert_eq!(store.put_profile(&scope, with_goal("a", 0), at(0)), Ok(1));
        assert_eq!(store.put_profile(&scope, with_goal("b", 0), at(0)), Err(StoreError::Conflict));
        assert_eq!(store.put_profile(&scope, with_goal("b", 7), at(0)), Err(StoreError::Conflict));
        assert_eq!(store.put_profile(&scope, with_goal("b", 1), at(0)), Ok(2));
    });
}

/// The tenant's and each agent's apart; old versions stay.
pub fn an_identity_gets_a_version_for_each_new_text(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let (acme, other) = (tenant("acme"), tenant("other"));
        let agent = AgentId::new("x").expect("an agent's name");
        let put = |tenant, agent, text| {
            store.put_identity(tenant, agent, text, at(0)).map(|identity| identity.version)
        };
        assert_eq!(put(&acme, None, "one"), Ok(1));
        assert_eq!(put(&acme, None, "one"), Ok(1));
        assert_eq!(put(&acme, None, "two"), Ok(2));
        assert_eq!(put(&acme, None, "one"), Ok(3));
        assert_eq!(put(&acme, Some(&agent), "agent"), Ok(1));
        let text = |tenant, agent, version| {
            store.identity(tenant, agent, version).map(|identity| identity.map(|identity| identity.text))
        };
        assert_eq!(text(&acme, None, None), Ok(Some("one".into())));
        assert_eq!(text(&acme, None, Some(2)), Ok(Some("two".into())));
        assert_eq!(text(&acme, None, Some(4)), Ok(None));
        assert_eq!(text(&acme, Some(&agent), None), Ok(Some("agent".into())));
        assert_eq!(text(&other, None, None), Ok(None));
    });
}

/// Whether kept alone or with turns. It never changes.
pub fn a_receipt_is_found_by_its_tenant_alone(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let scope = scope("acme", "ann");
        store.put_receipt(&scope, receipt(1, "alone")).expect("a receipt");
        let request =
            Append { receipt: Some(receipt(2, "with turns")), ..dialogue("s", Parent::Head, &["a"]) };
        append(store, &scope, request);
        store.put_receipt(&scope, receipt(1, "changed")).expect("the same receipt");
        for (number, query) in [(1, "alone"), (2, "with turns")] {
            let wanted = receipt(number, query);
            assert_eq!(store.receipt(&tenant("other"), wanted.id), Ok(None));
            assert_eq!(store.receipt(scope.tenant(), wanted.id), Ok(Some((scope.clone(), wanted))));
        }
    });
}

/// Each tenant's its own.
pub fn a_slot_schema_is_set_and_taken_away(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let (acme, other) = (tenant("acme"), tenant("other"));
        for schema in [Some(r#"{"type":"object"}"#), Some("{}"), None] {
            store.put_slot_schema(&acme, schema).expect("a schema");
            assert_eq!(store.slot_schema(&acme), Ok(schema.map(str::to_owned)));
            assert_eq!(store.slot_schema(&other), Ok(None));
        }
    });
}

/// And is none of the obvious ones.
pub fn the_secret_stays_the_same(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let secret = store.secret().expect("a secret");
        assert_ne!(secret, [0; 32]);
        assert_eq!(store.secret(), Ok(secret));
    });
}

/// Revoked keys stay listed.
pub fn a_key_is_accepted_until_it_is_revoked(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let key = |id: &str, second| ApiKey {
            id: id.into(),
            tenant: tenant("acme"),
            label: "web".into(),
            hash: [3; 32],
            created: at(second),
            revoked: None,
        };
        for new in [key("b", 2), key("a", 1)] {
            store.put_key(new).expect("a new key");
        }
        assert_eq!(store.put_key(key("a", 5)), Err(StoreError::Conflict));
        assert_eq!(store.keys(), Ok(vec![key("a", 1), key("b", 2)]));
        assert_eq!(store.revoke_key("a", at(9)), Ok(true));
        assert_eq!(store.revoke_key("a", at(10)), Ok(false));
        assert_eq!(store.revoke_key("c", at(10)), Ok(false));
        assert_eq!(store.key("a"), Ok(Some(ApiKey { revoked: Some(at(9)), ..key("a", 1) })));
        assert_eq!(store.key("b"), Ok(Some(key("b", 2))));
        assert_eq!(store.key("c"), Ok(None));
        assert_eq!(store.keys().map(|keys| keys.len()), Ok(2));
    });
}

/// In every scope of the user; the scope that is made again is another one.
pub fn an_erased_user_is_gone_and_nobody_else(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let scopes =
            [scope("acme", "ann"), scope_of_agent("ann", "x"), scope("other", "ann"), scope("acme", "anna")];
        let key = Some(Idempotency { key: "k".into(), body: [1; 16] });
        let fill = |scope: &Scope, number| {
            let request = Append {
                turns: vec![draft(Role::User, "a", 2, &[]), draft(Role::User, "b", 1, &[FIRST_MODEL])],
                idempotency: key.clone(),
                receipt: Some(receipt(number, "q")),
                ..dialogue("s", Parent::Head, &[])
            };
            append(store, scope, request).generation
        };
        let generations: Vec<_> = (1..).zip(&scopes).map(|(number, scope)| fill(scope, number)).collect();
        let profile = Profile { goals: vec!["g".into()], ..Profile::default() };
        store.put_profile(&scopes[0], profile, at(0)).expect("a profile");

        let erased = store.erase_user(&scopes[0].user).expect("an erasure");
        assert_eq!((erased.scopes, erased.sessions, erased.turns, erased.passages), (2, 2, 4, 6));
        assert_eq!((erased.profiles, erased.receipts, erased.jobs), (1, 2, 2));
        for scope in &scopes[..2] {
            assert_eq!(store.revision(scope), Ok(None));
            assert_eq!(texts(store, scope), [""; 0]);
            assert_eq!(store.sessions(scope, 0, 10), Ok(vec![]));
            assert_eq!(store.profile(scope, None), Ok(Profile::default()));
        }
        assert_eq!(store.receipt(&tenant("acme"), receipt(1, "q").id), Ok(None));
        for scope in &scopes[2..] {
            assert_eq!(texts(store, scope), ["a", "b"]);
            assert_eq!(rows(store, scope, 0).len(), 3);
        }
        assert_eq!(store.unembedded_count(), Ok(4));
        assert_eq!(store.outbox_count(), Ok(2));
        // The idempotency key went too, and the new life is not the old one.
        assert_ne!(fill(&scopes[0], 9), generations[0]);
        assert_eq!(texts(store, &scopes[0]), ["a", "b"]);
    });
}

/// Eight at once, in one conversation and in one each.
pub fn writers_at_once_lose_nothing_and_number_without_a_gap(with_store: WithStore<'_>) {
    const WRITERS: usize = 8;
    const APPENDS: usize = 10;
    with_store(&mut |store| {
        let shared = scope("acme", "shared");
        std::thread::scope(|threads| {
            for writer in 0..WRITERS {
                let shared = &shared;
                threads.spawn(move || {
                    let own = scope("acme", &format!("own {writer}"));
                    for number in 0..APPENDS {
                        let text = format!("{writer}: {number}");
                        append(store, shared, dialogue("s", Parent::Head, &[&text, "ok"]));
                        append(store, &own, dialogue("s", Parent::Head, &[&text, "ok"]));
                    }
                });
            }
        });
        let turns = store.turns_page(&shared, &everything()).expect("turns");
        let all = 2 * WRITERS * APPENDS;
        assert_eq!(
            turns.iter().map(|turn| turn.id.seq).collect::<Vec<_>>(),
            (1..=all as u64).collect::<Vec<_>>()
        );
        // Every append found the head of the one before: the conversation is one line.
        assert!(turns.iter().all(|turn| turn.parent.unwrap_or(0) == turn.id.seq - 1));
        assert_eq!(rows(store, &shared, 0).len(), all);
        for writer in 0..WRITERS {
            assert_eq!(texts(store, &scope("acme", &format!("own {writer}"))).len(), 2 * APPENDS);
        }
    });
}

//! The behaviours of turns and sessions. They panic where the store differs.

use super::WithStore;
use super::support::{append, at, chains, dialogue, receipt, rows, scope, seqs, session, texts};
use crate::model::{ChainHash, Content, MessageHash, Role, Timestamp, to_millisecond};
use crate::ports::{Append, AppendedTurn, Idempotency, Parent, StoreError, TurnDraft, TurnsPage};

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

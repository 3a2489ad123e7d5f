//! The behaviours of whole scopes: nothing before the first write, nothing shared, nothing left, nothing lost. They panic where
//! the store differs.

use super::WithStore;
use super::support::{
    append, at, dialogue, draft, everything, receipt, rows, scope, scope_of_agent, session, tenant, texts,
};
use crate::model::{ChainHash, MessageHash, Profile, Role, Scope};
use crate::ports::{Append, FIRST_MODEL, Idempotency, Parent};

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

/// By the number of their newest row, of whatever user.
pub fn scopes_with_many_rows_are_listed(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let scopes = [scope("acme", "ann"), scope_of_agent("ann", "x"), scope("other", "ann")];
        for (scope, texts) in scopes.iter().zip([&["a", "b", "c"][..], &["a"], &["a", "b"]]) {
            append(store, scope, dialogue("s", Parent::Head, texts));
        }
        let large = |row_min| {
            let mut found = store.large_scopes(row_min).expect("large scopes");
            found.sort();
            found
        };
        assert_eq!(large(4), []);
        assert_eq!(large(3), [scopes[0].clone()]);
        assert_eq!(large(2), [scopes[0].clone(), scopes[2].clone()]);
        store.erase_user(&scopes[0].user).expect("an erasure");
        assert_eq!(large(1), [scopes[2].clone()]);
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

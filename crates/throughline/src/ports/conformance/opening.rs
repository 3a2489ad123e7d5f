//! The behaviours of the opening of a request. They panic where the store differs.

use super::WithStore;
use super::forgetting::nothing;
use super::support::{append, at, chains, dialogue, draft, rows, scope, scope_of_agent, session, tenant};
use crate::model::{Profile, Role, Scope, Tombstone};
use crate::ports::{
    Append, FIRST_MODEL, Forget, OPENING_ROWS_MAX, Opening, OpeningAsk, Parent, Since, Store, TurnsPage,
};

fn opening(store: &dyn Store, scope: &Scope, ask: &OpeningAsk<'_>) -> Opening {
    store.opening(scope, ask).expect("an opening")
}

/// Everything that can be asked for.
fn all<'a>() -> OpeningAsk<'a> {
    OpeningAsk {
        thread_max: 10,
        since: Some(Since::default()),
        prefix: true,
        tombstones: true,
        ..OpeningAsk::default()
    }
}

/// And of a scope without anything, nothing but what is the tenant's.
pub fn a_request_begins_with_what_single_reads_would_say(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let ann = scope_of_agent("ann", "helper");
        store.put_identity(&tenant("acme"), None, "of the tenant", at(0)).expect("an identity");
        let found = opening(store, &ann, &all());
        assert_eq!((found.revision, found.ledger_end, found.thread), (None, 0, vec![]));
        let prefix = found.prefix.expect("what was asked for");
        assert_eq!(prefix.identity.expect("the tenant's").text, "of the tenant");
        assert_eq!((prefix.profile, prefix.slot_schema, prefix.is_edited), (Profile::default(), None, false));

        append(store, &ann, dialogue("s", Parent::Head, &["a", "b", "c"]));
        let own = ann.agent.as_ref();
        store.put_identity(&tenant("acme"), own, "of the agent", at(0)).expect("an identity");
        store.put_slot_schema(&tenant("acme"), Some("{}")).expect("a schema");
        let profile = Profile { goals: vec!["sail".into()], ..Profile::default() };
        store.put_profile(&ann, profile, at(1)).expect("a profile");
        let tombstone = Tombstone { hash: [7; 16], words: 1, forgotten: at(2) };
        let forget = Forget { tombstones: vec![tombstone], ..nothing(0) };
        store.forget(&ann, forget).expect("to forget");

        let found = opening(store, &ann, &all());
        assert_eq!(Ok(found.revision), store.revision(&ann));
        assert_eq!(Ok(found.ledger_end), store.ledger_end(&ann));
        assert_eq!(Ok(found.models), store.embedding_models());
        assert_eq!(found.tombstones, [tombstone]);
        let prefix = found.prefix.expect("what was asked for");
        assert_eq!(Ok(prefix.identity), store.identity(&tenant("acme"), own, None));
        assert_eq!(Ok(prefix.profile), store.profile(&ann, None));
        assert_eq!((prefix.slot_schema.as_deref(), prefix.is_edited), (Some("{}"), false));

        let found = opening(store, &ann, &OpeningAsk::default());
        assert_eq!((found.prefix, found.news, found.tombstones), (None, None, vec![]));
        assert_eq!(opening(store, &scope("acme", "bob"), &all()).revision, None);
    });
}

/// The last of the chains that is known decides, in the session that is named if one is.
pub fn a_request_finds_where_its_conversation_goes_on(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let ann = scope("acme", "ann");
        append(store, &ann, dialogue("s", Parent::Head, &["a", "b", "c"]));
        append(store, &ann, dialogue("t", Parent::Head, &["a", "b"]));
        let (s, t) = (session("s"), session("t"));
        let heard = chains(&["a", "b", "c", "d"]);
        let thread = |ask: OpeningAsk<'_>| -> Vec<u64> {
            opening(store, &ann, &ask).thread.iter().map(|turn| turn.seq).collect()
        };
        let ask = OpeningAsk { chains: &heard, thread_max: 10, ..OpeningAsk::default() };
        assert_eq!(thread(ask), [3, 2, 1]);
        assert_eq!(thread(OpeningAsk { thread_max: 2, ..ask }), [3, 2]);
        assert_eq!(thread(OpeningAsk { session: Some(&t), ..ask }), [5, 4]);
        assert_eq!(thread(OpeningAsk { session: Some(&session("u")), ..ask }), Vec::<u64>::new());
        // Of two turns with one chain the newer.
        assert_eq!(thread(OpeningAsk { chains: &heard[..2], ..ask }), [5, 4]);
        assert_eq!(thread(OpeningAsk { chains: &heard[3..], ..ask }), Vec::<u64>::new());

        let found = opening(store, &ann, &OpeningAsk { session: Some(&s), ..ask });
        assert_eq!(Ok(found.thread), store.lineage(&ann, 3, 10));
        assert_eq!(Ok(found.head), store.session_head(&ann, &s));
        assert_eq!(opening(store, &ann, &ask).head, None);
        assert_eq!(opening(store, &scope("acme", "bob"), &ask).thread, []);
    });
}

/// A store that is near may leave it to be read by itself.
pub fn what_is_new_comes_with_the_opening_or_not_at_all(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let ann = scope("acme", "ann");
        append(store, &ann, dialogue("s", Parent::Head, &["a", "b", "c"]));
        let since = |row, turn| Since { row, turn };
        let news = |since| {
            let found = opening(store, &ann, &OpeningAsk { since: Some(since), ..OpeningAsk::default() });
            assert_eq!(Ok(found.revision), store.revision(&ann));
            found.news
        };
        for asked in [since(0, 0), since(1, 2), since(3, 3), since(9, 9), since(u64::MAX, u64::MAX)] {
            let Some(news) = news(asked) else { continue };
            assert_eq!((news.since, &news.rows), (asked, &rows(store, &ann, asked.row)));
            let page = TurnsPage { session: None, after: asked.turn, limit: 10 };
            assert_eq!(Ok(news.turns), store.turns_page(&ann, &page));
        }
        let long = draft(Role::User, "long", OPENING_ROWS_MAX, &[FIRST_MODEL]);
        append(store, &ann, Append { turns: vec![long], ..dialogue("s", Parent::Head, &[]) });
        assert_eq!(news(since(0, 0)), None);
        let enough = news(since(3, 3));
        assert!(enough.is_none_or(|news| news.rows.len() == OPENING_ROWS_MAX && news.turns.len() == 1));
    });
}

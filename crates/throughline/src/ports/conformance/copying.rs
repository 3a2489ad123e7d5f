//! Copying a store into another: the copy is told from its source by nobody, and nothing comes back that was taken away.

use proptest::collection::vec;
use proptest::test_runner::{Config, TestRunner};

use super::comparison::{OPERATIONS_MAX, operation, perform, same_reads, scopes};
use super::support::{append, at, dialogue, everything, receipt, scope, seqs, tenant, texts};
use super::{ModelStore, WithStores, usage};
use crate::copy::{Copier, CopyError, Pass, in_turn};
use crate::model::{Profile, Scope, Timestamp, UsageStage};
use crate::ports::{
    ApiKey, CopyStore, EmbeddingModel, FIRST_MODEL, Forget, Idempotency, JobClaim, Parent, RedactedTurn,
    Restore, Store, StoreError, Transit,
};

const CASES: u32 = 24;

fn copier<'a>(from: &'a dyn CopyStore, to: &'a dyn CopyStore) -> Copier<'a> {
    Copier::new(from, to, true).expect("a copy begins")
}

fn pass(copier: &Copier<'_>) -> Pass {
    copier.pass(&in_turn, &|_| {}).expect("a pass")
}

fn assert_same(copier: &Copier<'_>) {
    let found = copier.compare(&in_turn, &|| {}).expect("a comparison");
    assert_eq!((&found.differences[..], found.differing), (&[][..], 0), "{found:?}");
    assert_eq!(found.from, found.to);
}

/// Fences the source, and lets writers into the copy.
fn switch(copier: &Copier<'_>) {
    copier.fence("elsewhere").expect("a fence");
    pass(copier);
    assert_same(copier);
    copier.finish().expect("an end");
}

/// Two users with a bit of everything.
fn furnish(store: &dyn Store) -> [Scope; 2] {
    let [ann, bob] = [scope("acme", "ann"), scope("acme", "bob")];
    for scope in [&ann, &bob] {
        let mut draft = dialogue("monday", Parent::Head, &["I keep bees.", "How many?", "Two hives."]);
        draft.idempotency = Some(Idempotency { key: "k".into(), body: [1; 16] });
        append(store, scope, draft);
        append(store, scope, dialogue("friday", Parent::Head, &["Honey!"]));
        let profile = Profile { goals: vec!["honey".into()], ..Profile::default() };
        store.put_profile(scope, profile, at(20)).expect("a profile");
        store.add_usage(&scope.user, usage::day(1), UsageStage::ALL[0], usage::usage(2)).expect("usage");
    }
    store.put_receipt(&ann, receipt(1, "bees?")).expect("a receipt");
    store.put_identity(&tenant("acme"), None, "You keep bees.", at(1)).expect("an identity");
    store.put_slot_schema(&tenant("acme"), Some("{}")).expect("a schema");
    store.put_key(key("1")).expect("a key");
    [ann, bob]
}

fn key(id: &str) -> ApiKey {
    ApiKey {
        id: id.into(),
        tenant: tenant("acme"),
        label: "web".into(),
        hash: [7; 32],
        created: at(0),
        revoked: None,
    }
}

/// After any operations, and what comes after the copy is answered by both alike.
pub fn a_copy_answers_as_its_source_and_goes_on_as_it(with_stores: WithStores<'_>) {
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let operations = (vec(operation(), 1..OPERATIONS_MAX / 2), vec(operation(), 0..OPERATIONS_MAX / 3));
    let outcome = TestRunner::new(config).run(&operations, |(before, after)| {
        with_stores(&mut |from, to| {
            let model = ModelStore::default();
            let mut number = 0;
            let mut both = |store: &dyn Store, operation| {
                number += 1;
                let done = perform(store, &model, number, operation);
                assert_eq!(done, perform(&model, &model, number, operation), "{operation:?}");
            };
            for operation in &before {
                both(from, operation);
            }
            let copier = copier(from, to);
            pass(&copier);
            same_reads(to, from);
            for scope in scopes() {
                assert_eq!(to.revision(&scope), from.revision(&scope));
                assert_eq!(to.turns_page(&scope, &everything()), from.turns_page(&scope, &everything()));
            }
            assert_eq!(to.secret(), from.secret());
            switch(&copier);
            for operation in &after {
                both(to, operation);
            }
            same_reads(to, &model);
        });
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

/// A kill at any moment costs the scope that was under way.
pub fn a_copy_that_was_cut_off_is_finished_by_the_next(with_stores: WithStores<'_>) {
    with_stores(&mut |from, to| {
        let [ann, _] = furnish(from);
        // As a kill leaves it: the scope begun, and none of it or some of it there.
        let record = from.scope_record(&ann).expect("a record");
        let _ = copier(from, to);
        to.restore_store(&from.store_record().expect("a record")).expect("the store's own");
        to.restore(&ann, Restore { begin: record, ..Restore::default() }).expect("a beginning");
        let again = copier(from, to);
        assert_eq!(pass(&again), Pass { scopes: 2, copied: 2, users_gone: 0 });
        assert_same(&again);
    });
}

/// Whatever changes gives a scope another mark.
pub fn a_pass_copies_only_what_changed(with_stores: WithStores<'_>) {
    with_stores(&mut |from, to| {
        let [ann, bob] = furnish(from);
        let copier = copier(from, to);
        assert_eq!(pass(&copier), Pass { scopes: 2, copied: 2, users_gone: 0 });
        assert_eq!(pass(&copier), Pass { scopes: 2, copied: 0, users_gone: 0 });
        let claim = JobClaim {
            now: at(500),
            lease_until: at(600),
            quiet_since: at(500),
            turns_max: 1,
            only: Some(ann.user.clone()),
        };
        let changes: [&dyn Fn() -> bool; 6] = [
            &|| from.append(&ann, dialogue("monday", Parent::Head, &["Three."])).is_ok(),
            &|| from.put_receipt(&ann, receipt(2, "honey?")).is_ok(),
            &|| matches!(from.claim_job(&claim), Ok(Some(_))),
            &|| from.put_profile(&ann, Profile { epoch: 1, ..Profile::default() }, at(30)).is_ok(),
            &|| from.add_usage(&ann.user, usage::day(2), UsageStage::ALL[1], usage::usage(1)).is_ok(),
            &|| from.forget(&ann, nothing(from, &ann)).is_ok(),
        ];
        for change in changes {
            assert!(change());
            assert_eq!(pass(&copier), Pass { scopes: 2, copied: 1, users_gone: 0 });
            assert_same(&copier);
        }
        // Keys and the like are looked at in every pass.
        from.put_key(key("2")).expect("a key");
        assert!(from.revoke_key("1", at(40)).expect("a revocation"));
        assert_eq!(pass(&copier).copied, 0);
        assert_same(&copier);
        // A model that comes is one that no row has read.
        let model = |name: &str| EmbeddingModel { name: name.into(), dimensions: 3 };
        from.claim_embedding_model(&model("a")).expect("a model");
        from.begin_switch(&model("b")).expect("a switch");
        pass(&copier);
        assert_same(&copier);
        assert_eq!(to.unembedded(FIRST_MODEL + 1, 100).expect("rows").len(), 9);
        assert_eq!(texts(to, &bob), texts(from, &bob));
    });
}

fn nothing(store: &dyn Store, scope: &Scope) -> Forget {
    Forget {
        after: store.ledger_end(scope).expect("an end"),
        tombstones: vec![],
        entries: vec![],
        turns: vec![],
        receipts: vec![],
        profile: None,
        now: at(50),
    }
}

/// Neither a user nor words come back.
pub fn what_was_erased_or_forgotten_meanwhile_is_gone_from_the_copy(with_stores: WithStores<'_>) {
    with_stores(&mut |from, to| {
        let [ann, bob] = furnish(from);
        let copier = copier(from, to);
        pass(&copier);
        from.erase_user(&bob.user).expect("an erasure");
        let redacted = RedactedTurn {
            seq: 1,
            name: None,
            content: crate::model::Content::text("I keep []."),
            metadata: None,
            passages: vec![],
        };
        let forget =
            Forget { turns: vec![redacted], receipts: vec![receipt(1, "").id], ..nothing(from, &ann) };
        from.forget(&ann, forget).expect("a forgetting");
        let done = pass(&copier);
        assert_eq!((done.scopes, done.copied, done.users_gone), (1, 1, 1));
        assert_eq!(texts(to, &bob), [""; 0]);
        assert_eq!(texts(to, &ann)[0], "I keep [].");
        assert_eq!(to.receipt(&tenant("acme"), receipt(1, "").id), Ok(None));
        switch(&copier);
        // Who was erased and comes back begins anew, and a resent turn is known by what was said.
        assert_eq!(seqs(&append(to, &bob, dialogue("monday", Parent::Head, &["Hello."]))), [1]);
        let again = dialogue("monday", Parent::Chain(crate::model::ChainHash::ROOT), &["I keep bees."]);
        assert!(append(to, &ann, again).turns[0].known);
    });
}

/// What every write says.
fn refusals(store: &dyn Store, scope: &Scope) -> Vec<Result<(), StoreError>> {
    let now: Timestamp = at(90);
    let model = EmbeddingModel { name: "x".into(), dimensions: 3 };
    vec![
        store.append(scope, dialogue("monday", Parent::Head, &["Late."])).map(drop),
        store.append(scope, dialogue("new", Parent::Head, &["Late."])).map(drop),
        store
            .append(&super::support::scope("acme", "new"), dialogue("s", Parent::Head, &["Late."]))
            .map(drop),
        store.put_profile(scope, Profile { epoch: 1, ..Profile::default() }, now).map(drop),
        store.put_receipt(scope, receipt(9, "late")),
        store.put_identity(scope.tenant(), None, "Late.", now).map(drop),
        store.put_slot_schema(scope.tenant(), None),
        store.begin_switch(&model).map(drop),
        store.put_key(key("9")),
        store.revoke_key("1", now).map(drop),
        store.add_usage(&scope.user, usage::day(3), UsageStage::ALL[0], usage::usage(1)).map(drop),
        store.forget(scope, nothing(store, scope)).map(drop),
        store.erase_user(&scope.user).map(drop),
    ]
}

fn assert_refuses(store: &dyn CopyStore, scope: &Scope, hint: &str) {
    let before = store.scope_record(scope).expect("a record");
    for (at, refused) in refusals(store, scope).into_iter().enumerate() {
        let told = matches!(&refused, Err(StoreError::ReadOnly(why)) if why.contains(hint));
        assert!(told, "write {at}: {refused:?}");
    }
    assert_eq!(store.scope_record(scope).expect("a record"), before);
    assert_eq!(store.scope_record(&super::support::scope("acme", "new")), Ok(None));
}

/// So nothing is written where nobody looks any more.
pub fn a_store_that_has_moved_refuses_every_write(with_stores: WithStores<'_>) {
    with_stores(&mut |from, to| {
        let [ann, _] = furnish(from);
        let copier = copier(from, to);
        pass(&copier);
        switch(&copier);
        assert_eq!(from.transit(), Ok(Some(Transit::Moved("elsewhere".into()))));
        assert_refuses(from, &ann, "moved to elsewhere");
        assert_eq!(texts(from, &ann), texts(to, &ann));
        copier.lift_fence().expect("it is in use again");
        assert_eq!(seqs(&append(from, &ann, dialogue("monday", Parent::Head, &["Four."]))), [5]);
    });
}

/// So nothing is written that the next pass would overwrite, and no pass overwrites what was written after.
pub fn a_copy_refuses_every_write_until_it_is_finished(with_stores: WithStores<'_>) {
    with_stores(&mut |from, to| {
        let [ann, _] = furnish(from);
        let copier = copier(from, to);
        pass(&copier);
        assert_refuses(to, &ann, "throughline store copy");
        switch(&copier);
        assert_eq!(seqs(&append(to, &ann, dialogue("monday", Parent::Head, &["Four."]))), [5]);
        // Another process that still copies comes too late.
        assert!(
            to.restore(&ann, Restore { begin: to.scope_record(&ann).expect("it"), ..Restore::default() })
                .is_err()
        );
        assert!(to.drop_user(&ann.user).is_err());
        assert!(to.restore_store(&from.store_record().expect("it")).is_err());
        assert_eq!(texts(to, &ann).len(), 5);
    });
}

/// A target has to be empty, or a copy of this source that is not finished.
pub fn nothing_is_overwritten_by_a_copy(with_stores: WithStores<'_>) {
    with_stores(&mut |from, to| {
        furnish(from);
        assert_eq!(Copier::new(from, from, true).err(), Some(CopyError::Same));
        append(to, &scope("acme", "eve"), dialogue("s", Parent::Head, &["Mine."]));
        assert_eq!(Copier::new(from, to, true).err(), Some(CopyError::NotEmpty));
        to.erase_user(&scope("acme", "eve").user).expect("an erasure");
        to.set_transit(Some(&Transit::Filling("another".into()))).expect("it");
        assert_eq!(Copier::new(from, to, true).err(), Some(CopyError::OtherSource));
        assert_eq!(Copier::new(to, from, true).err(), Some(CopyError::SourceUnfinished));
        to.set_transit(None).expect("it");
        // Looking changes nothing.
        assert!(Copier::new(from, to, false).is_ok());
        assert_eq!(to.transit(), Ok(None));
        let copier = copier(from, to);
        pass(&copier);
        switch(&copier);
        assert_eq!(Copier::new(from, to, true).err(), Some(CopyError::Same));
    });
}

/// By scope and by what differs.
pub fn a_difference_is_found_and_named(with_stores: WithStores<'_>) {
    with_stores(&mut |from, to| {
        let [ann, bob] = furnish(from);
        let copier = copier(from, to);
        pass(&copier);
        append(from, &ann, dialogue("monday", Parent::Head, &["Three."]));
        from.erase_user(&bob.user).expect("an erasure");
        from.revoke_key("1", at(60)).expect("a revocation");
        let found = copier.compare(&in_turn, &|| {}).expect("a comparison");
        assert_eq!(found.differing, 3);
        let of = |scope: Option<&Scope>| {
            found
                .differences
                .iter()
                .find(|found| found.scope.as_ref() == scope)
                .map(|found| found.kinds.clone())
        };
        assert_eq!(
            of(Some(&ann)).expect("a difference"),
            ["scopes", "turns", "search rows", "learning jobs"]
        );
        assert!(of(Some(&bob)).expect("a difference").contains(&"turns"));
        assert!(of(None).is_some());
        assert_eq!((found.from.counts[1], found.to.counts[1]), (5, 8));
    });
}

//! The behaviours of profiles, identities and receipts. They panic where the store differs.

use super::WithStore;
use super::support::{append, at, dialogue, receipt, scope, tenant};
use crate::model::{AgentId, Profile};
use crate::ports::{Append, Parent, StoreError};

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

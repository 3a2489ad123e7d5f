//! What Qdrant is told and what it says: names of sets, points, filters. Pure functions.

use serde_json::{Value, json};
use throughline::model::{AgentId, AppId, Generation, RunId, Scope, TenantId, UserId, UserKey};
use throughline::ports::{StoreError, VectorConditions, VectorEntry, VectorKey, VectorMark, VectorSet};
use uuid::Uuid;

/// What a set's points have in the payload field `user`.
pub(crate) fn user_name(user: &UserKey) -> String {
    json!([user.tenant.as_str(), user.user.as_str()]).to_string()
}

/// What a set's points have in the payload field `set`.
pub(crate) fn set_name(set: &VectorSet) -> String {
    let VectorSet { scope, generation, model } = set;
    let Scope { user, agent, app, run } = scope;
    json!([
        user.tenant.as_str(),
        user.user.as_str(),
        agent.as_ref().map(AgentId::as_str),
        app.as_ref().map(AppId::as_str),
        run.as_ref().map(RunId::as_str),
        format!("{:016x}", generation.0),
        model,
    ])
    .to_string()
}

/// The set of this name.
pub(crate) fn read_set(name: &str) -> Result<VectorSet, StoreError> {
    let read = || {
        type Parts = (String, String, Option<String>, Option<String>, Option<String>, String, u16);
        let (tenant, user, agent, app, run, generation, model): Parts = serde_json::from_str(name).ok()?;
        let user = UserKey { tenant: TenantId::new(tenant).ok()?, user: UserId::new(user).ok()? };
        let scope = Scope {
            user,
            agent: agent.map(AgentId::new).transpose().ok()?,
            app: app.map(AppId::new).transpose().ok()?,
            run: run.map(RunId::new).transpose().ok()?,
        };
        let generation = Generation(u64::from_str_radix(&generation, 16).ok()?);
        Some(VectorSet { scope, generation, model })
    };
    read().ok_or_else(|| StoreError::Corrupt(format!("Qdrant has the vector set `{name}`, which is none")))
}

/// The same for the same set and passage, in any process; another one for any other.
pub(crate) fn point_id(set: &str, key: Option<VectorKey>) -> String {
    let mut hash = blake3::Hasher::new();
    hash.update(set.as_bytes());
    if let Some(VectorKey { turn, passage }) = key {
        hash.update(&turn.to_le_bytes()).update(&passage.to_le_bytes());
    }
    let mut id = [0; 16];
    hash.finalize_xof().fill(&mut id);
    uuid::Builder::from_custom_bytes(id).into_uuid().to_string()
}

/// A set's mark at its beginning.
pub(crate) fn first_mark_point(set: &VectorSet) -> Value {
    let name = set_name(set);
    json!({
        "id": point_id(&name, None),
        "vector": {},
        "payload": {"set": name, "user": user_name(&set.scope.user), "row": 0, "redactions": 0},
    })
}

/// What a mark's payload becomes. `writer` names who moved it.
pub(crate) fn mark_payload(mark: VectorMark, writer: Uuid) -> Value {
    json!({"row": mark.row, "redactions": mark.redactions, "writer": writer.to_string()})
}

/// The point of a mark, if it still is this one.
pub(crate) fn mark_filter(id: &str, mark: VectorMark) -> Value {
    json!({"must": [
        {"has_id": [id]},
        {"key": "row", "match": {"value": mark.row}},
        {"key": "redactions", "match": {"value": mark.redactions}},
    ]})
}

/// A mark, and who moved it last.
pub(crate) fn read_mark(payload: &Value) -> Result<(VectorMark, Option<Uuid>), StoreError> {
    let number = |field: &str| {
        payload[field]
            .as_u64()
            .ok_or_else(|| StoreError::Corrupt(format!("Qdrant has a mark whose `{field}` is no number")))
    };
    let writer = payload["writer"].as_str().and_then(|writer| writer.parse().ok());
    Ok((VectorMark { row: number("row")?, redactions: number("redactions")? }, writer))
}

pub(crate) fn entry_point(set: &VectorSet, name: &str, entry: &VectorEntry) -> Value {
    let VectorEntry { key, role, time_ms, tags, vector } = entry;
    json!({
        "id": point_id(name, Some(*key)),
        "vector": vector,
        "payload": {
            "set": name,
            "user": user_name(&set.scope.user),
            "turn": key.turn,
            "passage": key.passage,
            "role": role,
            "time_ms": time_ms,
            "tags": tags,
        },
    })
}

/// The passage of a point that was found.
pub(crate) fn read_key(point: &Value) -> Result<VectorKey, StoreError> {
    let payload = &point["payload"];
    let key = payload["turn"].as_u64().zip(payload["passage"].as_u64());
    key.and_then(|(turn, passage)| Some(VectorKey { turn, passage: u32::try_from(passage).ok()? }))
        .ok_or_else(|| StoreError::Corrupt("Qdrant has a point that names no passage".into()))
}

/// Points whose field has this value.
pub(crate) fn of(field: &str, value: &str) -> Value {
    json!({"must": [{"key": field, "match": {"value": value}}]})
}

/// Points of a set that meet all conditions.
pub(crate) fn filter(set: &str, conditions: &VectorConditions) -> Value {
    let VectorConditions { roles, from_ms, until_ms, any_tag, all_tags } = conditions;
    let mut must = vec![json!({"key": "set", "match": {"value": set}})];
    if !roles.is_empty() {
        must.push(json!({"key": "role", "match": {"any": roles}}));
    }
    if from_ms.is_some() || until_ms.is_some() {
        must.push(json!({"key": "time_ms", "range": {"gte": from_ms, "lt": until_ms}}));
    }
    if !any_tag.is_empty() {
        must.push(json!({"key": "tags", "match": {"any": any_tag}}));
    }
    must.extend(all_tags.iter().map(|tag| json!({"key": "tags", "match": {"value": tag}})));
    json!({"must": must})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(user: &str) -> VectorSet {
        let user = UserKey { tenant: TenantId::new("acme").unwrap(), user: UserId::new(user).unwrap() };
        let scope = Scope { user, agent: Some(AgentId::new("x/{1}").unwrap()), app: None, run: None };
        VectorSet { scope, generation: Generation(u64::MAX), model: 7 }
    }

    #[test]
    fn a_set_is_read_from_its_name() {
        let set = set("ann \"], [\"");
        assert_eq!(read_set(&set_name(&set)), Ok(set));
        assert!(matches!(read_set("[]"), Err(StoreError::Corrupt(_))));
    }

    #[test]
    fn points_of_two_sets_and_two_passages_have_ids_of_their_own() {
        let (ann, bob) = (set_name(&set("ann")), set_name(&set("bob")));
        let key = VectorKey { turn: 1, passage: 0 };
        let ids = [
            point_id(&ann, None),
            point_id(&ann, Some(key)),
            point_id(&ann, Some(VectorKey { passage: 1, ..key })),
            point_id(&bob, Some(key)),
        ];
        let different: std::collections::HashSet<_> = ids.iter().collect();
        assert_eq!(different.len(), ids.len());
        assert_eq!(ids[1], point_id(&ann, Some(key)));
    }

    #[test]
    fn a_filter_without_conditions_still_asks_for_the_set() {
        assert_eq!(filter("s", &VectorConditions::default()), of("set", "s"));
    }
}

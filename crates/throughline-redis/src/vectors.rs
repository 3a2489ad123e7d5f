//! A vector index in the vector sets of Redis 8: one server, Sentinel or Cluster; of the store or of its own.
//!
//! Each set is a vector set of one scope, in the slot of its user. So a search never looks at another scope's vectors, and an erasure
//! removes keys. A scope's mark stands in a hash beside it, in the same slot: scripts compare it before they change
//! anything, so a set that was taken away takes nothing any more, and a failover keeps mark and vectors of one moment.
//!
//! Vectors are kept as floats: Redis's own eight bits would change which are nearest. Up to a number of rows a
//! search compares all (`TRUTH`), beyond it asks the graph, and a search that comes back with too few compares all again. Elements are named
//! `turn:passage`, and filters read their attributes.
//!
//! Sets are listed by user, in the user's slot, and all together in a slot of its own. That list is written to first and
//! taken off last: it may name sets that are not there.

use std::time::Instant;

use redis::Value;
use serde_json::json;
use throughline::model::{Generation, UserKey};
use throughline::ports::{
    NearestVectors, StoreError, VectorChange, VectorConditions, VectorEntry, VectorIndex, VectorKey,
    VectorMark, VectorSet,
};

use crate::client::{Call, Client};
use crate::error::Fault;
use crate::keys::{Key, Prefixes};
use crate::options::RedisOptions;
use crate::reply;
use crate::script::{VECTORS_BEGIN, VECTORS_PUT, VECTORS_REMOVE};
use crate::store::connect;
use crate::topology::ask;

/// Rows from which on a search asks the graph. Below, comparing all of a set takes a few milliseconds.
pub const VECTOR_GRAPH_ROWS_MIN: u64 = 10_000;

/// Elements put by one script, a few milliseconds each in a large set: nobody else is answered meanwhile.
const ELEMENTS_A_SCRIPT: usize = 4;

/// Candidates of a search in the graph for each vector asked for, within what Redis allows.
const CANDIDATES_A_VECTOR: usize = 2;
const CANDIDATES: std::ops::RangeInclusive<usize> = 500..=1_000_000;

/// Vectors a search in the graph may visit until it gives up finding more that pass the filters.
const VISITED_MAX: usize = 2_000_000;

/// A vector index on Redis servers. Any number of processes may have it open.
pub struct RedisVectors {
    client: Client,
    keys: Prefixes,
    graph_rows_min: u64,
    place: String,
}

impl std::fmt::Debug for RedisVectors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisVectors")
            .field("place", &self.place)
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}

/// The keys of one set.
struct SetKeys {
    name: String,
    mark: Key,
    vectors: Key,
    of_user: Key,
}

impl RedisVectors {
    /// Opens the index; URL, password, prefix and times as for [`RedisStore::open`](crate::RedisStore::open), durability is that of the
    /// server. `owner` names the store whose vectors they are: several stores may share a server. Searches ask a graph from
    /// `graph_rows_min` rows on, see [`VECTOR_GRAPH_ROWS_MIN`].
    pub fn open(
        url: &str,
        password: Option<&str>,
        options: &RedisOptions,
        owner: &str,
        graph_rows_min: u64,
    ) -> Result<Self, StoreError> {
        let (url, client) = connect(url, password, options)?;
        let store = format!("{}v1:{owner}:", options.key_prefix);
        Prefixes::check(&store).map_err(StoreError::Unavailable)?;
        let keys = Prefixes { store, memory: String::new() };
        let deadline = Instant::now() + client.call_wait_max;
        for address in client.topology.primaries(&client.pools, deadline)? {
            let mut question = redis::cmd("COMMAND");
            question.arg("INFO").arg("VSIM");
            let known = reply::list(ask(&client.pools, &address, &question, deadline)?)?;
            if known.first().is_none_or(|command| *command == Value::Nil) {
                return Err(StoreError::Unavailable(format!(
                    "{address} has no vector sets: Redis 8.0 or newer is needed, Valkey has none"
                )));
            }
        }
        Ok(Self { client, keys, graph_rows_min, place: url.to_string() })
    }

    fn set_keys(&self, set: &VectorSet) -> SetKeys {
        let VectorSet { scope, generation, model } = set;
        let scope_keys = self.keys.scope(scope);
        let life = format!("{:016x}:{model}", generation.0);
        SetKeys {
            name: format!("{life}:{}", scope_keys.place),
            mark: scope_keys.own(&format!("{life}:mark")),
            vectors: scope_keys.own(&format!("{life}:vectors")),
            of_user: self.keys.user(&scope.user, "sets"),
        }
    }

    fn all_sets(&self) -> Key {
        self.keys.global("sets", "all")
    }

    /// The set of this name.
    fn read_set(&self, name: &[u8]) -> Result<VectorSet, Fault> {
        let name = String::from_utf8_lossy(name);
        let damaged = || Fault::Damaged(format!("a list of vector sets has `{name}`, which is none"));
        let mut parts = name.splitn(3, ':');
        let (Some(generation), Some(model), Some(place)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(damaged());
        };
        let generation = u64::from_str_radix(generation, 16).map_err(|_| damaged())?;
        let model = model.parse().map_err(|_| damaged())?;
        let (scope, _) = self.keys.scope_at(place)?;
        Ok(VectorSet { scope, generation: Generation(generation), model })
    }

    fn read_mark(&self, keys: &SetKeys) -> Result<Option<VectorMark>, Fault> {
        read_mark(self.client.read(Call::plain("HMGET", &keys.mark, &[b"row", b"redactions"]))?)
    }

    /// False if the set did not have the mark. What is asked for twice is done once.
    fn put_part(
        &self,
        keys: &SetKeys,
        (before, after): (VectorMark, VectorMark),
        gone: &[VectorKey],
        entries: &[VectorEntry],
    ) -> Result<bool, Fault> {
        let numbers = [before.row, before.redactions, after.row, after.redactions, gone.len() as u64];
        let mut arguments: Vec<Vec<u8>> = numbers.map(|number| number.to_string().into_bytes()).into();
        arguments.extend(gone.iter().map(|key| element(*key)));
        for entry in entries {
            arguments.push(element(entry.key));
            arguments.push(floats(&entry.vector));
            arguments.push(attributes(entry));
        }
        let keys = [keys.mark.clone(), keys.vectors.clone()];
        let done = self.client.read(Call::script(&VECTORS_PUT, &keys, arguments))?;
        Ok(reply::number::<i64>(done)? == 1)
    }

    fn search(
        &self,
        keys: &SetKeys,
        vector: &[f32],
        conditions: &VectorConditions,
        limit: usize,
        graph: bool,
    ) -> Result<Vec<(VectorKey, f32)>, Fault> {
        let (vector, filter) = (floats(vector), filter(conditions));
        let candidates = (CANDIDATES_A_VECTOR * limit).clamp(*CANDIDATES.start(), *CANDIDATES.end());
        let (limit, candidates) = (limit.to_string(), candidates.to_string());
        let visited = VISITED_MAX.to_string();
        let mut arguments: Vec<&[u8]> = vec![b"FP32", &vector, b"WITHSCORES", b"COUNT", limit.as_bytes()];
        if graph {
            arguments.extend([b"EF".as_slice(), candidates.as_bytes()]);
        } else {
            arguments.push(b"TRUTH");
        }
        if !filter.is_empty() {
            arguments.extend([b"FILTER".as_slice(), filter.as_bytes(), b"FILTER-EF", visited.as_bytes()]);
        }
        let found = self.client.read(Call::plain("VSIM", &keys.vectors, &arguments))?;
        reply::pairs(found)?
            .iter()
            .map(|(element, score)| Ok((read_element(element)?, cosine(score)?)))
            .collect()
    }

    fn remove_named(&self, name: &[u8], keys: &SetKeys) -> Result<(), Fault> {
        let scripted = [keys.mark.clone(), keys.vectors.clone(), keys.of_user.clone()];
        self.client.read(Call::script(&VECTORS_REMOVE, &scripted, vec![name.to_vec()]))?;
        self.client.read(Call::plain("SREM", &self.all_sets(), &[name]))?;
        Ok(())
    }

    fn begin_set(&self, set: &VectorSet) -> Result<VectorMark, Fault> {
        let keys = self.set_keys(set);
        let name = keys.name.as_bytes();
        self.client.read(Call::plain("SADD", &self.all_sets(), &[name]))?;
        let scripted = [keys.mark.clone(), keys.of_user.clone()];
        let mark = self.client.read(Call::script(&VECTORS_BEGIN, &scripted, vec![name.to_vec()]))?;
        read_mark(mark)?.ok_or_else(|| Fault::Damaged(format!("{} has no mark", keys.mark.name)))
    }

    fn put_change(&self, set: &VectorSet, change: &VectorChange) -> Result<bool, Fault> {
        let VectorChange { before, after, entries, gone } = change;
        let keys = self.set_keys(set);
        for entries in entries.chunks(ELEMENTS_A_SCRIPT) {
            if !self.put_part(&keys, (*before, *before), &[], entries)? {
                return Ok(false);
            }
        }
        for gone in gone.chunks(ELEMENTS_A_SCRIPT) {
            if !self.put_part(&keys, (*before, *before), gone, &[])? {
                return Ok(false);
            }
        }
        self.put_part(&keys, (*before, *after), &[], &[])
    }

    fn nearest_of(
        &self,
        set: &VectorSet,
        vector: &[f32],
        conditions: &VectorConditions,
        limit: usize,
    ) -> Result<Option<NearestVectors>, Fault> {
        let set_keys = self.set_keys(set);
        let Some(mark) = self.read_mark(&set_keys)? else { return Ok(None) };
        let graph = mark.row >= self.graph_rows_min;
        let mut keys = self.search(&set_keys, vector, conditions, limit, graph)?;
        // Some vectors of a graph may not be reached, which shows where few pass the filters.
        if graph && keys.len() < limit {
            keys = self.search(&set_keys, vector, conditions, limit, false)?;
        }
        Ok(Some(NearestVectors { mark, keys }))
    }

    fn keys_of(&self, set: &VectorSet) -> Result<Vec<VectorKey>, Fault> {
        let keys = self.set_keys(set);
        let count = self.client.read(Call::plain("VCARD", &keys.vectors, &[]))?;
        let count: u64 = if count == Value::Nil { 0 } else { reply::number(count)? };
        if count == 0 {
            return Ok(Vec::new());
        }
        // As many at random as there are, and some that may have come since, are all: before 8.4 there is no other way to list them.
        let all = (count + count / 2 + 1_000).to_string();
        let found = self.client.read(Call::plain("VRANDMEMBER", &keys.vectors, &[all.as_bytes()]))?;
        reply::all_bytes(found)?.iter().flatten().map(|element| read_element(element)).collect()
    }

    fn named(&self, list: &Key) -> Result<Vec<Vec<u8>>, Fault> {
        let names = self.client.read(Call::plain("SMEMBERS", list, &[]))?;
        Ok(reply::all_bytes(names)?.into_iter().flatten().collect())
    }
}

impl VectorIndex for RedisVectors {
    fn begin(&self, set: &VectorSet) -> Result<VectorMark, StoreError> {
        Ok(self.begin_set(set)?)
    }

    fn mark(&self, set: &VectorSet) -> Result<Option<VectorMark>, StoreError> {
        Ok(self.read_mark(&self.set_keys(set))?)
    }

    fn put(&self, set: &VectorSet, change: &VectorChange) -> Result<bool, StoreError> {
        Ok(self.put_change(set, change)?)
    }

    fn nearest(
        &self,
        set: &VectorSet,
        vector: &[f32],
        conditions: &VectorConditions,
        limit: usize,
    ) -> Result<Option<NearestVectors>, StoreError> {
        Ok(self.nearest_of(set, vector, conditions, limit)?)
    }

    fn keys(&self, set: &VectorSet, sink: &mut dyn FnMut(VectorKey)) -> Result<(), StoreError> {
        self.keys_of(set)?.into_iter().for_each(sink);
        Ok(())
    }

    fn sets(&self) -> Result<Vec<VectorSet>, StoreError> {
        let names = self.named(&self.all_sets())?;
        Ok(names.iter().map(|name| self.read_set(name)).collect::<Result<_, _>>()?)
    }

    fn remove(&self, set: &VectorSet) -> Result<(), StoreError> {
        let keys = self.set_keys(set);
        Ok(self.remove_named(keys.name.as_bytes(), &keys)?)
    }

    fn erase_user(&self, user: &UserKey) -> Result<(), StoreError> {
        for name in self.named(&self.keys.user(user, "sets"))? {
            let keys = self.set_keys(&self.read_set(&name)?);
            self.remove_named(&name, &keys)?;
        }
        Ok(())
    }
}

fn read_mark(answer: Value) -> Result<Option<VectorMark>, Fault> {
    let [row, redactions] = reply::answers(answer)?;
    if row == Value::Nil {
        return Ok(None);
    }
    Ok(Some(VectorMark { row: reply::number(row)?, redactions: reply::number(redactions)? }))
}

fn element(key: VectorKey) -> Vec<u8> {
    format!("{}:{}", key.turn, key.passage).into_bytes()
}

fn read_element(element: &[u8]) -> Result<VectorKey, Fault> {
    let text = String::from_utf8_lossy(element);
    let key = text.split_once(':').and_then(|(turn, passage)| {
        Some(VectorKey { turn: turn.parse().ok()?, passage: passage.parse().ok()? })
    });
    key.ok_or_else(|| Fault::Damaged(format!("a vector set has the element `{text}`, which no passage is")))
}

/// A similarity of 0 to 1, as a cosine.
fn cosine(score: &[u8]) -> Result<f32, Fault> {
    let text = String::from_utf8_lossy(score);
    let score: f32 = text.parse().map_err(|_| {
        Fault::Damaged(format!("the server answered the similarity `{text}`, which is no number"))
    })?;
    Ok(2.0 * score - 1.0)
}

fn floats(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|component| component.to_le_bytes()).collect()
}

/// What filters ask for: role, time, tags.
fn attributes(entry: &VectorEntry) -> Vec<u8> {
    let tags: Vec<String> = entry.tags.iter().map(|tag| format!("{tag:08x}")).collect();
    json!({"r": entry.role, "t": entry.time_ms, "g": tags}).to_string().into_bytes()
}

/// The conditions in Redis's language of filters; empty if there are none.
fn filter(conditions: &VectorConditions) -> String {
    let VectorConditions { roles, from_ms, until_ms, any_tag, all_tags } = conditions;
    let has = |tag: &u32| format!("\"{tag:08x}\" in .g");
    let any = |of: Vec<String>| (!of.is_empty()).then(|| format!("({})", of.join(" or ")));
    let mut all = Vec::new();
    all.extend(any(roles.iter().map(|role| format!(".r == {role}")).collect()));
    all.extend(from_ms.map(|from| format!(".t >= {from}")));
    all.extend(until_ms.map(|until| format!(".t < {until}")));
    all.extend(any(any_tag.iter().map(has).collect()));
    all.extend(all_tags.iter().map(has));
    all.join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_says_every_condition() {
        let conditions = VectorConditions {
            roles: vec![0, 2],
            from_ms: Some(-5),
            until_ms: Some(1_772_445_600_000),
            any_tag: vec![1, u32::MAX],
            all_tags: vec![16],
        };
        assert_eq!(
            filter(&conditions),
            "(.r == 0 or .r == 2) and .t >= -5 and .t < 1772445600000 and (\"00000001\" in .g or \"ffffffff\" in .g) \
             and \"00000010\" in .g"
        );
        assert_eq!(filter(&VectorConditions::default()), "");
    }
}

//! The vector index: one collection for each model's vectors, of all scopes, and one for the marks of all sets.
//!
//! A point's payload names its set, by a keyword index with `is_tenant`, so that Qdrant keeps a scope's points together. Every search,
//! list and removal filters by it: it is what keeps scopes apart.
//!
//! Qdrant has no transactions over several points. So a mark is moved by one request that sets its payload where it still is the mark
//! before, and names who moved it; reading that name tells whether it was us. Whoever finds the mark gone takes away what
//! it has put. A process that dies between the two leaves points without a mark: no search returns them, [`VectorIndex::sets`] lists
//! their set, and the hourly sweep removes it.

use std::collections::HashSet;
use std::time::Duration;

use reqwest::{Method, Url};
use serde_json::{Value, json};
use throughline::model::UserKey;
use throughline::ports::{
    ModelNumber, NearestVectors, StoreError, VectorChange, VectorConditions, VectorIndex, VectorKey,
    VectorMark, VectorSet,
};
use uuid::Uuid;

use crate::client::Client;
use crate::wire;

/// Rows from which on a search asks the graph. Below, all of a set are compared.
pub const VECTOR_GRAPH_ROWS_MIN: u64 = 10_000;

/// Points put by one request: of 4,096 components they stay well below the 32 MB that Qdrant reads.
const POINTS_A_REQUEST: usize = 250;

/// Points of one page of a list.
const POINTS_A_PAGE: usize = 1_000;

/// Sets that can be listed: Qdrant counts the values of a field, but in one answer.
const SETS_MAX: usize = 1_000_000;

/// The oldest version that can insert a point only where there is none.
const VERSION_MIN: (u32, u32) = (1, 17);

/// Fields that filters ask for, beside the set, and what Qdrant calls their type.
const FIELDS: [(&str, &str); 4] =
    [("user", "keyword"), ("role", "integer"), ("time_ms", "integer"), ("tags", "integer")];

/// A vector index on a Qdrant server. Any number of processes may have it open.
pub struct QdrantVectors {
    client: Client,
    prefix: String,
    graph_rows_min: u64,
}

impl std::fmt::Debug for QdrantVectors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("QdrantVectors").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl QdrantVectors {
    /// Opens the index at `qdrant://host:port`, or `qdrants://host:port` over TLS; the port is 6333 if there is none. `api_key` is sent
    /// with each request, which may take `call_max`. `owner`, letters and digits, names the store whose vectors they are: several
    /// may share a server. Searches ask a graph from `graph_rows_min` rows on, see [`VECTOR_GRAPH_ROWS_MIN`].
    ///
    /// TLS needs a process-wide `rustls` provider, installed by the program before.
    pub fn open(
        url: &str,
        api_key: Option<&str>,
        call_max: Duration,
        owner: &str,
        graph_rows_min: u64,
    ) -> Result<Self, StoreError> {
        let client = Client::new(base(url)?, api_key, call_max)?;
        let index = Self { client, prefix: format!("throughline_{owner}_"), graph_rows_min };
        let about = index.client.call(Method::GET, "/", None)?.unwrap_or_default();
        let version = about["version"].as_str().unwrap_or("unknown");
        if read_version(version).is_none_or(|version| version < VERSION_MIN) {
            return Err(StoreError::Unavailable(format!(
                "Qdrant is of version {version}: 1.17 or newer is needed"
            )));
        }
        index.make(&index.marks(), &json!({"vectors": {}}))?;
        Ok(index)
    }

    fn marks(&self) -> String {
        format!("{}marks", self.prefix)
    }

    fn vectors(&self, model: ModelNumber) -> String {
        format!("{}{model}", self.prefix)
    }

    /// All collections of this index, the marks' first.
    fn collections(&self) -> Result<Vec<String>, StoreError> {
        let all = self.client.call(Method::GET, "/collections", None)?.unwrap_or_default();
        let names = all["collections"].as_array().into_iter().flatten();
        let names = names.filter_map(|collection| collection["name"].as_str());
        let ours = names.filter(|name| name.starts_with(&self.prefix) && *name != self.marks());
        Ok(std::iter::once(self.marks()).chain(ours.map(str::to_owned)).collect())
    }

    /// Makes a collection and its indexes where they are missing.
    fn make(&self, collection: &str, shape: &Value) -> Result<(), StoreError> {
        let path = format!("/collections/{collection}");
        if let Err(error) = self.client.call(Method::PUT, &path, Some(shape)) {
            // It was there, or somebody else has made it: what counts is that it is there.
            if self.client.call(Method::GET, &path, None)?.is_none() {
                return Err(error);
            }
        }
        let set = json!({"field_name": "set", "field_schema": {"type": "keyword", "is_tenant": true}});
        let others = FIELDS.map(|(field, schema)| json!({"field_name": field, "field_schema": schema}));
        for index in std::iter::once(set).chain(others) {
            self.need(Method::PUT, &format!("{path}/index?wait=true"), &index)?;
        }
        Ok(())
    }

    /// A request whose collection must be there.
    fn need(&self, method: Method, path: &str, body: &Value) -> Result<Value, StoreError> {
        let answer = self.client.call(method, path, Some(body))?;
        answer.ok_or_else(|| StoreError::Unavailable(format!("Qdrant does not know {path}")))
    }

    fn read_mark(&self, id: &str) -> Result<Option<(VectorMark, Option<Uuid>)>, StoreError> {
        let path = format!("/collections/{}/points", self.marks());
        let ask = json!({"ids": [id], "with_payload": true});
        let found = self.need(Method::POST, &path, &ask)?;
        found.get(0).map(|point| wire::read_mark(&point["payload"])).transpose()
    }

    /// Puts points; the first ones of a model make its collection.
    fn put_points(&self, set: &VectorSet, points: &[Value], components: usize) -> Result<(), StoreError> {
        let collection = self.vectors(set.model);
        let path = format!("/collections/{collection}/points?wait=true");
        let body = json!({"points": points});
        if self.client.call(Method::PUT, &path, Some(&body))?.is_none() {
            let shape = json!({"vectors": {"size": components, "distance": "Cosine"}});
            self.make(&collection, &shape)?;
            self.need(Method::PUT, &path, &body)?;
        }
        Ok(())
    }

    /// Takes points away: `{"points": […]}` or `{"filter": …}`. It is no error if they or their collection are not there.
    fn delete(&self, collection: &str, which: &Value) -> Result<(), StoreError> {
        let path = format!("/collections/{collection}/points/delete?wait=true");
        self.client.call(Method::POST, &path, Some(which)).map(drop)
    }

    fn delete_entries(&self, set: &VectorSet, name: &str) -> Result<(), StoreError> {
        self.delete(&self.vectors(set.model), &json!({"filter": wire::of("set", name)}))
    }

    /// Moves the mark if it still is the one before. False if it is not; none if it is gone.
    fn move_mark(&self, id: &str, before: VectorMark, after: VectorMark) -> Result<Option<bool>, StoreError> {
        let writer = Uuid::now_v7();
        let path = format!("/collections/{}/points/payload?wait=true&ordering=strong", self.marks());
        let body = json!({
            "payload": wire::mark_payload(after, writer),
            "filter": wire::mark_filter(id, before),
        });
        self.need(Method::POST, &path, &body)?;
        Ok(self.read_mark(id)?.map(|(_, by)| by == Some(writer)))
    }

    fn search(&self, set: &VectorSet, ask: &Value) -> Result<Vec<(VectorKey, f32)>, StoreError> {
        let path = format!("/collections/{}/points/query", self.vectors(set.model));
        let Some(found) = self.client.call(Method::POST, &path, Some(ask))? else { return Ok(vec![]) };
        let points = found["points"].as_array().into_iter().flatten();
        let hit = |point: &Value| {
            let score = point["score"].as_f64();
            let score = score.ok_or_else(|| StoreError::Corrupt("a hit of Qdrant has no score".into()))?;
            #[expect(clippy::cast_possible_truncation, reason = "a cosine needs no more")]
            Ok((wire::read_key(point)?, score as f32))
        };
        points.map(hit).collect()
    }
}

impl VectorIndex for QdrantVectors {
    fn begin(&self, set: &VectorSet) -> Result<VectorMark, StoreError> {
        let id = wire::point_id(&wire::set_name(set), None);
        if let Some((mark, _)) = self.read_mark(&id)? {
            return Ok(mark);
        }
        let path = format!("/collections/{}/points?wait=true&ordering=strong", self.marks());
        let body = json!({"points": [wire::first_mark_point(set)], "update_mode": "insert_only"});
        self.need(Method::PUT, &path, &body)?;
        Ok(self.read_mark(&id)?.map_or_else(VectorMark::default, |(mark, _)| mark))
    }

    fn mark(&self, set: &VectorSet) -> Result<Option<VectorMark>, StoreError> {
        let id = wire::point_id(&wire::set_name(set), None);
        Ok(self.read_mark(&id)?.map(|(mark, _)| mark))
    }

    fn put(&self, set: &VectorSet, change: &VectorChange) -> Result<bool, StoreError> {
        let VectorChange { before, after, entries, gone } = change;
        let name = wire::set_name(set);
        let id = wire::point_id(&name, None);
        if self.read_mark(&id)?.is_none_or(|(mark, _)| mark != *before) {
            return Ok(false);
        }
        for entries in entries.chunks(POINTS_A_REQUEST) {
            let points: Vec<Value> =
                entries.iter().map(|entry| wire::entry_point(set, &name, entry)).collect();
            self.put_points(set, &points, entries[0].vector.len())?;
        }
        if !gone.is_empty() {
            let ids: Vec<String> = gone.iter().map(|key| wire::point_id(&name, Some(*key))).collect();
            self.delete(&self.vectors(set.model), &json!({"points": ids}))?;
        }
        let moved = self.move_mark(&id, *before, *after)?;
        if moved.is_none() {
            self.delete_entries(set, &name)?;
        }
        Ok(moved == Some(true))
    }

    fn nearest(
        &self,
        set: &VectorSet,
        vector: &[f32],
        conditions: &VectorConditions,
        limit: usize,
    ) -> Result<Option<NearestVectors>, StoreError> {
        let Some(mark) = self.mark(set)? else { return Ok(None) };
        let filter = wire::filter(&wire::set_name(set), conditions);
        let ask = |exact: bool| {
            json!({
                "query": vector,
                "filter": filter,
                "params": {"exact": exact},
                "limit": limit.max(1),
                "with_payload": ["turn", "passage"],
            })
        };
        let graph = mark.row >= self.graph_rows_min;
        let mut keys = self.search(set, &ask(!graph))?;
        if graph && keys.len() < limit {
            keys = self.search(set, &ask(true))?;
        }
        keys.truncate(limit);
        Ok(Some(NearestVectors { mark, keys }))
    }

    fn keys(&self, set: &VectorSet, sink: &mut dyn FnMut(VectorKey)) -> Result<(), StoreError> {
        let path = format!("/collections/{}/points/scroll", self.vectors(set.model));
        let filter = wire::of("set", &wire::set_name(set));
        let mut ask = json!({"filter": filter, "limit": POINTS_A_PAGE, "with_payload": ["turn", "passage"]});
        loop {
            let Some(page) = self.client.call(Method::POST, &path, Some(&ask))? else { return Ok(()) };
            for point in page["points"].as_array().into_iter().flatten() {
                sink(wire::read_key(point)?);
            }
            match &page["next_page_offset"] {
                Value::Null => return Ok(()),
                next => ask["offset"] = next.clone(),
            }
        }
    }

    fn sets(&self) -> Result<Vec<VectorSet>, StoreError> {
        let mut names = HashSet::new();
        for collection in self.collections()? {
            let path = format!("/collections/{collection}/facet");
            let ask = json!({"key": "set", "limit": SETS_MAX, "exact": true});
            let Some(found) = self.client.call(Method::POST, &path, Some(&ask))? else { continue };
            let hits = found["hits"].as_array().into_iter().flatten();
            names.extend(hits.filter_map(|hit| hit["value"].as_str().map(str::to_owned)));
            if names.len() >= SETS_MAX {
                let reason = format!("Qdrant has {SETS_MAX} sets or more, which cannot be listed");
                return Err(StoreError::Unavailable(reason));
            }
        }
        names.iter().map(|name| wire::read_set(name)).collect()
    }

    fn remove(&self, set: &VectorSet) -> Result<(), StoreError> {
        let name = wire::set_name(set);
        self.delete(&self.marks(), &json!({"points": [wire::point_id(&name, None)]}))?;
        self.delete_entries(set, &name)
    }

    fn erase_user(&self, user: &UserKey) -> Result<(), StoreError> {
        let which = json!({"filter": wire::of("user", &wire::user_name(user))});
        // The marks' collection comes first: a writer that finds no mark takes back what it has put.
        self.collections()?.iter().try_for_each(|collection| self.delete(collection, &which))
    }
}

/// `qdrant://host` as the URL that requests go to.
fn base(url: &str) -> Result<Url, StoreError> {
    let refuse =
        || StoreError::Unavailable("Qdrant's URL must be qdrant://host:port or qdrants://host:port".into());
    let (scheme, rest) = url.split_once("://").ok_or_else(refuse)?;
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "qdrant" => "http",
        "qdrants" => "https",
        _ => return Err(refuse()),
    };
    let mut base = Url::parse(&format!("{scheme}://{rest}")).map_err(|_| refuse())?;
    let host_alone = base.path() == "/" && base.query().is_none();
    // The key would stand in the address, where programs show it.
    if !host_alone || !base.username().is_empty() || base.password().is_some() {
        return Err(refuse());
    }
    if base.port().is_none() {
        base.set_port(Some(6333)).map_err(|()| refuse())?;
    }
    Ok(base)
}

fn read_version(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_of_a_host_and_nothing_else() {
        assert_eq!(base("qdrant://h").unwrap().as_str(), "http://h:6333/");
        assert_eq!(base("qdrants://h:1").unwrap().as_str(), "https://h:1/");
        for wrong in ["redis://h", "qdrant://h/path", "qdrant://h?api_key=k", "qdrant://u:key@h", "h"] {
            let refused = base(wrong).unwrap_err().to_string();
            assert!(refused.contains("qdrant://host:port") && !refused.contains("key"), "{refused}");
        }
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(read_version("1.9.7").unwrap() < VERSION_MIN);
        assert!(read_version("1.19.0-dev").unwrap() >= VERSION_MIN);
        assert_eq!(read_version("unknown"), None);
    }
}

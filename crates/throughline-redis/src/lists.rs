//! Which scopes there are, and which have rows that have to be looked through because a model has not read them or was
//! given up: lists that span users, and so live in slots of their own.
//!
//! A scope stands on the second list before its rows need it, and is taken off only when they do not; lib.rs has the argument.

use redis::Value;
use throughline::model::{Scope, UserKey};

use crate::client::Call;
use crate::commit::{Attempt, Changes};
use crate::error::Fault;
use crate::keys::{BUCKETS, Key, Part, ScopeKeys};
use crate::models::Known;
use crate::reply;
use crate::scope::Meta;
use crate::script::LIST;
use crate::store::RedisStore;

/// A scope that was announced and does not exist after so long will not: no write takes that long.
pub(crate) const ANNOUNCED_HOURS_MAX: u64 = 1;

/// A write that announced something is refused after so long. Far less than the above, and far more than any write takes.
pub(crate) const ANNOUNCED_WRITE_MS_MAX: u64 = 10 * 60 * 1000;

/// Scopes whose records are read at once.
const SCOPES_PER_READ_MAX: usize = 256;

/// A scope on the list.
struct Entry {
    place: String,
    token: u64,
}

impl RedisStore {
    fn list_keys(&self, bucket: u16) -> [Key; 3] {
        ["rows", "token", "all"].map(|name| self.keys.bucket(bucket, name))
    }

    fn list_call(&self, bucket: u16, arguments: &[&str]) -> Call {
        let arguments = arguments.iter().map(|argument| argument.as_bytes().to_vec()).collect();
        Call::script(&LIST, &self.list_keys(bucket), arguments)
    }

    /// Says that a scope is about to be made.
    pub(crate) fn register_call(&self, keys: &ScopeKeys) -> Call {
        self.list_call(keys.bucket(), &["register", &keys.place])
    }

    /// Counts the scopes of the store.
    pub(crate) fn ordinal_call(&self) -> Call {
        Call::plain("INCR", &self.keys.global("scopes", "last"), &[])
    }

    /// Lists a scope whose rows have to be looked through. Answers its token.
    pub(crate) fn list_scope_call(&self, keys: &ScopeKeys) -> Call {
        self.list_call(keys.bucket(), &["add", &keys.place])
    }

    /// Lists every scope.
    pub(crate) fn list_all_scopes(&self) -> Result<(), Fault> {
        let calls: Vec<Call> = (0..BUCKETS).map(|bucket| self.list_call(bucket, &["all"])).collect();
        self.client.write_all(&calls).map(|_| ())
    }

    /// A token of this moment, for the bucket of this scope.
    pub(crate) fn list_token_call(&self, keys: &ScopeKeys) -> Call {
        self.list_call(keys.bucket(), &["now"])
    }

    /// Takes an erased scope off both lists, where it was not listed after this token was given.
    pub(crate) fn unlist_call(&self, keys: &ScopeKeys, token: u64) -> Call {
        self.list_call(keys.bucket(), &["erase", &keys.place, &token.to_string()])
    }

    /// Every scope of a user, with its number among the scopes of the store.
    pub(crate) fn scopes_of(&self, user: &UserKey) -> Result<Vec<ScopeKeys>, Fault> {
        let key = self.keys.user(user, "scopes");
        let places = reply::all_bytes(self.client.read(Call::plain("HKEYS", &key, &[]))?)?;
        let place = |place: Vec<u8>| Ok(self.keys.scope_at(&String::from_utf8_lossy(&place))?.1);
        places.into_iter().flatten().map(place).collect()
    }

    /// Every scope whose newest search row has this number or a higher one.
    pub(crate) fn large_scopes(&self, row_min: u64) -> Result<Vec<Scope>, Fault> {
        let mut large = Vec::new();
        for bucket in 0..BUCKETS {
            let [.., all] = self.list_keys(bucket);
            let places = reply::all_bytes(self.client.read(Call::plain("ZRANGE", &all, &[b"0", b"-1"]))?)?;
            let places: Vec<_> = places.into_iter().flatten().collect();
            for places in places.chunks(SCOPES_PER_READ_MAX) {
                let found: Vec<_> = places
                    .iter()
                    .map(|place| self.keys.scope_at(&String::from_utf8_lossy(place)))
                    .collect::<Result<_, Fault>>()?;
                let newest =
                    |(_, keys): &(Scope, ScopeKeys)| Call::plain("HGET", &keys.key(Part::Meta), &[b"r"]);
                let answers = self.client.read_all(&found.iter().map(newest).collect::<Vec<_>>())?;
                for ((scope, _), answer) in found.into_iter().zip(answers) {
                    if answer != Value::Nil && reply::number::<u64>(answer)? >= row_min {
                        large.push(scope);
                    }
                }
            }
        }
        Ok(large)
    }

    /// Shows every scope with rows that have to be looked through, until `visit` says that it is enough. Scopes without such
    /// rows are taken off the list on the way.
    pub(crate) fn look_through(
        &self,
        mut visit: impl FnMut(&Scope, &ScopeKeys, &Meta, &Known) -> Result<bool, Fault>,
    ) -> Result<(), Fault> {
        let count = |bucket| Call::plain("ZCARD", &self.list_keys(bucket)[0], &[]);
        let counts = self.client.read_all(&(0..BUCKETS).map(count).collect::<Vec<_>>())?;
        for (bucket, count) in (0..BUCKETS).zip(counts) {
            if matches!(count, Value::Int(0)) {
                continue;
            }
            let entries = self.entries(bucket)?;
            // After the entries: a scope that was listed because of a change of the models is looked at by who knows of it.
            let known = self.models()?;
            for entries in entries.chunks(SCOPES_PER_READ_MAX) {
                let found: Vec<_> = entries
                    .iter()
                    .map(|entry| self.keys.scope_at(&entry.place))
                    .collect::<Result<_, Fault>>()?;
                let calls: Vec<Call> = found
                    .iter()
                    .map(|(_, keys)| Call::plain("HGETALL", &keys.key(Part::Meta), &[]))
                    .collect();
                for ((entry, (scope, keys)), meta) in
                    entries.iter().zip(found).zip(self.client.read_all(&calls)?)
                {
                    let meta = Meta::read(meta)?;
                    if meta.is_settled(&known.kept()) {
                        self.settle(&keys, entry, &meta, &known)?;
                    } else if !visit(&scope, &keys, &meta, &known)? {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    /// Scopes of a bucket with their tokens, those after a token.
    pub(crate) fn listed_scopes(
        &self,
        bucket: u16,
        after: &str,
        limit: usize,
    ) -> Result<Vec<(String, String)>, Fault> {
        let [.., all] = self.list_keys(bucket);
        let (after, limit) = (format!("({after}"), limit.to_string());
        let range = [after.as_bytes(), b"+inf", b"WITHSCORES", b"LIMIT", b"0", limit.as_bytes()];
        let found = reply::pairs(self.client.read(Call::plain("ZRANGEBYSCORE", &all, &range))?)?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(found.into_iter().map(|(place, token)| (text(place), text(token))).collect())
    }

    fn entries(&self, bucket: u16) -> Result<Vec<Entry>, Fault> {
        let [rows, ..] = self.list_keys(bucket);
        let found = self.client.read(Call::plain("ZRANGE", &rows, &[b"0", b"-1", b"WITHSCORES"]))?;
        let entry = |(place, score): (Vec<u8>, Vec<u8>)| {
            let score = String::from_utf8_lossy(&score).parse::<f64>().unwrap_or(0.0);
            // Scores are whole numbers below 2^53.
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "see above")]
            Entry { place: String::from_utf8_lossy(&place).into_owned(), token: score as u64 }
        };
        Ok(reply::pairs(found)?.into_iter().map(entry).collect())
    }

    /// Takes a scope off the list whose rows need nothing more. First the scope says so itself, at the version that was looked
    /// at: whoever writes to it meanwhile lists it again, under another token.
    fn settle(&self, keys: &ScopeKeys, entry: &Entry, meta: &Meta, known: &Known) -> Result<(), Fault> {
        let token = entry.token.to_string();
        if !meta.exists() {
            let age = (ANNOUNCED_HOURS_MAX * 3600 * 1_000_000).to_string();
            let expire = ["expire", &entry.place, &token, &age];
            self.client.read(self.list_call(keys.bucket(), &expire))?;
            return Ok(());
        }
        let key = keys.key(Part::Meta);
        let mut changes = Changes::of(&key);
        let settled = Meta { listed: None, models: meta.models.max(known.version()), ..meta.clone() };
        settled.save(meta, &mut changes, &key);
        if let Attempt::Done(()) = self.client.commit(meta.version, changes)? {
            self.client.read(self.list_call(keys.bucket(), &["remove", &entry.place, &token]))?;
        }
        Ok(())
    }
}

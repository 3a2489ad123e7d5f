//! Erasing a user: every scope in one commit, then what leads there from other slots.
//!
//! That is named in a key of the user's own first, in the same commit, and the key goes when all of it is gone. So an erasure
//! that was cut off is finished by the next one.

use throughline::model::{Scope, UserKey};
use throughline::ports::{Erased, JobNumber};
use uuid::Uuid;

use crate::client::Call;
use crate::commit::{Attempt, Changes, View};
use crate::error::Fault;
use crate::keys::{Key, Part, ScopeKeys};
use crate::places::{Seen, Thing};
use crate::reply;
use crate::scope::Meta;
use crate::store::RedisStore;
use crate::writing::Purpose;

/// What is left to be taken away in other slots, as one line.
#[derive(Debug, PartialEq, Eq)]
enum Left {
    /// What leads to a receipt or a memory.
    Place(Thing, Seen),
    Job(JobNumber),
    /// A scope on the lists, with a token of the moment before it was erased.
    Scope {
        place: String,
        token: u64,
    },
}

impl Left {
    fn line(&self) -> String {
        match self {
            Self::Place(thing, Seen { place, generation, version }) => {
                let (what, id) = match thing {
                    Thing::Receipt(id) => ("receipt", id),
                    Thing::Memory(id) => ("memory", id),
                };
                format!("{what}\t{}\t{generation}\t{version}\t{place}", Uuid::from_bytes(*id))
            }
            Self::Job(number) => format!("job\t{number}"),
            Self::Scope { place, token } => format!("scope\t{token}\t{place}"),
        }
    }

    fn parse(line: &str) -> Option<Self> {
        let parts: Vec<&str> = line.split('\t').collect();
        let place = |id: &str, generation: &str, version: &str, place: &str| {
            let (generation, version) = (generation.parse().ok()?, version.parse().ok()?);
            let seen = Seen { place: place.to_owned(), generation, version };
            Some((id.parse::<Uuid>().ok()?.into_bytes(), seen))
        };
        Some(match parts[..] {
            ["receipt", id, generation, version, at] => {
                let (id, seen) = place(id, generation, version, at)?;
                Self::Place(Thing::Receipt(id), seen)
            }
            ["memory", id, generation, version, at] => {
                let (id, seen) = place(id, generation, version, at)?;
                Self::Place(Thing::Memory(id), seen)
            }
            ["job", number] => Self::Job(number.parse().ok()?),
            ["scope", token, place] => Self::Scope { place: place.to_owned(), token: token.parse().ok()? },
            _ => return None,
        })
    }
}

/// What goes with scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Also {
    Nothing,
    /// The user's counts.
    Usage,
}

impl RedisStore {
    pub(crate) fn erase_user(&self, user: &UserKey) -> Result<Erased, Fault> {
        self.erase_user_as(user, Purpose::Serve)
    }

    pub(crate) fn erase_user_as(&self, user: &UserKey, purpose: Purpose) -> Result<Erased, Fault> {
        // Also where there is nothing to erase.
        self.models()?.expect(purpose)?;
        let left = self.keys.user(user, "erasing");
        self.finish_erasure(user, &left)?;
        let scopes = self.keys.user(user, "scopes");
        let erased = self.client.write_unit(&self.turnstile, &scopes, || {
            self.models()?.expect(purpose)?;
            self.erase_scopes(user, &left, &self.scopes_of(user)?, Also::Usage)
        })?;
        self.finish_erasure(user, &left)?;
        // Another program may have written it for a user whom the store never heard of.
        let plain = Scope { user: user.clone(), agent: None, app: None, run: None };
        let copy = self.keys.memory(&self.keys.scope(&plain));
        self.client.write(Call::plain("DEL", &copy, &[]))?;
        Ok(erased)
    }

    /// Takes one scope away, for a copy that makes it anew.
    pub(crate) fn erase_scope(&self, scope: &Scope) -> Result<(), Fault> {
        let (user, keys) = (&scope.user, self.keys.scope(scope));
        let left = self.keys.user(user, "erasing");
        self.finish_erasure(user, &left)?;
        let unit = keys.key(Part::Meta);
        self.client.write_unit(&self.turnstile, &unit, || {
            self.models()?.expect(Purpose::Fill)?;
            let exists = self.client.read(Call::plain("EXISTS", &unit, &[]))?;
            let scopes = if exists == redis::Value::Int(1) { vec![keys.clone()] } else { Vec::new() };
            self.erase_scopes(user, &left, &scopes, Also::Nothing)
        })?;
        self.finish_erasure(user, &left)
    }

    fn erase_scopes(
        &self,
        user: &UserKey,
        left: &Key,
        scopes: &[ScopeKeys],
        also: Also,
    ) -> Result<Attempt<Erased>, Fault> {
        let mut erased = Erased::default();
        let Some(first) = scopes.first() else { return Ok(Attempt::Done(erased)) };
        let mut changes = Changes::of(&first.key(Part::Meta));
        let mut lines = Vec::new();
        let mut versions = Vec::new();
        // Whoever lists one of them later makes it anew.
        let token = reply::number(self.client.read(self.list_token_call(first))?)?;
        let calls: Vec<Call> = scopes.iter().map(ask).collect();
        for (keys, answers) in scopes.iter().zip(self.client.read_all(&calls)?) {
            let [meta, profiles, receipts, claims, jobs] = reply::answers(answers)?;
            let meta = Meta::read(meta)?;
            // Whoever erased it meanwhile took it off the list as well.
            let Some(version) = meta.version else { return Ok(Attempt::Again) };
            versions.push((keys.key(Part::Meta), version));
            let ids =
                |value| Ok::<_, Fault>(reply::all_bytes(value)?.into_iter().flatten().collect::<Vec<_>>());
            let (receipts, claims, jobs) = (ids(receipts)?, ids(claims)?, ids(jobs)?);
            erased.scopes += 1;
            erased.sessions += meta.session;
            erased.turns += meta.turn;
            erased.passages += meta.rows;
            erased.profiles += reply::number::<u64>(profiles)?;
            erased.receipts += receipts.len() as u64;
            erased.claims += claims.len() as u64;
            erased.jobs += jobs.len() as u64;
            let seen = Seen { place: keys.place.clone(), generation: meta.generation, version };
            let id = |id: &Vec<u8>| <[u8; 16]>::try_from(&id[..]).ok();
            let place = |thing| Left::Place(thing, seen.clone());
            lines.extend(receipts.iter().filter_map(id).map(Thing::Receipt).map(place));
            lines.extend(claims.iter().filter_map(id).map(Thing::Memory).map(place));
            let number = |number: &Vec<u8>| String::from_utf8_lossy(number).parse().ok();
            lines.extend(jobs.iter().filter_map(number).map(Left::Job));
            lines.push(Left::Scope { place: keys.place.clone(), token });
        }
        if also == Also::Usage {
            erased.usages = self.usages_count(user)?;
        }
        for (unit, version) in &versions[1..] {
            changes.require(unit, *version);
        }
        for line in &lines {
            changes.set(left, line.line(), "");
        }
        for keys in scopes {
            for part in Part::ALL {
                changes.unlink(&keys.key(part));
            }
            changes.unlink(&self.keys.memory(keys));
            changes.delete(&self.keys.user(user, "scopes"), keys.place.as_str());
        }
        if also == Also::Usage {
            changes.unlink(&self.usage_key(user));
        }
        Ok(match self.client.commit(Some(versions[0].1), changes)? {
            Attempt::Done(()) => Attempt::Done(erased),
            Attempt::Again => Attempt::Again,
        })
    }

    /// Takes away what led to erased scopes.
    fn finish_erasure(&self, user: &UserKey, left: &Key) -> Result<(), Fault> {
        let lines = reply::all_bytes(self.client.read(Call::plain("HKEYS", left, &[]))?)?;
        if lines.is_empty() {
            return Ok(());
        }
        let mut calls = Vec::new();
        for line in lines.into_iter().flatten() {
            let line = String::from_utf8_lossy(&line).into_owned();
            let left = Left::parse(&line)
                .ok_or_else(|| Fault::Damaged(format!("an erasure has `{line}` left, which is nothing")))?;
            calls.push(match left {
                Left::Place(thing, seen) => self.unplace_call(&user.tenant, thing, &seen),
                Left::Job(number) => self.remove_job_call(&user.tenant, number),
                Left::Scope { place, token } => self.unlist_call(&self.keys.scope_at(&place)?.1, token),
            });
        }
        self.client.write_all(&calls)?;
        self.client.write(Call::plain("DEL", left, &[])).map(|_| ())
    }
}

fn ask(keys: &ScopeKeys) -> Call {
    View::default()
        .ask("HGETALL", &keys.key(Part::Meta), &[])
        .ask("HLEN", &keys.key(Part::Profiles), &[])
        .ask("HKEYS", &keys.key(Part::Receipts), &[])
        .ask("HKEYS", &keys.key(Part::Claims), &[])
        .ask("HKEYS", &keys.key(Part::Jobs), &[])
        .call()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_of_an_erasure_reads_back_as_it_was_written() {
        let seen = Seen { place: "{a b}/agent=x".into(), generation: u64::MAX, version: 3 };
        for left in [
            Left::Place(Thing::Receipt([1; 16]), seen.clone()),
            Left::Place(Thing::Memory([2; 16]), seen),
            Left::Job(7),
            Left::Scope { place: "{ann}".into(), token: 9 },
        ] {
            assert_eq!(Left::parse(&left.line()), Some(left));
        }
        assert_eq!(Left::parse("job\tx"), None);
    }
}

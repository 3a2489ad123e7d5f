//! Profiles: every version of a scope's structured memory.
//!
//! The newest stands under a field of its own, so that it is found without knowing its number.

use redis::Value;
use throughline::codec::{decode_profile, encode_profile};
use throughline::model::{Profile, ProfileEpoch, Scope, Timestamp};
use throughline::ports::{Forget, ProfileEdit, StoreError};

use crate::commit::View;
use crate::document;
use crate::error::Fault;
use crate::keys::{Part, ScopeKeys};
use crate::reply;
use crate::store::RedisStore;
use crate::writing::{Decision, Writing};

/// The field of the newest version; older ones stand under their numbers.
const NEWEST: &str = "newest";

pub(crate) fn ask_newest(view: View, keys: &ScopeKeys) -> View {
    view.ask("HGET", &keys.key(Part::Profiles), &[NEWEST.as_bytes()])
}

pub(crate) fn newest(value: Value) -> Result<Profile, Fault> {
    Ok(reply::bytes(value)?.map(|body| decode_profile(&body)).transpose()?.unwrap_or_default())
}

/// Writes the next version, and returns its number; the same content as the newest makes none.
pub(crate) fn put(
    writing: &mut Writing<'_>,
    newest: &Profile,
    profile: &Profile,
    now: Timestamp,
    edit: Option<&ProfileEdit>,
) -> Result<ProfileEpoch, Fault> {
    if newest.epoch != profile.epoch {
        return Err(Fault::Store(StoreError::Conflict));
    }
    if newest.same_content(profile) {
        return Ok(newest.epoch);
    }
    let next = Profile { epoch: newest.epoch + 1, changed: Some(now), ..profile.clone() };
    replace(writing, newest, &next);
    copy(writing, &next, edit);
    Ok(next.epoch)
}

/// Writes a version over the newest, which stays under its number.
pub(crate) fn replace(writing: &mut Writing<'_>, newest: &Profile, next: &Profile) {
    if newest.epoch > 0 {
        writing.set(Part::Profiles, newest.epoch.to_string(), encode_profile(newest));
    }
    writing.set(Part::Profiles, NEWEST, encode_profile(next));
}

/// Writes the copy for other programs.
pub(crate) fn copy(writing: &mut Writing<'_>, profile: &Profile, edit: Option<&ProfileEdit>) {
    let mark = edit.map_or("", |edit| &edit.mark);
    writing.changes.copy(writing.copy, document::write(profile), mark);
}

impl RedisStore {
    pub(crate) fn profile(&self, scope: &Scope, epoch: Option<ProfileEpoch>) -> Result<Profile, Fault> {
        let profiles = self.keys.scope(scope).key(Part::Profiles);
        let number = epoch.unwrap_or(0).to_string();
        let found = self.fields(&profiles, &[number.as_str(), NEWEST])?;
        let mut found = found.into_iter().map(|body| body.map(|body| decode_profile(&body)).transpose());
        let (older, newest) = (found.next().transpose()?.flatten(), found.next().transpose()?.flatten());
        Ok(match epoch {
            None => newest.unwrap_or_default(),
            Some(epoch) => older.or(newest).filter(|found| found.epoch == epoch).unwrap_or_default(),
        })
    }

    pub(crate) fn put_profile(
        &self,
        scope: &Scope,
        profile: &Profile,
        now: Timestamp,
    ) -> Result<ProfileEpoch, Fault> {
        self.write_scope(scope, ask_newest, |writing, answers| {
            let [known] = reply::answers(Value::Array(answers))?;
            let known = newest(known)?;
            let epoch = put(writing, &known, profile, now, None)?;
            Ok(if epoch == known.epoch { Decision::Nothing(epoch) } else { Decision::Write(epoch) })
        })
    }
}

/// Writes the next version if there is one, and takes away all before. Returns how many these were.
pub(crate) fn forget_older(
    writing: &mut Writing<'_>,
    newest: &Profile,
    versions: Value,
    forget: &Forget,
) -> Result<u64, Fault> {
    let versions = reply::all_bytes(versions)?.into_iter().flatten();
    let mut older: Vec<Vec<u8>> = versions.filter(|field| field != NEWEST.as_bytes()).collect();
    if let Some(profile) = &forget.profile
        && put(writing, newest, profile, forget.now, None)? > newest.epoch
        && newest.epoch > 0
    {
        older.push(newest.epoch.to_string().into_bytes());
    }
    let count = older.len() as u64;
    for field in older {
        writing.delete(Part::Profiles, field);
    }
    Ok(count)
}

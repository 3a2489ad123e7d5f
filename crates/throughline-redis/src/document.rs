//! The copy of a profile that any program may read and change: a JSON document under `user:{…}:memory`.
//!
//! It is written in the commit that changes the profile, unless another program has changed it and that was not yet taken
//! over. `_epoch` says of which version it is, so that a change is done to what was changed, whatever was learned meanwhile.

use serde_json::{Map, Value as Json};
use throughline::model::{Profile, Scope};
use throughline::ports::ProfileEdit;

use crate::client::Call;
use crate::error::Fault;
use crate::keys::Part;
use crate::reply;
use crate::script::EDIT;
use crate::store::RedisStore;

const EPOCH: &str = "_epoch";
const CHANGED: &str = "_changed";

/// The longest document that is taken over, in bytes.
const DOCUMENT_BYTES_MAX: usize = 256 * 1024;

/// The document of a profile.
pub(crate) fn write(profile: &Profile) -> String {
    let Profile { epoch, changed, goals, preferences, past_mistakes, summary, own, .. } = profile;
    let mut document = Map::new();
    document.insert("goals".into(), goals.clone().into());
    document.insert("preferences".into(), preferences.clone().into());
    document.insert("pastMistakes".into(), past_mistakes.clone().into());
    document.insert("summary".into(), summary.clone().into());
    for (slot, value) in own {
        document.entry(slot).or_insert_with(|| value.clone());
    }
    document.insert(EPOCH.into(), (*epoch).into());
    document.insert(CHANGED.into(), changed.map(|changed| changed.to_string()).into());
    Json::Object(document).to_string()
}

/// What a document says, and of which version it was made.
fn read(document: &[u8]) -> Result<(Profile, Option<u64>), String> {
    if document.len() > DOCUMENT_BYTES_MAX {
        return Err(format!("it is longer than {DOCUMENT_BYTES_MAX} bytes"));
    }
    let mut document: Map<String, Json> =
        serde_json::from_slice(document).map_err(|error| format!("it is no JSON object: {error}"))?;
    let epoch = document.shift_remove(EPOCH).and_then(|epoch| epoch.as_u64());
    document.shift_remove(CHANGED);
    let mut texts = |slot: &str| match document.shift_remove(slot) {
        None | Some(Json::Null) => Ok(Vec::new()),
        Some(value) => serde_json::from_value::<Vec<String>>(value)
            .map_err(|_| format!("`{slot}` is not a list of texts")),
    };
    let (goals, preferences, past_mistakes) =
        (texts("goals")?, texts("preferences")?, texts("pastMistakes")?);
    let summary = match document.shift_remove("summary") {
        None | Some(Json::Null) => None,
        Some(Json::String(text)) => Some(text),
        Some(_) => return Err("`summary` is not a text".into()),
    };
    let own = document.into_iter().filter(|(_, value)| !value.is_null()).collect();
    Ok((Profile { goals, preferences, past_mistakes, summary, own, ..Profile::default() }, epoch))
}

impl RedisStore {
    pub(crate) fn profile_edit(&self, scope: &Scope) -> Result<Option<ProfileEdit>, Fault> {
        let keys = self.keys.scope(scope);
        let copy = self.keys.memory(&keys);
        let call = Call::script(&EDIT, &[keys.key(Part::Meta), copy.clone()], Vec::new());
        let mut answer = reply::list(self.client.read(call)?)?.into_iter();
        let (Some(mark), Some(document)) = (answer.next(), answer.next()) else { return Ok(None) };
        let document = reply::bytes(document)?.unwrap_or_default();
        let (after, epoch) = match read(&document) {
            Ok(read) => read,
            Err(why) => {
                // Left as it is, for whoever wrote it to put right.
                tracing::warn!(key = copy.name, why, "another program's edit of a profile cannot be read");
                return Ok(None);
            }
        };
        let mut before = self.profile(scope, epoch)?;
        if Some(before.epoch) != epoch {
            // A version that is not kept any more, or none was named: it is taken for a change of the newest.
            before = self.profile(scope, None)?;
        }
        Ok(Some(ProfileEdit { before, after, mark: reply::text(mark)?.unwrap_or_default() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_reads_back_as_it_was_written() {
        let profile = Profile {
            epoch: 3,
            goals: vec!["sail".into()],
            summary: Some("a sailor".into()),
            own: [("mood".to_owned(), serde_json::json!({"today": "calm"}))].into(),
            ..Profile::default()
        };
        let document = write(&profile);
        let (read, epoch) = read(document.as_bytes()).unwrap();
        assert!(read.same_content(&profile));
        assert_eq!(epoch, Some(3));
    }

    #[test]
    fn a_document_that_makes_no_sense_says_why() {
        for (document, why) in [
            ("[]", "no JSON object"),
            (r#"{"goals":"sail"}"#, "`goals` is not a list of texts"),
            (r#"{"summary":1}"#, "`summary` is not a text"),
        ] {
            assert!(read(document.as_bytes()).unwrap_err().contains(why), "{document}");
        }
        let (read, epoch) = read(br#"{"goals":null,"mood":null}"#).unwrap();
        assert_eq!((read, epoch), (Profile::default(), None));
    }
}

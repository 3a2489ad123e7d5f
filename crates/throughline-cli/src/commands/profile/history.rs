//! `throughline profile history`: each version of a profile as what it changed in the one before.

use anyhow::Result;
use serde_json::{Value as Json, json};
use throughline::memory::Memory;
use throughline::model::{Profile, Scope, Timestamp};

use super::Run;
use crate::shapes;
use crate::terminal::shorten;

/// Versions that are shown unless told otherwise.
pub(super) const VERSIONS_DEFAULT: usize = 20;

/// A version of a profile.
pub(super) struct Version {
    profile: Profile,
    /// None if the version before is gone: forgetting takes old versions away.
    changes: Option<Vec<Change>>,
}

/// A line that a version has and the one before has not, or the other way round.
#[derive(Debug, PartialEq, Eq)]
struct Change {
    slot: String,
    text: String,
    added: bool,
}

/// The newest versions, newest first.
pub(super) fn versions(memory: &Memory, scope: &Scope, limit: usize) -> Result<Vec<Version>> {
    let mut versions = Vec::new();
    let mut profile = memory.profile(scope)?;
    while profile.epoch > 0 && versions.len() < limit {
        let epoch = profile.epoch - 1;
        let before = memory.store().profile(scope, Some(epoch))?;
        // A version that is not there reads as the empty profile, which is version 0.
        let known = before.epoch == epoch;
        let changes = known.then(|| changes(&before, &profile));
        versions.push(Version { profile, changes });
        if !known {
            break;
        }
        profile = before;
    }
    Ok(versions)
}

fn changes(before: &Profile, after: &Profile) -> Vec<Change> {
    let (before, after) = (lines(before), lines(after));
    let only_in = |these: &[(String, String)], those: &[(String, String)], added| -> Vec<Change> {
        let missing = these.iter().filter(|line| !those.contains(line)).cloned();
        missing.map(|(slot, text)| Change { slot, text, added }).collect()
    };
    let mut changes = only_in(&before, &after, false);
    changes.extend(only_in(&after, &before, true));
    changes
}

/// What a profile says, entry by entry, each with its slot.
fn lines(profile: &Profile) -> Vec<(String, String)> {
    let Json::Object(slots) = shapes::profile(profile) else { return Vec::new() };
    let text = |value: Json| match value {
        Json::String(text) => text,
        other => other.to_string(),
    };
    let entries = |(slot, value): (String, Json)| match value {
        Json::Null => Vec::new(),
        Json::Array(list) => list.into_iter().map(|entry| (slot.clone(), text(entry))).collect(),
        other => vec![(slot, text(other))],
    };
    slots.into_iter().flat_map(entries).collect()
}

/// The versions for people or programs.
pub(super) fn show(run: &Run, versions: &[Version]) -> Result<()> {
    let time = |profile: &Profile| profile.changed.as_ref().map(Timestamp::to_string);
    if run.terminal.is_json() {
        let change = |change: &Change| json!({ "change": if change.added { "added" } else { "removed" }, "slot": change.slot, "text": change.text });
        let version = |version: &Version| {
            json!({
                "epoch": version.profile.epoch,
                "changed": time(&version.profile),
                "changes": version.changes.as_ref().map(|changes| changes.iter().map(change).collect::<Vec<_>>()),
                "profile": shapes::profile(&version.profile),
            })
        };
        let versions: Vec<Json> = versions.iter().map(version).collect();
        return run.terminal.document(&json!({ "versions": versions }));
    }
    if versions.is_empty() {
        run.terminal.note("The profile is empty and always was.");
        return Ok(());
    }
    let width = run.terminal.width().saturating_sub(60).max(20);
    let mut rows: Vec<[String; 4]> = Vec::new();
    for Version { profile, changes } in versions {
        let mut head = [profile.epoch.to_string(), time(profile).unwrap_or_default()];
        let lines: Vec<[String; 2]> = match changes {
            None => vec![[String::new(), "(what came before was forgotten)".to_owned()]],
            Some(changes) => changes
                .iter()
                .map(|change| {
                    let sign = if change.added { '+' } else { '-' };
                    [format!("{sign} {}", change.slot), shorten(&change.text, width)]
                })
                .collect(),
        };
        for [slot, text] in lines {
            let [epoch, time] = std::mem::take(&mut head);
            rows.push([epoch, time, slot, text]);
        }
    }
    run.terminal.table(["epoch", "changed", "slot", "text"], &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_what_one_version_says_and_the_other_does_not() {
        let before = Profile {
            goals: vec!["a".into(), "b".into()],
            summary: Some("Lives in Graz.".into()),
            own: [("units".into(), json!("metric"))].into(),
            ..Profile::default()
        };
        let after = Profile {
            goals: vec!["b".into(), "c".into()],
            summary: Some("Lives in Lisbon.".into()),
            own: [("units".into(), json!({ "length": "mm" }))].into(),
            ..Profile::default()
        };
        let shown: Vec<String> = changes(&before, &after)
            .iter()
            .map(|change| format!("{}{}: {}", if change.added { '+' } else { '-' }, change.slot, change.text))
            .collect();
        assert_eq!(
            shown,
            [
                "-goals: a",
                "-summary: Lives in Graz.",
                "-units: metric",
                "+goals: c",
                "+summary: Lives in Lisbon.",
                r#"+units: {"length":"mm"}"#,
            ]
        );
        assert!(changes(&after, &after).is_empty());
    }
}

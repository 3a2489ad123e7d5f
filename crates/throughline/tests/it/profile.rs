//! The structured memory.

use throughline::memory::ProfileChange;
use throughline::model::{Profile, ProfilePatch};

use crate::support::{World, scope};

#[test]
fn the_epoch_changes_only_when_the_content_does() {
    let (world, ana) = (World::new(), scope("ana"));
    let profile = Profile { goals: vec!["run a marathon".into()], ..Profile::default() };
    let first = world.memory.change_profile(&ana, &ProfileChange::Replace(profile.clone())).unwrap();
    let again = world.memory.change_profile(&ana, &ProfileChange::Replace(profile)).unwrap();
    assert_eq!((first.epoch, again.epoch), (1, 1));
    let patch = ProfilePatch { preferences: Some(vec!["short answers".into()]), ..ProfilePatch::default() };
    let patched = world.memory.change_profile(&ana, &ProfileChange::Patch(patch)).unwrap();
    assert_eq!(patched.epoch, 2);
    assert_eq!(patched.goals, ["run a marathon"]);
    assert_eq!(world.restarted().memory.profile(&ana).unwrap(), patched);
}

#[test]
fn two_changes_at_once_are_both_kept() {
    let (world, ana) = (World::new(), scope("ana"));
    std::thread::scope(|threads| {
        for n in 0..8 {
            let (world, ana) = (&world, &ana);
            threads.spawn(move || {
                let own = [(format!("slot{n}"), Some(n.into()))].into();
                let patch = ProfilePatch { own, ..ProfilePatch::default() };
                world.memory.change_profile(ana, &ProfileChange::Patch(patch)).unwrap();
            });
        }
    });
    let profile = world.memory.profile(&ana).unwrap();
    assert_eq!((profile.own.len(), profile.epoch), (8, 8));
}

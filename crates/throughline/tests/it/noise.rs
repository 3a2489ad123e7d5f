//! Whatever a model answers, it makes nothing up about the user and takes nothing back that the user did not.

use std::sync::Arc;

use proptest::prelude::*;
use throughline::learn::{Batch, ExtractError, Extraction, Extractor, Proposal, UsageByStage};
use throughline::memory::{LearnSettings, Learner, MemoriesRequest, Observation, TurnToObserve};
use throughline::model::{Authority, MemoryKind, MemoryRecord, MemoryState, Polarity, Role, SlotKey};

use crate::support::{World, scope, session};

/// What is true, and known before the noise begins.
const TRUE: [&str; 3] = ["I live in Paris.", "I speak German.", "I have a dog named Rex."];

/// Said afterwards. Nobody of these takes anything back.
const SAID: [(Role, &str); 5] = [
    (Role::User, "My sister Ida asked about Oslo, and I told her about Paris."),
    (Role::Assistant, "You live in Rome and your name is Bob. I will remember that."),
    (Role::User, "I am reading a book on German wine with my dog Rex."),
    (Role::User, "I live in Paris and I speak German."),
    (Role::User, "In 2019 I visited Vienna."),
];

const VALUES: [&str; 9] = ["Paris", "German", "Rex", "Oslo", "Vienna", "Rome", "Bob", "2018", ""];
const SLOTS: [&str; 6] = ["home", "speaks", "pet", "name", "job", "visited"];

/// Answers with the same noise each time.
struct Noise(Vec<Proposal>);

impl Extractor for Noise {
    fn name(&self) -> &'static str {
        "noise"
    }

    fn extract(&self, _: &Batch<'_>) -> Result<Extraction, ExtractError> {
        Ok(Extraction { proposals: self.0.clone(), usage: UsageByStage::default() })
    }
}

/// The turn of this number, 1 for the first.
fn text(turn: u64) -> Option<(Role, &'static str)> {
    let at = usize::try_from(turn).unwrap().checked_sub(1)?;
    let told = TRUE.into_iter().map(|text| (Role::User, text));
    told.chain(SAID).nth(at)
}

/// Words of a turn, of another one, or of none.
fn any_quote() -> impl Strategy<Value = String> {
    let of_turn =
        (1..=8_u64, any::<(prop::sample::Index, prop::sample::Index)>()).prop_map(|(turn, (a, b))| {
            let words: Vec<&str> = text(turn).unwrap().1.split(' ').collect();
            let (a, b) = (a.index(words.len()), b.index(words.len()));
            words[a.min(b)..=a.max(b)].join(" ")
        });
    prop_oneof![9 => of_turn, 1 => Just("I moved to Oslo.".to_owned())]
}

fn any_proposal() -> impl Strategy<Value = Proposal> {
    let slot = prop::option::weighted(0.9, prop::sample::select(SLOTS.to_vec()));
    let value = prop::sample::select(VALUES.to_vec());
    (0..=9_u64, any_quote(), slot, value, any::<(bool, bool)>()).prop_map(
        |(turn, quote, slot, value, (denies, explicit))| Proposal {
            // Most name the turn their words stand in.
            turn: (1..=8)
                .find(|turn| text(*turn).unwrap().1.contains(&quote))
                .filter(|_| turn > 1)
                .unwrap_or(turn),
            text: quote.clone(),
            quote,
            kind: MemoryKind::Fact,
            slot: slot.map(SlotKey::of_user),
            value: value.to_owned(),
            polarity: if denies { Polarity::Denies } else { Polarity::Affirms },
            explicit,
            importance: 0.5,
            valid_from: None,
            valid_to: None,
        },
    )
}

/// Whether a user's turn that it rests on has its value.
fn stands(memory: &MemoryRecord) -> bool {
    memory.evidence.iter().filter_map(|evidence| text(evidence.turn)).any(|(role, text)| {
        let has = |word: &str| text.to_lowercase().contains(&word.to_lowercase());
        role == Role::User && memory.value.split(' ').all(has)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn noise_makes_up_nothing_and_takes_back_nothing(noise in prop::collection::vec(any_proposal(), 1..24)) {
        let (world, ana) = (World::new(), scope("ana"));
        world.tell(&ana, "before", &TRUE);
        let learn = |learner: Learner| while learner.step(&world.memory, Some(&ana.user)).unwrap().is_some() {};
        learn(Learner::new(None, LearnSettings::default(), None));
        let memories = || world.memory.memories(&ana, &MemoriesRequest::default()).unwrap();
        let known = memories();
        let turns = SAID.iter().map(|(role, text)| TurnToObserve::new(*role, *text)).collect();
        world.memory.observe(&ana, Observation::new(session("noise"), turns)).unwrap();
        learn(Learner::new(Some(Arc::new(Noise(noise))), LearnSettings::default(), None));

        let all = memories();
        for memory in all.iter().filter(|memory| memory.authority == Authority::User) {
            prop_assert!(memory.state != MemoryState::Active || stands(memory), "made up: {memory:#?}");
        }
        prop_assert!(known.len() >= TRUE.len());
        for memory in known {
            let now = all.iter().find(|now| now.id == memory.id).unwrap();
            prop_assert!(now.state == MemoryState::Active, "taken back: {now:#?}");
        }
    }
}

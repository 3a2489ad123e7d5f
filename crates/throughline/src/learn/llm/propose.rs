//! From what the model wrote to proposals: its numbers become turns, its names slots, its words for a time moments.

use crate::learn::words::snake;
use crate::learn::{Batch, Proposal};
use crate::model::{MemoryKind, OwnSlots, Polarity, SlotKey};
use crate::truth::{PROFILE_SUBJECT, SINGLE_SLOTS, profile_slot};

use super::locate::{Levelled, bare};
use super::parse::Item;
use super::prompt::Prompt;
use super::when;

/// The turn of a proposal whose words stand nowhere and whose number is none: there is no such turn, so it is refused.
const NO_TURN: u64 = u64::MAX;
/// Characters of a property's name; a longer one is a sentence.
const SLOT_CHARS_MAX: usize = 40;
/// Characters of a subject.
const SUBJECT_CHARS_MAX: usize = 60;

/// Words for the user. A model that writes in the language of the line may name the subject in it too.
const USER: [&str; 16] = [
    "",
    "user",
    "the user",
    "i",
    "me",
    "self",
    "speaker",
    "nutzer",
    "der nutzer",
    "usuario",
    "utilisateur",
    "utente",
    "usuário",
    "gebruiker",
    "пользователь",
    "用户",
];

/// Other names of slots that hold one value: two names for one place would both stay true. Only sure ones: a wrong one would let
/// one value end another's time.
const SLOT_NAMES: [(&str, &str); 21] = [
    ("residence", "home"),
    ("city", "home"),
    ("lives_in", "home"),
    ("home_city", "home"),
    ("place_of_residence", "home"),
    ("occupation", "job"),
    ("profession", "job"),
    ("job_title", "job"),
    ("company", "employer"),
    ("workplace", "employer"),
    ("works_at", "employer"),
    ("spouse", "partner"),
    ("wife", "partner"),
    ("husband", "partner"),
    ("birth_date", "birthday"),
    ("date_of_birth", "birthday"),
    ("color", "colour"),
    ("favorite_color", "favourite_colour"),
    ("email_address", "email"),
    ("phone_number", "phone"),
    ("time_zone", "timezone"),
];

/// The proposals of an answer to a prompt, in the order of the turns.
pub(super) fn proposals(batch: &Batch<'_>, prompt: &Prompt, items: Vec<Item>) -> Vec<Proposal> {
    let texts: Vec<Levelled> = prompt.turns.iter().map(|at| Levelled::new(&batch.turns[*at].text)).collect();
    let mut proposals: Vec<Proposal> = Vec::new();
    for item in items {
        let proposal = proposal(batch, prompt, &texts, item);
        if !proposals.contains(&proposal) {
            proposals.push(proposal);
        }
    }
    proposals.sort_by_key(|proposal| proposal.turn);
    proposals
}

fn proposal(batch: &Batch<'_>, prompt: &Prompt, texts: &[Levelled], item: Item) -> Proposal {
    let named = item.turn.and_then(|number| number.checked_sub(1)).filter(|at| *at < texts.len());
    let quote = Levelled::new(bare(&item.quote));
    let found = located(texts, named, &quote);
    let turn = found.as_ref().map(|(at, _)| *at).or(named).map(|at| &batch.turns[prompt.turns[at]]);
    let quote = match (&found, turn) {
        (Some((_, range)), Some(turn)) => turn.text[range.clone()].to_owned(),
        _ => item.quote.clone(),
    };
    let (valid_from, valid_to) = turn.map_or((None, None), |turn| when::moments(&item.when, item.kind, turn));
    let text = if item.text.is_empty() { quote.clone() } else { item.text };
    let speaker = turn.and_then(|turn| turn.name.as_deref());
    let slot = slot(&item.subject, &item.slot, speaker, batch.slots);
    // A denial may leave the value open; a property cannot be affirmed without one.
    let slot = slot.filter(|_| !item.value.is_empty() || item.polarity == Polarity::Denies);
    Proposal {
        turn: turn.map_or(NO_TURN, |turn| turn.seq),
        quote,
        kind: item.kind,
        value: if slot.is_some() { item.value } else { text.clone() },
        slot,
        text,
        polarity: item.polarity,
        explicit: item.explicit,
        importance: importance(item.kind),
        valid_from,
        valid_to,
    }
}

/// The numbered turn that has these words: the one that was named, else the only one.
fn located(
    texts: &[Levelled],
    named: Option<usize>,
    quote: &Levelled,
) -> Option<(usize, std::ops::Range<usize>)> {
    if let Some(at) = named
        && let Some(range) = texts[at].find(quote)
    {
        return Some((at, range));
    }
    let mut others = texts.iter().enumerate().filter_map(|(at, text)| Some((at, text.find(quote)?)));
    let only = others.next()?;
    others.next().is_none().then_some(only)
}

/// The slot of a subject and a property as they were written: one of the tenant's own where it is called so. What else stands for
/// the profile itself is the operator's.
fn slot(subject: &str, name: &str, speaker: Option<&str>, slots: &OwnSlots) -> Option<SlotKey> {
    // `user.home` in one of the two.
    let name = name.rsplit_once('.').map_or(name, |(_, name)| name);
    let subject = subject.split_once('.').map_or(subject, |(subject, _)| subject).trim().to_lowercase();
    let is_user =
        USER.contains(&subject.as_str()) || speaker.is_some_and(|name| name.to_lowercase() == subject);
    let subject = if is_user { "user".to_owned() } else { subject };
    let name = snake(name);
    let mut own = slots.learned().map(|(own, _)| own);
    // Models forget that an own slot is the profile's; a property that every user has is told apart by it.
    if (subject == PROFILE_SUBJECT || is_user && !SINGLE_SLOTS.contains(&name.as_str()))
        && let Some(own) = own.find(|own| snake(own) == name)
    {
        return Some(profile_slot(own));
    }
    let name =
        SLOT_NAMES.iter().find(|(other, _)| *other == name).map_or(name, |(_, known)| (*known).to_owned());
    let name = name.strip_prefix("favorite_").map(|rest| format!("favourite_{rest}")).unwrap_or(name);
    let fits = !name.is_empty()
        && name.chars().count() <= SLOT_CHARS_MAX
        && subject.chars().count() <= SUBJECT_CHARS_MAX
        && subject != PROFILE_SUBJECT;
    fits.then_some(SlotKey { subject, name })
}

/// How much a kind of memory counts when it is new. A model's own opinion of it would be noise.
fn importance(kind: MemoryKind) -> f32 {
    match kind {
        MemoryKind::Goal | MemoryKind::Decision | MemoryKind::Lesson => 0.7,
        MemoryKind::Preference => 0.6,
        MemoryKind::Fact | MemoryKind::Event | MemoryKind::Note | MemoryKind::Summary => 0.5,
    }
}

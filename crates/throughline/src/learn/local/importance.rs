//! How much what was said matters, before anybody asks for it: one table, with the reasons.

use crate::model::MemoryKind;

/// What the model promised or settled: weaker than any word of the user.
pub(super) const OF_ASSISTANT: f32 = 0.4;

/// Properties that matter more, or less, than their kind: to get these wrong hurts, or hardly matters.
const SLOTS: &[(&str, f32)] = &[
    // A meal that ignores them does harm.
    ("allergy", 0.95),
    ("condition", 0.9),
    ("takes", 0.9),
    ("diet", 0.85),
    ("avoids", 0.8),
    // Who somebody is: asked for in every second conversation.
    ("name", 0.9),
    ("pronouns", 0.9),
    ("nickname", 0.85),
    ("home", 0.8),
    ("job", 0.75),
    ("partner", 0.75),
    // Nice to know.
    ("likes", 0.5),
    ("owns", 0.45),
    ("reading", 0.35),
];

/// From 0 to 1.
pub(super) fn of(kind: MemoryKind, slot: Option<&str>) -> f32 {
    if let Some((_, importance)) = SLOTS.iter().find(|(name, _)| Some(*name) == slot) {
        return *importance;
    }
    match kind {
        // A mistake that is made again costs trust.
        MemoryKind::Lesson => 0.85,
        // Later work rests on it.
        MemoryKind::Decision => 0.75,
        MemoryKind::Goal => 0.7,
        MemoryKind::Preference => 0.65,
        MemoryKind::Fact => 0.6,
        // Matters until its day.
        MemoryKind::Event => 0.55,
        MemoryKind::Note | MemoryKind::Summary => 0.5,
    }
}

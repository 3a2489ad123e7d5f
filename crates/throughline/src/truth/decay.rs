//! How the weight of a memory falls with time.

use crate::model::{MemoryKind, MemoryRecord, Timestamp};

/// Days after which a goal that nobody spoke of again is no longer taken for a current one.
pub const GOAL_STALE_DAYS: i64 = 180;

/// Days after which a memory of this kind weighs half, counted from when it was last said; none if it never fades.
pub fn half_life_days(kind: MemoryKind) -> Option<f32> {
    match kind {
        MemoryKind::Fact => Some(730.0),
        MemoryKind::Preference | MemoryKind::Lesson => Some(365.0),
        MemoryKind::Decision => Some(180.0),
        MemoryKind::Goal => Some(90.0),
        MemoryKind::Event => Some(30.0),
        MemoryKind::Note | MemoryKind::Summary => None,
    }
}

/// How much it counts at a moment, from 0: its importance, halved with each half-life since it was last said, and more the
/// more often it was said, by the logarithm. Pinned, it does not fade.
pub fn weight(memory: &MemoryRecord, now: Timestamp) -> f32 {
    let age_days = (now.as_second() - memory.said_last.as_second()).max(0) as f32 / 86_400.0;
    let faded = match memory.half_life_days.or_else(|| half_life_days(memory.kind)) {
        Some(half_life) if !memory.pinned => (-age_days / half_life).exp2(),
        _ => 1.0,
    };
    let said_again = memory.evidence.len().saturating_sub(1) as f32;
    memory.importance * faded * (1.0 + said_again.ln_1p() / 2.0)
}

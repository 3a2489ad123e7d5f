//! Which entries of a ledger count: those that were neither undone nor rewound.

use std::collections::HashSet;

use crate::model::{Act, Entry, Timestamp};

/// The entries that count, in order. What undoes an entry can be undone itself.
pub(super) fn live(entries: &[Entry]) -> Vec<&Entry> {
    let mut undone = HashSet::new();
    // Of all rewinds that count, the earliest moment they go back to; they apply to what was recorded before them only.
    let mut back_to: Option<Timestamp> = None;
    let mut live = Vec::with_capacity(entries.len());
    for entry in entries.iter().rev() {
        let rewound = back_to.is_some_and(|moment| entry.recorded > moment);
        if rewound || undone.contains(&entry.number) {
            continue;
        }
        match entry.act {
            Act::Undone(number) => {
                undone.insert(number);
            }
            Act::Rewound(to) => back_to = Some(back_to.map_or(to, |before| before.min(to))),
            _ => live.push(entry),
        }
    }
    live.reverse();
    live
}

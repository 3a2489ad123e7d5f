//! Labelled turns for tests: two files in `tests/data`, each in two halves.

use crate::model::Role;

/// Which file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Set {
    /// `learning.tsv`, written before any rule.
    First,
    /// `learning_later.tsv`, written when the rules were there, without a look at them.
    Later,
}

/// Which turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Half {
    /// Rules were changed for these.
    Tuning,
    /// And measured on these.
    Reported,
}

pub(super) struct Labelled {
    pub(super) label: &'static str,
    pub(super) role: Role,
    pub(super) text: String,
}

/// Each half of each file.
pub(super) const ALL: [(Set, Half); 4] = [
    (Set::First, Half::Tuning),
    (Set::First, Half::Reported),
    (Set::Later, Half::Tuning),
    (Set::Later, Half::Reported),
];

/// The turns of a half, in order.
pub(super) fn turns(set: Set, half: Half) -> Vec<Labelled> {
    let file = match set {
        Set::First => include_str!("../../tests/data/learning.tsv"),
        Set::Later => include_str!("../../tests/data/learning_later.tsv"),
    };
    let lines = file.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let read = |line: &'static str| {
        let mut columns = line.splitn(3, '\t');
        let mut column = || columns.next().expect("a line has three columns");
        let (label, role, text) = (column(), column(), column());
        Labelled { label, role: role.parse().expect("a role"), text: text.replace("\\n", "\n") }
    };
    let wanted = usize::from(half == Half::Reported);
    lines.enumerate().filter(|(at, _)| at % 2 == wanted).map(|(_, line)| read(line)).collect()
}

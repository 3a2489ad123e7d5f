//! Labelled turns for tests: `tests/data/learning.tsv`, in two halves.

use crate::model::Role;

const FILE: &str = include_str!("../../tests/data/learning.tsv");

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

/// The turns of a half, in order.
pub(super) fn turns(half: Half) -> Vec<Labelled> {
    let lines = FILE.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let read = |line: &'static str| {
        let mut columns = line.splitn(3, '\t');
        let mut column = || columns.next().expect("a line has three columns");
        let (label, role, text) = (column(), column(), column());
        Labelled { label, role: role.parse().expect("a role"), text: text.replace("\\n", "\n") }
    };
    let wanted = usize::from(half == Half::Reported);
    lines.enumerate().filter(|(at, _)| at % 2 == wanted).map(|(_, line)| read(line)).collect()
}

//! Numbers that cluster by scope: the scope's number above, a number within the scope below.
//!
//! As SQLite's rowid such a key keeps a scope's rows side by side in the table's b-tree (reading one user is one range
//! scan), and costs secondary indexes only a varint per entry, where a compound primary key would be repeated in
//! full. By hand: `turn >> 32` is the scope, `turn & 0xffffffff` the number.

use throughline::ports::StoreError;

use crate::error::Fault;

/// A scope's number in this file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ScopeNumber(pub(crate) i64);

impl ScopeNumber {
    /// The key of what has this number in the scope.
    pub(crate) fn key(self, number: u32) -> i64 {
        (self.0 << 32) | i64::from(number)
    }

    /// The keys of everything in the scope, both ends included.
    pub(crate) fn keys(self) -> [i64; 2] {
        [self.key(0), self.key(u32::MAX)]
    }

    /// The scope of a key.
    pub(crate) fn of(key: i64) -> Self {
        Self(key >> 32)
    }
}

/// The number within the scope of a key.
pub(crate) fn within(key: i64) -> u32 {
    u32::try_from(key & i64::from(u32::MAX)).unwrap_or(0)
}

/// The number after `last`.
pub(crate) fn next(last: u32, what: &str) -> Result<u32, Fault> {
    last.checked_add(1).ok_or_else(|| {
        Fault::Store(StoreError::Full(format!("one user cannot have more than {} {what}", u32::MAX)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_gives_back_its_two_numbers_and_lies_among_its_scopes_keys() {
        let scope = ScopeNumber(7);
        for number in [0, 1, u32::MAX] {
            let key = scope.key(number);
            assert_eq!((ScopeNumber::of(key), within(key)), (scope, number));
            assert!((scope.keys()[0]..=scope.keys()[1]).contains(&key));
        }
        assert!(scope.keys()[1] < ScopeNumber(8).keys()[0]);
    }
}

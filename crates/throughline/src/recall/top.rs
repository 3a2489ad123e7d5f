//! The best of many.

use std::cmp::Ordering;

/// The `count` best of `(score, place)` pairs, best first. Among equal scores the higher place comes first: it was
/// written later. The order depends on the pairs alone, not on how they are given. NaN comes last.
pub(crate) fn top(mut scored: Vec<(f32, u32)>, count: usize) -> Vec<(f32, u32)> {
    if count == 0 {
        return Vec::new();
    }
    if count < scored.len() {
        scored.select_nth_unstable_by(count - 1, |a, b| better_first(*a, *b));
        scored.truncate(count);
    }
    scored.sort_unstable_by(|a, b| better_first(*a, *b));
    scored
}

/// The best of pairs that come one by one.
pub(super) struct Best {
    kept: Vec<(f32, u32)>,
    count: usize,
    /// None of the best is below it.
    least: f32,
}

impl Best {
    /// Of which `count` are kept, at least 1.
    pub(super) fn new(count: usize) -> Self {
        Self { kept: Vec::with_capacity(2 * count), count, least: f32::NEG_INFINITY }
    }

    /// Whether one with this score may be among the best.
    pub(super) fn admits(&self, score: f32) -> bool {
        score >= self.least
    }

    pub(super) fn offer(&mut self, score: f32, place: u32) {
        self.kept.push((score, place));
        if self.kept.len() == 2 * self.count {
            self.kept.select_nth_unstable_by(self.count - 1, |a, b| better_first(*a, *b));
            self.kept.truncate(self.count);
            self.least = self.kept[self.count - 1].0;
        }
    }

    /// The best, best first.
    pub(super) fn into_sorted(self) -> Vec<(f32, u32)> {
        top(self.kept, self.count)
    }
}

/// The order of `(score, place)` pairs.
pub(crate) fn better_first(a: (f32, u32), b: (f32, u32)) -> Ordering {
    by_score(b.0, a.0).then(b.1.cmp(&a.1))
}

/// A total order in which 0 and −0 are equal and NaN is the least.
fn by_score(a: f32, b: f32) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| b.is_nan().cmp(&a.is_nan()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_best_come_first_and_equals_by_recency() {
        let scored = vec![(1.0, 0), (2.0, 1), (1.0, 2), (f32::NAN, 3), (-0.0, 4), (0.0, 5)];
        let places =
            |count| top(scored.clone(), count).into_iter().map(|(_, place)| place).collect::<Vec<_>>();
        assert_eq!(places(3), [1, 2, 0]);
        assert_eq!(places(9), [1, 2, 0, 5, 4, 3]);
        assert!(places(0).is_empty());
    }

    proptest! {
        #[test]
        fn the_order_of_the_input_does_not_matter(
            scores in prop::collection::vec(prop_oneof![Just(0.0), Just(1.0), any::<f32>()], 0..60), count in 0..70_usize,
        ) {
            let scored: Vec<(f32, u32)> = scores.into_iter().zip(0..).collect();
            let places = |top: Vec<(f32, u32)>| top.into_iter().map(|(_, place)| place).collect::<Vec<_>>();
            let all = places(top(scored.clone(), scored.len()));
            let some = places(top(scored.iter().rev().copied().collect(), count));
            prop_assert_eq!(&all[..count.min(scored.len())], &some[..]);
        }

        #[test]
        fn the_best_that_come_one_by_one_are_the_best_of_all(
            scores in prop::collection::vec(prop_oneof![Just(0.0_f32), -9.0_f32..9.0], 0..200), count in 1..20_usize,
        ) {
            let scored: Vec<(f32, u32)> = scores.into_iter().zip(0..).collect();
            let mut best = Best::new(count);
            for &(score, place) in &scored {
                if best.admits(score) {
                    best.offer(score, place);
                }
            }
            prop_assert_eq!(best.into_sorted(), top(scored, count));
        }
    }
}

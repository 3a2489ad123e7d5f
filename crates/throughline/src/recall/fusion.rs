//! Puts the arms of a ranking on one scale.

/// Keeps a list of equal scores from being divided by nothing.
const DEVIATION_MIN: f64 = 1e-9;

/// For how many items of a population each score stands; none if for one each.
pub(crate) type Share<'a> = Option<&'a [f32]>;

/// Replaces each score by `(score − mean) / standard deviation`, both those of the population the scores stand for;
/// returns mean and deviation.
///
/// NaN means "not measured": such a score has no part in the mean and becomes 0, the score of an average candidate.
pub(crate) fn z_scores(scores: &mut [f32], shares: Share<'_>) -> (f32, f32) {
    let (mean, deviation) = mean_and_deviation(scores, shares);
    let per_deviation = deviation.recip();
    for score in scores {
        *score = if score.is_nan() { 0.0 } else { (*score - mean) * per_deviation };
    }
    (mean, deviation)
}

/// Mean and standard deviation of the scores that are not NaN.
pub(crate) fn mean_and_deviation(scores: &[f32], shares: Share<'_>) -> (f32, f32) {
    let (sum, count) = total(scores, shares, |score| score);
    let mean = sum / count.max(1.0);
    let (squares, _) = total(scores, shares, |score| (score - mean) * (score - mean));
    #[expect(clippy::cast_possible_truncation, reason = "scores need no more than 24 bits")]
    (mean as f32, ((squares / count.max(1.0)).sqrt() + DEVIATION_MIN) as f32)
}

/// The sum of `of` over the scores that are not NaN, and for how many items they stand, in lanes side by side.
fn total(scores: &[f32], shares: Share<'_>, of: impl Fn(f64) -> f64) -> (f64, f64) {
    const LANES: usize = 8;
    let (mut sums, mut counts) = ([0.0; LANES], [0.0; LANES]);
    let mut add = |scores: &[f32], shares: &[f32; LANES]| {
        for (((sum, count), score), share) in sums.iter_mut().zip(&mut counts).zip(scores).zip(shares) {
            let share = if score.is_nan() { 0.0 } else { f64::from(*share) };
            *sum += if score.is_nan() { 0.0 } else { share * of(f64::from(*score)) };
            *count += share;
        }
    };
    match shares {
        None => scores.chunks(LANES).for_each(|scores| add(scores, &[1.0; LANES])),
        Some(shares) => {
            for (scores, shares) in scores.chunks(LANES).zip(shares.chunks(LANES)) {
                let mut padded = [0.0; LANES];
                padded[..shares.len()].copy_from_slice(shares);
                add(scores, &padded);
            }
        }
    }
    (sums.iter().sum(), counts.iter().sum())
}

/// Ranks a list may have in [`reciprocal_ranks`].
const RANKS_MAX: usize = 200;

/// Reciprocal rank fusion: `Σ 1 / (60 + rank)` over the lists, rank from 1 for the best of the first [`RANKS_MAX`]. What
/// most products ship; kept for comparison. Source: Cormack, Clarke, Büttcher, "Reciprocal Rank Fusion".
pub(crate) fn reciprocal_ranks(lists: &[&[f32]]) -> Vec<f32> {
    let mut fused = vec![0.0; lists.first().map_or(0, |list| list.len())];
    for list in lists {
        let mut order: Vec<usize> = (0..list.len()).collect();
        order.sort_by(|a, b| list[*b].total_cmp(&list[*a]));
        for (rank, at) in (1_u16..).zip(order.into_iter().take(RANKS_MAX)) {
            fused[at] += 1.0 / (60.0 + f32::from(rank));
        }
    }
    fused
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{reciprocal_ranks, z_scores};

    fn z(mut scores: Vec<f32>) -> Vec<f32> {
        z_scores(&mut scores, None);
        scores
    }

    #[test]
    fn scores_are_measured_in_deviations_from_the_mean() {
        assert_eq!(z(vec![1.0, 3.0]), [-1.0, 1.0]);
    }

    #[test]
    fn a_score_may_stand_for_several_items() {
        let (mut some, mut all) = ([1.0, 4.0, f32::NAN], [1.0, 1.0, 1.0, 4.0]);
        assert_eq!(z_scores(&mut some, Some(&[3.0, 1.0, 9.0])), z_scores(&mut all, None));
        assert_eq!((some[0], some[1], some[2]), (all[0], all[3], 0.0));
    }

    #[test]
    fn what_was_not_measured_is_average_and_moves_nothing() {
        assert_eq!(z(vec![1.0, f32::NAN, 3.0]), [-1.0, 0.0, 1.0]);
        assert_eq!(z(vec![f32::NAN; 2]), [0.0; 2]);
    }

    #[test]
    fn the_second_of_both_lists_beats_the_first_of_one() {
        let fused = reciprocal_ranks(&[&[9.0, 8.0, 1.0, 2.0], &[1.0, 8.0, 9.0, 2.0]]);
        assert!(fused[1] > fused[0] && fused[1] > fused[2], "{fused:?}");
    }

    #[test]
    fn equal_scores_say_nothing() {
        assert_eq!(z(vec![0.0; 3]), [0.0; 3]);
        assert_eq!(z(vec![7.0]), [0.0]);
        assert_eq!(z(vec![]), [0.0; 0]);
    }

    proptest! {
        #[test]
        fn any_scores_keep_their_order(scores in prop::collection::vec(-100.0_f32..100.0, 2..50)) {
            let zs = z(scores.clone());
            let pairs: Vec<_> = scores.iter().zip(&zs).collect();
            for pair in pairs.windows(2) {
                prop_assert!((pair[0].0 - pair[1].0) * (pair[0].1 - pair[1].1) >= 0.0);
            }
        }
    }
}

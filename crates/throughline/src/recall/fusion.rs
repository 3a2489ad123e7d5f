//! Puts the arms of a ranking on one scale.

/// Keeps a list of equal scores from being divided by nothing.
const DEVIATION_MIN: f64 = 1e-9;

/// Replaces each score by `(score − mean) / standard deviation`, both those of the first `sampled` scores; returns mean and
/// deviation.
///
/// NaN means "not measured": such a score has no part in the mean and becomes 0, the score of an average candidate.
pub(crate) fn z_scores(scores: &mut [f32], sampled: usize) -> (f32, f32) {
    let (mean, deviation) = mean_and_deviation(&scores[..sampled]);
    for score in scores {
        let z = (*score - mean) / deviation;
        *score = if z.is_nan() { 0.0 } else { z };
    }
    (mean, deviation)
}

/// The standard deviation of the scores that are not NaN.
pub(crate) fn deviation(scores: &[f32]) -> f32 {
    mean_and_deviation(scores).1
}

fn mean_and_deviation(scores: &[f32]) -> (f32, f32) {
    let (sum, count) = total(scores, |score| score);
    let mean = sum / count.max(1.0);
    let (squares, _) = total(scores, |score| (score - mean) * (score - mean));
    #[expect(clippy::cast_possible_truncation, reason = "scores need no more than 24 bits")]
    (mean as f32, ((squares / count.max(1.0)).sqrt() + DEVIATION_MIN) as f32)
}

/// The sum of `of` over the scores that are not NaN, and their number, in lanes side by side.
fn total(scores: &[f32], of: impl Fn(f64) -> f64) -> (f64, f64) {
    const LANES: usize = 8;
    let (mut sums, mut counts) = ([0.0; LANES], [0.0; LANES]);
    for chunk in scores.chunks(LANES) {
        for ((sum, count), score) in sums.iter_mut().zip(&mut counts).zip(chunk) {
            let measured = !score.is_nan();
            *sum += if measured { of(f64::from(*score)) } else { 0.0 };
            *count += f64::from(u8::from(measured));
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
        let all = scores.len();
        z_scores(&mut scores, all);
        scores
    }

    #[test]
    fn scores_are_measured_in_deviations_from_the_mean() {
        assert_eq!(z(vec![1.0, 3.0]), [-1.0, 1.0]);
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

//! Puts the arms of a ranking on one scale.

/// Keeps a list of equal scores from being divided by nothing.
const DEVIATION_MIN: f64 = 1e-9;

/// Replaces each score by `(score − mean) / standard deviation`, the deviation that of the whole list.
///
/// NaN means "not measured": such a score has no part in the mean and becomes 0, the score of an average candidate.
pub(crate) fn z_scores(scores: &mut [f32]) {
    let measured = || scores.iter().filter(|score| !score.is_nan()).map(|&score| f64::from(score));
    let count = measured().count().max(1) as f64;
    let mean = measured().sum::<f64>() / count;
    let variance = measured().map(|score| (score - mean).powi(2)).sum::<f64>() / count;
    let deviation = variance.sqrt() + DEVIATION_MIN;
    for score in scores {
        #[expect(clippy::cast_possible_truncation, reason = "scores need no more than 24 bits")]
        let z = ((f64::from(*score) - mean) / deviation) as f32;
        *score = if z.is_nan() { 0.0 } else { z };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::z_scores;

    fn z(mut scores: Vec<f32>) -> Vec<f32> {
        z_scores(&mut scores);
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

//! Recall as a curve: over tokens of recalled text, and over the number of items.

use std::array;

use crate::bootstrap::{Intervals, Sample, intervals, means};
use crate::row::Row;
use crate::summary::grouped;

/// Points of a curve over tokens: 0 to 4,000 in steps of 100.
const TOKEN_POINTS: usize = 41;
const TOKEN_STEP: usize = 100;

/// The largest number of items of a curve over items.
const ITEMS_MAX: usize = 50;

/// A mean at each point, with its bounds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Curve {
    /// (tokens or items, mean), from the left.
    pub(crate) points: Vec<(f64, f64)>,
    /// (lower, upper) bound at each point.
    pub(crate) band: Option<Vec<(f64, f64)>>,
}

impl Curve {
    /// The mean at a point, if it is one.
    pub(crate) fn at(&self, x: f64) -> Option<f64> {
        self.points.iter().find(|(at, _)| (at - x).abs() < 0.5).map(|(_, share)| *share)
    }
}

/// Mean recall within budgets of tokens.
pub(crate) fn by_tokens(rows: &[&Row]) -> Curve {
    curve::<TOKEN_POINTS>(rows, |point| point * TOKEN_STEP, Row::recall_in)
}

/// Three curves over the first 1 to 50 items.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ItemCurves {
    /// Share of questions with any piece of evidence among them.
    pub(crate) any: Curve,
    /// Mean share of the evidence among them.
    pub(crate) recall: Curve,
    /// Share of questions with all their evidence among them.
    pub(crate) all: Curve,
}

/// How much is found among the first items.
pub(crate) fn by_items(rows: &[&Row]) -> ItemCurves {
    let of = |figure: fn(&Row, usize) -> f64| curve::<ITEMS_MAX>(rows, |point| point + 1, figure);
    ItemCurves {
        any: of(|row, k| row.recall_at(k).ceil()),
        recall: of(Row::recall_at),
        all: of(|row, k| row.recall_at(k).floor()),
    }
}

fn curve<const W: usize>(
    rows: &[&Row],
    x: impl Fn(usize) -> usize,
    figure: impl Fn(&Row, usize) -> f64,
) -> Curve {
    let sample = |row: &Row| Sample { sums: array::from_fn(|point| figure(row, x(point))), weight: 1.0 };
    let samples = grouped(rows.iter().map(|row| (row.conversation.as_str(), sample(row))));
    let means: [f64; W] = means(samples.iter().flatten());
    let band = intervals(&samples).map(|Intervals { low, high, .. }| low.into_iter().zip(high).collect());
    Curve { points: means.into_iter().enumerate().map(|(point, y)| (x(point) as f64, y)).collect(), band }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::tests::row;

    #[test]
    fn curves_rise_where_evidence_was_found() {
        // Found at ranks 2 and 6, that is after 100 and 300 tokens; the third piece was not found.
        let rows = [row("a", "1", "x", &[2, 6, 0])];
        let shown = |curve: &Curve| {
            let rises = curve.points.windows(2).filter(|pair| pair[1].1 > pair[0].1);
            rises.map(|pair| (pair[1].0.to_string(), format!("{:.2}", pair[1].1))).collect::<Vec<_>>()
        };
        let expected = |rises: &[(&str, &str)]| {
            rises.iter().map(|(x, y)| ((*x).to_owned(), (*y).to_owned())).collect::<Vec<_>>()
        };
        assert_eq!(shown(&by_tokens(&rows.each_ref())), expected(&[("100", "0.33"), ("300", "0.67")]));
        let items = by_items(&rows.each_ref());
        assert_eq!(shown(&items.recall), expected(&[("2", "0.33"), ("6", "0.67")]));
        assert_eq!(shown(&items.any), expected(&[("2", "1.00")]));
        assert_eq!(shown(&items.all), expected(&[]));
    }

    #[test]
    fn a_band_needs_two_questions() {
        let rows = [row("a", "1", "x", &[1]), row("b", "2", "x", &[5])];
        assert!(by_tokens(&[&rows[0]]).band.is_none());
        let band = by_tokens(&rows.each_ref()).band.unwrap();
        assert_eq!((band[1], band[4]), ((0.0, 1.0), (1.0, 1.0)), "{band:?}");
    }
}

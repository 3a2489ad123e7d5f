//! What a threshold costs and buys, and what a confidence is worth as a number. Every figure is computed from rows.

use crate::bootstrap::{Sample, intervals, means};
use crate::summary::grouped;

use super::run::{ConfidenceEvaluation, ConfidenceRow, JudgedItem};

/// The thresholds that are reported.
pub(super) const THRESHOLDS: [f64; 10] = [0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7, 0.9];

/// Bins of the reliability table, each as wide as the others.
const BINS: usize = 10;

/// Everything that is reported of the confidence.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfidenceFigures {
    /// Own questions asked.
    pub own: usize,
    /// Foreign questions asked.
    pub foreign: usize,
    /// Share of the evidence among the items of an answer, by question: what a threshold can lose.
    pub recall: f64,
    /// What each threshold costs and buys.
    pub thresholds: Vec<Threshold>,
    /// How often the items of own questions are evidence, by their confidence. It depends on how much evidence there is:
    /// one turn of ten with some questions, all turns of a session with others.
    pub among_own: Reliability,
    /// How often an item is evidence that is either a piece of evidence or an item of a foreign question, as likely the one
    /// as the other. A piece counts once, with its best item.
    pub even_odds: Reliability,
    /// How likely a piece of evidence has more confidence than an item of a foreign question.
    pub evidence_over_foreign: Option<f64>,
    /// How likely a piece of evidence has more confidence than another item of an own question.
    pub evidence_over_others: Option<f64>,
    /// How likely the best item of an own question has more confidence than the best of a foreign one.
    pub own_over_foreign: Option<f64>,
}

/// What a threshold costs and buys.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Threshold {
    /// Items below it are left out.
    pub confidence: f64,
    /// Share of the evidence that was among the items and is left out.
    pub lost: f64,
    /// The bounds of that for other conversations.
    pub lost_interval: Option<(f64, f64)>,
    /// What is left for own questions.
    pub own: Left,
    /// Share of the items of foreign questions that are left out: the noise avoided.
    pub avoided: f64,
    /// The bounds of that for other conversations.
    pub avoided_interval: Option<(f64, f64)>,
    /// What is left for foreign questions.
    pub foreign: Left,
}

/// What questions of a kind get once a threshold has been applied.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Left {
    /// Share of the questions that are answered with nothing.
    pub silent: f64,
    /// Mean items an answer.
    pub items: f64,
    /// Mean tokens an answer.
    pub tokens: f64,
}

/// Confidence beside how often it is right.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reliability {
    /// From low to high; those without an item are left out.
    pub bins: Vec<Bin>,
    /// By how much the two differ, over all items, bin by bin (expected calibration error). Source: Naeini, Cooper and
    /// Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian Binning" (2015).
    pub error: f64,
}

/// Items of about the same confidence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bin {
    /// Confidence from here …
    pub from: f64,
    /// … to here.
    pub to: f64,
    /// How many items.
    pub items: usize,
    /// Their mean confidence.
    pub confidence: f64,
    /// Share of them that are evidence.
    pub evidence: f64,
}

/// An item for [`Reliability`].
#[derive(Clone, Copy)]
struct Weighed {
    confidence: f64,
    evidence: bool,
    weight: f64,
}

impl ConfidenceFigures {
    /// Computes them.
    pub fn of(evaluation: &ConfidenceEvaluation) -> Self {
        let (foreign, own): (Vec<&ConfidenceRow>, Vec<&ConfidenceRow>) =
            evaluation.rows.iter().partition(|row| row.foreign);
        let confidences = |items: &mut dyn Iterator<Item = &JudgedItem>| -> Vec<f64> {
            items.map(|item| item.confidence).collect()
        };
        let own_items = || own.iter().flat_map(|row| &row.items);
        let evidence = confidences(&mut own_items().filter(|item| item.piece.is_some()));
        let others = confidences(&mut own_items().filter(|item| item.piece.is_none()));
        let noise = confidences(&mut foreign.iter().flat_map(|row| &row.items));
        let pieces: Vec<f64> = own.iter().flat_map(|row| best_of_pieces(row)).collect();
        let best = |rows: &[&ConfidenceRow]| rows.iter().map(|row| best(&row.items)).collect::<Vec<_>>();
        Self {
            own: own.len(),
            foreign: foreign.len(),
            recall: mean(own.iter().map(|row| best_of_pieces(row).count() as f64 / row.pieces.max(1) as f64)),
            thresholds: thresholds(&own, &foreign),
            among_own: Reliability::of(
                &[weighed(&evidence, true, 1.0), weighed(&others, false, 1.0)].concat(),
            ),
            even_odds: Reliability::of(
                &[
                    weighed(&pieces, true, 1.0 / pieces.len().max(1) as f64),
                    weighed(&noise, false, 1.0 / noise.len().max(1) as f64),
                ]
                .concat(),
            ),
            evidence_over_foreign: area(&pieces, &noise),
            evidence_over_others: area(&evidence, &others),
            own_over_foreign: area(&best(&own), &best(&foreign)),
        }
    }
}

fn weighed(confidences: &[f64], evidence: bool, weight: f64) -> Vec<Weighed> {
    confidences.iter().map(|confidence| Weighed { confidence: *confidence, evidence, weight }).collect()
}

fn best(items: &[JudgedItem]) -> f64 {
    items.iter().map(|item| item.confidence).fold(0.0, f64::max)
}

/// The highest confidence with which each piece of evidence was found; those not found are not there.
fn best_of_pieces(row: &ConfidenceRow) -> impl Iterator<Item = f64> + '_ {
    (0..row.pieces).filter_map(|piece| {
        row.items.iter().filter(|item| item.piece == Some(piece)).map(|item| item.confidence).reduce(f64::max)
    })
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (count, sum) = values.fold((0_usize, 0.0), |(count, sum), value| (count + 1, sum + value));
    if count > 0 { sum / count as f64 } else { 0.0 }
}

fn thresholds(own: &[&ConfidenceRow], foreign: &[&ConfidenceRow]) -> Vec<Threshold> {
    let lost = below(own, |row| best_of_pieces(row).collect());
    let avoided = below(foreign, |row| row.items.iter().map(|item| item.confidence).collect());
    let figures = THRESHOLDS.into_iter().zip(lost.into_iter().zip(avoided));
    figures
        .map(|(confidence, (lost, avoided))| Threshold {
            confidence,
            lost: lost.share,
            lost_interval: lost.interval,
            own: Left::of(own, confidence),
            avoided: avoided.share,
            avoided_interval: avoided.interval,
            foreign: Left::of(foreign, confidence),
        })
        .collect()
}

#[derive(Clone, Copy)]
struct Share {
    share: f64,
    interval: Option<(f64, f64)>,
}

/// The share of the values that are below each threshold. Rows without any have no part in it.
fn below(rows: &[&ConfidenceRow], values: impl Fn(&ConfidenceRow) -> Vec<f64>) -> [Share; THRESHOLDS.len()] {
    let sample = |row: &&'_ ConfidenceRow| {
        let values = values(row);
        let below = |threshold| values.iter().filter(|value| **value < threshold).count() as f64;
        (!values.is_empty()).then(|| Sample { sums: THRESHOLDS.map(below), weight: values.len() as f64 })
    };
    let samples = rows.iter().filter_map(|row| Some((row.conversation.as_str(), sample(row)?)));
    let grouped = grouped(samples);
    let shares = means(grouped.iter().flatten());
    let bounds = intervals(&grouped);
    std::array::from_fn(|at| Share {
        share: shares[at],
        interval: bounds.as_ref().map(|bounds| (bounds.low[at], bounds.high[at])),
    })
}

impl Left {
    fn of(rows: &[&ConfidenceRow], threshold: f64) -> Self {
        let left = |row: &ConfidenceRow| {
            let kept = row.items.iter().filter(|item| item.confidence >= threshold);
            kept.fold((0, 0), |(items, tokens), item| (items + 1, tokens + item.tokens))
        };
        let left: Vec<(usize, usize)> = rows.iter().map(|row| left(row)).collect();
        Self {
            silent: mean(left.iter().map(|(items, _)| f64::from(u8::from(*items == 0)))),
            items: mean(left.iter().map(|(items, _)| *items as f64)),
            tokens: mean(left.iter().map(|(_, tokens)| *tokens as f64)),
        }
    }
}

impl Reliability {
    fn of(items: &[Weighed]) -> Self {
        let edge = |number: usize| number as f64 / BINS as f64;
        let total: f64 = items.iter().map(|item| item.weight).sum();
        let (mut bins, mut error) = (Vec::new(), 0.0);
        for number in 0..BINS {
            let (from, to) = (edge(number), edge(number + 1));
            let last = number + 1 == BINS;
            let within = |item: &&Weighed| from <= item.confidence && (item.confidence < to || last);
            let within: Vec<&Weighed> = items.iter().filter(within).collect();
            let weight: f64 = within.iter().map(|item| item.weight).sum();
            if within.is_empty() {
                continue;
            }
            let confidence = within.iter().map(|item| item.weight * item.confidence).sum::<f64>() / weight;
            let right = |item: &&Weighed| item.weight * f64::from(u8::from(item.evidence));
            let evidence = within.iter().map(right).sum::<f64>() / weight;
            error += weight / total * (confidence - evidence).abs();
            bins.push(Bin { from, to, items: within.len(), confidence, evidence });
        }
        Self { bins, error }
    }
}

/// The area under the curve of Mann and Whitney: the share of pairs in which the first is higher; a tie counts half.
fn area(higher: &[f64], lower: &[f64]) -> Option<f64> {
    if higher.is_empty() || lower.is_empty() {
        return None;
    }
    let mut sorted = lower.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let won = higher.iter().map(|value| {
        let below = sorted.partition_point(|other| other < value);
        let up_to = sorted.partition_point(|other| other <= value);
        below as f64 + 0.5 * (up_to - below) as f64
    });
    Some(won.sum::<f64>() / (higher.len() as f64 * lower.len() as f64))
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use proptest::prelude::*;

    use super::super::tests::{report, row};
    use super::*;

    fn at(figures: &ConfidenceFigures, confidence: f64) -> Threshold {
        *figures.thresholds.iter().find(|threshold| threshold.confidence >= confidence).unwrap()
    }

    #[test]
    fn a_threshold_loses_evidence_of_own_questions_and_avoids_items_of_foreign_ones() {
        let figures = report().figures;
        assert_eq!((figures.own, figures.foreign), (2, 2));
        assert_eq!(Some(figures.recall), Some(1.0));
        let low = at(&figures, 0.1);
        assert_eq!((low.lost, low.avoided), (0.0, 0.5));
        assert_eq!((low.own.silent, low.own.items, low.own.tokens), (0.0, 2.0, 60.0));
        assert_eq!((low.foreign.silent, low.foreign.items, low.foreign.tokens), (0.5, 1.0, 30.0));
        let high = at(&figures, 0.4);
        assert_eq!((high.lost, high.avoided, high.foreign.silent), (1.0 / 3.0, 1.0, 1.0));
        assert_eq!(high.lost_interval, Some((0.0, 0.5)));
    }

    #[test]
    fn a_piece_that_two_items_hold_is_lost_with_the_better_one() {
        let rows = vec![row("a", false, 1, &[(0.12, Some(0)), (0.35, Some(0))])];
        let figures = ConfidenceFigures::of(&ConfidenceEvaluation { rows, ..Default::default() });
        assert_eq!((at(&figures, 0.3).lost, at(&figures, 0.4).lost), (0.0, 1.0));
    }

    fn shown(reliability: &Reliability) -> Vec<(f64, usize, String)> {
        reliability.bins.iter().map(|bin| (bin.from, bin.items, format!("{:.2}", bin.evidence))).collect()
    }

    #[test]
    fn reliability_counts_the_evidence_among_items_of_like_confidence() {
        let Reliability { error, .. } = report().figures.among_own;
        let expected =
            [(0.0, 1, "0.00"), (0.1, 1, "1.00"), (0.3, 1, "0.00"), (0.6, 1, "1.00"), (0.9, 1, "1.00")];
        assert_eq!(
            shown(&report().figures.among_own),
            expected.map(|(from, items, share)| (from, items, share.into()))
        );
        assert!((error - (0.05 + 0.88 + 0.35 + 0.4 + 0.1) / 5.0).abs() < 1e-12);
    }

    #[test]
    fn at_even_odds_three_pieces_weigh_as_much_as_four_foreign_items() {
        // At 0.12 are one of three pieces and one of four foreign items.
        let expected =
            [(0.0, 2, "0.00"), (0.1, 2, "0.57"), (0.3, 1, "0.00"), (0.6, 1, "1.00"), (0.9, 1, "1.00")];
        assert_eq!(
            shown(&report().figures.even_odds),
            expected.map(|(from, items, share)| (from, items, share.into()))
        );
    }

    #[test]
    fn areas_compare_evidence_with_foreign_items_with_other_items_and_questions_with_questions() {
        let figures = report().figures;
        // Of 3 × 4 pairs, 0.12 loses to 0.35 and ties with 0.12.
        assert_eq!(figures.evidence_over_foreign, Some(10.5 / 12.0));
        assert_eq!(figures.evidence_over_others, Some(5.0 / 6.0));
        assert_eq!(figures.own_over_foreign, Some(1.0));
        let nothing = ConfidenceFigures::of(&ConfidenceEvaluation::default());
        assert_eq!((nothing.own_over_foreign, nothing.even_odds), (None, Reliability::default()));
    }

    proptest! {
        #[test]
        fn the_area_is_the_share_of_pairs_won(
            higher in prop::collection::vec(0_u8..6, 1..20),
            lower in prop::collection::vec(0_u8..6, 1..20),
        ) {
            let pairs = higher.iter().flat_map(|a| lower.iter().map(move |b| (a, b)));
            let won: f64 = pairs.map(|(a, b)| match a.cmp(b) { Ordering::Greater => 1.0, Ordering::Equal => 0.5, Ordering::Less => 0.0 }).sum();
            let values = |numbers: &[u8]| numbers.iter().map(|n| f64::from(*n)).collect::<Vec<_>>();
            let area = area(&values(&higher), &values(&lower)).unwrap();
            prop_assert!((area - won / (higher.len() * lower.len()) as f64).abs() < 1e-12);
        }
    }
}

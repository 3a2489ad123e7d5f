//! How well a ranking found the evidence of a question: the measures, per question and over many.
//!
//! A piece of evidence (a turn, or a session where only sessions are known) is found at the first rank that names it;
//! naming it again, as rankings of passages do, uses up a rank and finds nothing. All measures are shares from 0 to 1.

use std::collections::HashMap;
use std::time::Duration;

/// The k of recall@k.
pub const CUTOFFS: [usize; 4] = [1, 5, 10, 20];

/// The k of NDCG@k.
pub const NDCG_CUTOFF: usize = 10;

/// The k of the recall that reports put first.
pub const HEADLINE_CUTOFF: usize = 10;

/// Tokens of recalled text within which recall is measured, since tokens are what a prompt pays for.
pub const TOKEN_BUDGETS: [usize; 3] = [500, 1_000, 2_000];

/// One item of a ranking, best first.
#[derive(Debug, Clone, PartialEq)]
pub struct RankedItem {
    /// The turn it is, or is a passage of.
    pub turn_id: String,
    /// What its text costs in a prompt.
    pub tokens: usize,
    /// How sure the ranking is that it helps, 0 … 1, where it says so. It never counts for its place.
    pub confidence: Option<f64>,
}

/// The measures of one question, or their means over many.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Scores {
    /// Share of the evidence among the first k items, for each k of [`CUTOFFS`].
    pub recall: [f64; CUTOFFS.len()],
    /// 1 if any piece of evidence is among the first k items.
    pub any: [f64; CUTOFFS.len()],
    /// 1 if all of it is.
    pub all: [f64; CUTOFFS.len()],
    /// Normalised discounted cumulative gain of the first [`NDCG_CUTOFF`] items, gain 1 for each piece of evidence:
    /// `sum 1 / log2(rank + 1)` over the pieces found, divided by what a perfect ranking has.
    pub ndcg: f64,
    /// `1 / rank` of the first piece of evidence, 0 if none was found; its mean is the mean reciprocal rank.
    pub reciprocal_rank: f64,
    /// Share of the evidence among the items that fit [`TOKEN_BUDGETS`], taken in order up to the first that does not fit.
    pub recall_in_tokens: [f64; TOKEN_BUDGETS.len()],
}

/// One measure of [`Scores`].
pub(crate) type Measure = fn(&Scores) -> f64;

/// The measures that are shown with their intervals.
pub(crate) const HEADLINES: [(&str, Measure); 3] = [
    ("recall@10", |scores| scores.recall[2]),
    ("in 1000 tokens", |scores| scores.recall_in_tokens[1]),
    ("ndcg@10", |scores| scores.ndcg),
];

/// Where a piece of evidence was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Its rank, from 1.
    pub rank: usize,
    /// Tokens of the items up to and including it.
    pub tokens: usize,
}

/// Looks for each piece of evidence in a ranking; the answer has the order of `evidence`.
///
/// `evidence` are the names to find, distinct; `name_of` says which name an item's turn goes by.
pub(crate) fn find<'a>(
    ranking: &'a [RankedItem],
    evidence: &[String],
    name_of: impl Fn(&'a RankedItem) -> Option<&'a str>,
) -> Vec<Option<Found>> {
    let mut places: HashMap<&str, Option<Found>> =
        evidence.iter().map(|name| (name.as_str(), None)).collect();
    assert_eq!(places.len(), evidence.len(), "evidence is distinct");
    let mut tokens = 0_usize;
    for (item, rank) in ranking.iter().zip(1..) {
        tokens = tokens.saturating_add(item.tokens);
        if let Some(place) = name_of(item).and_then(|name| places.get_mut(name)) {
            place.get_or_insert(Found { rank, tokens });
        }
    }
    evidence.iter().map(|name| places[name.as_str()]).collect()
}

/// Share of the evidence found where `counts` says it counts.
pub(crate) fn share(evidence: &[Option<Found>], counts: impl Fn(Found) -> bool) -> f64 {
    assert!(!evidence.is_empty(), "a question without evidence has nothing to measure");
    let found = evidence.iter().flatten().filter(|found| counts(**found)).count();
    found as f64 / evidence.len() as f64
}

impl Scores {
    /// How many figures it has.
    pub(crate) const WIDTH: usize = 3 * CUTOFFS.len() + 2 + TOKEN_BUDGETS.len();

    /// Measures one question by where each piece of its evidence was found.
    pub(crate) fn of(evidence: &[Option<Found>]) -> Self {
        let within = |k: usize| share(evidence, |found| found.rank <= k);
        let gain = |rank: usize| 1.0 / (rank as f64 + 1.0).log2();
        let best: f64 = (1..=evidence.len().min(NDCG_CUTOFF)).map(gain).sum();
        let ranks = || evidence.iter().flatten().map(|found| found.rank);
        let gained: f64 = ranks().filter(|rank| *rank <= NDCG_CUTOFF).map(gain).sum();
        let one_if = |condition: bool| f64::from(u8::from(condition));
        Self {
            recall: CUTOFFS.map(within),
            any: CUTOFFS.map(|k| one_if(ranks().any(|rank| rank <= k))),
            all: CUTOFFS.map(|k| one_if(ranks().filter(|rank| *rank <= k).count() == evidence.len())),
            ndcg: gained / best,
            reciprocal_rank: ranks().min().map_or(0.0, |rank| 1.0 / rank as f64),
            recall_in_tokens: TOKEN_BUDGETS.map(|budget| share(evidence, |found| found.tokens <= budget)),
        }
    }

    /// All figures in a row, for arithmetic over them.
    pub(crate) fn to_array(self) -> [f64; Self::WIDTH] {
        let Self { recall, any, all, ndcg, reciprocal_rank, recall_in_tokens } = self;
        let single = [ndcg, reciprocal_rank];
        let mut figures = [&recall[..], &any, &all, &single, &recall_in_tokens].into_iter().flatten();
        std::array::from_fn(|_| figures.next().copied().unwrap_or_default())
    }

    /// The inverse of [`Scores::to_array`].
    pub(crate) fn from_array(figures: [f64; Self::WIDTH]) -> Self {
        fn take<const N: usize>(figures: &mut impl Iterator<Item = f64>) -> [f64; N] {
            std::array::from_fn(|_| figures.next().unwrap_or_default())
        }
        let mut figures = figures.into_iter();
        let [recall, any, all] = std::array::from_fn(|_| take(&mut figures));
        let [ndcg, reciprocal_rank] = take(&mut figures);
        Self { recall, any, all, ndcg, reciprocal_rank, recall_in_tokens: take(&mut figures) }
    }
}

/// How long rankings took, as the caller waited for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LatencySummary {
    /// Half were at most this long.
    pub p50: Duration,
    /// 95 of 100 were at most this long.
    pub p95: Duration,
    /// 99 of 100 were at most this long.
    pub p99: Duration,
    /// The longest.
    pub max: Duration,
}

impl LatencySummary {
    /// Percentiles by nearest rank: the smallest measured value that is not below the share; zero without a value.
    pub fn of(mut latencies: Vec<Duration>) -> Self {
        latencies.sort_unstable();
        let percentile = |percent: usize| {
            let rank = (latencies.len() * percent).div_ceil(100).max(1);
            latencies.get(rank - 1).copied().unwrap_or_default()
        };
        Self { p50: percentile(50), p95: percentile(95), p99: percentile(99), max: percentile(100) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn items(ids: &[&str], tokens: usize) -> Vec<RankedItem> {
        ids.iter().map(|id| RankedItem { turn_id: (*id).into(), tokens, confidence: None }).collect()
    }

    fn strings(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    fn score_turns(ranking: &[RankedItem], evidence: &[String]) -> Scores {
        Scores::of(&find(ranking, evidence, |item| Some(&item.turn_id)))
    }

    fn assert_close(actual: &[f64], expected: &[f64]) {
        let close =
            actual.len() == expected.len() && actual.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9);
        assert!(close, "{actual:?} is not {expected:?}");
    }

    #[test]
    fn measures_agree_with_numbers_computed_by_hand() {
        // Evidence a (rank 2), b (rank 6), c (rank 12), d (never); 90 tokens an item.
        let ranking = items(&["x", "a", "x", "x", "x", "b", "x", "x", "x", "x", "x", "c"], 90);
        let scores = score_turns(&ranking, &strings(&["a", "b", "c", "d"]));
        assert_close(&scores.recall, &[0.0, 0.25, 0.5, 0.75]);
        assert_close(&scores.any, &[0.0, 1.0, 1.0, 1.0]);
        assert_close(&scores.all, &[0.0, 0.0, 0.0, 0.0]);
        // 1/log2(3) + 1/log2(7) over 1 + 1/log2(3) + 1/log2(4) + 1/log2(5).
        assert_close(&[scores.ndcg], &[0.987_136_942_091_345_6 / 2.561_606_311_644_85]);
        assert_close(&[scores.reciprocal_rank], &[0.5]);
        // a ends at 180 tokens, b at 540, c at 1080.
        assert_close(&scores.recall_in_tokens, &[0.25, 0.5, 0.75]);
    }

    #[test]
    fn tokens_are_counted_up_to_the_first_item_that_does_not_fit() {
        let mut ranking = items(&["x", "big", "a"], 400);
        ranking[1].tokens = 5_000;
        assert_close(&score_turns(&ranking, &strings(&["a"])).recall_in_tokens, &[0.0, 0.0, 0.0]);
        let exact = items(&["x", "a"], 250);
        assert_close(&score_turns(&exact, &strings(&["a"])).recall_in_tokens, &[1.0, 1.0, 1.0]);
    }

    #[test]
    fn naming_the_same_evidence_again_takes_a_rank_and_finds_nothing() {
        let ranking = items(&["a", "a", "a", "a", "a", "b"], 10);
        let scores = score_turns(&ranking, &strings(&["a", "b"]));
        assert_close(&scores.recall, &[0.5, 0.5, 1.0, 1.0]);
        assert!(scores.ndcg < 1.0);
    }

    #[test]
    fn a_session_is_found_by_any_of_its_turns() {
        let ranking = items(&["s1:4", "s2:0", "s2:9"], 10);
        let session = |item: &'static str| item.split(':').next();
        let names: HashMap<&str, &str> =
            ["s1:4", "s2:0", "s2:9"].into_iter().filter_map(|id| Some((id, session(id)?))).collect();
        let found = find(&ranking, &strings(&["s2"]), |item| names.get(item.turn_id.as_str()).copied());
        let scores = Scores::of(&found);
        assert_close(&scores.recall, &[0.0, 1.0, 1.0, 1.0]);
        assert_close(&[scores.reciprocal_rank], &[0.5]);
    }

    #[test]
    fn a_ranking_that_finds_nothing_has_zero_everywhere() {
        for ranking in [items(&["x"; 30], 1), Vec::new()] {
            assert_eq!(score_turns(&ranking, &strings(&["a"])), Scores::default());
        }
    }

    #[test]
    fn headlines_are_the_measures_they_are_called_after() {
        assert_eq!((CUTOFFS[2], TOKEN_BUDGETS[1], NDCG_CUTOFF), (HEADLINE_CUTOFF, 1_000, 10));
    }

    #[test]
    fn every_piece_of_evidence_knows_where_it_was_found() {
        let found =
            find(&items(&["x", "b", "a", "b"], 40), &strings(&["a", "b", "c"]), |item| Some(&item.turn_id));
        assert_eq!(found, [Some(Found { rank: 3, tokens: 120 }), Some(Found { rank: 2, tokens: 80 }), None]);
    }

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let ms = Duration::from_millis;
        let summary = LatencySummary::of((1..=200).rev().map(ms).collect());
        assert_eq!(summary, LatencySummary { p50: ms(100), p95: ms(190), p99: ms(198), max: ms(200) });
        assert_eq!(LatencySummary::of(vec![ms(7)]).p50, ms(7));
        assert_eq!(LatencySummary::of(Vec::new()), LatencySummary::default());
    }

    /// A ranking of up to 40 items over 30 turns, and 1 to 12 distinct pieces of evidence among 35.
    fn cases() -> impl Strategy<Value = (Vec<RankedItem>, Vec<String>)> {
        let item = (0..30_u8, 0..300_usize).prop_map(|(turn, tokens)| RankedItem {
            turn_id: turn.to_string(),
            tokens,
            confidence: None,
        });
        let evidence = prop::collection::btree_set(0..35_u8, 1..=12);
        (prop::collection::vec(item, 0..40), evidence.prop_map(|set| set.iter().map(u8::to_string).collect()))
    }

    proptest! {
        #[test]
        fn more_items_or_tokens_never_find_less((ranking, evidence) in cases()) {
            let scores = score_turns(&ranking, &evidence);
            prop_assert!(scores.recall.is_sorted() && scores.any.is_sorted() && scores.all.is_sorted());
            prop_assert!(scores.recall_in_tokens.is_sorted());
        }

        #[test]
        fn all_is_at_most_recall_is_at_most_any_and_nothing_exceeds_one((ranking, evidence) in cases()) {
            let scores = score_turns(&ranking, &evidence);
            for k in 0..CUTOFFS.len() {
                prop_assert!(scores.all[k] <= scores.recall[k] && scores.recall[k] <= scores.any[k] && scores.any[k] <= 1.0);
            }
            prop_assert!((0.0..=1.0 + 1e-12).contains(&scores.ndcg) && (0.0..=1.0).contains(&scores.reciprocal_rank));
        }

        #[test]
        fn figures_in_a_row_make_the_same_scores_again((ranking, evidence) in cases()) {
            let scores = score_turns(&ranking, &evidence);
            prop_assert_eq!(Scores::from_array(scores.to_array()), scores);
        }

        #[test]
        fn a_perfect_ranking_has_one_everywhere_it_can((mut ranking, evidence) in cases()) {
            let perfect = evidence.iter().map(|id| RankedItem { turn_id: id.clone(), tokens: 40, confidence: None });
            ranking.splice(..0, perfect);
            let scores = score_turns(&ranking, &evidence);
            assert_close(&[scores.ndcg, scores.reciprocal_rank, scores.any[0], scores.all[3]], &[1.0; 4]);
            assert_close(&scores.recall_in_tokens, &[1.0; 3]);
            for (recall, k) in scores.recall.iter().zip(CUTOFFS) {
                assert_close(&[*recall], &[(k as f64 / evidence.len() as f64).min(1.0)]);
            }
        }
    }
}

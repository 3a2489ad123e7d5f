//! How well a ranking found the evidence of a question: the measures, per question and over many.
//!
//! A piece of evidence (a turn, or a session where only sessions are known) is found at the first rank that names it;
//! naming it again, as rankings of passages do, uses up a rank and finds nothing. All measures are shares from 0 to 1.

use std::collections::HashSet;
use std::time::Duration;

/// The k of recall@k.
pub const CUTOFFS: [usize; 4] = [1, 5, 10, 20];

/// The k of NDCG@k.
pub const NDCG_CUTOFF: usize = 10;

/// Tokens of recalled text within which recall is measured, since tokens are what a prompt pays for.
pub const TOKEN_BUDGETS: [usize; 3] = [500, 1_000, 2_000];

/// One item of a ranking, best first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RankedItem {
    /// The turn it is, or is a passage of.
    pub turn_id: String,
    /// What its text costs in a prompt.
    pub tokens: usize,
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

/// Measures one ranking.
///
/// `evidence` are the names to find, distinct and not empty; `name_of` says which name an item's turn goes by.
pub(crate) fn score<'a>(
    ranking: &'a [RankedItem],
    evidence: &[String],
    name_of: impl Fn(&'a RankedItem) -> Option<&'a str>,
) -> Scores {
    assert!(!evidence.is_empty(), "a question without evidence has nothing to measure");
    let mut missing: HashSet<&str> = evidence.iter().map(String::as_str).collect();
    assert_eq!(missing.len(), evidence.len(), "evidence is distinct");

    // Where each piece was found: its rank from 1, and the tokens up to and including it.
    let mut found = Vec::with_capacity(evidence.len());
    let mut tokens = 0_usize;
    for (item, rank) in ranking.iter().zip(1_usize..) {
        tokens = tokens.saturating_add(item.tokens);
        if name_of(item).is_some_and(|name| missing.remove(name)) {
            found.push((rank, tokens));
        }
    }

    let pieces = evidence.len() as f64;
    let within = |k: usize| found.iter().filter(|(rank, _)| *rank <= k).count();
    let share_within = |k: usize| within(k) as f64 / pieces;
    let gain = |rank: usize| 1.0 / (rank as f64 + 1.0).log2();
    let best: f64 = (1..=evidence.len().min(NDCG_CUTOFF)).map(gain).sum();
    let gained: f64 = found.iter().map(|(rank, _)| *rank).filter(|rank| *rank <= NDCG_CUTOFF).map(gain).sum();
    Scores {
        recall: CUTOFFS.map(share_within),
        any: CUTOFFS.map(|k| f64::from(u8::from(within(k) > 0))),
        all: CUTOFFS.map(|k| f64::from(u8::from(within(k) == evidence.len()))),
        ndcg: gained / best,
        reciprocal_rank: found.first().map_or(0.0, |(rank, _)| 1.0 / *rank as f64),
        recall_in_tokens: TOKEN_BUDGETS
            .map(|budget| found.iter().filter(|(_, tokens)| *tokens <= budget).count() as f64 / pieces),
    }
}

/// Means over questions.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Summary {
    /// How many questions were measured.
    pub questions: usize,
    /// The mean of each measure; all 0 without a question.
    pub mean: Scores,
}

impl Summary {
    /// The mean over some questions.
    pub fn of<'a>(scores: impl IntoIterator<Item = &'a Scores>) -> Self {
        let mut questions = 0_usize;
        let mut sum = Scores::default();
        for scores in scores {
            questions += 1;
            sum = sum.combine(scores, |a, b| a + b);
        }
        let count = questions.max(1) as f64;
        Self { questions, mean: sum.combine(&sum, |a, _| a / count) }
    }
}

impl Scores {
    fn combine(&self, other: &Self, f: impl Fn(f64, f64) -> f64 + Copy) -> Self {
        fn each<const N: usize>(a: &[f64; N], b: &[f64; N], f: impl Fn(f64, f64) -> f64) -> [f64; N] {
            std::array::from_fn(|i| f(a[i], b[i]))
        }
        Self {
            recall: each(&self.recall, &other.recall, f),
            any: each(&self.any, &other.any, f),
            all: each(&self.all, &other.all, f),
            ndcg: f(self.ndcg, other.ndcg),
            reciprocal_rank: f(self.reciprocal_rank, other.reciprocal_rank),
            recall_in_tokens: each(&self.recall_in_tokens, &other.recall_in_tokens, f),
        }
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
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn items(ids: &[&str], tokens: usize) -> Vec<RankedItem> {
        ids.iter().map(|id| RankedItem { turn_id: (*id).into(), tokens }).collect()
    }

    fn strings(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    fn score_turns(ranking: &[RankedItem], evidence: &[String]) -> Scores {
        score(ranking, evidence, |item| Some(&item.turn_id))
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
        let scores = score(&ranking, &strings(&["s2"]), |item| names.get(item.turn_id.as_str()).copied());
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
    fn means_weigh_every_question_the_same() {
        let found = score_turns(&items(&["a"], 1), &strings(&["a"]));
        let summary = Summary::of([&found, &Scores::default(), &Scores::default(), &found]);
        assert_eq!(summary.questions, 4);
        assert_close(&summary.mean.recall, &[0.5; 4]);
        assert_close(&[summary.mean.ndcg, summary.mean.reciprocal_rank], &[0.5, 0.5]);
        assert_eq!(Summary::of([]), Summary::default());
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
        let item = (0..30_u8, 0..300_usize)
            .prop_map(|(turn, tokens)| RankedItem { turn_id: turn.to_string(), tokens });
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
        fn a_perfect_ranking_has_one_everywhere_it_can((mut ranking, evidence) in cases()) {
            let perfect = evidence.iter().map(|id| RankedItem { turn_id: id.clone(), tokens: 40 });
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

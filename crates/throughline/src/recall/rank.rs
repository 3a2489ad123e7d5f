//! The ranking: which passages of a shard answer a query, and how well.
//!
//! The score of a turn is a sum of parts, each a pure function in a file of its own: the arms (BM25, cosine, MaxSim′) as
//! z-scores over all turns that pass the filters, so that they are on one scale for any kind of text, and what the
//! conversation's structure adds to them. Which passages of the best turns are returned, `hits` says.

use std::collections::HashMap;

use jiff::tz::TimeZone;

use crate::model::Timestamp;
use crate::ports::StoreError;

use super::arms::{self, Arm, LateArm};
use super::candidates;
use super::filter::Filters;
use super::fusion::reciprocal_ranks;
use super::hits::{self, Hit};
use super::learned::Learned;
use super::nearest::IndexedScope;
use super::query::Query;
use super::request::{Priors, RankingKind, Scores};
use super::selection::Selection;
use super::shard::Shard;
use super::standing::{self, Standing};
use super::structure::Structure;
use super::vectors::{ReadRows, Source};
use super::wanted::Wanted;
use super::weights::Weights;
use super::window::Window;
use super::{confidence, top};

/// A passage and its scores.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ranked {
    pub(crate) turn: u64,
    pub(crate) bytes: (u32, u32),
    pub(crate) score: f32,
    pub(crate) scores: Scores,
    pub(crate) confidence: f32,
    /// Whether it has a standing statement.
    pub(crate) standing: bool,
}

/// What a ranking finds.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Best first; among equals the later said.
    pub(crate) passages: Vec<Ranked>,
    /// Best first.
    pub(crate) standing: Vec<Standing>,
}

/// What is ranked and by what.
pub(crate) struct Ranking<'a> {
    /// In the words of whoever asks.
    pub(crate) text: &'a str,
    pub(crate) query: &'a Query,
    pub(crate) filters: &'a Filters,
    pub(crate) kind: RankingKind,
    pub(crate) priors: Priors,
    /// Whether every turn is ranked in full, however many there are.
    pub(crate) exact: bool,
    /// When it is asked, and where.
    pub(crate) now: Timestamp,
    pub(crate) zone: &'a TimeZone,
    /// At most so many passages.
    pub(crate) limit: usize,
    /// Whether a turn may give several passages.
    pub(crate) every_passage: bool,
    /// Besides at most so many passages with standing statements.
    pub(crate) standing_max: usize,
    /// What was learned from the scope's turns.
    pub(crate) learned: &'a Learned,
    /// Who has the vectors of a shard that leaves them to a vector index.
    pub(crate) index: Option<&'a IndexedScope<'a>>,
}

/// The best passages of the shard. Vectors that the shard does not hold are read with `rows`.
pub(crate) fn rank(shard: &Shard, ranking: &Ranking<'_>, rows: ReadRows<'_>) -> Result<Found, StoreError> {
    let weights = weights(ranking);
    let wanted = Wanted::new(shard, ranking.filters);
    let selection = candidates::select(shard, ranking, &weights, &wanted, rows)?;
    if selection.turns.is_empty() {
        return Ok(Found::default());
    }
    let by_meaning = weights.dense > 0.0 && ranking.query.vector.is_some();
    let vectors = by_meaning.then(|| Source::of(shard, &selection, rows)).transpose()?;
    let parts = Parts::new(shard, vectors.as_ref(), &selection, ranking, weights);
    let scored =
        selection.turns.iter().enumerate().map(|(turn, place)| (parts.total(turn), *place)).collect();
    let best = top::top(scored, ranking.limit);
    let hits = hits::hits(shard, &selection, &parts, &best, ranking);
    let Parts { lexical, dense, late, .. } = &parts;
    let confidence = confidence::confidence(
        shard,
        &selection,
        ranking.query,
        late.as_ref(),
        dense.as_ref(),
        lexical,
        &hits.iter().map(|hit| (hit.turn, hit.passage)).collect::<Vec<_>>(),
    );
    let passages = hits
        .into_iter()
        .zip(confidence)
        .map(|(hit, confidence)| Ranked {
            turn: shard.turns[hit.place as usize].seq,
            bytes: hit.bytes,
            score: hit.score,
            scores: parts.scores(&hit),
            confidence,
            standing: shard.is_standing(hit.place, hit.bytes),
        })
        .collect();
    let standing = standing::rank(shard, &selection, &parts, &wanted, ranking.standing_max);
    Ok(Found { passages, standing })
}

fn weights(ranking: &Ranking<'_>) -> Weights {
    match (&ranking.query.vector, ranking.query.tokens.is_empty()) {
        _ if ranking.kind == RankingKind::Lexical => Weights::LEXICAL,
        (None, _) => Weights::LEXICAL,
        (Some(_), true) => Weights::WITHOUT_TOKENS,
        (Some(_), false) => Weights::FULL,
    }
}

/// The parts of all scores, by turn of the selection; a part that has no say is missing.
pub(super) struct Parts {
    weights: Weights,
    lexical: Arm,
    dense: Option<Arm>,
    late: Option<LateArm>,
    /// The best passage's score of each turn of several: words that stand together count more than words scattered over a
    /// long message, so half of such a turn's score is that of its best passage.
    long: HashMap<usize, f32>,
    /// Set where the score is that of a simple ranking instead of the sum of the parts.
    simple: Option<Vec<f32>>,
    structure: Structure,
}

impl Parts {
    fn new(
        shard: &Shard,
        vectors: Option<&Source<'_>>,
        selection: &Selection,
        ranking: &Ranking<'_>,
        weights: Weights,
    ) -> Self {
        let Ranking { kind, priors, query, .. } = *ranking;
        let structured = matches!(kind, RankingKind::Full | RankingKind::Lexical);
        let window = (structured && priors.neighbours).then(|| Window::new(shard, selection, &weights));
        let lexical = arms::lexical(shard, selection, query, window.as_ref());
        let dense = vectors.zip(query.vector.as_deref());
        let dense = dense.map(|(vectors, query)| arms::dense(vectors, selection, query));
        let late = vectors.filter(|_| structured);
        let late =
            late.and_then(|vectors| arms::late(shard, vectors, selection, &query.tokens, window.as_ref()));
        let mut parts = Self {
            weights,
            lexical,
            dense,
            late,
            long: HashMap::new(),
            simple: None,
            structure: Structure::none(),
        };
        if !structured {
            parts.simple = Some(parts.simple(kind));
            return parts;
        }
        let turns = 0..selection.turns.len();
        let long = turns.clone().filter(|turn| selection.passages_of(*turn).len() > 1);
        parts.long =
            long.map(|turn| (turn, parts.fused_passage(parts.best_passage(selection, turn)))).collect();
        let fused: Vec<f32> = turns.clone().map(|turn| parts.fused(turn)).collect();
        let plain: Vec<f32> = turns.map(|turn| parts.plain(turn)).collect();
        parts.structure = Structure::new(shard, selection, ranking, &parts.weights, &fused, &plain);
        parts
    }

    fn arms(&self) -> [(f32, Option<&Arm>); 3] {
        let Weights { lexical, dense, late, .. } = self.weights;
        let late_arm = self.late.as_ref().map(|late| &late.arm);
        [(lexical, Some(&self.lexical)), (dense, self.dense.as_ref()), (late, late_arm)]
    }

    fn fused(&self, turn: usize) -> f32 {
        let whole = self.arms().into_iter().filter_map(|(weight, arm)| Some(weight * arm?.turns[turn])).sum();
        match self.long.get(&turn) {
            Some(best) => f32::midpoint(whole, *best),
            None => whole,
        }
    }

    fn fused_passage(&self, passage: usize) -> f32 {
        self.arms().into_iter().filter_map(|(weight, arm)| Some(weight * arm?.passages[passage])).sum()
    }

    /// The arms' sum without weights.
    fn plain(&self, turn: usize) -> f32 {
        self.arms().into_iter().filter_map(|(_, arm)| Some(arm?.turns[turn])).sum()
    }

    /// A ranking that other products have, for comparison.
    fn simple(&self, kind: RankingKind) -> Vec<f32> {
        let dense = self.dense.as_ref().map_or(&self.lexical.turns, |arm| &arm.turns);
        match kind {
            RankingKind::Dense => dense.clone(),
            RankingKind::ReciprocalRanks => reciprocal_ranks(&[&self.lexical.turns, dense]),
            _ => self.lexical.turns.clone(),
        }
    }

    fn total(&self, turn: usize) -> f32 {
        if let Some(simple) = &self.simple {
            return simple[turn];
        }
        self.fused(turn) + self.structure.sum(turn)
    }

    /// Whether the score is that of a simple ranking.
    pub(super) fn is_simple(&self) -> bool {
        self.simple.is_some()
    }

    /// What the turn would score if it were nothing but this passage.
    pub(super) fn alone(&self, turn: usize, passage: usize) -> f32 {
        self.fused_passage(passage) + self.structure.sum(turn)
    }

    /// Whether the passage answers better than an average turn does.
    pub(super) fn says_something(&self, passage: usize) -> bool {
        self.fused_passage(passage) > 0.0
    }

    /// The passage of the turn with the highest fused score; the earliest among equals.
    pub(super) fn best_passage(&self, selection: &Selection, turn: usize) -> usize {
        let own = selection.passages_of(turn);
        let better =
            |best, other| if self.fused_passage(other) > self.fused_passage(best) { other } else { best };
        own.clone().fold(own.start, better)
    }

    fn scores(&self, hit: &Hit) -> Scores {
        let Hit { turn, passage, is_best, .. } = *hit;
        let raw = |arm: Option<&Arm>| arm.map(|arm| arm.raw[passage]).filter(|raw| !raw.is_nan());
        let part = |arm: &Arm| {
            let (whole, alone) = (arm.turns[turn], arm.passages[passage]);
            match (is_best, self.long.contains_key(&turn)) {
                (false, _) => alone,
                (true, true) => f32::midpoint(whole, alone),
                (true, false) => whole,
            }
        };
        let [lexical, dense, late] =
            self.arms().map(|(weight, arm)| arm.map_or(0.0, |arm| weight * part(arm)));
        let [answer, session, date, speaker, role, memory] = self.structure.of(turn);
        Scores {
            bm25: self.lexical.raw[passage],
            cosine: raw(self.dense.as_ref()),
            max_sim: raw(self.late.as_ref().map(|late| &late.arm)),
            lexical,
            dense,
            late,
            answer,
            session,
            date,
            speaker,
            role,
            memory,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::ports::{Embedding, SearchRow};
    use crate::recall::PassageRow;
    use crate::text::terms::terms;

    const TURNS: u32 = 9_000;
    const DIMENSIONS: usize = 64;

    /// Xorshift, in 0 … 1: the same conversations in every run.
    struct Random(u64);

    impl Random {
        fn fraction(&mut self) -> f32 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 40) as f32 / (1_u64 << 24) as f32
        }

        /// Words, the `n`th of the vocabulary with a probability of about `1 / n`, as in real text.
        fn text(&mut self, words: usize) -> String {
            let words: Vec<String> =
                (0..words).map(|_| format!("w{}", 2_000_f32.powf(self.fraction()).floor())).collect();
            words.join(" ")
        }
    }

    /// Each word a direction of its own, the text their sum.
    fn embedding(text: &str) -> Embedding {
        let mut embedding = Embedding { vector: vec![0.0; DIMENSIONS], ..Embedding::default() };
        let mut at = 0;
        for word in text.split(' ') {
            let mut random = Random(u64::from(crate::text::terms::TermHash::of(word).0) | 1 << 40);
            let token: Vec<f32> = (0..DIMENSIONS).map(|_| random.fraction() - 0.5).collect();
            embedding.vector.iter_mut().zip(&token).for_each(|(sum, x)| *sum += x);
            embedding.tokens.extend(unit(token));
            embedding.spans.push((at, at + u32::try_from(word.len()).unwrap()));
            at += u32::try_from(word.len()).unwrap() + 1;
        }
        embedding.vector = unit(embedding.vector);
        embedding
    }

    fn unit(vector: Vec<f32>) -> Vec<f32> {
        let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
        vector.into_iter().map(|x| x / length).collect()
    }

    /// A shard that holds vectors of so many bytes, all its rows, and what was said.
    fn conversations(vectors_bytes_max: usize) -> (Shard, Vec<SearchRow>, Vec<String>) {
        let mut random = Random(88_172_645_463_325_252);
        let generation = crate::model::Generation(1);
        let log = crate::model::Revision { generation, row: 0, redactions: 0 };
        let mut shard = Shard::new(log, Some(1), vectors_bytes_max, usize::MAX);
        let (mut rows, mut said) = (Vec::new(), Vec::new());
        for turn in 1..=TURNS {
            let text = random.text(12);
            let row = PassageRow {
                role: u8::from(turn % 2 == 0),
                bytes: (0, u32::try_from(text.len()).unwrap()),
                terms: terms(&text),
                asks: turn % 3 == 0,
                ..PassageRow::default()
            };
            let body = row.with_embedding(1, &text, &embedding(&text)).encode();
            let (number, session) = (u64::from(turn), turn / 20);
            let row = SearchRow { number, turn: number, passage: 0, session, body };
            shard.apply(&row);
            rows.push(row);
            said.push(text);
        }
        (shard, rows, said)
    }

    /// The ten best.
    fn ranked(shard: &Shard, question: &str, exact: bool) -> Vec<Ranked> {
        let no_rows = |_: &[u64], _: &mut dyn FnMut(SearchRow)| panic!("the shard holds all vectors");
        ranked_with(shard, question, &no_rows, exact)
    }

    fn ranked_with(shard: &Shard, question: &str, rows: ReadRows<'_>, exact: bool) -> Vec<Ranked> {
        let ranking = Ranking {
            text: question,
            query: &Query::new(question, Some(embedding(question))),
            filters: &Filters::default(),
            kind: RankingKind::Full,
            priors: Priors::default(),
            exact,
            now: Timestamp::UNIX_EPOCH,
            zone: &TimeZone::UTC,
            limit: 10,
            every_passage: true,
            standing_max: 0,
            learned: &Learned::default(),
            index: None,
        };
        rank(shard, &ranking, rows).unwrap().passages
    }

    /// Every other word of some of the texts.
    fn questions(said: &[String]) -> impl Iterator<Item = String> {
        said.iter().step_by(290).map(|text| text.split(' ').step_by(2).collect::<Vec<_>>().join(" "))
    }

    fn turns(ranked: &[Ranked]) -> HashSet<u64> {
        ranked.iter().map(|ranked| ranked.turn).collect()
    }

    #[test]
    fn the_ten_best_of_a_large_scope_are_nearly_those_of_ranking_every_turn_in_full() {
        let (shard, _, said) = conversations(usize::MAX);
        let (mut same, mut all) = (0, 0);
        for question in questions(&said) {
            let exact = ranked(&shard, &question, true);
            let found = ranked(&shard, &question, false);
            assert_eq!(exact[0].turn, found[0].turn);
            same += turns(&exact).intersection(&turns(&found)).count();
            all += exact.len();
        }
        assert!(same * 100 >= all * 98, "{same} of {all}");
    }

    #[test]
    fn a_shard_without_vectors_reads_those_it_looks_at() {
        let (slim, rows, said) = conversations(1);
        assert!(slim.vectors().is_none());
        let (whole, ..) = conversations(usize::MAX);
        assert!(slim.heap_bytes() < whole.heap_bytes());
        let read = std::cell::Cell::new(0);
        let rows = |numbers: &[u64], sink: &mut dyn FnMut(SearchRow)| {
            read.set(read.get() + numbers.len());
            let at = |number: &u64| usize::try_from(*number).unwrap() - 1;
            for number in numbers {
                sink(rows[at(number)].clone());
            }
            Ok(())
        };
        let mut same = 0;
        for (asked, question) in questions(&said).take(5).enumerate() {
            let exact = ranked(&whole, &question, true);
            assert_eq!(turns(&ranked_with(&slim, &question, &rows, true)), turns(&exact));
            read.set(0);
            let found = ranked_with(&slim, &question, &rows, false);
            assert_eq!(found[0].turn, exact[0].turn);
            same += turns(&found).intersection(&turns(&exact)).count();
            // The sample stays in memory from the first question on.
            let sample = if asked == 0 { said.len() / 2 + 16 } else { 0 };
            assert!(read.get() <= sample + 5 * candidates::CHOSEN_TO_READ_TURNS, "{} rows", read.get());
        }
        assert!(same >= 48, "{same} of 50");
    }

    #[test]
    fn the_parts_of_a_score_add_up_to_it() {
        let (shard, _, said) = conversations(usize::MAX);
        for Ranked { score, scores, confidence, .. } in ranked(&shard, &said[7], false) {
            let Scores { lexical, dense, late, answer, session, date, speaker, role, memory, .. } = scores;
            let sum = lexical + dense + late + answer + session + date + speaker + role + memory;
            assert!((sum - score).abs() < 1e-3, "{sum} {score}");
            assert!((0.0..=1.0).contains(&confidence));
        }
    }
}

//! The ranking: which passages of a shard answer a query, and how well.
//!
//! The score of a turn is a sum of parts, each a pure function in a file of its own: the arms (BM25, cosine, MaxSim′) as
//! z-scores over all turns that pass the filters, so that they are on one scale for any kind of text, and what the
//! conversation's structure adds to them. Which passages of the best turns are returned, `hits` says.

use std::collections::HashMap;

use jiff::tz::TimeZone;

use crate::model::Timestamp;

use super::arms::{self, Arm, LateArm};
use super::candidates::{self, EXACT_TURNS_MAX};
use super::filter::Filters;
use super::fusion::reciprocal_ranks;
use super::hits::{self, Hit};
use super::query::Query;
use super::request::{Priors, RankingKind, Scores};
use super::selection::{self, Selection};
use super::shard::Shard;
use super::standing::{self, Standing};
use super::weights::Weights;
use super::window::Window;
use super::{answer, confidence, date, role, session, speaker, top};

/// A passage and its scores.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ranked {
    pub(crate) turn: u64,
    pub(crate) bytes: (u32, u32),
    pub(crate) score: f32,
    pub(crate) scores: Scores,
    pub(crate) confidence: f32,
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
    /// When it is asked, and where.
    pub(crate) now: Timestamp,
    pub(crate) zone: &'a TimeZone,
    /// At most so many passages.
    pub(crate) limit: usize,
    /// Besides at most so many passages with standing statements.
    pub(crate) standing_max: usize,
}

/// The best passages of the shard.
pub(crate) fn rank(shard: &Shard, ranking: &Ranking<'_>) -> Found {
    rank_with(shard, ranking, EXACT_TURNS_MAX)
}

/// The same with another number of turns that are all ranked in full.
fn rank_with(shard: &Shard, ranking: &Ranking<'_>, exact_turns_max: usize) -> Found {
    let weights = weights(ranking);
    let wanted = selection::wanted(shard, ranking.filters);
    let standing = match ranking.standing_max {
        0 => Vec::new(),
        _ => standing::among(shard, &wanted),
    };
    let selection = candidates::select(shard, ranking.query, &weights, wanted, exact_turns_max);
    if selection.turns.is_empty() {
        return Found::default();
    }
    let parts = Parts::new(shard, &selection, ranking, weights);
    let scored =
        selection.turns.iter().enumerate().map(|(turn, place)| (parts.total(turn), *place)).collect();
    let best = top::top(scored, ranking.limit);
    let hits = hits::hits(shard, &selection, &parts, &best, ranking.limit);
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
        })
        .collect();
    let standing = standing::rank(shard, &selection, &parts, standing, ranking.standing_max);
    Found { passages, standing }
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
    answer: Option<Vec<f32>>,
    session: Option<Vec<f32>>,
    date: Option<Vec<f32>>,
    speaker: Option<Vec<f32>>,
    role: Option<Vec<f32>>,
}

impl Parts {
    fn new(shard: &Shard, selection: &Selection, ranking: &Ranking<'_>, weights: Weights) -> Self {
        let Ranking { kind, priors, query, .. } = *ranking;
        let structured = matches!(kind, RankingKind::Full | RankingKind::Lexical);
        let window = (structured && priors.neighbours).then(|| Window::new(shard, selection, &weights));
        let lexical = arms::lexical(shard, selection, query, window.as_ref());
        let by_meaning = weights.dense > 0.0;
        let vector = query.vector.as_deref().filter(|_| by_meaning);
        let dense = vector.map(|vector| arms::dense(shard, selection, vector));
        let late = Some(&query.tokens)
            .filter(|_| by_meaning && structured)
            .and_then(|tokens| arms::late(shard, selection, tokens, window.as_ref()));
        let mut parts = Self {
            weights,
            lexical,
            dense,
            late,
            long: HashMap::new(),
            simple: None,
            answer: None,
            session: None,
            date: None,
            speaker: None,
            role: None,
        };
        if !structured {
            parts.simple = Some(parts.simple(kind));
            return parts;
        }
        let turns = 0..selection.turns.len();
        let long = turns.clone().filter(|turn| selection.passages_of(*turn).len() > 1);
        parts.long =
            long.map(|turn| (turn, parts.fused_passage(parts.best_passage(selection, turn)))).collect();
        if priors.neighbours {
            let fused: Vec<f32> = turns.clone().map(|turn| parts.fused(turn)).collect();
            parts.answer = Some(answer::of_questions(shard, selection, &fused, &weights));
        }
        if priors.session {
            let plain: Vec<f32> = turns.map(|turn| parts.plain(turn)).collect();
            parts.session = Some(session::session_prior(shard, selection, &plain));
        }
        let Ranking { text, now, zone, .. } = *ranking;
        parts.date = priors.date.then(|| date::nearness(shard, selection, text, now, zone)).flatten();
        parts.speaker = priors.speaker.then(|| speaker::named(shard, selection, text)).flatten();
        parts.role = priors.role.then(|| role::said_by_user(shard, selection)).flatten();
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
        self.fused(turn) + self.structure(turn).into_iter().sum::<f32>()
    }

    /// What answer, session, date, speaker and role add.
    fn structure(&self, turn: usize) -> [f32; 5] {
        let weights = &self.weights;
        [
            (weights.after_question, &self.answer),
            (weights.session, &self.session),
            (weights.date, &self.date),
            (weights.speaker, &self.speaker),
            (weights.role, &self.role),
        ]
        .map(|(weight, part)| part.as_ref().map_or(0.0, |part| weight * part[turn]))
    }

    /// Whether the score is that of a simple ranking.
    pub(super) fn is_simple(&self) -> bool {
        self.simple.is_some()
    }

    /// What the turn would score if it were nothing but this passage.
    pub(super) fn alone(&self, turn: usize, passage: usize) -> f32 {
        self.fused_passage(passage) + self.structure(turn).into_iter().sum::<f32>()
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
        let [answer, session, date, speaker, role] = self.structure(turn);
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

    fn conversations() -> (Shard, Vec<String>) {
        let mut random = Random(88_172_645_463_325_252);
        let mut shard = Shard::new(crate::model::Generation(1), Some(1));
        let mut said = Vec::new();
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
            shard.apply(&SearchRow { number, turn: number, passage: 0, session, body });
            said.push(text);
        }
        (shard, said)
    }

    /// The ten best.
    fn ranked(shard: &Shard, question: &str, exact_turns_max: usize) -> Vec<Ranked> {
        let ranking = Ranking {
            text: question,
            query: &Query::new(question, Some(embedding(question))),
            filters: &Filters::default(),
            kind: RankingKind::Full,
            priors: Priors::default(),
            now: Timestamp::UNIX_EPOCH,
            zone: &TimeZone::UTC,
            limit: 10,
            standing_max: 0,
        };
        rank_with(shard, &ranking, exact_turns_max).passages
    }

    #[test]
    fn the_ten_best_of_a_large_scope_are_nearly_those_of_ranking_every_turn_in_full() {
        let (shard, said) = conversations();
        let (mut same, mut all) = (0, 0);
        for text in said.iter().step_by(290) {
            let question: Vec<&str> = text.split(' ').step_by(2).collect();
            let question = question.join(" ");
            let turns = |exact_turns_max| -> HashSet<u64> {
                ranked(&shard, &question, exact_turns_max).iter().map(|ranked| ranked.turn).collect()
            };
            let exact = turns(usize::MAX);
            same += turns(EXACT_TURNS_MAX).intersection(&exact).count();
            all += exact.len();
        }
        // 97 of 100 on random words, where the tenth and the thirtieth score nearly the same.
        assert!(same * 100 >= all * 95, "{same} of {all}");
    }

    #[test]
    fn the_parts_of_a_score_add_up_to_it() {
        let (shard, said) = conversations();
        for Ranked { score, scores, confidence, .. } in ranked(&shard, &said[7], EXACT_TURNS_MAX) {
            let Scores { lexical, dense, late, answer, session, date, speaker, role, .. } = scores;
            let sum = lexical + dense + late + answer + session + date + speaker + role;
            assert!((sum - score).abs() < 1e-3, "{sum} {score}");
            assert!((0.0..=1.0).contains(&confidence));
        }
    }
}

//! Puts a ranking to the test: takes conversations in, asks their questions, measures what comes back.
//!
//! It must never show the ranking more than a user would: a question's text and time, not its evidence or category.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::conversation::{Conversation, Evidence, Question};
use crate::error::ImportError;
use crate::metrics::{LatencySummary, RankedItem, Scores, Summary, score};

/// Items asked for per question: enough to fill the largest token budget with turns of ten tokens.
pub const RANKED_ITEMS_MAX: usize = 200;

/// What is judged: something that takes conversations in and ranks their turns for a question.
pub trait Ranker {
    /// Why it could not.
    type Error;

    /// Takes in a conversation, whole. Questions that follow are about this one.
    fn ingest(&mut self, conversation: &Conversation) -> Result<(), Self::Error>;

    /// The best items for a question about the conversation taken in last, best first, at most `limit`.
    ///
    /// The time this takes is measured; an answer may use `question.text` and `question.time` and nothing else of it.
    fn rank(&mut self, question: &Question, limit: usize) -> Result<Vec<RankedItem>, Self::Error>;
}

/// What an evaluation is doing, for a progress display.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress<'a> {
    /// A conversation is about to be taken in.
    Ingesting {
        /// Its id.
        conversation: &'a str,
        /// How many turns it has.
        turns: usize,
    },
    /// A question was answered.
    Ranked {
        /// Questions of this conversation done so far.
        done: usize,
        /// How many there are to ask.
        of: usize,
    },
}

/// Why an evaluation stopped.
#[derive(Debug, Error)]
pub enum RunError<E> {
    /// The file of conversations is wrong.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// A conversation could not be taken in.
    #[error("conversation `{conversation}` could not be taken in")]
    Ingest {
        /// Its id.
        conversation: String,
        /// What the ranker said.
        source: E,
    },
    /// A question could not be answered.
    #[error("no ranking for the question `{question}` of conversation `{conversation}`")]
    Rank {
        /// Id of the conversation.
        conversation: String,
        /// Text of the question.
        question: String,
        /// What the ranker said.
        source: E,
    },
}

/// The outcome.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// Conversations taken in.
    pub conversations: usize,
    /// Their turns.
    pub turns: usize,
    /// Questions without evidence in their conversation: not asked.
    pub questions_skipped: usize,
    /// Over all questions but the adversarial ones.
    pub overall: Summary,
    /// The same questions by category.
    pub categories: BTreeMap<String, Summary>,
    /// The adversarial questions, which are part of no other figure.
    pub adversarial: Summary,
    /// Time to take everything in.
    pub ingest: Duration,
    /// Time per ranking, adversarial questions included.
    pub latency: LatencySummary,
}

/// Runs conversations and their questions past a ranker.
///
/// # Errors
/// Stops at the first conversation that cannot be read and the first failure of the ranker: figures over a part would mislead.
pub fn evaluate<R: Ranker>(
    conversations: impl IntoIterator<Item = Result<Conversation, ImportError>>,
    ranker: &mut R,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Evaluation, RunError<R::Error>> {
    let mut tally = Tally::default();
    for conversation in conversations {
        let conversation = conversation?;
        progress(Progress::Ingesting { conversation: &conversation.id, turns: conversation.turns.len() });
        let start = Instant::now();
        ranker
            .ingest(&conversation)
            .map_err(|source| RunError::Ingest { conversation: conversation.id.clone(), source })?;
        tally.ingest += start.elapsed();
        tally.conversations += 1;
        tally.turns += conversation.turns.len();
        ask(&conversation, ranker, progress, &mut tally)?;
    }
    Ok(tally.finish())
}

fn ask<R: Ranker>(
    conversation: &Conversation,
    ranker: &mut R,
    progress: &mut dyn FnMut(Progress<'_>),
    tally: &mut Tally,
) -> Result<(), RunError<R::Error>> {
    let session_of: HashMap<&str, &str> =
        conversation.turns.iter().map(|turn| (turn.id.as_str(), turn.session.as_str())).collect();
    let asked: Vec<_> = conversation.questions.iter().filter(|q| !q.evidence.is_empty()).collect();
    tally.questions_skipped += conversation.questions.len() - asked.len();
    for (question, done) in asked.iter().zip(1..) {
        let start = Instant::now();
        let mut ranking = ranker.rank(question, RANKED_ITEMS_MAX).map_err(|source| RunError::Rank {
            conversation: conversation.id.clone(),
            question: question.text.clone(),
            source,
        })?;
        tally.latencies.push(start.elapsed());
        ranking.truncate(RANKED_ITEMS_MAX);
        let scores = match &question.evidence {
            Evidence::Turns(turns) => score(&ranking, turns, |item| Some(&item.turn_id)),
            Evidence::Sessions(sessions) => {
                score(&ranking, sessions, |item| session_of.get(item.turn_id.as_str()).copied())
            }
        };
        if question.adversarial {
            tally.adversarial.push(scores);
        } else {
            tally.categories.entry(question.category.clone()).or_default().push(scores);
        }
        progress(Progress::Ranked { done, of: asked.len() });
    }
    Ok(())
}

#[derive(Default)]
struct Tally {
    conversations: usize,
    turns: usize,
    questions_skipped: usize,
    categories: BTreeMap<String, Vec<Scores>>,
    adversarial: Vec<Scores>,
    ingest: Duration,
    latencies: Vec<Duration>,
}

impl Tally {
    fn finish(self) -> Evaluation {
        let overall = Summary::of(self.categories.values().flatten());
        let categories =
            self.categories.into_iter().map(|(name, scores)| (name, Summary::of(&scores))).collect();
        Evaluation {
            conversations: self.conversations,
            turns: self.turns,
            questions_skipped: self.questions_skipped,
            overall,
            categories,
            adversarial: Summary::of(&self.adversarial),
            ingest: self.ingest,
            latency: LatencySummary::of(self.latencies),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation::{ConversationTurn, Role};

    /// Ranks turns by the number of words they share with the question.
    #[derive(Default)]
    struct SharedWords {
        turns: Vec<(String, String)>,
        fails_on: Option<&'static str>,
    }

    impl Ranker for SharedWords {
        type Error = String;

        fn ingest(&mut self, conversation: &Conversation) -> Result<(), String> {
            if self.fails_on == Some(conversation.id.as_str()) {
                return Err("no room".into());
            }
            self.turns = conversation.turns.iter().map(|t| (t.id.clone(), t.text.clone())).collect();
            Ok(())
        }

        fn rank(&mut self, question: &Question, limit: usize) -> Result<Vec<RankedItem>, String> {
            if self.fails_on == Some(question.text.as_str()) {
                return Err("no idea".into());
            }
            let shared = |text: &str| text.split(' ').filter(|word| question.text.contains(word)).count();
            let mut ranked: Vec<_> = self.turns.iter().map(|(id, text)| (shared(text), id)).collect();
            ranked.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
            Ok(ranked
                .into_iter()
                .take(limit)
                .map(|(_, id)| RankedItem { turn_id: id.clone(), tokens: 300 })
                .collect())
        }
    }

    fn conversation(id: &str) -> Conversation {
        let turn = |id: &str, session: &str, text: &str| ConversationTurn {
            id: id.into(),
            session: session.into(),
            role: Role::User,
            name: None,
            text: text.into(),
            time: None,
            metadata: None,
        };
        let question = |text: &str, category: &str, evidence| Question {
            text: text.into(),
            category: category.into(),
            adversarial: category == "trick",
            evidence,
            time: None,
        };
        let turns = |ids: &[&str]| Evidence::Turns(ids.iter().map(ToString::to_string).collect());
        Conversation {
            id: id.into(),
            turns: vec![
                turn("1", "a", "rain on Monday"),
                turn("2", "a", "soup with leeks"),
                turn("3", "b", "boots for hiking"),
            ],
            questions: vec![
                question("which soup with leeks", "food", turns(&["2"])),
                question("what about rain", "weather", turns(&["1", "3"])),
                question("new boots", "gear", Evidence::Sessions(vec!["b".into()])),
                question("boots for rain", "trick", turns(&["2"])),
                question("anything else", "food", turns(&[])),
            ],
        }
    }

    #[test]
    fn questions_are_measured_by_category_with_the_adversarial_ones_apart() {
        let conversations = [Ok(conversation("x")), Ok(conversation("y"))];
        let evaluation = evaluate(conversations, &mut SharedWords::default(), &mut |_| {}).unwrap();
        assert_eq!((evaluation.conversations, evaluation.turns, evaluation.questions_skipped), (2, 6, 2));
        let rows: Vec<_> = evaluation
            .categories
            .iter()
            .map(|(name, s)| (name.as_str(), s.questions, s.mean.recall[0], s.mean.recall[1]))
            .collect();
        assert_eq!(rows, [("food", 2, 1.0, 1.0), ("gear", 2, 1.0, 1.0), ("weather", 2, 0.5, 1.0)]);
        assert_eq!(evaluation.overall.questions, 6);
        assert!((evaluation.overall.mean.recall[0] - 2.5 / 3.0).abs() < 1e-12);
        assert_eq!((evaluation.adversarial.questions, evaluation.adversarial.mean.any[0]), (2, 0.0));
        assert!(evaluation.latency.max >= evaluation.latency.p50);
    }

    #[test]
    fn progress_tells_of_every_conversation_and_question() {
        let mut seen = Vec::new();
        evaluate([Ok(conversation("x"))], &mut SharedWords::default(), &mut |p| seen.push(format!("{p:?}")))
            .unwrap();
        assert_eq!(seen.len(), 5);
        assert_eq!(seen[0], r#"Ingesting { conversation: "x", turns: 3 }"#);
        assert_eq!(seen[4], "Ranked { done: 4, of: 4 }");
    }

    #[test]
    fn a_failure_of_the_ranker_names_the_conversation_and_the_question() {
        let run = |fails_on| {
            let mut ranker = SharedWords { fails_on: Some(fails_on), ..SharedWords::default() };
            evaluate([Ok(conversation("x"))], &mut ranker, &mut |_| {}).unwrap_err().to_string()
        };
        assert_eq!(run("x"), "conversation `x` could not be taken in");
        assert_eq!(run("new boots"), "no ranking for the question `new boots` of conversation `x`");
    }
}

//! Puts a ranking to the test: takes conversations in, asks their questions, measures what comes back.
//!
//! It must never show the ranking more than a user would: a question's text and time, not its evidence or category.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use thiserror::Error;

use crate::conversation::{Conversation, Evidence, Question};
use crate::error::ImportError;
use crate::metrics::{RankedItem, find};
use crate::row::{Piece, Row};

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

/// The outcome: what was asked and where the answers stood. [`Figures`](crate::Figures) are computed from it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Evaluation {
    /// Conversations taken in.
    pub conversations: usize,
    /// Their turns.
    pub turns: usize,
    /// Questions without evidence in their conversation: not asked.
    pub questions_skipped: usize,
    /// The questions asked, in order.
    pub rows: Vec<Row>,
    /// Time to take everything in.
    pub ingest: Duration,
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
    let mut evaluation = Evaluation::default();
    for conversation in conversations {
        let conversation = conversation?;
        progress(Progress::Ingesting { conversation: &conversation.id, turns: conversation.turns.len() });
        let start = Instant::now();
        ranker
            .ingest(&conversation)
            .map_err(|source| RunError::Ingest { conversation: conversation.id.clone(), source })?;
        evaluation.ingest += start.elapsed();
        evaluation.conversations += 1;
        evaluation.turns += conversation.turns.len();
        ask(&conversation, ranker, progress, &mut evaluation)?;
    }
    Ok(evaluation)
}

fn ask<R: Ranker>(
    conversation: &Conversation,
    ranker: &mut R,
    progress: &mut dyn FnMut(Progress<'_>),
    evaluation: &mut Evaluation,
) -> Result<(), RunError<R::Error>> {
    let about = About::of(conversation);
    let asked: Vec<_> = conversation.questions.iter().filter(|q| !q.evidence.is_empty()).collect();
    evaluation.questions_skipped += conversation.questions.len() - asked.len();
    for (question, done) in asked.iter().zip(1..) {
        let start = Instant::now();
        let mut ranking = ranker.rank(question, RANKED_ITEMS_MAX).map_err(|source| RunError::Rank {
            conversation: conversation.id.clone(),
            question: question.text.clone(),
            source,
        })?;
        let latency = start.elapsed();
        ranking.truncate(RANKED_ITEMS_MAX);
        evaluation.rows.push(Row {
            conversation: conversation.id.clone(),
            question: question.text.clone(),
            category: question.category.clone(),
            adversarial: question.adversarial,
            evidence: about.judge(question, &ranking),
            latency,
        });
        progress(Progress::Ranked { done, of: asked.len() });
    }
    Ok(())
}

/// What judging needs to know of a conversation.
pub(crate) struct About<'a> {
    session_of: HashMap<&'a str, &'a str>,
    /// When a turn was said, by its id.
    turn_times: HashMap<&'a str, Timestamp>,
    /// When the last turn of a session was said, by its name.
    session_times: HashMap<&'a str, Timestamp>,
    /// The time of questions that have none: when the last turn of all was said.
    end: Option<Timestamp>,
}

impl<'a> About<'a> {
    pub(crate) fn of(conversation: &'a Conversation) -> Self {
        let turns = &conversation.turns;
        let timed = || turns.iter().filter_map(|turn| Some((turn, turn.time?)));
        let mut session_times: HashMap<&str, Timestamp> = HashMap::new();
        for (turn, time) in timed() {
            let last = session_times.entry(&turn.session).or_insert(time);
            *last = time.max(*last);
        }
        Self {
            session_of: turns.iter().map(|turn| (turn.id.as_str(), turn.session.as_str())).collect(),
            turn_times: timed().map(|(turn, time)| (turn.id.as_str(), time)).collect(),
            session_times,
            end: timed().map(|(_, time)| time).max(),
        }
    }

    /// Which piece of the evidence an item is, if it is one.
    pub(crate) fn piece(&self, evidence: &Evidence, item: &RankedItem) -> Option<usize> {
        let turn = item.turn_id.as_str();
        match evidence {
            Evidence::Turns(names) => names.iter().position(|name| name == turn),
            Evidence::Sessions(names) => {
                let session = self.session_of.get(turn)?;
                names.iter().position(|name| name == session)
            }
        }
    }

    /// Each piece of a question's evidence: where the ranking has it, and how old it was.
    fn judge(&self, question: &Question, ranking: &[RankedItem]) -> Vec<Piece> {
        let (names, found, times) = match &question.evidence {
            Evidence::Turns(names) => {
                (names, find(ranking, names, |item| Some(&item.turn_id)), &self.turn_times)
            }
            Evidence::Sessions(names) => {
                let found = find(ranking, names, |item| self.session_of.get(item.turn_id.as_str()).copied());
                (names, found, &self.session_times)
            }
        };
        let asked = question.time.or(self.end);
        let age = |name: &str| Duration::try_from(asked?.duration_since(*times.get(name)?)).ok();
        names
            .iter()
            .zip(found)
            .map(|(name, found)| Piece { name: name.clone(), found, age: age(name) })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation::{ConversationTurn, Role};
    use crate::summary::Figures;

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
                .map(|(_, id)| RankedItem { turn_id: id.clone(), tokens: 300, confidence: None })
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
        let figures = Figures::of(&evaluation);
        let rows: Vec<_> = figures
            .categories
            .iter()
            .map(|(name, s)| (name.as_str(), s.questions, s.mean.recall[0], s.mean.recall[1]))
            .collect();
        assert_eq!(rows, [("food", 2, 1.0, 1.0), ("gear", 2, 1.0, 1.0), ("weather", 2, 0.5, 1.0)]);
        assert_eq!(figures.overall.questions, 6);
        assert!((figures.overall.mean.recall[0] - 2.5 / 3.0).abs() < 1e-12);
        assert_eq!((figures.adversarial.questions, figures.adversarial.mean.any[0]), (2, 0.0));
        assert!(figures.latency.max >= figures.latency.p50);
    }

    #[test]
    fn the_age_of_evidence_goes_to_the_question_or_else_to_the_end_of_the_conversation() {
        let day = |day: i64| Some(Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_hours(24 * day));
        let mut asked = conversation("x");
        asked.turns.iter_mut().zip([1, 2, 5]).for_each(|(turn, at)| turn.time = day(at));
        asked.questions[0].time = day(30);
        asked.questions[3].time = day(1);
        let evaluation = evaluate([Ok(asked)], &mut SharedWords::default(), &mut |_| {}).unwrap();
        let days: Vec<Vec<_>> = evaluation
            .rows
            .iter()
            .map(|row| row.evidence.iter().map(|piece| piece.age.map(|age| age.as_secs() / 86_400)).collect())
            .collect();
        // The last was said after the question was asked.
        assert_eq!(days, [vec![Some(28)], vec![Some(4), Some(0)], vec![Some(0)], vec![None]]);
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

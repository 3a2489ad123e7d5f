//! Asks each question twice, once as ever and once with every turn ranked in full, and counts what both found.

use std::collections::HashSet;

use crate::conversation::{Conversation, Question};
use crate::error::ImportError;
use crate::metrics::{HEADLINE_CUTOFF, RankedItem};
use crate::run::{Progress, Ranker, RunError};

use super::pool::{fill, pool};

/// A ranking that can also look at every turn, however many there are.
pub trait ExactRanker: Ranker {
    /// As [`Ranker::rank`], with every turn ranked in full.
    ///
    /// # Errors
    /// If it could not.
    fn rank_exactly(&mut self, question: &Question, limit: usize) -> Result<Vec<RankedItem>, Self::Error>;
}

/// The outcome. [`AgreementFigures`](super::AgreementFigures) are computed from it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AgreementEvaluation {
    /// Memories that were asked: one for each conversation, or one for all.
    pub memories: usize,
    /// Their turns, those that fill them up included.
    pub turns: usize,
    /// Turns that nobody said: they fill a memory up.
    pub filled: usize,
    /// The questions asked, in order; adversarial ones and those without evidence too.
    pub rows: Vec<AgreementRow>,
}

/// One question, asked twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgreementRow {
    /// Id of the conversation that it is about.
    pub conversation: String,
    /// As it was asked.
    pub question: String,
    /// The data set's own kind of question.
    pub category: String,
    /// How many of the ten best of ranking every turn were found.
    pub same: usize,
    /// How many these are: ten, or all there are.
    pub of: usize,
    /// Whether the best one is the same.
    pub first: bool,
}

/// Runs conversations and their questions past a ranker. With `pooled`, all conversations become one memory, which is filled up
/// to so many turns.
///
/// # Errors
/// Stops at the first conversation that cannot be read and the first failure of the ranker: figures over a part would mislead.
pub fn evaluate_agreement<R: ExactRanker>(
    conversations: impl IntoIterator<Item = Result<Conversation, ImportError>>,
    pooled: Option<usize>,
    ranker: &mut R,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<AgreementEvaluation, RunError<R::Error>> {
    let mut evaluation = AgreementEvaluation::default();
    let Some(turns) = pooled else {
        for conversation in conversations {
            let conversation = conversation?;
            let about = vec![conversation.id.clone(); conversation.questions.len()];
            ask(&conversation, &about, ranker, progress, &mut evaluation)?;
        }
        return Ok(evaluation);
    };
    let conversations = conversations.into_iter().collect::<Result<Vec<_>, _>>()?;
    let about: Vec<String> = conversations
        .iter()
        .flat_map(|conversation| conversation.questions.iter().map(|_| conversation.id.clone()))
        .collect();
    let mut conversation = pool(conversations);
    evaluation.filled = fill(&mut conversation.turns, turns);
    ask(&conversation, &about, ranker, progress, &mut evaluation)?;
    Ok(evaluation)
}

/// Asks the questions of a memory; `about` are the conversations that they are about.
fn ask<R: ExactRanker>(
    conversation: &Conversation,
    about: &[String],
    ranker: &mut R,
    progress: &mut dyn FnMut(Progress<'_>),
    evaluation: &mut AgreementEvaluation,
) -> Result<(), RunError<R::Error>> {
    progress(Progress::Ingesting { conversation: &conversation.id, turns: conversation.turns.len() });
    ranker
        .ingest(conversation)
        .map_err(|source| RunError::Ingest { conversation: conversation.id.clone(), source })?;
    evaluation.memories += 1;
    evaluation.turns += conversation.turns.len();
    for ((question, about), done) in conversation.questions.iter().zip(about).zip(1..) {
        let failed =
            |source| RunError::Rank { conversation: about.clone(), question: question.text.clone(), source };
        let found = ranker.rank(question, HEADLINE_CUTOFF).map_err(failed)?;
        let exact = ranker.rank_exactly(question, HEADLINE_CUTOFF).map_err(failed)?;
        let (found, exact) = (turns(&found), turns(&exact));
        let known: HashSet<&str> = found.iter().copied().collect();
        evaluation.rows.push(AgreementRow {
            conversation: about.clone(),
            question: question.text.clone(),
            category: question.category.clone(),
            same: exact.iter().filter(|turn| known.contains(*turn)).count(),
            of: exact.len(),
            first: found.first() == exact.first(),
        });
        progress(Progress::Ranked { done, of: conversation.questions.len() });
    }
    Ok(())
}

/// The turns of the first ten items, each once.
fn turns(items: &[RankedItem]) -> Vec<&str> {
    let mut seen = HashSet::new();
    let turns = items.iter().take(HEADLINE_CUTOFF).map(|item| item.turn_id.as_str());
    turns.filter(|turn| seen.insert(*turn)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation::{ConversationTurn, Evidence, Role};

    /// Exactly: all turns, in order. Else: the first one left out.
    #[derive(Default)]
    struct MissesTheFirst(Vec<RankedItem>);

    impl Ranker for MissesTheFirst {
        type Error = String;

        fn ingest(&mut self, conversation: &Conversation) -> Result<(), String> {
            let item = |turn: &ConversationTurn| RankedItem {
                turn_id: turn.id.clone(),
                tokens: 1,
                confidence: None,
            };
            self.0 = conversation.turns.iter().map(item).collect();
            Ok(())
        }

        fn rank(&mut self, _: &Question, limit: usize) -> Result<Vec<RankedItem>, String> {
            Ok(self.0.iter().skip(1).take(limit).cloned().collect())
        }
    }

    impl ExactRanker for MissesTheFirst {
        fn rank_exactly(&mut self, _: &Question, limit: usize) -> Result<Vec<RankedItem>, String> {
            Ok(self.0.iter().take(limit).cloned().collect())
        }
    }

    fn conversation(id: &str, turns: usize) -> Conversation {
        let turn = |number: usize| ConversationTurn {
            id: format!("t{number}"),
            session: "s".into(),
            role: Role::User,
            name: None,
            text: format!("number {number}"),
            time: None,
            metadata: None,
        };
        let question = Question {
            text: "which".into(),
            category: "x".into(),
            adversarial: false,
            evidence: Evidence::Turns(Vec::new()),
            time: None,
        };
        Conversation { id: id.into(), turns: (0..turns).map(turn).collect(), questions: vec![question] }
    }

    fn evaluated(pooled: Option<usize>) -> AgreementEvaluation {
        let conversations = [conversation("a", 3), conversation("b", 12)].map(Ok);
        evaluate_agreement(conversations, pooled, &mut MissesTheFirst::default(), &mut |_| {}).unwrap()
    }

    #[test]
    fn what_both_rankings_found_is_counted_for_each_conversation() {
        let evaluation = evaluated(None);
        let rows: Vec<_> =
            evaluation.rows.iter().map(|row| (row.conversation.as_str(), row.same, row.of)).collect();
        assert_eq!(rows, [("a", 2, 3), ("b", 9, 10)]);
        assert!(evaluation.rows.iter().all(|row| !row.first));
        assert_eq!((evaluation.memories, evaluation.turns, evaluation.filled), (2, 15, 0));
    }

    #[test]
    fn a_pool_is_one_memory_and_its_questions_know_their_conversation() {
        let evaluation = evaluated(Some(40));
        let rows: Vec<_> =
            evaluation.rows.iter().map(|row| (row.conversation.as_str(), row.same, row.of)).collect();
        assert_eq!(rows, [("a", 9, 10), ("b", 9, 10)]);
        assert_eq!((evaluation.memories, evaluation.turns, evaluation.filled), (1, 40, 25));
    }
}

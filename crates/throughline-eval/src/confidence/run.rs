//! Asks each conversation its own questions and foreign ones, and keeps the confidence of what comes back.

use crate::conversation::{Conversation, Question};
use crate::error::ImportError;
use crate::metrics::HEADLINE_CUTOFF;
use crate::run::{About, Progress, Ranker, RunError};

use super::Foreign;

/// Items asked for a question: as many as the recall that reports put first counts.
pub(super) const ITEMS_MAX: usize = HEADLINE_CUTOFF;

/// The outcome. [`ConfidenceFigures`](super::ConfidenceFigures) are computed from it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConfidenceEvaluation {
    /// Conversations taken in.
    pub conversations: usize,
    /// Their turns.
    pub turns: usize,
    /// Own questions without evidence in their conversation: not asked.
    pub questions_skipped: usize,
    /// Foreign questions whose evidence is in the conversation that was to be asked: not asked.
    pub foreign_skipped: usize,
    /// The questions asked, in order; adversarial ones are not.
    pub rows: Vec<ConfidenceRow>,
}

/// One question, asked.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfidenceRow {
    /// Id of the conversation that was asked.
    pub conversation: String,
    /// As it was asked.
    pub question: String,
    /// It is about another conversation.
    pub foreign: bool,
    /// How many pieces of evidence there were to find; 0 for a foreign one.
    pub pieces: usize,
    /// What came back, best first.
    pub items: Vec<JudgedItem>,
}

/// One item of an answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct JudgedItem {
    /// How sure the ranking is of it, 0 … 1.
    pub confidence: f64,
    /// What its text costs in a prompt.
    pub tokens: usize,
    /// Which piece of the evidence it is, if it is one.
    pub piece: Option<usize>,
}

/// Runs conversations, their questions and foreign ones past a ranker.
///
/// # Errors
/// Stops at the first conversation that cannot be read and the first failure of the ranker: figures over a part would mislead.
pub fn evaluate_confidence<R: Ranker>(
    conversations: impl IntoIterator<Item = Result<Conversation, ImportError>>,
    foreign: &Foreign,
    ranker: &mut R,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<ConfidenceEvaluation, RunError<R::Error>> {
    let mut evaluation = ConfidenceEvaluation::default();
    for (place, conversation) in conversations.into_iter().enumerate() {
        let conversation = conversation?;
        progress(Progress::Ingesting { conversation: &conversation.id, turns: conversation.turns.len() });
        ranker
            .ingest(&conversation)
            .map_err(|source| RunError::Ingest { conversation: conversation.id.clone(), source })?;
        let own: Vec<&Question> = conversation.questions.iter().filter(|q| !q.evidence.is_empty()).collect();
        let (others, skipped) = foreign.questions(place, &conversation);
        evaluation.conversations += 1;
        evaluation.turns += conversation.turns.len();
        evaluation.questions_skipped += conversation.questions.len() - own.len();
        evaluation.foreign_skipped += skipped;

        let own = own.into_iter().filter(|question| !question.adversarial);
        let asked: Vec<_> = own.map(|q| (q, false)).chain(others.iter().map(|q| (q, true))).collect();
        let about = About::of(&conversation);
        for ((question, foreign), done) in asked.iter().zip(1..) {
            let mut ranking = ranker.rank(question, ITEMS_MAX).map_err(|source| RunError::Rank {
                conversation: conversation.id.clone(),
                question: question.text.clone(),
                source,
            })?;
            ranking.truncate(ITEMS_MAX);
            let items = ranking.iter().map(|item| JudgedItem {
                // A ranking that says nothing of its confidence shows everything.
                confidence: item.confidence.unwrap_or(1.0),
                tokens: item.tokens,
                piece: about.piece(&question.evidence, item),
            });
            evaluation.rows.push(ConfidenceRow {
                conversation: conversation.id.clone(),
                question: question.text.clone(),
                foreign: *foreign,
                pieces: question.evidence.len(),
                items: items.collect(),
            });
            progress(Progress::Ranked { done, of: asked.len() });
        }
    }
    Ok(evaluation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::confidence::question_sets;
    use crate::conversation::{ConversationTurn, Evidence, Role};
    use crate::metrics::RankedItem;

    /// All turns, in order, as sure of each as it shares words with the question.
    #[derive(Default)]
    struct SharedWords(Vec<ConversationTurn>);

    impl Ranker for SharedWords {
        type Error = String;

        fn ingest(&mut self, conversation: &Conversation) -> Result<(), String> {
            self.0.clone_from(&conversation.turns);
            Ok(())
        }

        fn rank(&mut self, question: &Question, _: usize) -> Result<Vec<RankedItem>, String> {
            let item = |turn: &ConversationTurn| {
                let words: Vec<&str> = turn.text.split(' ').collect();
                let shared = words.iter().filter(|word| question.text.contains(**word)).count();
                let confidence = Some(shared as f64 / words.len() as f64);
                RankedItem { turn_id: turn.id.clone(), tokens: words.len(), confidence }
            };
            Ok(self.0.iter().map(item).collect())
        }
    }

    /// Two turns a session; one question about it, one that misleads, one without evidence.
    fn conversation(id: &str, said: &[&str], asked: &str, evidence: Evidence) -> Conversation {
        let turn = |(number, text): (usize, &&str)| ConversationTurn {
            id: format!("t{number}"),
            session: format!("s{}", number / 2),
            role: Role::User,
            name: None,
            text: (*text).into(),
            time: None,
            metadata: None,
        };
        let question = |text: &str, evidence| Question {
            text: text.into(),
            category: "x".into(),
            adversarial: text == "trick",
            evidence,
            time: None,
        };
        let questions = vec![
            question(asked, evidence.clone()),
            question("trick", evidence),
            question("nothing", Evidence::Turns(Vec::new())),
        ];
        Conversation { id: id.into(), turns: said.iter().enumerate().map(turn).collect(), questions }
    }

    #[test]
    fn each_conversation_is_asked_its_own_question_and_that_of_the_other() {
        let a =
            conversation("a", &["I sail", "you knit"], "who can sail", Evidence::Turns(vec!["t0".into()]));
        let b = conversation(
            "b",
            &["snow", "ice", "ice cream"],
            "what ice",
            Evidence::Sessions(vec!["s0".into()]),
        );
        let both = || [a.clone(), b.clone()].map(Ok);
        let foreign = Foreign::within(question_sets(both()).unwrap()).unwrap();
        let evaluation =
            evaluate_confidence(both(), &foreign, &mut SharedWords::default(), &mut |_| {}).unwrap();
        assert_eq!((evaluation.conversations, evaluation.turns, evaluation.questions_skipped), (2, 5, 2));
        let rows: Vec<_> = evaluation
            .rows
            .iter()
            .map(|row| {
                let items: Vec<_> = row.items.iter().map(|item| (item.confidence, item.piece)).collect();
                (row.conversation.as_str(), row.question.as_str(), row.foreign, row.pieces, items)
            })
            .collect();
        assert_eq!(
            rows,
            [
                ("a", "who can sail", false, 1, vec![(0.5, Some(0)), (0.0, None)]),
                ("a", "what ice", true, 0, vec![(0.0, None), (0.0, None)]),
                ("b", "what ice", false, 1, vec![(0.0, Some(0)), (1.0, Some(0)), (0.5, None)]),
                ("b", "who can sail", true, 0, vec![(0.0, None), (0.0, None), (0.0, None)]),
            ]
        );
    }
}

//! Questions about one conversation, made ready to be asked of another one.
//!
//! Nothing may give away that a question is foreign but that its answer is missing. So the names of the speakers become
//! those of the conversation that is asked, where both name their speakers; and a question whose evidence the other
//! conversation holds too, word for word (haystacks share sessions), is not asked of it.

use std::collections::HashSet;

use crate::conversation::{Conversation, ConversationTurn, Evidence, Question};
use crate::error::ImportError;

/// The questions of one conversation and what of it they need.
#[derive(Debug, Clone)]
pub struct QuestionSet {
    /// Its speakers, in the order in which they first spoke.
    names: Vec<String>,
    questions: Vec<AskedElsewhere>,
}

#[derive(Debug, Clone)]
struct AskedElsewhere {
    question: Question,
    /// The words of the turns that answer it.
    evidence: HashSet<String>,
}

/// Reads a file's questions, one set a conversation. Adversarial ones and those without evidence are not among them.
pub fn question_sets(
    conversations: impl IntoIterator<Item = Result<Conversation, ImportError>>,
) -> Result<Vec<QuestionSet>, ImportError> {
    conversations.into_iter().map(|conversation| Ok(QuestionSet::of(&conversation?))).collect()
}

impl QuestionSet {
    fn of(conversation: &Conversation) -> Self {
        let asked = conversation.questions.iter().filter(|q| !q.adversarial && !q.evidence.is_empty());
        let questions = asked.map(|question| {
            let answers = |turn: &&ConversationTurn| match &question.evidence {
                Evidence::Turns(names) => names.contains(&turn.id),
                Evidence::Sessions(names) => names.contains(&turn.session),
            };
            let evidence = conversation.turns.iter().filter(answers).map(|turn| turn.text.clone()).collect();
            AskedElsewhere { question: question.clone(), evidence }
        });
        Self { names: names(conversation), questions: questions.collect() }
    }
}

fn names(conversation: &Conversation) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in conversation.turns.iter().filter_map(|turn| turn.name.as_ref()) {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

/// Which conversation is asked which questions that are not about it: each question is asked of one conversation.
#[derive(Debug, Clone)]
pub struct Foreign {
    sets: Vec<QuestionSet>,
    /// How many conversations share them.
    conversations: usize,
    /// Which of them is asked the first set.
    first: usize,
}

impl Foreign {
    /// Each conversation of a file is asked the questions of the one before it, the first those of the last. None if
    /// there are not two.
    pub fn within(sets: Vec<QuestionSet>) -> Option<Self> {
        (sets.len() > 1).then_some(Self { conversations: sets.len(), sets, first: 1 })
    }

    /// The conversations of a file are asked the questions of another file in turn.
    pub fn from_other(sets: Vec<QuestionSet>, conversations: usize) -> Self {
        Self { sets, conversations: conversations.max(1), first: 0 }
    }

    /// What the conversation at this place of its file is asked, and how many questions are left out since it holds their
    /// evidence. The questions have no evidence and no time: they are asked when its last turn has been said.
    pub(super) fn questions(&self, place: usize, conversation: &Conversation) -> (Vec<Question>, usize) {
        let names = names(conversation);
        let said: HashSet<&str> = conversation.turns.iter().map(|turn| turn.text.as_str()).collect();
        let sets = self.sets.iter().enumerate();
        let sets = sets.filter(|(number, _)| (number + self.first) % self.conversations == place);
        let (mut questions, mut skipped) = (Vec::new(), 0);
        for (_, set) in sets {
            for AskedElsewhere { question, evidence } in &set.questions {
                if evidence.iter().any(|text| said.contains(text.as_str())) {
                    skipped += 1;
                    continue;
                }
                questions.push(Question {
                    text: with_names(&question.text, &set.names, &names),
                    evidence: Evidence::Turns(Vec::new()),
                    time: None,
                    ..question.clone()
                });
            }
        }
        (questions, skipped)
    }
}

/// The text with each name of `from` replaced by the name at its place in `to`, all at once, whole words only.
fn with_names(text: &str, from: &[String], to: &[String]) -> String {
    let mut swapped = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let starts_word = !swapped.ends_with(char::is_alphanumeric);
        let ends_word = |name: &str| !rest[name.len()..].starts_with(char::is_alphanumeric);
        let named = |name: &&String| !name.is_empty() && rest.starts_with(name.as_str()) && ends_word(name);
        let longest = from.iter().filter(named).max_by_key(|name| name.len());
        let other = longest.filter(|_| starts_word && !to.is_empty()).and_then(|name| {
            let place = from.iter().position(|other| other == name)?;
            Some((name.len(), to[place % to.len()].as_str()))
        });
        let (length, shown) = other.unwrap_or((first.len_utf8(), &rest[..first.len_utf8()]));
        swapped.push_str(shown);
        rest = &rest[length..];
    }
    swapped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation::Role;

    fn conversation(id: &str, said: &[(&str, &str)], asked: &[(&str, &[&str])]) -> Conversation {
        let turn = |(number, (name, text)): (usize, &(&str, &str))| ConversationTurn {
            id: format!("t{number}"),
            session: "s".into(),
            role: Role::User,
            name: (!name.is_empty()).then(|| (*name).into()),
            text: (*text).into(),
            time: None,
            metadata: None,
        };
        let question = |(text, evidence): &(&str, &[&str])| Question {
            text: (*text).into(),
            category: "x".into(),
            adversarial: text.starts_with("Trick"),
            evidence: Evidence::Turns(evidence.iter().map(ToString::to_string).collect()),
            time: Some(jiff::Timestamp::UNIX_EPOCH),
        };
        Conversation {
            id: id.into(),
            turns: said.iter().enumerate().map(turn).collect(),
            questions: asked.iter().map(question).collect(),
        }
    }

    fn swapped(text: &str, from: &[&str], to: &[&str]) -> String {
        let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        with_names(text, &owned(from), &owned(to))
    }

    #[test]
    fn names_are_swapped_whole_and_all_at_once() {
        assert_eq!(
            swapped("Did Jon pay Gina's rent?", &["Jon", "Gina"], &["Gina", "Maria"]),
            "Did Gina pay Maria's rent?"
        );
        assert_eq!(
            swapped("Jonas saw Ana Lee and Ana.", &["Jon", "Ana", "Ana Lee"], &["X", "Y", "Z"]),
            "Jonas saw Z and Y."
        );
        assert_eq!(swapped("Über Jon, Öjon", &["Jon"], &["Åsa", "Bo"]), "Über Åsa, Öjon");
    }

    #[test]
    fn a_name_beyond_those_of_the_other_conversation_becomes_one_of_them_and_without_any_all_stay() {
        assert_eq!(swapped("Cy and Ana", &["Ana", "Bo", "Cy"], &["X", "Y"]), "X and X");
        assert_eq!(swapped("Cy and Ana", &["Ana", "Cy"], &[]), "Cy and Ana");
    }

    fn three() -> Vec<Conversation> {
        vec![
            conversation(
                "a",
                &[("Ana", "I sail.")],
                &[("What does Ana do?", &["t0"]), ("Trick?", &["t0"]), ("None?", &[])],
            ),
            conversation("b", &[("Bo", "I knit."), ("Bo", "Hello!")], &[("What does Bo do?", &["t0"])]),
            conversation("c", &[("Cy", "I dive."), ("Cy", "Hello!")], &[("Who says hello?", &["t1"])]),
        ]
    }

    #[test]
    fn each_conversation_is_asked_what_was_asked_of_the_one_before() {
        let conversations = three();
        let sets = question_sets(conversations.iter().cloned().map(Ok)).unwrap();
        let foreign = Foreign::within(sets).unwrap();
        let asked: Vec<_> = conversations
            .iter()
            .enumerate()
            .map(|(place, conversation)| {
                let (questions, skipped) = foreign.questions(place, conversation);
                assert!(
                    questions.iter().all(|question| question.evidence.is_empty() && question.time.is_none())
                );
                (questions.into_iter().map(|question| question.text).collect::<Vec<_>>(), skipped)
            })
            .collect();
        let one = |text: &str| (vec![text.to_owned()], 0);
        assert_eq!(asked, [one("Who says hello?"), one("What does Bo do?"), one("What does Cy do?")]);
    }

    #[test]
    fn a_question_whose_evidence_is_there_too_is_left_out() {
        let conversations = three();
        let sets = question_sets(conversations.iter().skip(2).cloned().map(Ok)).unwrap();
        let foreign = Foreign::from_other(sets, 1);
        assert_eq!(foreign.questions(0, &conversations[1]), (Vec::new(), 1));
        assert_eq!(foreign.questions(0, &conversations[0]).0.len(), 1);
    }

    #[test]
    fn every_question_of_another_file_is_asked_once() {
        let sets = question_sets(three().into_iter().map(Ok)).unwrap();
        let asked = conversation("d", &[("Di", "I ski.")], &[]);
        let foreign = Foreign::from_other(sets, 2);
        let count = |place| foreign.questions(place, &asked).0.len();
        assert_eq!((count(0), count(1)), (2, 1));
    }

    #[test]
    fn one_conversation_has_nobody_elses_questions() {
        let sets = question_sets(three().into_iter().take(1).map(Ok)).unwrap();
        assert!(Foreign::within(sets).is_none());
    }
}

//! Makes one large memory of a file's conversations.
//!
//! Where they are not enough turns, further ones are put together from halves of theirs. They are as long and have the words of
//! those that were said, and hardly two are the same: copies would tie with what they are copies of, and a tie says nothing.

use crate::conversation::{Conversation, ConversationTurn};

/// What the pool is called.
const NAME: &str = "pool";

/// How far apart the two halves of a turn were said, for the first turns that are put together: a prime, so that each round
/// meets others.
const STRIDE_TURNS: usize = 7_919;

/// All conversations as one, in their order. Names of turns and sessions get those of their conversations put before them.
pub(super) fn pool(conversations: Vec<Conversation>) -> Conversation {
    let mut pooled = Conversation { id: NAME.into(), turns: Vec::new(), questions: Vec::new() };
    for Conversation { id, turns, questions } in conversations {
        pooled.turns.extend(turns.into_iter().map(|turn| ConversationTurn {
            id: format!("{id}/{}", turn.id),
            session: format!("{id}/{}", turn.session),
            ..turn
        }));
        pooled.questions.extend(questions);
    }
    pooled
}

/// Appends turns until there are `count`; returns how many. Each begins as one that was said and ends as another, and belongs
/// to a session of its own kind: that of its beginning, told anew.
pub(super) fn fill(turns: &mut Vec<ConversationTurn>, count: usize) -> usize {
    let said = turns.len();
    let missing = if said == 0 { 0 } else { count.saturating_sub(said) };
    for number in 0..missing {
        let (round, at) = (number / said + 1, number % said);
        let others = (said - 1).max(1);
        let ends_as = (at + 1 + round * STRIDE_TURNS % others) % said;
        let ConversationTurn { id, session, role, name, text, time, .. } = &turns[at];
        turns.push(ConversationTurn {
            id: format!("{id}~{round}"),
            session: format!("{session}~{round}"),
            role: *role,
            name: name.clone(),
            text: [halves(text).0, halves(&turns[ends_as].text).1].concat(),
            time: *time,
            metadata: None,
        });
    }
    missing
}

/// A text cut at the first space after its middle, or in its middle if there is none.
fn halves(text: &str) -> (&str, &str) {
    let middle = text.ceil_char_boundary(text.len() / 2);
    text.split_at(text[middle..].find(char::is_whitespace).map_or(middle, |space| middle + space))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::conversation::Role;

    fn turns(texts: &[&str]) -> Vec<ConversationTurn> {
        let turn = |(at, text): (usize, &&str)| ConversationTurn {
            id: format!("t{at}"),
            session: "s".into(),
            role: Role::User,
            name: None,
            text: (*text).into(),
            time: None,
            metadata: None,
        };
        texts.iter().enumerate().map(turn).collect()
    }

    fn texts(turns: &[ConversationTurn]) -> Vec<&str> {
        turns.iter().map(|turn| turn.text.as_str()).collect()
    }

    #[test]
    fn a_memory_is_filled_with_halves_of_what_was_said_put_together_anew() {
        let mut turns = turns(&["we moved to Lyon", "the cat is asleep", "牛乳を買った"]);
        assert_eq!(fill(&mut turns, 5), 2);
        assert_eq!(texts(&turns)[3..], ["we moved買った", "the cat is to Lyon"]);
        assert_eq!((turns[4].id.as_str(), turns[4].session.as_str()), ("t1~1", "s~1"));
    }

    #[test]
    fn names_stay_unique_and_texts_nearly_so() {
        let said: Vec<String> = (0..50).map(|n| format!("a{n} b{n} c{n} d{n}")).collect();
        let mut turns = turns(&said.iter().map(String::as_str).collect::<Vec<_>>());
        fill(&mut turns, 500);
        assert_eq!(turns.iter().map(|turn| &turn.id).collect::<HashSet<_>>().len(), 500);
        assert_eq!(texts(&turns).into_iter().collect::<HashSet<_>>().len(), 500);
    }

    #[test]
    fn what_is_enough_or_nothing_stays_as_it_is() {
        assert_eq!(fill(&mut turns(&["a", "b"]), 2), 0);
        assert_eq!(fill(&mut Vec::new(), 2), 0);
        let mut one = turns(&["one word"]);
        assert_eq!(fill(&mut one, 2), 1);
    }

    #[test]
    fn a_pool_keeps_conversations_apart_by_name() {
        let conversation =
            |id: &str| Conversation { id: id.into(), turns: turns(&["x"]), questions: Vec::new() };
        let pooled = pool(vec![conversation("ada"), conversation("bo")]);
        let names: Vec<_> =
            pooled.turns.iter().map(|turn| (turn.id.as_str(), turn.session.as_str())).collect();
        assert_eq!(names, [("ada/t0", "ada/s"), ("bo/t0", "bo/s")]);
    }
}

//! A person's own questions: gathers the lines of a JSONL file into one conversation for each user.
//!
//! Lines of different users may be mixed, and a question may stand before the turns it is about, so the whole file is held.
//! Evidence that does not exist is an error: a file of one's own can be put right, and a question that nothing can answer
//! would only lower the figures.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::io::BufRead;

use crate::conversation::{Conversation, Evidence};
use crate::jsonl::{Line, LineError, Lines};

/// The largest file: all of it is held.
const FILE_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// Whose conversation it is where lines do not say.
const USER_DEFAULT: &str = "user";

/// The conversations in the order in which their users first appear; none of them if the file asks nothing.
pub(crate) fn conversations<R: BufRead>(mut lines: Lines<R>) -> Result<Vec<Conversation>, LineError> {
    let mut gathered = Gathered::default();
    while let Some(line) = lines.next()? {
        let number = lines.line();
        if lines.bytes_read() > FILE_BYTES_MAX {
            let problem = format!("the file is longer than {} MB up to here", FILE_BYTES_MAX / (1024 * 1024));
            return Err(LineError::Malformed { line: number, problem });
        }
        gathered.take(line, number).map_err(|problem| LineError::Malformed { line: number, problem })?;
    }
    gathered.finish()
}

#[derive(Default)]
struct Gathered {
    conversations: Vec<Conversation>,
    /// Of each conversation: its place in the list.
    places: HashMap<String, usize>,
    /// (place, turn id) -> its line.
    turn_lines: HashMap<(usize, String), u64>,
    /// The line of each question, by (place, number of the question).
    question_lines: Vec<(usize, usize, u64)>,
}

impl Gathered {
    fn take(&mut self, line: Line, number: u64) -> Result<(), String> {
        match line {
            Line::Turn(imported) => {
                let place = self.place(imported.user);
                let turn = imported.turn;
                match self.turn_lines.entry((place, turn.id.clone())) {
                    Entry::Occupied(known) => {
                        return Err(format!(
                            "`id`: `{}` is the turn of line {} already",
                            turn.id,
                            known.get()
                        ));
                    }
                    Entry::Vacant(free) => free.insert(number),
                };
                self.conversations[place].turns.push(turn);
            }
            Line::Question(asked) => {
                let place = self.place(asked.user);
                let questions = &mut self.conversations[place].questions;
                self.question_lines.push((place, questions.len(), number));
                questions.push(asked.question);
            }
        }
        Ok(())
    }

    fn place(&mut self, user: Option<String>) -> usize {
        let id = user.unwrap_or_else(|| USER_DEFAULT.to_owned());
        *self.places.entry(id).or_insert_with_key(|id| {
            let empty = Conversation { id: id.clone(), turns: Vec::new(), questions: Vec::new() };
            self.conversations.push(empty);
            self.conversations.len() - 1
        })
    }

    fn finish(self) -> Result<Vec<Conversation>, LineError> {
        let sessions: Vec<HashSet<&str>> = self
            .conversations
            .iter()
            .map(|conversation| conversation.turns.iter().map(|turn| turn.session.as_str()).collect())
            .collect();
        for (place, question, line) in &self.question_lines {
            let conversation = &self.conversations[*place];
            let is_turn = |name: &String| self.turn_lines.contains_key(&(*place, name.clone()));
            let (unknown, what) = match &conversation.questions[*question].evidence {
                Evidence::Turns(names) => (names.iter().find(|name| !is_turn(name)), "id of a turn"),
                Evidence::Sessions(names) => {
                    (names.iter().find(|name| !sessions[*place].contains(name.as_str())), "name of a session")
                }
            };
            if let Some(name) = unknown {
                let problem = format!("`{name}` is no {what} of user `{}`", conversation.id);
                return Err(LineError::Malformed { line: *line, problem });
            }
        }
        Ok(if self.question_lines.is_empty() { Vec::new() } else { self.conversations })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::Counted;

    fn gather(text: &str) -> Result<Vec<Conversation>, String> {
        conversations(Lines::new(Counted::new(text.as_bytes()))).map_err(|error| match error {
            LineError::Malformed { line, problem } => format!("{line}: {problem}"),
            LineError::Io(error) => panic!("{error}"),
        })
    }

    fn turn(user: &str, id: &str) -> String {
        format!(
            "{{\"user\":\"{user}\",\"id\":\"{id}\",\"session\":\"s-{user}\",\"role\":\"user\",\"content\":\"Hi.\"}}\n"
        )
    }

    fn question(user: &str, key: &str, name: &str) -> String {
        format!("{{\"user\":\"{user}\",\"question\":\"Who?\",\"{key}\":[\"{name}\"]}}\n")
    }

    #[test]
    fn lines_of_several_users_may_be_mixed_and_questions_may_come_first() {
        let text = [
            question("bo", "evidence", "1"),
            turn("ada", "1"),
            turn("bo", "1"),
            turn("ada", "2"),
            question("ada", "evidence_sessions", "s-ada"),
        ];
        let rows: Vec<_> = gather(&text.concat())
            .unwrap()
            .into_iter()
            .map(|c| (c.id, c.turns.len(), c.questions.len()))
            .collect();
        assert_eq!(rows, [("bo".to_owned(), 1, 1), ("ada".to_owned(), 2, 1)]);
    }

    #[test]
    fn lines_that_name_no_user_are_of_one() {
        let text = concat!(
            r#"{"session":"s","role":"user","content":"Bo."}"#,
            "\n",
            r#"{"question":"Who?","evidence":["1"]}"#
        );
        let conversations = gather(text).unwrap();
        assert_eq!((conversations.len(), conversations[0].id.as_str()), (1, "user"));
    }

    #[test]
    fn evidence_must_exist_and_ids_must_be_distinct() {
        let cases = [
            (
                vec![turn("ada", "1"), question("ada", "evidence", "2")],
                "2: `2` is no id of a turn of user `ada`",
            ),
            (
                vec![turn("ada", "1"), question("bo", "evidence", "1")],
                "2: `1` is no id of a turn of user `bo`",
            ),
            (
                vec![question("ada", "evidence_sessions", "s-bo"), turn("ada", "1"), turn("bo", "1")],
                "1: `s-bo` is no name of a session of user `ada`",
            ),
            (
                vec![turn("ada", "1"), turn("bo", "1"), turn("ada", "1")],
                "3: `id`: `1` is the turn of line 1 already",
            ),
        ];
        for (lines, expected) in cases {
            assert_eq!(gather(&lines.concat()).unwrap_err(), expected);
        }
    }

    #[test]
    fn a_file_without_questions_has_no_conversations_to_ask_about() {
        assert!(gather(&turn("ada", "1")).unwrap().is_empty());
    }
}

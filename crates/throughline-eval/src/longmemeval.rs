//! LongMemEval: chats of one user with an assistant, a haystack of dated sessions, and what is asked about them.
//!
//! Two shapes are read. The published one has a question and a haystack in each element and marks evidence turns with
//! `has_answer`. A pooled one asks many questions of one haystack: `extra_queries` with `q`, `type`, `ans` (sessions),
//! `turns` (`session:index`) and `t`. Where no evidence turn is marked, the sessions are the evidence.
//! Questions whose id ends in `_abs` have no answer in the haystack and are measured apart.
//! Data: Wu et al. 2024, "LongMemEval: Benchmarking Chat Assistants on Long-Term Interactive Memory".

use std::collections::{BTreeSet, HashSet};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, civil};
use serde::Deserialize;

use crate::conversation::{Conversation, ConversationTurn, Evidence, Question, Role};
use crate::error::{Problem, parse};

#[derive(Deserialize)]
struct Element {
    question_id: String,
    #[serde(default)]
    question: String,
    #[serde(default)]
    question_type: String,
    question_date: Option<String>,
    #[serde(default)]
    answer_session_ids: Vec<String>,
    haystack_session_ids: Vec<String>,
    haystack_dates: Vec<String>,
    haystack_sessions: Vec<Vec<Message>>,
    #[serde(default)]
    extra_queries: Vec<ExtraQuery>,
}

#[derive(Deserialize)]
struct Message {
    role: String,
    content: String,
    #[serde(default)]
    has_answer: bool,
}

#[derive(Deserialize)]
struct ExtraQuery {
    #[serde(default)]
    id: String,
    q: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    ans: Vec<String>,
    #[serde(default)]
    turns: Vec<String>,
    t: Option<String>,
}

/// Reads one element of a LongMemEval list.
pub(crate) fn conversation(json: &str) -> Result<Conversation, Problem> {
    let mut element: Element = parse(json)?;
    let (sessions, dates) = (element.haystack_session_ids.len(), element.haystack_dates.len());
    for (key, count) in [("haystack_dates", dates), ("haystack_sessions", element.haystack_sessions.len())] {
        if count != sessions {
            return Err(Problem::new(key, format!("{count} entries for {sessions} `haystack_session_ids`")));
        }
    }

    let mut haystack = Vec::with_capacity(sessions);
    let names = std::mem::take(&mut element.haystack_session_ids);
    let messages = std::mem::take(&mut element.haystack_sessions);
    for (i, (name, messages)) in names.into_iter().zip(messages).enumerate() {
        let start = time(&element.haystack_dates[i], || format!("haystack_dates[{i}]"))?;
        haystack.push(Session { number: i, name, start, messages });
    }
    // The list is not always in order of time; a memory hears things in that order.
    haystack.sort_by_key(|session| session.start);

    let mut turns = Vec::new();
    let mut marked = Vec::new();
    for Session { number, name, start, messages } in haystack {
        for (i, message) in messages.into_iter().enumerate() {
            let at = || format!("haystack_sessions[{number}][{i}].role");
            let role = Role::from_name(&message.role)
                .ok_or_else(|| Problem::new(at(), format!("`{}` is not a role", message.role)))?;
            let id = format!("{name}:{i}");
            if message.has_answer {
                marked.push((name.clone(), id.clone()));
            }
            if message.content.trim().is_empty() {
                continue;
            }
            turns.push(ConversationTurn {
                id,
                session: name.clone(),
                role,
                name: None,
                text: message.content,
                time: i64::try_from(i)
                    .ok()
                    .and_then(|s| start.checked_add(SignedDuration::from_secs(s)).ok()),
                metadata: None,
            });
        }
    }

    let id = element.question_id.clone();
    let questions = questions(element, &marked, &turns)?;
    Ok(Conversation { id, turns, questions })
}

struct Session {
    number: usize,
    name: String,
    start: Timestamp,
    messages: Vec<Message>,
}

/// The element's own question, if it has one, then the extra ones. `marked` are (session, turn id) of marked turns.
fn questions(
    element: Element,
    marked: &[(String, String)],
    turns: &[ConversationTurn],
) -> Result<Vec<Question>, Problem> {
    let known_turns: HashSet<&str> = turns.iter().map(|turn| turn.id.as_str()).collect();
    let known_sessions: HashSet<&str> = turns.iter().map(|turn| turn.session.as_str()).collect();
    let question =
        |id: &str, text: String, kind: String, labelled: Vec<String>, sessions: Vec<String>, time| {
            let labelled = existing(labelled, &known_turns);
            let evidence = if labelled.is_empty() {
                Evidence::Sessions(existing(sessions, &known_sessions))
            } else {
                Evidence::Turns(labelled)
            };
            let adversarial = id.ends_with("_abs");
            let category = if adversarial { "abstention".to_owned() } else { kind };
            Question { text, category, adversarial, evidence, time }
        };

    let mut all = Vec::with_capacity(1 + element.extra_queries.len());
    if !element.question.trim().is_empty() {
        let labelled = marked
            .iter()
            .filter(|(session, _)| element.answer_session_ids.contains(session))
            .map(|(_, id)| id.clone())
            .collect();
        let asked = element.question_date.map(|t| time(&t, || "question_date".into())).transpose()?;
        let (kind, sessions) = (element.question_type, element.answer_session_ids);
        all.push(question(&element.question_id, element.question, kind, labelled, sessions, asked));
    }
    for (i, extra) in element.extra_queries.into_iter().enumerate() {
        let asked = extra.t.map(|t| time(&t, || format!("extra_queries[{i}].t"))).transpose()?;
        all.push(question(&extra.id, extra.q, extra.kind, extra.turns, extra.ans, asked));
    }
    Ok(all)
}

fn existing(names: Vec<String>, known: &HashSet<&str>) -> Vec<String> {
    let names: BTreeSet<String> = names.into_iter().filter(|name| known.contains(name.as_str())).collect();
    names.into_iter().collect()
}

/// Reads `2023/05/20 (Sat) 02:21`. The data names no time zone; all its times are taken as UTC.
fn time(text: &str, at: impl Fn() -> String) -> Result<Timestamp, Problem> {
    // The weekday says nothing new, and a wrong one is no reason to refuse the date.
    let words: Vec<&str> = text.split_whitespace().filter(|word| !word.starts_with('(')).collect();
    civil::DateTime::strptime("%Y/%m/%d %H:%M", words.join(" "))
        .and_then(|local| local.to_zoned(TimeZone::UTC))
        .map(|zoned| zoned.timestamp())
        .map_err(|_| Problem::new(at(), format!("`{text}` is not a time such as `2023/05/20 (Sat) 02:21`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLISHED: &str = r#"{
        "question_id": "q1", "question_type": "knowledge-update", "question": "Where do I keep the bees?",
        "question_date": "2026/02/01 (Sun) 08:00", "answer": "the roof",
        "answer_session_ids": ["later"],
        "haystack_session_ids": ["later", "earlier"],
        "haystack_dates": ["2026/01/10 (Sat) 18:30", "2026/01/02 (Fri) 07:00"],
        "haystack_sessions": [
            [{"role": "user", "content": "The bees moved to the roof.", "has_answer": true},
             {"role": "assistant", "content": ""},
             {"role": "assistant", "content": "Good for them.", "has_answer": false}],
            [{"role": "user", "content": "I bought bees.", "has_answer": true}]
        ]
    }"#;

    const POOLED: &str = r#"{
        "question_id": "pool", "question": "", "question_type": "", "question_date": null, "answer_session_ids": [],
        "haystack_session_ids": ["a", "b"],
        "haystack_dates": ["2026/01/02 (Fri) 07:00", "2026/01/03 (Sat) 07:00"],
        "haystack_sessions": [
            [{"role": "user", "content": "My oven broke.", "has_answer": true}],
            [{"role": "user", "content": "Name a star."}, {"role": "assistant", "content": "Vega."}]
        ],
        "extra_queries": [
            {"id": "1", "q": "What broke?", "type": "single", "ans": ["a"], "turns": ["a:0", "a:7"], "t": "2026/01/04 (Sun) 10:00"},
            {"id": "2", "q": "Which star?", "type": "added", "ans": ["b", "gone"], "turns": [], "t": null},
            {"id": "3_abs", "q": "Which planet?", "type": "single", "ans": ["gone"], "turns": []}
        ]
    }"#;

    #[test]
    fn a_published_element_is_one_haystack_in_order_of_time_and_one_question() {
        let conversation = conversation(PUBLISHED).unwrap();
        let rows: Vec<_> = conversation
            .turns
            .iter()
            .map(|t| format!("{} {} {} {}", t.id, t.role.as_str(), t.time.unwrap(), t.text))
            .collect();
        assert_eq!(
            rows,
            [
                "earlier:0 user 2026-01-02T07:00:00Z I bought bees.",
                "later:0 user 2026-01-10T18:30:00Z The bees moved to the roof.",
                "later:2 assistant 2026-01-10T18:30:02Z Good for them.",
            ]
        );
        let [question] = &conversation.questions[..] else { panic!("one question") };
        assert_eq!(question.category, "knowledge-update");
        assert_eq!(
            question.evidence,
            Evidence::Turns(vec!["later:0".into()]),
            "a mark outside its sessions is not evidence"
        );
        assert_eq!(question.time.unwrap().to_string(), "2026-02-01T08:00:00Z");
    }

    #[test]
    fn a_pool_asks_its_extra_questions_of_one_haystack() {
        let conversation = conversation(POOLED).unwrap();
        let rows: Vec<_> = conversation
            .questions
            .iter()
            .map(|q| (q.category.as_str(), q.adversarial, q.evidence.clone(), q.time.is_some()))
            .collect();
        assert_eq!(
            rows,
            [
                ("single", false, Evidence::Turns(vec!["a:0".into()]), true),
                ("added", false, Evidence::Sessions(vec!["b".into()]), false),
                ("abstention", true, Evidence::Sessions(vec![]), false),
            ]
        );
    }

    #[test]
    fn a_wrong_value_is_named_by_its_path() {
        let cases = [
            (
                r#""content": "I bought bees.""#,
                r#""content": null"#,
                "haystack_sessions[1][0].content",
                "invalid type: null, expected a string",
            ),
            (
                r#""role": "assistant""#,
                r#""role": "oracle""#,
                "haystack_sessions[0][1].role",
                "`oracle` is not a role",
            ),
            (r#", "2026/01/02 (Fri) 07:00""#, "", "haystack_dates", "1 entries for 2 `haystack_session_ids`"),
            (
                "2026/01/02 (Fri) 07:00",
                "soon",
                "haystack_dates[1]",
                "`soon` is not a time such as `2023/05/20 (Sat) 02:21`",
            ),
            (
                "2026/02/01 (Sun) 08:00",
                "31",
                "question_date",
                "`31` is not a time such as `2023/05/20 (Sat) 02:21`",
            ),
        ];
        for (from, to, at, problem) in cases {
            let error = conversation(&PUBLISHED.replacen(from, to, 1)).unwrap_err();
            assert_eq!((error.at.as_str(), error.problem.as_str()), (at, problem));
        }
    }
}

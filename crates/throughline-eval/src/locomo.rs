//! LoCoMo: long conversations between two named people, in dated sessions, with questions about them.
//!
//! The first speaker becomes the user, the other the assistant. A shared photo stands in the text by its caption.
//! The data dates only sessions; the turns of one are set a second apart. Categories are numbers: 1 is multi-hop, 2
//! temporal, 3 open-domain, 4 single-hop, 5 adversarial. That is not the order of the paper; it follows from the data set's
//! own scoring (`task_eval/evaluation.py` splits answers of 1 into parts and wants 5 refused) and from the questions: most
//! of category 2 begin with "When". Data: Maharana et al. 2024,
//! "Evaluating Very Long-Term Conversational Memory of LLM Agents" (snap-research/locomo).

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, civil};
use serde::Deserialize;
use serde::de::{IgnoredAny, MapAccess, Visitor};

use crate::conversation::{Conversation, ConversationTurn, Evidence, Question, Role};
use crate::error::{Problem, parse};

#[derive(Deserialize)]
struct Sample {
    #[serde(rename = "sample_id")]
    id: Option<String>,
    conversation: Sessions,
    #[serde(default)]
    qa: Vec<QuestionAnswer>,
}

#[derive(Deserialize)]
struct QuestionAnswer {
    question: String,
    category: u8,
    evidence: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Message {
    speaker: String,
    dia_id: String,
    text: Option<String>,
    blip_caption: Option<String>,
}

/// The object `conversation`, whose keys are numbered: `session_1`, `session_1_date_time`, `session_2`, …
#[derive(Default)]
struct Sessions {
    speaker_a: String,
    messages: BTreeMap<u32, Vec<Message>>,
    dates: BTreeMap<u32, String>,
}

impl<'de> Deserialize<'de> for Sessions {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;

        impl<'de> Visitor<'de> for Keys {
            type Value = Sessions;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of sessions")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Sessions, A::Error> {
                let mut sessions = Sessions::default();
                let mut speaker_a = None;
                while let Some(key) = map.next_key::<String>()? {
                    if key == "speaker_a" {
                        speaker_a = Some(map.next_value()?);
                    } else if let Some(number) = number(&key, "_date_time") {
                        sessions.dates.insert(number, map.next_value()?);
                    } else if let Some(number) = number(&key, "") {
                        sessions.messages.insert(number, map.next_value()?);
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                sessions.speaker_a = speaker_a.ok_or_else(|| serde::de::Error::missing_field("speaker_a"))?;
                Ok(sessions)
            }
        }

        deserializer.deserialize_map(Keys)
    }
}

/// The N of `session_N` + suffix.
fn number(key: &str, suffix: &str) -> Option<u32> {
    key.strip_prefix("session_")?.strip_suffix(suffix)?.parse().ok()
}

/// Reads one element of a LoCoMo list; `index` names it where it has no id of its own.
pub(crate) fn conversation(json: &str, index: u64) -> Result<Conversation, Problem> {
    let Sample { id, conversation: sessions, qa } = parse(json)?;
    let mut turns = Vec::new();
    for (number, messages) in sessions.messages {
        if messages.is_empty() {
            continue;
        }
        let at = format!("conversation.session_{number}_date_time");
        let date = sessions.dates.get(&number).ok_or_else(|| Problem::new(&at, "is missing"))?;
        let start = session_start(date).map_err(|error| Problem::new(&at, error))?;
        for (message, second) in messages.into_iter().zip(0..) {
            let text = text(&message);
            if text.is_empty() {
                continue;
            }
            let role = if message.speaker == sessions.speaker_a { Role::User } else { Role::Assistant };
            turns.push(ConversationTurn {
                id: message.dia_id,
                session: format!("session_{number}"),
                role,
                name: Some(message.speaker),
                text,
                time: start.checked_add(SignedDuration::from_secs(second)).ok(),
                metadata: None,
            });
        }
    }
    let known: HashSet<&str> = turns.iter().map(|turn| turn.id.as_str()).collect();
    let questions =
        qa.into_iter().enumerate().map(|(i, qa)| question(qa, i, &known)).collect::<Result<_, _>>()?;
    Ok(Conversation { id: id.unwrap_or_else(|| format!("conversation-{index}")), turns, questions })
}

fn text(message: &Message) -> String {
    let said = message.text.as_deref().unwrap_or_default().trim();
    let photo = message.blip_caption.as_deref().map(|caption| format!(" [shared a photo: {caption}]"));
    format!("{said}{}", photo.unwrap_or_default()).trim().to_owned()
}

/// Reads `1:56 pm on 8 May, 2023`. The data names no time zone; all its times are taken as UTC.
fn session_start(date: &str) -> Result<Timestamp, String> {
    let words = date.split_whitespace().collect::<Vec<_>>().join(" ");
    civil::DateTime::strptime("%I:%M %p on %d %B, %Y", &words)
        .and_then(|local| local.to_zoned(TimeZone::UTC))
        .map(|zoned| zoned.timestamp())
        .map_err(|_| format!("`{date}` is not a time such as `1:56 pm on 8 May, 2023`"))
}

fn question(qa: QuestionAnswer, index: usize, known: &HashSet<&str>) -> Result<Question, Problem> {
    let category = match qa.category {
        1 => "multi-hop",
        2 => "temporal",
        3 => "open-domain",
        4 => "single-hop",
        5 => "adversarial",
        other => {
            return Err(Problem::new(
                format!("qa[{index}].category"),
                format!("{other} is not one of 1 to 5"),
            ));
        }
    };
    let named: BTreeSet<String> = qa.evidence.iter().flatten().flat_map(|text| turn_ids(text)).collect();
    let evidence = named.into_iter().filter(|id| known.contains(id.as_str())).collect();
    Ok(Question {
        text: qa.question,
        category: category.to_owned(),
        adversarial: qa.category == 5,
        evidence: Evidence::Turns(evidence),
        time: None,
    })
}

/// The turn ids in an evidence string, which may hold several (`D8:6; D9:17`), none (`D`), a second colon (`D:11:26`)
/// or padding (`D30:05`).
fn turn_ids(evidence: &str) -> Vec<String> {
    let mut ids = Vec::new();
    for rest in evidence.split('D').skip(1) {
        let numbers = rest.strip_prefix(':').unwrap_or(rest);
        let Some((session, turn)) = numbers.split_once(':') else { continue };
        let digits = turn.len() - turn.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        if let (Ok(session), Ok(turn)) = (session.parse::<u32>(), turn[..digits].parse::<u32>()) {
            ids.push(format!("D{session}:{turn}"));
        }
    }
    ids
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = r#"{
        "sample_id": "tea-house",
        "qa": [
            {"question": "Which tea did Noor buy?", "answer": "oolong", "evidence": ["D1:2"], "category": 4},
            {"question": "What did both carry?", "answer": 2, "evidence": ["D2:1; D1:01", "D9:9"], "category": 1},
            {"question": "When did it rain?", "answer": "?", "evidence": ["D"], "category": 2},
            {"question": "Why did Ilse sing?", "adversarial_answer": "joy", "category": 5}
        ],
        "conversation": {
            "speaker_a": "Noor", "speaker_b": "Ilse",
            "session_10_date_time": "12:05 am on 3  January, 2026",
            "session_10": [{"speaker": "Noor", "dia_id": "D10:1", "text": "Back again."}],
            "session_2_date_time": "12:30 pm on 31 December, 2025",
            "session_2": [
                {"speaker": "Ilse", "dia_id": "D2:1", "text": "Look! ", "blip_caption": "a red kettle", "img_url": ["x"]},
                {"speaker": "Noor", "dia_id": "D2:2", "text": " "},
                {"speaker": "Noor", "dia_id": "D2:3", "text": "Lovely."}
            ],
            "session_1_date_time": "9:07 am on 1 December, 2025",
            "session_1": [
                {"speaker": "Noor", "dia_id": "D1:1", "text": "I went to the market."},
                {"speaker": "Noor", "dia_id": "D1:2", "text": "Oolong!"}
            ],
            "session_3_date_time": "1:00 pm on 4 January, 2026"
        }
    }"#;

    #[test]
    fn sessions_come_in_the_order_of_their_numbers_with_times_in_order() {
        let conversation = conversation(SAMPLE, 0).unwrap();
        assert_eq!(conversation.id, "tea-house");
        let rows: Vec<_> = conversation
            .turns
            .iter()
            .map(|t| format!("{} {} {} {} {}", t.id, t.session, t.role.as_str(), t.time.unwrap(), t.text))
            .collect();
        assert_eq!(
            rows,
            [
                "D1:1 session_1 user 2025-12-01T09:07:00Z I went to the market.",
                "D1:2 session_1 user 2025-12-01T09:07:01Z Oolong!",
                "D2:1 session_2 assistant 2025-12-31T12:30:00Z Look! [shared a photo: a red kettle]",
                "D2:3 session_2 user 2025-12-31T12:30:02Z Lovely.",
                "D10:1 session_10 user 2026-01-03T00:05:00Z Back again.",
            ]
        );
        assert_eq!(conversation.turns[2].name.as_deref(), Some("Ilse"));
    }

    #[test]
    fn evidence_is_read_from_untidy_strings_and_kept_where_the_turn_exists() {
        let questions = conversation(SAMPLE, 0).unwrap().questions;
        let rows: Vec<_> =
            questions.iter().map(|q| (q.category.as_str(), q.adversarial, q.evidence.clone())).collect();
        let turns = |ids: &[&str]| Evidence::Turns(ids.iter().map(ToString::to_string).collect());
        assert_eq!(
            rows,
            [
                ("single-hop", false, turns(&["D1:2"])),
                ("multi-hop", false, turns(&["D1:1", "D2:1"])),
                ("temporal", false, turns(&[])),
                ("adversarial", true, turns(&[])),
            ]
        );
    }

    #[test]
    fn every_way_of_writing_an_evidence_id_is_understood() {
        let cases: [(&str, &[&str]); 6] = [
            ("D30:05", &["D30:5"]),
            ("D:11:26", &["D11:26"]),
            ("D8:6; D9:17", &["D8:6", "D9:17"]),
            ("D1:18 D1:20,D2:3", &["D1:18", "D1:20", "D2:3"]),
            ("D", &[]),
            ("", &[]),
        ];
        for (text, expected) in cases {
            assert_eq!(turn_ids(text), expected, "{text}");
        }
    }

    #[test]
    fn a_wrong_value_is_named_by_its_path() {
        let cases = [
            (r#""speaker_a": "Noor", "#, "", "conversation", "missing field `speaker_a`"),
            (
                r#""text": "Oolong!""#,
                r#""text": 4"#,
                "conversation.session_1[1].text",
                "invalid type: integer `4`, expected a string",
            ),
            (
                "9:07 am on 1 December, 2025",
                "yesterday",
                "conversation.session_1_date_time",
                "`yesterday` is not a time such as `1:56 pm on 8 May, 2023`",
            ),
            ("session_2_date_time", "session_4_date_time", "conversation.session_2_date_time", "is missing"),
            (r#""category": 2"#, r#""category": 6"#, "qa[2].category", "6 is not one of 1 to 5"),
        ];
        for (from, to, at, problem) in cases {
            let error = conversation(&SAMPLE.replacen(from, to, 1), 0).unwrap_err();
            assert_eq!((error.at.as_str(), error.problem.as_str()), (at, problem));
        }
    }
}

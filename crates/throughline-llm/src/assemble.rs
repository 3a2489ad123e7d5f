//! Puts a reply together from the JSON of a chat completion, whole or in pieces.
//!
//! It reads a copy for the record, so it must be as tolerant as the many servers that call themselves compatible: a
//! field of an unexpected type is skipped, enumerations are open strings, and no field is required.

use serde_json::Value;

use crate::exchange::{Reply, ToolCall, Usage};

/// Tool calls kept of one reply.
const TOOL_CALLS_MAX: usize = 128;

/// A reply in the making.
pub(crate) struct Assembler {
    reply: Reply,
    /// The `index` of each tool call of the reply, as far as the server gave one.
    call_indexes: Vec<Option<u64>>,
    budget: Budget,
    pub(crate) has_choice: bool,
    /// What the provider said went wrong, in place of (the rest of) a reply.
    pub(crate) error: Option<String>,
}

/// What may still be kept of a reply.
struct Budget {
    bytes_left: usize,
    is_exceeded: bool,
}

impl Budget {
    fn append(&mut self, to: &mut String, text: &str) {
        let fits = text.floor_char_boundary(self.bytes_left);
        to.push_str(&text[..fits]);
        self.bytes_left -= fits;
        if fits < text.len() {
            self.is_exceeded = true;
            // After a cut nothing may follow, or the text would read as if nothing was missing.
            self.bytes_left = 0;
        }
    }
}

impl Assembler {
    /// Keeps no more than this many bytes of text and arguments.
    pub(crate) fn new(text_bytes_max: usize) -> Self {
        Self {
            reply: Reply::default(),
            call_indexes: Vec::new(),
            budget: Budget { bytes_left: text_bytes_max, is_exceeded: false },
            has_choice: false,
            error: None,
        }
    }

    pub(crate) fn reply(&self) -> &Reply {
        &self.reply
    }

    /// Whether something was left out because the reply is longer than what is kept.
    pub(crate) fn is_cut(&self) -> bool {
        self.budget.is_exceeded
    }

    pub(crate) fn into_reply(self) -> Reply {
        self.reply
    }

    /// Adds one event of a streamed completion.
    pub(crate) fn add_event(&mut self, data: &str) -> Result<(), serde_json::Error> {
        self.add(&parse(data)?, "delta");
        Ok(())
    }

    /// Adds a completion that came as one body.
    pub(crate) fn add_whole(&mut self, body: &[u8]) -> Result<(), serde_json::Error> {
        self.add(&parse(&String::from_utf8_lossy(body))?, "message");
        Ok(())
    }

    fn add(&mut self, completion: &Value, piece: &str) {
        if let Some(error) = error_message(completion) {
            self.error = Some(error);
        }
        keep_first(&mut self.reply.id, &completion["id"]);
        keep_first(&mut self.reply.model, &completion["model"]);
        if let Some(usage) = usage(&completion["usage"]) {
            self.reply.usage = Some(usage);
        }
        // Only the first choice is remembered; the others are for the client alone.
        let choices = completion["choices"].as_array();
        let first = |choice: &&Value| choice["index"].as_u64().unwrap_or(0) == 0;
        let Some(choice) = choices.and_then(|choices| choices.iter().find(first)) else { return };
        self.has_choice = true;
        if let Some(reason) = non_empty(&choice["finish_reason"]) {
            self.reply.finish_reason = Some(reason.to_owned());
        }
        self.add_content(&choice[piece]["content"]);
        if let Some(calls) = choice[piece]["tool_calls"].as_array() {
            for (position, call) in calls.iter().enumerate() {
                // In a whole message each entry is a call of its own.
                let position = (piece == "message").then_some(position as u64);
                self.add_tool_call(call, position);
            }
        }
    }

    /// Content is a string, or a list of parts of which those with text count.
    fn add_content(&mut self, content: &Value) {
        if let Some(text) = content.as_str() {
            self.budget.append(&mut self.reply.text, text);
        }
        for part in content.as_array().into_iter().flatten() {
            if let Some(text) = part["text"].as_str() {
                self.budget.append(&mut self.reply.text, text);
            }
        }
    }

    fn add_tool_call(&mut self, piece: &Value, position: Option<u64>) {
        let id = non_empty(&piece["id"]);
        let name = non_empty(&piece["function"]["name"]);
        let index = piece["index"].as_u64().or(position);
        let Some(at) = self.place_of_call(index, id, name) else {
            self.budget.is_exceeded = true;
            return;
        };
        let call = &mut self.reply.tool_calls[at];
        if call.id.is_none() {
            call.id = id.map(str::to_owned);
        }
        if call.name.is_empty() {
            self.budget.append(&mut call.name, name.unwrap_or_default());
        }
        match &piece["function"]["arguments"] {
            Value::Null => {}
            Value::String(part) => self.budget.append(&mut call.arguments, part),
            // Some servers send the arguments as the object they stand for.
            object => self.budget.append(&mut call.arguments, &object.to_string()),
        }
    }

    /// Which call a piece belongs to: the one of its index, else of its id, else the last. A new one if its index or
    /// id is new, or if there is neither and it names a function again. None if there are too many.
    fn place_of_call(&mut self, index: Option<u64>, id: Option<&str>, name: Option<&str>) -> Option<usize> {
        let calls = &mut self.reply.tool_calls;
        let known = match (index, id) {
            (Some(index), id) => {
                let at = self.call_indexes.iter().rposition(|known| *known == Some(index));
                // Some servers number every call 0: a second id is a second call.
                at.filter(|&at| id.is_none() || calls[at].id.is_none() || calls[at].id.as_deref() == id)
            }
            (None, Some(id)) => calls.iter().position(|call| call.id.as_deref() == Some(id)),
            (None, None) if name.is_some() => None,
            (None, None) => calls.len().checked_sub(1),
        };
        if known.is_none() && calls.len() < TOOL_CALLS_MAX {
            calls.push(ToolCall::default());
            self.call_indexes.push(index);
            return Some(calls.len() - 1);
        }
        known
    }
}

/// What an error body or an error event says, if the JSON is one.
pub(crate) fn error_message(body: &Value) -> Option<String> {
    let error = &body["error"];
    let is_error = !error.is_null() || body["object"] == "error";
    let said = [&error["message"], error, &body["message"], &body["detail"]];
    is_error.then(|| {
        said.iter().find_map(|said| non_empty(said)).map_or_else(|| error.to_string(), str::to_owned)
    })
}

fn usage(usage: &Value) -> Option<Usage> {
    let usage = Usage {
        prompt_tokens: usage["prompt_tokens"].as_u64(),
        cached_tokens: usage["prompt_tokens_details"]["cached_tokens"].as_u64(),
        completion_tokens: usage["completion_tokens"].as_u64(),
    };
    (usage != Usage::default()).then_some(usage)
}

fn non_empty(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}

fn keep_first(known: &mut Option<String>, value: &Value) {
    if known.is_none() {
        *known = non_empty(value).map(str::to_owned);
    }
}

/// Parses JSON, also if it holds half surrogate pairs: servers written in JavaScript split text between
/// UTF-16 units, which Rust's strings cannot hold.
fn parse(json: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(json).or_else(|error| match replace_lone_surrogates(json) {
        Some(mended) => serde_json::from_str(&mended),
        None => Err(error),
    })
}

/// Replaces escaped surrogates without a partner by U+FFFD. None if there are none.
fn replace_lone_surrogates(json: &str) -> Option<String> {
    let unit_at = |at: usize| {
        let escape = json.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(escape, 16).ok()
    };
    let mut mended = String::with_capacity(json.len());
    let mut kept = 0;
    let mut at = 0;
    while let Some(backslash) = json[at..].find('\\') {
        at += backslash;
        match (unit_at(at), unit_at(at + 6)) {
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => at += 12,
            (Some(0xD800..=0xDFFF), _) => {
                mended.push_str(&json[kept..at]);
                mended.push_str("\\ufffd");
                at += 6;
                kept = at;
            }
            (Some(_), _) => at += 6,
            // Another escape: skip what it escapes, which may be a backslash.
            (None, _) => at = json.ceil_char_boundary(at + 2),
        }
    }
    mended.push_str(&json[kept..]);
    (kept > 0).then_some(mended)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn assemble(deltas: &[Value]) -> Reply {
        let mut assembler = Assembler::new(1000);
        for delta in deltas {
            assembler.add_event(&json!({"choices": [{"delta": delta}]}).to_string()).unwrap();
        }
        assembler.into_reply()
    }

    fn calls(pieces: &[Value]) -> Vec<(String, String, String)> {
        let deltas: Vec<_> = pieces.iter().map(|piece| json!({"tool_calls": [piece]})).collect();
        let calls = assemble(&deltas).tool_calls.into_iter();
        calls.map(|call| (call.id.unwrap_or_default(), call.name, call.arguments)).collect()
    }

    fn owned(calls: &[(&str, &str, &str)]) -> Vec<(String, String, String)> {
        calls
            .iter()
            .map(|(id, name, arguments)| ((*id).into(), (*name).into(), (*arguments).into()))
            .collect()
    }

    fn assemble_events(events: &[Value]) -> Assembler {
        let mut assembler = Assembler::new(1000);
        for event in events {
            assembler.add_event(&event.to_string()).unwrap();
        }
        assembler
    }

    #[test]
    fn text_is_joined_and_reasoning_left_out() {
        let reply = assemble(&[
            json!({"role": "assistant", "content": ""}),
            json!({"content": null, "reasoning_content": "hmm"}),
            json!({"content": "Hel"}),
            json!({"content": [{"type": "text", "text": "lo"}, {"type": "thinking", "thinking": []}]}),
            json!({"content": 7}),
        ]);
        assert_eq!(reply.text, "Hello");
    }

    #[test]
    fn parallel_calls_are_told_apart_by_index() {
        let got = calls(&[
            json!({"index": 0, "id": "a", "function": {"name": "f", "arguments": ""}}),
            json!({"index": 1, "id": "b", "function": {"name": "g", "arguments": "{\"y"}}),
            json!({"index": 0, "function": {"arguments": "{\"x\":"}}),
            json!({"index": 1, "function": {"arguments": "\":2}"}}),
            json!({"index": 0, "id": "", "function": {"name": "", "arguments": "1}"}}),
        ]);
        assert_eq!(got, owned(&[("a", "f", r#"{"x":1}"#), ("b", "g", r#"{"y":2}"#)]));
    }

    #[test]
    fn without_an_index_the_id_decides_and_else_the_last_call_goes_on() {
        let got = calls(&[
            json!({"id": "a", "function": {"name": "f", "arguments": "1"}}),
            json!({"function": {"arguments": "2"}}),
            json!({"id": "b", "function": {"name": "g", "arguments": "3"}}),
            json!({"id": "a", "function": {"arguments": "4"}}),
        ]);
        assert_eq!(got, owned(&[("a", "f", "124"), ("b", "g", "3")]));
    }

    #[test]
    fn whole_calls_that_are_all_numbered_zero_stay_apart() {
        let got = calls(&[
            json!({"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}),
            json!({"index": 0, "id": "b", "function": {"name": "f", "arguments": {"x": 1}}}),
        ]);
        assert_eq!(got, owned(&[("a", "f", "{}"), ("b", "f", r#"{"x":1}"#)]));
    }

    #[test]
    fn calls_without_index_and_id_are_told_apart_by_their_name() {
        let got = calls(&[
            json!({"function": {"name": "f", "arguments": "1"}}),
            json!({"function": {"arguments": "2"}}),
            json!({"function": {"name": "f", "arguments": "3"}}),
        ]);
        assert_eq!(got, owned(&[("", "f", "12"), ("", "f", "3")]));
    }

    #[test]
    fn arguments_may_be_split_inside_an_escape() {
        let got = calls(&[
            json!({"index": 0, "id": "a", "function": {"name": "f", "arguments": "{\"x\":\"\\u00"}}),
            json!({"index": 0, "function": {"arguments": "e9\\"}}),
            json!({"index": 0, "function": {"arguments": "n\"}"}}),
        ]);
        assert_eq!(got, owned(&[("a", "f", r#"{"x":"\u00e9\n"}"#)]));
    }

    #[test]
    fn only_the_first_choice_is_kept() {
        let assembler = assemble_events(&[
            json!({"choices": [{"index": 1, "delta": {"content": "no"}, "finish_reason": "length"}]}),
            json!({"choices": [{"index": 1, "delta": {"content": "no"}}, {"index": 0, "delta": {"content": "yes"}}]}),
        ]);
        assert_eq!(assembler.reply().text, "yes");
        assert_eq!(assembler.reply().finish_reason, None);
    }

    #[test]
    fn usage_is_taken_wherever_it_comes() {
        for events in [
            vec![json!({"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2}})],
            vec![
                json!({"choices": [{"delta": {}}], "usage": {"prompt_tokens": 5, "completion_tokens": 1}}),
                json!({"choices": [{"delta": {}}], "usage": {"prompt_tokens": 5, "completion_tokens": 2}}),
            ],
            vec![
                json!({"choices": [{"delta": {}}], "usage": {"prompt_tokens": 5, "completion_tokens": 2}}),
                json!({"choices": [{"delta": {}}], "usage": null}),
                json!({"choices": [{"delta": {}}], "usage": {}}),
            ],
        ] {
            let usage = assemble_events(&events).reply().usage;
            let expected = Usage { prompt_tokens: Some(5), cached_tokens: None, completion_tokens: Some(2) };
            assert_eq!(usage, Some(expected), "{events:?}");
        }
    }

    #[test]
    fn enumerations_are_open_and_nothing_is_required() {
        let assembler = assemble_events(&[
            json!({"choices": [{"delta": {"content": "a"}, "finish_reason": ""}], "service_tier": "on_demand"}),
            json!({"model": 7, "id": null, "choices": [{"finish_reason": "because"}]}),
            json!({"choices": {}}),
            json!([1, 2]),
            json!({"model": "m"}),
        ]);
        let reply = assembler.into_reply();
        assert_eq!((reply.text.as_str(), reply.finish_reason.as_deref()), ("a", Some("because")));
        assert_eq!((reply.id, reply.model.as_deref()), (None, Some("m")));
    }

    #[test]
    fn a_whole_message_is_read_like_a_stream() {
        let mut assembler = Assembler::new(1000);
        let call = json!({"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}});
        let unnamed = json!({"function": {"name": "f", "arguments": "{}"}});
        let message = json!({"role": "assistant", "content": "hi", "tool_calls": [call, unnamed, unnamed]});
        let body = json!({"id": "c", "choices": [{"message": message, "finish_reason": "tool_calls"}]});
        assembler.add_whole(body.to_string().as_bytes()).unwrap();
        let reply = assembler.into_reply();
        assert_eq!(reply.text, "hi");
        assert_eq!(reply.tool_calls.len(), 3);
        assert_eq!(reply.finish_reason.as_deref(), Some("tool_calls"));
    }

    #[test]
    fn errors_are_recognised_in_all_their_shapes() {
        for (body, expected) in [
            (json!({"error": {"message": "no money"}}), Some("no money")),
            (json!({"error": "no money"}), Some("no money")),
            (json!({"object": "error", "message": "no money"}), Some("no money")),
            (json!({"error": {"code": 5}}), Some(r#"{"code":5}"#)),
            (json!({"error": null, "message": "hello"}), None),
            (json!({"choices": []}), None),
        ] {
            assert_eq!(error_message(&body).as_deref(), expected, "{body}");
        }
    }

    #[test]
    fn text_is_cut_at_its_limit_and_says_so() {
        let mut assembler = Assembler::new(6);
        for text in ["abcd", "ééé", "x"] {
            assembler.add_event(&json!({"choices": [{"delta": {"content": text}}]}).to_string()).unwrap();
        }
        assert!(assembler.is_cut());
        assert_eq!(assembler.reply().text, "abcdé");
    }

    #[test]
    fn too_many_tool_calls_are_cut() {
        let mut assembler = Assembler::new(100_000);
        for index in 0..=TOOL_CALLS_MAX {
            let call = json!({"index": index, "id": format!("{index}"), "function": {"name": "f"}});
            assembler
                .add_event(&json!({"choices": [{"delta": {"tool_calls": [call]}}]}).to_string())
                .unwrap();
        }
        assert!(assembler.is_cut());
        assert_eq!(assembler.reply().tool_calls.len(), TOOL_CALLS_MAX);
    }

    #[test]
    fn half_surrogate_pairs_do_not_lose_the_reply() {
        let mut assembler = Assembler::new(100);
        for text in [r"a\ud83d", r"\ude00b", r"\ud83d\ude00", r"\\ud83d\"] {
            let text = text.strip_suffix('\\').unwrap_or(text);
            assembler.add_event(&format!(r#"{{"choices":[{{"delta":{{"content":"{text}"}}}}]}}"#)).unwrap();
        }
        assert_eq!(assembler.reply().text, "a\u{fffd}\u{fffd}b😀\\ud83d");
    }

    proptest! {
        #[test]
        fn mending_surrogates_never_fails_and_changes_nothing_else(json in r#"(\\u[dD][89a-fA-F][0-9a-f]{2}|\\\\|\\|[a-ué"])*"#) {
            if serde_json::from_str::<Value>(&format!("\"{json}\"")).is_ok() {
                prop_assert_eq!(replace_lone_surrogates(&json), None);
            }
        }
    }
}

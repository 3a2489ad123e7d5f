//! What the model is asked: instructions with one worked example, and fences of data within a token budget.
//!
//! Only what the gate let through has a number and may be quoted; all else is context. Text from outside stands on one
//! line inside a fence that it cannot close or forge. A batch that does not fit into one prompt is asked in several.

use std::fmt::Write as _;
use std::sync::LazyLock;

use crate::context::escape;
use crate::learn::{Batch, BatchTurn};
use crate::model::{MemoryRecord, OwnSlots};
use crate::text::passages;
use crate::text::tokens::TokenEncoding;
use crate::truth::SINGLE_SLOTS;

/// Memories shown as known, the weightiest.
const KNOWN_MAX: usize = 40;
/// The part of a prompt that known memories may take: one in this many tokens.
const KNOWN_PARTS: usize = 4;
/// Characters of a known memory.
const KNOWN_CHARS_MAX: usize = 200;
/// Characters of a turn that is there for context.
const CONTEXT_CHARS_MAX: usize = 600;
/// Characters of one line to learn from; a longer turn has several lines.
const LINE_CHARS_MAX: usize = 4_000;
/// Characters of a speaker's name.
const NAME_CHARS_MAX: usize = 40;
/// Tokens kept for the tags, and for what a model's own vocabulary needs more than the one we count with.
const SPARE_TOKENS: usize = 100;
/// Counted with this vocabulary: others differ by a tenth or two.
const ENCODING: TokenEncoding = TokenEncoding::O200k;

/// The instructions, with the place where the tenant's own slots stand.
static SYSTEM: LazyLock<String> =
    LazyLock::new(|| include_str!("system.txt").trim_end().replace("{slots}", &SINGLE_SLOTS.join(", ")));

/// Where in the instructions own slots are told of: before the example, so that the last words stay the last.
const OWN_PLACE: &str = "{own}";

/// The instructions, with the slots that the tenant has besides.
pub(super) fn system(slots: &OwnSlots) -> String {
    let mut own = String::new();
    for (name, slot) in slots.learned() {
        // Writing to a string cannot fail.
        let _ = write!(own, "\n- {name} ({}): {}", slot.kind(), slot.description);
    }
    if own.is_empty() {
        return SYSTEM.replace(OWN_PLACE, "");
    }
    SYSTEM.replace(OWN_PLACE, &format!("{OWN_HEAD}{own}\n\n"))
}

/// What stands before them.
const OWN_HEAD: &str = "This app keeps more about the user. For the properties in this list the subject is \"profile\" and the slot is the name \
    as it stands here; the value must be of the kind in brackets; of several values each is a fact of its own.";

/// One prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Prompt {
    /// The message after the instructions.
    pub(super) user: String,
    /// The turns that have numbers in it, as places in the batch: that of number 1 first.
    pub(super) turns: Vec<usize>,
}

/// A line between the tags.
struct Line {
    /// The place of its turn in the batch.
    turn: usize,
    /// Whether it may be learned from.
    learn: bool,
    /// Who says it, and what.
    said: String,
    tokens: usize,
}

/// The prompts for a batch, each of about `tokens_max` at most with the instructions; none if there is nothing to learn from.
pub(super) fn prompts(batch: &Batch<'_>, system: &str, tokens_max: usize) -> Vec<Prompt> {
    let room = tokens_max.saturating_sub(ENCODING.count(system) + SPARE_TOKENS);
    let (known, known_tokens) = known(batch.known, room / KNOWN_PARTS);
    let room = room - known_tokens;
    let mut prompts = Vec::new();
    let mut window = Window::default();
    for line in batch.turns.iter().enumerate().flat_map(|(place, turn)| lines(place, turn)) {
        // The oldest context goes first. What is to be learned from stays, if need be in a prompt of its own.
        while window.tokens + line.tokens > room && window.drop_context() {}
        if window.tokens + line.tokens > room && line.learn {
            prompts.extend(std::mem::take(&mut window).prompt(&known));
        }
        if line.learn || window.tokens + line.tokens <= room {
            window.tokens += line.tokens;
            window.lines.push(line);
        }
    }
    prompts.extend(window.prompt(&known));
    prompts
}

/// The lines of one prompt.
#[derive(Default)]
struct Window {
    lines: Vec<Line>,
    tokens: usize,
}

impl Window {
    /// Leaves the oldest line of context out, if there is one.
    fn drop_context(&mut self) -> bool {
        let oldest = self.lines.iter().position(|line| !line.learn);
        if let Some(at) = oldest {
            self.tokens -= self.lines.remove(at).tokens;
        }
        oldest.is_some()
    }

    fn prompt(self, known: &str) -> Option<Prompt> {
        let mut turns = Vec::new();
        let mut said = String::new();
        for line in self.lines {
            if line.learn {
                if turns.last() != Some(&line.turn) {
                    turns.push(line.turn);
                }
                // Writing to a string cannot fail.
                let _ = write!(said, "[{}] ", turns.len());
            }
            said.push_str(&line.said);
            said.push('\n');
        }
        let user = format!(
            "<throughline-known>\n{known}</throughline-known>\n<throughline-turns>\n{said}</throughline-turns>\n\nAnswer:"
        );
        (!turns.is_empty()).then_some(Prompt { user, turns })
    }
}

/// What is known, one memory a line, and its tokens.
fn known(memories: &[MemoryRecord], tokens_max: usize) -> (String, usize) {
    let (mut lines, mut tokens) = (String::new(), 0);
    for memory in memories.iter().take(KNOWN_MAX) {
        let line = match &memory.slot {
            Some(slot) => format!("{slot}: {}", memory.value),
            None => memory.text.clone(),
        };
        let line = format!("- {}\n", on_one_line(&line, KNOWN_CHARS_MAX));
        let count = ENCODING.count(&line);
        if tokens + count > tokens_max {
            break;
        }
        tokens += count;
        lines.push_str(&line);
    }
    (lines, tokens)
}

fn lines(place: usize, turn: &BatchTurn) -> Vec<Line> {
    let name = turn.name.as_deref().map(|name| format!(" ({})", on_one_line(name, NAME_CHARS_MAX)));
    let speaker = format!("{}{}", turn.role.as_str(), name.unwrap_or_default());
    let line = |learn, text: String| {
        let said = format!("{speaker}: {text}");
        // Its number and line break.
        let tokens = ENCODING.count(&said) + 4;
        Line { turn: place, learn, said, tokens }
    };
    if turn.wanted.is_empty() {
        return vec![line(false, on_one_line(&turn.text, CONTEXT_CHARS_MAX))];
    }
    let parts = turn.wanted.iter().filter_map(|wanted| turn.text.get(wanted.clone()));
    let mut texts: Vec<String> = Vec::new();
    for part in parts.flat_map(pieces) {
        match texts.last_mut() {
            Some(text) if text.len() + part.len() <= LINE_CHARS_MAX => {
                text.push_str(" […] ");
                text.push_str(part);
            }
            _ => texts.push(part.to_owned()),
        }
    }
    texts.iter().map(|text| line(true, on_one_line(text, LINE_CHARS_MAX))).collect()
}

/// A text that is too long for a line in passages.
fn pieces(text: &str) -> Vec<&str> {
    if text.len() <= LINE_CHARS_MAX {
        return vec![text];
    }
    passages::split(text).into_iter().filter_map(|range| text.get(range)).collect()
}

/// Text from outside as part of a line: it cannot begin a line or a tag of its own.
fn on_one_line(text: &str, chars_max: usize) -> String {
    let mut line = escape(text.trim()).replace('\n', " ");
    if let Some((end, _)) = line.char_indices().nth(chars_max) {
        line.truncate(end);
        line.push('…');
    }
    line
}

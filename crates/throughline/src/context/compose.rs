//! From what is known and what was found to what is added to a request, within the budget.
//!
//! Reads no clock and keeps no state: same inputs, same bytes.

use super::budget::{Choice, ContextBudget, choose, tokens};
use super::fence::{FenceKey, JOINT, seal};
use super::prefix::{self, Omission};
use super::recalled::{HEAD, RecalledPassage, STANDING_HEAD, with_part};
use crate::model::{
    DropReason, Identity, Profile, ReceiptItem, Section, SectionUse, TenantId, Timestamp, ZoneOffsets,
};

/// All that a context depends on, but for how tokens are counted.
#[derive(Debug, Clone, Copy)]
pub struct ComposeInput<'a> {
    /// The tenant's or agent's system prompt, if there is one.
    pub identity: Option<&'a Identity>,
    /// The structured memory.
    pub profile: &'a Profile,
    /// What the user said holds in general, best first. It is shown before what was recalled, and not again there.
    pub standing: &'a [RecalledPassage<'a>],
    /// What was found, best first.
    pub recalled: &'a [RecalledPassage<'a>],
    /// Ages count from here.
    pub now: Timestamp,
    /// Days begin and end by this one: the user's if it is known, else UTC.
    pub zone: &'a ZoneOffsets,
    /// How much there may be.
    pub budget: &'a ContextBudget,
    /// Marks the block.
    pub key: &'a FenceKey,
    /// Whose block it is.
    pub tenant: &'a TenantId,
}

/// What is added to a request, and the account of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Composed {
    /// A message of its own, before all others. Depends on identity, profile and budget alone.
    pub prefix: Option<String>,
    /// To be put behind the user's last message with [`append`](super::append). None if nothing relevant was found.
    pub block: Option<String>,
    /// Identity, profile, standing, recalled, summary.
    pub sections: Vec<SectionUse>,
    /// Every passage given, in the order given: standing ones, then recalled ones.
    pub items: Vec<ReceiptItem>,
    /// What is missing from the prefix for want of room; the caller should say so.
    pub omissions: Vec<Omission>,
    /// Tokens of prefix and block, with the blank line before the block. Never above the budget's total. What a
    /// provider adds for the prefix being a message (a few tokens) is not in it.
    pub used_tokens: u32,
    /// Hex of BLAKE3 over prefix and block: 64 digits.
    pub context_hash: String,
}

/// Builds the context. `count` counts the tokens of a text and must depend on nothing else.
pub fn compose(input: &ComposeInput<'_>, count: &dyn Fn(&str) -> usize) -> Composed {
    let prefix = prefix::build(input.identity, input.profile, input.budget, count);
    let left = (input.budget.total_tokens as usize).saturating_sub(prefix.used_tokens);

    let mut standing = Part::new(Section::Standing, STANDING_HEAD, input.standing);
    let mut recalled = Part::new(Section::Recalled, HEAD, input.recalled);
    // A statement in the midst of what is recalled anyway stays there: no word is shown twice.
    standing.drop_repeated(|one| recalled.open().any(|other| other.covers(one) && other.bytes != one.bytes));
    let mut block = Block { input, count, body: String::new(), tokens: 0 };
    let standing_use = block.add(&mut standing, left.min(input.budget.standing_tokens as usize));
    recalled.drop_repeated(|one| {
        standing.open().any(|other| other.covers(one) || other.text.trim() == one.text.trim())
    });
    let room = left.saturating_sub(block.tokens).min(input.budget.recalled_tokens as usize);
    let recalled_use = block.add(&mut recalled, room);

    let [identity, profile, summary] = prefix.sections;
    let used_tokens = prefix.used_tokens + block.tokens;
    let block = block.sealed();
    Composed {
        context_hash: hash(prefix.text.as_deref(), block.as_deref()),
        prefix: prefix.text,
        block,
        sections: vec![identity, profile, standing_use, recalled_use, summary],
        items: [standing.items, recalled.items].concat(),
        omissions: prefix.omissions,
        used_tokens: tokens(used_tokens),
    }
}

/// A part of the block: the passages that were found for it, and what becomes of each.
struct Part<'a> {
    section: Section,
    head: &'static str,
    passages: &'a [RecalledPassage<'a>],
    items: Vec<ReceiptItem>,
}

impl<'a> Part<'a> {
    fn new(section: Section, head: &'static str, passages: &'a [RecalledPassage<'a>]) -> Self {
        let item = |p: &RecalledPassage<'_>| ReceiptItem {
            section,
            turn: p.turn,
            bytes: p.bytes,
            score: p.score,
            tokens: 0,
            dropped: reason(p),
            ended: p.ended,
        };
        Self { section, head, passages, items: passages.iter().map(item).collect() }
    }

    /// Those that are not left out, so far.
    fn open(&self) -> impl Iterator<Item = &RecalledPassage<'a>> {
        self.passages.iter().zip(&self.items).filter(|(_, item)| item.dropped.is_none()).map(|(open, _)| open)
    }

    fn drop_repeated(&mut self, repeated: impl Fn(&RecalledPassage<'_>) -> bool) {
        for (passage, item) in self.passages.iter().zip(&mut self.items) {
            if item.dropped.is_none() && repeated(passage) {
                item.dropped = Some(DropReason::Repeated);
            }
        }
    }
}

/// One passage that may be shown: its place in its part, and its line.
struct Candidate {
    at: usize,
    line: String,
}

/// The block as it grows, part by part.
struct Block<'a> {
    input: &'a ComposeInput<'a>,
    count: &'a dyn Fn(&str) -> usize,
    /// Empty as long as nothing is in it.
    body: String,
    /// Of the whole block, with its fence and the blank line before it, which is ours too.
    tokens: usize,
}

impl Block<'_> {
    /// Adds what fits of a part, and says in its items what did not.
    fn add(&mut self, part: &mut Part<'_>, allowance: usize) -> SectionUse {
        let Block { input, count, .. } = *self;
        let candidates: Vec<Candidate> = (0..part.items.len())
            .filter(|at| part.items[*at].dropped.is_none())
            .map(|at| Candidate { at, line: part.passages[at].line(input.now, input.zone) })
            .collect();
        for candidate in &candidates {
            part.items[candidate.at].dropped = Some(DropReason::Budget);
        }
        let body = |chosen: &[usize]| {
            let mut in_time: Vec<&Candidate> = chosen.iter().map(|c| &candidates[*c]).collect();
            in_time.sort_by_key(|candidate| part.passages[candidate.at].chronology());
            with_part(&self.body, part.head, in_time.iter().map(|candidate| candidate.line.as_str()))
        };
        let whole =
            |chosen: &[usize]| count(&[JOINT, &seal(input.key, input.tenant, &body(chosen))].concat());
        let limit = self.tokens + allowance;
        let choice = if candidates.is_empty() {
            None
        } else {
            choose(candidates.len(), whole(&[]), limit, |c| count(&candidates[c].line), whole)
        };
        let mut used_tokens = 0;
        if let Some(Choice { lines, line_tokens, tokens: with_it }) = choice {
            self.body = body(&lines);
            used_tokens = with_it.saturating_sub(self.tokens);
            self.tokens = with_it;
            for (line, line_tokens) in lines.iter().zip(line_tokens) {
                let item = &mut part.items[candidates[*line].at];
                item.dropped = None;
                item.tokens = tokens(line_tokens);
            }
        }
        SectionUse {
            section: part.section,
            budget_tokens: tokens(allowance),
            used_tokens: tokens(used_tokens),
        }
    }

    fn sealed(self) -> Option<String> {
        (!self.body.is_empty()).then(|| seal(self.input.key, self.input.tenant, &self.body))
    }
}

/// Why a passage is not to be shown, whatever room there is. One that says nothing cannot help.
fn reason(passage: &RecalledPassage<'_>) -> Option<DropReason> {
    if passage.already_in_request {
        Some(DropReason::AlreadyInRequest)
    } else if passage.quarantined {
        Some(DropReason::Quarantined)
    } else if !passage.relevant || passage.text.trim().is_empty() {
        Some(DropReason::NotRelevant)
    } else {
        None
    }
}

/// Over both parts, each with whether it is there and its length before it.
fn hash(prefix: Option<&str>, block: Option<&str>) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in [prefix, block] {
        hasher.update(&[u8::from(part.is_some())]);
        let part = part.unwrap_or_default();
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

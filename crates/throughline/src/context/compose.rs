//! From what is known and what was found to what is added to a request, within the budget.
//!
//! Reads no clock and keeps no state: same inputs, same bytes.

use super::budget::{Choice, ContextBudget, choose, tokens};
use super::fence::{FenceKey, JOINT, seal};
use super::prefix::{self, Omission};
use super::recalled::{RecalledPassage, body};
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
    /// Identity, profile, recalled, summary.
    pub sections: Vec<SectionUse>,
    /// Every passage given, in the order given.
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
    let allowance = left.min(input.budget.recalled_tokens as usize);
    let Recalled { block, used_tokens, items } = recalled(input, allowance, count);

    let [identity, profile, summary] = prefix.sections;
    let recalled = SectionUse {
        section: Section::Recalled,
        budget_tokens: tokens(allowance),
        used_tokens: tokens(used_tokens),
    };
    Composed {
        context_hash: hash(prefix.text.as_deref(), block.as_deref()),
        prefix: prefix.text,
        block,
        sections: vec![identity, profile, recalled, summary],
        items,
        omissions: prefix.omissions,
        used_tokens: tokens(prefix.used_tokens + used_tokens),
    }
}

struct Recalled {
    block: Option<String>,
    used_tokens: usize,
    items: Vec<ReceiptItem>,
}

/// One passage that may be shown: its place in the input, and its line.
struct Candidate {
    at: usize,
    line: String,
}

fn recalled(input: &ComposeInput<'_>, allowance: usize, count: &dyn Fn(&str) -> usize) -> Recalled {
    let mut items: Vec<ReceiptItem> = input
        .recalled
        .iter()
        .map(|p| ReceiptItem { turn: p.turn, bytes: p.bytes, score: p.score, tokens: 0, dropped: reason(p) })
        .collect();
    let candidates: Vec<Candidate> = (0..items.len())
        .filter(|at| items[*at].dropped.is_none())
        .map(|at| Candidate { at, line: input.recalled[at].line(input.now, input.zone) })
        .collect();

    if candidates.is_empty() {
        return Recalled { block: None, used_tokens: 0, items };
    }

    let block = |chosen: &[usize]| {
        let mut in_time: Vec<&Candidate> = chosen.iter().map(|c| &candidates[*c]).collect();
        in_time.sort_by_key(|candidate| input.recalled[candidate.at].chronology());
        seal(input.key, input.tenant, &body(in_time.iter().map(|candidate| candidate.line.as_str())))
    };
    // The blank line before the block is ours, so it is paid for.
    let whole = |chosen: &[usize]| count(&[JOINT, &block(chosen)].concat());
    let choice = choose(candidates.len(), whole(&[]), allowance, |c| count(&candidates[c].line), whole);

    for candidate in &candidates {
        items[candidate.at].dropped = Some(DropReason::Budget);
    }
    let Some(Choice { lines, line_tokens, tokens: used_tokens }) = choice else {
        return Recalled { block: None, used_tokens: 0, items };
    };
    for (line, line_tokens) in lines.iter().zip(line_tokens) {
        let item = &mut items[candidates[*line].at];
        item.dropped = None;
        item.tokens = tokens(line_tokens);
    }
    Recalled { block: Some(block(&lines)), used_tokens, items }
}

/// Why a passage is not to be shown, whatever room there is. One that says nothing cannot help.
fn reason(passage: &RecalledPassage<'_>) -> Option<DropReason> {
    if passage.already_in_request {
        Some(DropReason::AlreadyInRequest)
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

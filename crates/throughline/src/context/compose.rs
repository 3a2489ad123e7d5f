//! From what is known and what was found to what is added to a request, within the budget.
//!
//! Reads no clock and keeps no state: same inputs, same bytes.

use super::budget::{Choice, ContextBudget, choose, tokens};
use super::fall_back::{self, fall_back};
use super::fence::{FenceKey, JOINT, seal};
use super::prefix::{self, Omission};
use super::recalled::{HEAD, RecalledPassage, STANDING_HEAD, with_part};
use crate::model::{
    DropReason, Identity, Profile, ReceiptItem, ReceiptSummary, Section, SectionUse, Summary, TenantId,
    Timestamp, ZoneOffsets,
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
    /// What stands for recalled passages that did not fit, in the order in which it stands.
    pub summaries: Vec<ReceiptSummary>,
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
    Draft::new(input, count).finish(&[], input.zone)
}

/// A context that is complete but for what stands for the words that did not fit. Summaries cost time to make, so they are
/// made when it is known that they are needed.
pub struct Draft<'a> {
    prefix: prefix::Prefix,
    block: Block<'a>,
    standing: Part<'a>,
    recalled: Part<'a>,
    standing_use: SectionUse,
    recalled_use: SectionUse,
}

impl<'a> Draft<'a> {
    /// Everything but summaries.
    pub fn new(input: &'a ComposeInput<'a>, count: &'a dyn Fn(&str) -> usize) -> Self {
        let prefix = prefix::build(input.identity, input.profile, input.budget, count);
        let left = (input.budget.total_tokens as usize).saturating_sub(prefix.used_tokens);

        let mut standing = Part::new(Section::Standing, STANDING_HEAD, input.standing);
        let mut recalled = Part::new(Section::Recalled, HEAD, input.recalled);
        // A statement in the midst of what is recalled anyway stays there: no word is shown twice.
        standing
            .drop_repeated(|one| recalled.open().any(|other| other.covers(one) && other.bytes != one.bytes));
        let mut block = Block { input, count, body: String::new(), tokens: 0 };
        let standing_use = block.add(&mut standing, left.min(input.budget.standing_tokens as usize));
        recalled.drop_repeated(|one| {
            standing.open().any(|other| other.covers(one) || other.text.trim() == one.text.trim())
        });
        let room = left.saturating_sub(block.tokens).min(input.budget.recalled_tokens as usize);
        let recalled_use = block.add(&mut recalled, room);
        Self { prefix, block, standing, recalled, standing_use, recalled_use }
    }

    /// Recalled passages that did not fit, by their places among those given, best first.
    pub fn left_out(&self) -> impl Iterator<Item = usize> {
        let items = self.recalled.items.iter().enumerate();
        items.filter(|(_, item)| item.dropped == Some(DropReason::Budget)).map(|(at, _)| at)
    }

    /// What there is for summaries: what the profile's summary left of its section, and all before it of the total.
    pub fn room_tokens(&self) -> usize {
        let [_, _, summary] = self.prefix.sections;
        let total = self.block.input.budget.total_tokens as usize;
        let left = total.saturating_sub(self.prefix.used_tokens).saturating_sub(self.block.tokens);
        left.min(summary.budget_tokens.saturating_sub(summary.used_tokens) as usize)
    }

    /// Passages that are shown.
    pub fn shown(&self) -> impl Iterator<Item = &RecalledPassage<'a>> {
        self.standing.open().chain(self.recalled.open())
    }

    /// The message before all others.
    pub fn prefix(&self) -> Option<&str> {
        self.prefix.text.as_deref()
    }

    /// The context. If passages did not fit, summaries may stand for them in what the profile's summary left of its section:
    /// each ladder is of one conversation, the best first, its own summary before coarser ones.
    pub fn finish(mut self, ladders: &[Vec<Summary>], zone: &ZoneOffsets) -> Composed {
        let [identity, profile, mut summary] = self.prefix.sections;
        let mut summaries = Vec::new();
        if self.left_out().next().is_some() {
            let room = self.room_tokens();
            let before = self.block.tokens;
            summaries = self.block.add_summaries(ladders, zone, room);
            summary.used_tokens += tokens(self.block.tokens - before);
        }
        let used_tokens = self.prefix.used_tokens + self.block.tokens;
        let block = self.block.sealed();
        Composed {
            context_hash: hash(self.prefix.text.as_deref(), block.as_deref()),
            prefix: self.prefix.text,
            block,
            sections: vec![identity, profile, self.standing_use, self.recalled_use, summary],
            items: [self.standing.items, self.recalled.items].concat(),
            summaries,
            omissions: self.prefix.omissions,
            used_tokens: tokens(used_tokens),
        }
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

    /// Adds what fits of the summaries, and says what it was.
    fn add_summaries<'s>(
        &mut self,
        ladders: &'s [Vec<Summary>],
        zone: &ZoneOffsets,
        room: usize,
    ) -> Vec<ReceiptSummary> {
        let Block { input, count, .. } = *self;
        let body = |mut in_time: Vec<&'s Summary>| {
            in_time.sort_by_key(|summary| fall_back::chronology(summary, zone));
            let lines: Vec<String> = in_time.iter().map(|summary| fall_back::line(summary, zone)).collect();
            (with_part(&self.body, fall_back::HEAD, lines.iter().map(String::as_str)), in_time)
        };
        let whole = |body: &str| count(&[JOINT, &seal(input.key, input.tenant, body)].concat());
        let limit = self.tokens + room;
        let mut room = room;
        let (body, in_time, with_it) = loop {
            // A line needs a line feed before it. Lines do not add up exactly to the tokens of the whole, so that is counted
            // in the end, and what it has too many is taken from the room.
            let cost = |summary: &Summary| count(&fall_back::line(summary, zone)) + 1;
            let head = count(fall_back::HEAD) + 1;
            let fits = |shown: &[&Summary]| head + shown.iter().map(|one| cost(one)).sum::<usize>() <= room;
            let shown = fall_back(ladders, fits);
            if shown.is_empty() {
                return Vec::new();
            }
            let (body, in_time) = body(shown);
            let with_it = whole(&body);
            if with_it <= limit {
                break (body, in_time, with_it);
            }
            room = room.saturating_sub(with_it - limit);
        };
        self.tokens = with_it;
        self.body = body;
        let receipt = |summary: &Summary| ReceiptSummary {
            of: summary.of.clone(),
            cites: summary.sentences.iter().flat_map(|sentence| sentence.cites.iter().copied()).collect(),
            tokens: tokens(count(&fall_back::line(summary, zone))),
        };
        in_time.into_iter().map(receipt).collect()
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

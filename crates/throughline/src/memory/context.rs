//! Building the context of a request, and building it again from its receipt.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use jiff::tz::TimeZone;

use crate::context::{ComposeInput, Composed, ContextBudget, Draft, RecalledPassage};
use crate::journal::{Journal, Said, Sought, Thread, locate};
use crate::learn::addresses_model;
use crate::model::{
    Content, DropReason, Identity, Profile, Receipt, ReceiptId, ReceiptSummaries, Role, Scope, Section,
    SessionId, Summary, SummaryOf, TenantId, Timestamp, Turn, ZoneOffsets,
};
use crate::ports::OpeningAsk;
use crate::recall::{Degraded, RecallRequest, Recalled, StandingItem, passage_text};

use super::beliefs::Standing;
use super::fall_back::View;
use super::recall::timed;
use super::{Memory, MemoryError, uuid_at};

/// The longest text a context is searched for: the end of a long message says what is wanted.
const QUERY_BYTES_MAX: usize = 4_096;

/// Versions of a profile that a session may lie behind; one that lies further behind sees a newer one.
const PROFILE_VERSIONS_BACK_MAX: usize = 64;

/// What a context is built for.
#[derive(Debug, Clone)]
pub struct ContextRequest {
    /// The conversation, if the caller names it; else it is found from the messages.
    pub session: Option<SessionId>,
    /// The request's messages, system messages left out.
    pub messages: Vec<Said>,
    /// What to search for; the last user message if not given.
    pub query: Option<String>,
    /// The most tokens of the whole context; the configured budget if not given.
    pub budget_tokens: Option<u32>,
    /// Where days begin and end for whoever asks; as in the settings if not given.
    pub zone: Option<TimeZone>,
    /// The most time to wait for the query's vector.
    pub embed_deadline: Duration,
}

impl ContextRequest {
    /// A conversation that begins with this question; half a second for its vector.
    pub fn asking(question: impl Into<String>) -> Self {
        Self {
            session: None,
            messages: vec![Said { role: Role::User, name: None, content: Content::text(question) }],
            query: None,
            budget_tokens: None,
            zone: None,
            embed_deadline: Duration::from_millis(500),
        }
    }
}

/// What is added to a request.
#[derive(Debug, Clone)]
pub struct Context {
    /// Where the messages stand in the journal.
    pub thread: Thread,
    /// Identity and profile: a message of its own before all others.
    pub prefix: Option<String>,
    /// What was recalled: goes to the end of the last user message.
    pub block: Option<String>,
    /// The record of it. It is kept when the exchange is recorded, or by [`Memory::keep_receipt`].
    pub receipt: Receipt,
}

/// A context built again.
#[derive(Debug, Clone, PartialEq)]
pub struct Replay {
    /// The record it was built from.
    pub receipt: Receipt,
    /// Identity and profile.
    pub prefix: Option<String>,
    /// What was recalled.
    pub block: Option<String>,
    /// Whether it is the same to the byte.
    pub same: bool,
}

impl Memory {
    /// Finds what helps with the request and renders it within the budget.
    pub fn context(&self, scope: &Scope, request: &ContextRequest) -> Result<Context, MemoryError> {
        let now = self.now();
        let id = ReceiptId(uuid_at(now));
        let mut timings = Vec::new();
        let (opening, thread) = timed(&mut timings, "locate", || -> Result<_, MemoryError> {
            let sought = Sought::new(&request.messages);
            let session = request.session.as_ref();
            let ask = OpeningAsk { prefix: true, ..sought.ask(session) };
            let opening = self.open_to_search(scope, &ask)?;
            let journal = Journal { store: &*self.store, scope, session, opening: &opening };
            let new = || SessionId::new(format!("session_{}", id.0.simple())).expect("hex digits are a name");
            let thread = locate(&journal, &request.messages, &sought, now, new)?;
            Ok((opening, thread))
        })?;
        let query = request.query.clone().or_else(|| last_user_text(&request.messages)).unwrap_or_default();
        let query = end_of(&query, QUERY_BYTES_MAX).to_owned();
        let recalled = self.recall_in(
            scope,
            &opening,
            &RecallRequest {
                limit: self.settings.context_candidates_max + thread.visible.len(),
                every_passage: true,
                standing_max: self.settings.context_standing_max,
                embed_deadline: request.embed_deadline,
                time: Some(now),
                zone: request.zone.clone(),
                ..RecallRequest::new(query.clone())
            },
        )?;
        timings.extend(recalled.timings.iter().cloned());

        let prefix = opening.prefix.clone().unwrap_or_default();
        let profile = self.profile_of_thread(scope, &thread, self.profile_of(scope, &opening, &prefix)?)?;
        let identity = prefix.identity;
        let beliefs = self.beliefs_of(scope, &opening)?;
        let budget = match request.budget_tokens {
            Some(tokens) => self.settings.budget.scaled_to(tokens),
            None => self.settings.budget,
        };
        budget.validate().map_err(|error| MemoryError::Invalid(error.to_string()))?;
        let (standing, passages) = timed(&mut timings, "judge", || {
            let standings = beliefs.by_turn();
            let addresses = |text: &str| self.addressing.of(text, addresses_model);
            found(&recalled, &thread, &Judge { standings: &standings, addresses_model: &addresses })
        });
        let shown = || standing.iter().chain(&passages);
        let mut times: Vec<Timestamp> =
            shown().flat_map(|one| [Some(one.time), one.ended]).flatten().collect();
        times.push(now);
        let asked_in = request.zone.as_ref().unwrap_or(&self.settings.zone);
        let mut zone = ZoneOffsets::at(asked_in, times.iter().copied());
        let drafted_in = zone.clone();
        let input = ComposeInput {
            identity: identity.as_ref(),
            profile: &profile,
            standing: &standing,
            recalled: &passages,
            now,
            zone: &drafted_in,
            budget: &budget,
            key: &self.fence_key,
            tenant: scope.tenant(),
        };
        let count = |text: &str| self.tokens.of(text, |text| self.settings.token_encoding.count(text));
        let draft = timed(&mut timings, "compose", || Draft::new(&input, &count));
        let mut ladders = Vec::new();
        if draft.left_out().next().is_some() && draft.room_tokens() > 0 {
            let view =
                View { scope, opening: &opening, thread: &thread, items: &recalled.items, zone: asked_in };
            ladders = timed(&mut timings, "summarise", || self.ladders(&view, &input, &draft, &beliefs))?;
            times.extend(ladders.iter().flatten().filter_map(began));
            zone = ZoneOffsets::at(asked_in, times);
        }
        let composed = timed(&mut timings, "seal", || draft.finish(&ladders, &zone));
        let receipt = Receipt {
            id,
            session: Some(thread.session.clone()),
            time: now,
            zone,
            query,
            identity: identity.as_ref().map(|identity| identity.version),
            identity_hash: identity.as_ref().map(Identity::hash),
            profile_epoch: profile.epoch,
            budget_tokens: budget.total_tokens,
            used_tokens: composed.used_tokens,
            sections: composed.sections,
            items: composed.items,
            summaries: ReceiptSummaries {
                ledger_end: if composed.summaries.is_empty() { 0 } else { beliefs.end() },
                lines: composed.summaries,
            },
            context_hash: composed.context_hash,
            degraded: recalled
                .degraded
                .map(Degraded::as_str)
                .or_else(|| composed.omissions.first().map(|omission| omission.as_str()))
                .map(str::to_owned),
            timings,
        };
        Ok(Context { thread, prefix: composed.prefix, block: composed.block, receipt })
    }

    /// Keeps the receipt of a context that no exchange will be recorded for.
    pub fn keep_receipt(&self, scope: &Scope, receipt: Receipt) -> Result<(), MemoryError> {
        Ok(self.store.put_receipt(scope, receipt)?)
    }

    /// Builds a context again from its receipt. None if the tenant has no such receipt.
    pub fn replay(&self, tenant: &TenantId, id: ReceiptId) -> Result<Option<Replay>, MemoryError> {
        let Some((scope, receipt)) = self.store.receipt(tenant, id)? else { return Ok(None) };
        let identity = self.identity_of_receipt(&scope, &receipt)?;
        let profile = self.store.profile(&scope, Some(receipt.profile_epoch))?;
        let seqs: Vec<u64> = receipt.items.iter().map(|item| item.turn).collect();
        let turns = self.store.turns(&scope, &seqs)?;
        let passages = |section: Section| -> Vec<RecalledPassage<'_>> {
            let items = receipt.items.iter().filter(|item| item.section == section);
            items
                .filter_map(|item| {
                    let turn = turns.iter().find(|turn| turn.id.seq == item.turn)?;
                    Some(RecalledPassage {
                        already_in_request: item.dropped == Some(DropReason::AlreadyInRequest),
                        relevant: item.dropped != Some(DropReason::NotRelevant),
                        ended: item.ended,
                        quarantined: item.dropped == Some(DropReason::Quarantined),
                        ..passage(turn, item.bytes, item.score)
                    })
                })
                .collect()
        };
        let (standing, recalled) = (passages(Section::Standing), passages(Section::Recalled));
        let budget = ContextBudget::of_receipt(receipt.budget_tokens, &receipt.sections);
        let ladders: Vec<Vec<Summary>> =
            self.told(&scope, &receipt)?.into_iter().map(|summary| vec![summary]).collect();
        let input = ComposeInput {
            identity: identity.as_ref(),
            profile: &profile,
            standing: &standing,
            recalled: &recalled,
            now: receipt.time,
            zone: &receipt.zone,
            budget: &budget,
            key: &self.fence_key,
            tenant,
        };
        let count = |text: &str| self.settings.token_encoding.count(text);
        let Composed { prefix, block, context_hash, .. } =
            Draft::new(&input, &count).finish(&ladders, &receipt.zone);
        Ok(Some(Replay { same: context_hash == receipt.context_hash, receipt, prefix, block }))
    }

    /// The profile as the session sees it: as it was when the session began, but for what an operator wrote since and for
    /// what was taken back. So the beginning of the prompt stays the same while a session lasts.
    fn profile_of_thread(
        &self,
        scope: &Scope,
        thread: &Thread,
        newest: Profile,
    ) -> Result<Profile, MemoryError> {
        let mut profile = newest;
        let Some(began) = thread.began.filter(|_| profile.epoch > profile.settled) else {
            return Ok(profile);
        };
        let settled = profile.settled;
        for _ in 0..PROFILE_VERSIONS_BACK_MAX {
            let since = profile.changed.is_some_and(|changed| changed > began);
            if !since || profile.epoch <= settled {
                break;
            }
            profile = self.store.profile(scope, Some(profile.epoch - 1))?;
        }
        Ok(profile)
    }

    /// The identity a receipt names. Versions of an agent and of its tenant are counted apart, so the hash decides.
    fn identity_of_receipt(&self, scope: &Scope, receipt: &Receipt) -> Result<Option<Identity>, MemoryError> {
        for agent in [scope.agent.as_ref(), None] {
            let found = self.store.identity(scope.tenant(), agent, receipt.identity)?;
            if found.as_ref().map(Identity::hash) == receipt.identity_hash {
                return Ok(found);
            }
        }
        Ok(None)
    }
}

/// When the conversation of a summary began.
fn began(summary: &Summary) -> Option<Timestamp> {
    match &summary.of {
        SummaryOf::Session { began, .. } => Some(*began),
        _ => None,
    }
}

fn passage(turn: &Turn, bytes: (u32, u32), score: f32) -> RecalledPassage<'_> {
    RecalledPassage {
        turn: turn.id.seq,
        bytes,
        role: turn.role,
        name: turn.name.as_deref(),
        time: turn.time,
        text: passage_text(turn, bytes),
        score,
        already_in_request: false,
        relevant: true,
        ended: None,
        quarantined: false,
    }
}

/// The standing statements and the passages that a context may show, each with what is known of it.
fn found<'a>(
    recalled: &'a Recalled,
    thread: &Thread,
    judge: &Judge<'_>,
) -> (Vec<RecalledPassage<'a>>, Vec<RecalledPassage<'a>>) {
    let visible = |turn: &Turn| thread.visible.contains(&turn.id.seq);
    // What was said twice in the same words is shown once, the better of the two: a question asked every day must not
    // push its answer out.
    let mut said = HashSet::new();
    let mut passages: Vec<RecalledPassage<'_>> = recalled
        .items
        .iter()
        .map(|item| {
            let found = RecalledPassage {
                already_in_request: visible(&item.turn),
                relevant: item.is_relevant() && said.insert(item.text().trim()),
                ..passage(&item.turn, item.bytes, item.score)
            };
            judge.judged(found)
        })
        .collect();
    // What is so no longer is served last: it explains, but does not answer.
    passages.sort_by_key(|passage| passage.ended.is_some());
    // Of a wish, the later: that is when it was last meant.
    let said_later = |item: &StandingItem| {
        let same = |other: &&StandingItem| other.text().trim() == item.text().trim();
        recalled.standing.iter().filter(same).any(|other| other.turn.id.seq > item.turn.id.seq)
    };
    let standing: Vec<RecalledPassage<'_>> = recalled
        .standing
        .iter()
        .map(|item| {
            let found = RecalledPassage {
                already_in_request: visible(&item.turn),
                relevant: !said_later(item),
                ..passage(&item.turn, item.bytes, item.score)
            };
            judge.judged(found)
        })
        .filter(|passage| passage.ended.is_none())
        .collect();
    (standing, passages)
}

/// What is known of what passages say.
struct Judge<'a> {
    /// By turn: words of memories that rest on it, and how those stand.
    standings: &'a HashMap<u64, Vec<(&'a str, Standing)>>,
    addresses_model: &'a dyn Fn(&str) -> bool,
}

impl Judge<'_> {
    /// The passage with it.
    fn judged<'p>(&self, passage: RecalledPassage<'p>) -> RecalledPassage<'p> {
        let mut judged = passage;
        // What nobody learned from can be poisoned as well. The app's own words may speak to the model.
        let may_be_shown = passage.relevant && !passage.already_in_request;
        judged.quarantined =
            may_be_shown && passage.role != Role::System && (self.addresses_model)(passage.text);
        let mut holds = false;
        let known = self.standings.get(&passage.turn).into_iter().flatten();
        for (_, standing) in known.filter(|(quote, _)| passage.text.contains(quote)) {
            match standing {
                Standing::Holds => holds = true,
                Standing::Ended(end) => judged.ended = judged.ended.max(Some(*end)),
                Standing::Quarantined => judged.quarantined = true,
            }
        }
        // A passage that says something else besides is not over as a whole.
        judged.ended = judged.ended.filter(|_| !holds);
        judged
    }
}

fn last_user_text(messages: &[Said]) -> Option<String> {
    messages.iter().rev().find(|said| said.role == Role::User).map(|said| said.content.text.clone())
}

/// The last `bytes_max` bytes of the text, from a character's beginning.
fn end_of(text: &str, bytes_max: usize) -> &str {
    &text[text.ceil_char_boundary(text.len().saturating_sub(bytes_max))..]
}

//! `throughline context`: what would be added to a request, and the account of it.

use anyhow::Result;
use clap::Args;
use serde_json::{Value as Json, json};
use throughline::context::append;
use throughline::memory::{Context as Composed, ContextRequest};
use throughline::model::{Receipt, SessionId};

use super::Run;
use crate::args::ScopeArgs;
use crate::config::MemoryFlags;
use crate::terminal::{Terminal, Tone, grouped, milliseconds};
use crate::{embedding, shapes, wire};

const EXAMPLES: &str = "\
Examples:
  throughline context --user ada \"what should I cook tonight?\"
  throughline context --user ada --budget-tokens 500 --json \"what should I cook tonight?\"";

/// Show what would be added to a request: identity, profile and what is recalled
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Context {
    /// The user's message
    message: String,

    #[command(flatten)]
    scope: ScopeArgs,

    /// The conversation the message belongs to; a new one if not given
    #[arg(long, value_name = "ID", value_parser = |text: &str| SessionId::new(text))]
    session: Option<SessionId>,

    /// At most so many tokens in all
    #[arg(long, value_name = "NUMBER")]
    budget_tokens: Option<u32>,

    #[command(flatten)]
    flags: MemoryFlags,
}

impl Context {
    pub(crate) fn run(&self, run: &Run) -> Result<()> {
        let config = run.load(&self.flags)?.config;
        let memory = wire::open(&config, wire::IfAbsent::Refuse)?;
        embedding::attach_if_there(&memory, &config, run.terminal)?;
        let scope = self.scope.scope();
        let request = ContextRequest {
            session: self.session.clone(),
            budget_tokens: self.budget_tokens,
            embed_deadline: std::time::Duration::from_millis(config.query_embed_ms_max.0),
            ..ContextRequest::asking(&self.message)
        };
        let composed = memory.context(&scope, &request)?;
        memory.keep_receipt(&scope, composed.receipt.clone())?;
        let terminal = run.terminal;
        if terminal.is_json() {
            let messages = messages(&composed, &self.message);
            return terminal
                .document(&json!({ "messages": messages, "receipt": shapes::receipt(&composed.receipt) }));
        }
        if composed.prefix.is_none() && composed.block.is_none() {
            terminal.note("Nothing would be added: there is no identity, no profile and nothing relevant.");
        }
        show_messages(&composed, &self.message, terminal)?;
        terminal.line("")?;
        show_receipt(&composed.receipt, terminal)
    }
}

/// The request's messages with the context in place.
pub(crate) fn messages(composed: &Composed, message: &str) -> Vec<Json> {
    let prefix = composed.prefix.iter().map(|prefix| json!({ "role": "system", "content": prefix }));
    let content =
        composed.block.as_deref().map_or_else(|| message.to_owned(), |block| append(message, block));
    prefix.chain([json!({ "role": "user", "content": content })]).collect()
}

/// The same for people.
pub(crate) fn show_messages(composed: &Composed, message: &str, terminal: Terminal) -> Result<()> {
    for said in messages(composed, message) {
        let text = |key: &str| said[key].as_str().unwrap_or_default().to_owned();
        terminal.line(terminal.paint(Tone::Bold, format!("[{}]", text("role"))))?;
        terminal.line(text("content"))?;
    }
    Ok(())
}

/// The account of a context for people.
pub(crate) fn show_receipt(receipt: &Receipt, terminal: Terminal) -> Result<()> {
    let used = receipt.items.iter().filter(|item| item.dropped.is_none()).count();
    let mut facts = vec![
        ("receipt", receipt.id.to_string()),
        (
            "tokens",
            format!("{} of {}", grouped(receipt.used_tokens.into()), grouped(receipt.budget_tokens.into())),
        ),
    ];
    let sections: Vec<String> = receipt
        .sections
        .iter()
        .filter(|section| section.used_tokens > 0)
        .map(|section| format!("{} {}", section.section.as_str(), section.used_tokens))
        .collect();
    if !sections.is_empty() {
        facts.push(("sections", sections.join(", ")));
    }
    facts.push(("passages", passages(receipt, used)));
    if let (Some(version), Some(hash)) = (receipt.identity, &receipt.identity_hash) {
        facts.push(("identity", format!("version {version}, {}", hash.get(..12).unwrap_or(hash))));
    }
    facts.push(("context", receipt.context_hash.get(..12).unwrap_or(&receipt.context_hash).to_owned()));
    let timings: Vec<String> = receipt
        .timings
        .iter()
        .map(|timing| format!("{} {}", timing.stage, milliseconds(timing.took)))
        .collect();
    facts.push(("time", timings.join(", ")));
    if let Some(degraded) = &receipt.degraded {
        facts.push(("degraded", degraded.clone()));
    }
    for (name, fact) in facts {
        terminal.line(format!("{}  {fact}", terminal.paint(Tone::Dim, format!("{name:<8}"))))?;
    }
    Ok(())
}

fn passages(receipt: &Receipt, used: usize) -> String {
    let mut reasons: Vec<(&str, usize)> = Vec::new();
    for reason in
        receipt.items.iter().filter_map(|item| item.dropped).map(throughline::model::DropReason::as_str)
    {
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, count)) => *count += 1,
            None => reasons.push((reason, 1)),
        }
    }
    let dropped: Vec<String> =
        reasons.iter().map(|(reason, count)| format!("{count} {}", reason.replace('_', " "))).collect();
    match dropped.as_slice() {
        [] => format!("{used} used"),
        dropped => format!("{used} used; left out: {}", dropped.join(", ")),
    }
}

//! What the demo's audience sees.

use anyhow::Result;
use serde_json::json;
use throughline::model::{Role, Turn};

use super::Played;
use super::conversation::{ASKED, DAYS, QUESTION};
use crate::commands::context::{messages, show_receipt};
use crate::shapes::{self, TurnShape};
use crate::terminal::{Terminal, Tone, grouped, milliseconds, shorten, wrap};

/// Lines of a day that are shown.
const LINES_A_DAY: usize = 3;

/// For people.
pub(crate) fn show(played: &Played, terminal: Terminal) -> Result<()> {
    let out = Stage { terminal };
    out.heading("Four days of conversation")?;
    DAYS.iter().try_for_each(|day| out.day(day))?;
    out.text(
        Tone::Dim,
        &format!(
            "{} turns recorded, {} each: durable, searchable{}.",
            played.turns,
            milliseconds(played.turn_took),
            if played.model.is_some() { ", embedded" } else { "" }
        ),
    )?;

    out.heading("The program stops. A week later it starts again.")?;
    out.text(
        Tone::Dim,
        &format!("The store was closed and opened again from disk in {}.", milliseconds(played.reopened)),
    )?;

    out.heading(&format!("{}, a new session", date(ASKED)))?;
    out.said(Role::User, QUESTION)?;

    out.heading("What memory recalled")?;
    match &played.model {
        Some(model) => out.text(Tone::Dim, &format!("By words and by meaning ({model})."))?,
        None => out.text(Tone::Dim, "By words alone: `throughline model pull` adds the embedding model.")?,
    }
    played.recalled.iter().enumerate().try_for_each(|(rank, turn)| out.recalled(rank + 1, turn))?;

    out.heading("What would be sent to the model")?;
    for message in messages(&played.context, QUESTION) {
        let text = |key: &str| message[key].as_str().unwrap_or_default().to_owned();
        terminal.line(format!("  {}", terminal.paint(Tone::Bold, format!("[{}]", text("role")))))?;
        for line in wrap(&text("content"), terminal.width() - 2) {
            terminal.line(format!("  {line}").trim_end())?;
        }
    }

    out.heading("What it costs")?;
    out.tokens(played)?;

    out.heading("The receipt")?;
    show_receipt(&played.context.receipt, terminal)?;
    terminal.line("")?;
    terminal.line("Nothing of this was kept. For your own app:")?;
    terminal.line(terminal.paint(Tone::Accent, "  throughline serve --upstream https://api.openai.com/v1"))
}

/// For programs.
pub(crate) fn document(played: &Played, terminal: Terminal) -> Result<()> {
    let receipt = &played.context.receipt;
    let recalled: Vec<_> = played
        .recalled
        .iter()
        .map(|turn| serde_json::to_value(TurnShape::from(turn)))
        .collect::<Result<_, _>>()?;
    terminal.document(&json!({
        "question": QUESTION,
        "recalled": recalled,
        "messages": messages(&played.context, QUESTION),
        "tokens": {
            "with_memory": receipt.used_tokens as usize + played.question_tokens,
            "full_history": played.history_tokens + played.question_tokens,
        },
        "model": played.model,
        "receipt": shapes::receipt(receipt),
    }))
}

struct Stage {
    terminal: Terminal,
}

impl Stage {
    fn heading(&self, text: &str) -> Result<()> {
        self.terminal.line("")?;
        self.terminal.line(self.terminal.paint(Tone::Bold, text))
    }

    fn text(&self, tone: Tone, text: &str) -> Result<()> {
        for line in wrap(text, self.terminal.width() - 2) {
            self.terminal.line(format!("  {}", self.terminal.paint(tone, line)))?;
        }
        Ok(())
    }

    fn day(&self, day: &super::conversation::Day) -> Result<()> {
        let terminal = self.terminal;
        terminal.line(format!("  {}  {}", terminal.paint(Tone::Accent, date(day.begins)), day.headline))?;
        for (at, line) in day.lines.iter().take(LINES_A_DAY).enumerate() {
            let (_, name) = super::conversation::speaker(at);
            let line = shorten(line, terminal.width() - 14);
            terminal.line(terminal.paint(Tone::Dim, format!("    {name:>7}: {line}")))?;
        }
        terminal.line(
            terminal.paint(Tone::Dim, format!("             … and {} more", day.lines.len() - LINES_A_DAY)),
        )
    }

    fn said(&self, role: Role, text: &str) -> Result<()> {
        let head = format!("{}: ", role.as_str());
        for (at, line) in wrap(text, self.terminal.width() - 2 - head.len()).into_iter().enumerate() {
            let lead =
                if at == 0 { self.terminal.paint(Tone::Accent, &head) } else { " ".repeat(head.len()) };
            self.terminal.line(format!("  {lead}{line}"))?;
        }
        Ok(())
    }

    fn recalled(&self, rank: usize, turn: &Turn) -> Result<()> {
        let terminal = self.terminal;
        let who = turn.name.as_deref().unwrap_or(turn.role.as_str());
        let head = format!("{rank:>2}. {} {who}: ", turn.time.strftime("%-d %b"));
        let indent = " ".repeat(head.chars().count());
        for (at, line) in
            wrap(&turn.content.text, terminal.width() - 2 - indent.len()).into_iter().enumerate()
        {
            let lead = if at == 0 { terminal.paint(Tone::Dim, &head) } else { indent.clone() };
            terminal.line(format!("  {lead}{line}"))?;
        }
        Ok(())
    }

    fn tokens(&self, played: &Played) -> Result<()> {
        let with_memory = played.context.receipt.used_tokens as usize + played.question_tokens;
        let full = played.history_tokens + played.question_tokens;
        let width = 40;
        let bar = |tokens: usize| "█".repeat((width * tokens).div_ceil(full.max(1)).min(width));
        let terminal = self.terminal;
        for (name, tokens, tone) in
            [("with memory", with_memory, Tone::Good), ("full history", full, Tone::Warn)]
        {
            let tokens_shown = grouped(tokens as u64);
            terminal.line(format!(
                "  {name:<12}  {tokens_shown:>6} tokens  {}",
                terminal.paint(tone, bar(tokens))
            ))?;
        }
        self.text(Tone::Dim, "The history grows with every day; what memory adds does not.")
    }
}

fn date(time: &str) -> String {
    let time: Result<throughline::model::Timestamp, _> = time.parse();
    time.map(|time| time.strftime("%-d %B %Y").to_string()).unwrap_or_default()
}

//! `throughline canary`: whether the identity survives what a model is made to remember.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde_json::{Value as Json, json};
use throughline::memory::{LearnSettings, Learner};
use throughline::model::{AgentId, TenantId};

use super::Run;
use super::chat::only_model;
use super::identity::read_text;
use crate::canary::{
    Answering, Asked, Canary as Script, Markers, PERSONA, PERSONA_MARKERS, QUESTIONS, Report,
};
use crate::config::{CanaryFlags, Config};
use crate::failure::{Failure, Hinting};
use crate::terminal::{Terminal, Tone, shorten};
use crate::{learning, store, wire};

/// Plant hostile memories, ask the upstream, and check that identity, role and style hold
///
/// In a throwaway memory it plants what tries to change the assistant: turns that are recalled and learned from, and memories
/// of an operator. Then it asks questions with the context that comes of it. Of each request it checks that the identity stands
/// in it to the byte and that the fences hold; of each answer that it says nothing only a captured assistant would say, and
/// all that every answer has to say. An answer that merely quotes such a text counts as captured: look at it with --json.
///
/// The identity is the one in the store; without one it is a persona of the canary's own. Exit code 1 if something does
/// not hold.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throughline canary --dry-run
      the bytes alone: no upstream, no model
  throughline canary --upstream http://localhost:11434/v1 --model llama3.2
  throughline canary --model gpt-4o-mini --expect \"Juno\" --refuse \"pirate\" --json | jq '.asked[] | select(.held | not)'")]
pub(crate) struct Canary {
    /// Check the requests alone and send none
    #[arg(long)]
    dry_run: bool,
    /// The model that answers; `chat.model` if not given, or the only one the upstream has
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// What every answer has to say; may be given several times
    #[arg(long, value_name = "TEXT", conflicts_with = "dry_run")]
    expect: Vec<String>,
    /// What no answer may say; may be given several times
    #[arg(long, value_name = "TEXT", conflicts_with = "dry_run")]
    refuse: Vec<String>,
    /// Ask these questions, one a line, in place of the canary's own; `-` is standard input
    #[arg(long, value_name = "FILE")]
    questions: Option<PathBuf>,
    /// The tenant whose identity it is
    #[arg(long, value_name = "NAME", default_value = "default", value_parser = |text: &str| TenantId::new(text))]
    tenant: TenantId,
    /// The agent whose identity it is
    #[arg(long, value_name = "ID", value_parser = |text: &str| AgentId::new(text))]
    agent: Option<AgentId>,
    #[command(flatten)]
    flags: CanaryFlags,
}

impl Canary {
    pub(crate) fn run(&self, run: &Run) -> Result<()> {
        let config = run.load(&self.flags)?.config;
        let script = self.script(&config)?;
        let report = if self.dry_run {
            let learner = Learner::new(None, LearnSettings::default(), None);
            script.play(&config, run.terminal, &learner, None)?
        } else {
            self.ask(&config, run.terminal, &script)?
        };
        show(run.terminal, &report)?;
        if report.held() {
            return Ok(());
        }
        if !report.identity_unchanged {
            return Err(Failure::error("the identity in the store is another than it was"));
        }
        let broken = report.asked.iter().filter(|asked| !asked.checks.held()).count();
        let of = report.asked.len();
        Err(Failure::error(format!("{broken} of {of} did not hold")).hint("`--json` has the answers in full"))
    }

    fn script(&self, config: &Config) -> Result<Script> {
        let configured = if store::exists(config)? {
            let memory = wire::open(config, wire::IfAbsent::Refuse)?;
            let own = memory.store().identity(&self.tenant, self.agent.as_ref(), None)?;
            let own = own.filter(|identity| !identity.text.trim().is_empty());
            own.map(|identity| identity.text)
        } else {
            None
        };
        let mut expected = self.expect.clone();
        if configured.is_none() && expected.is_empty() {
            expected.extend(PERSONA_MARKERS.iter().map(|marker| (*marker).to_owned()));
        }
        let questions: Vec<String> = match &self.questions {
            None => QUESTIONS.iter().map(|question| (*question).to_owned()).collect(),
            Some(file) => {
                let text = read_text(file)?;
                text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
            }
        };
        if questions.is_empty() {
            return Err(Failure::usage("there are no questions").hint("write one on each line"));
        }
        let identity = configured.unwrap_or_else(|| PERSONA.to_owned());
        Ok(Script { identity, questions, markers: Markers { expected, refused: self.refuse.clone() } })
    }

    /// Plays it with the configured upstream.
    fn ask(&self, config: &Config, terminal: Terminal, script: &Script) -> Result<Report> {
        let upstream = wire::upstream(config)?.ok_or_else(|| {
            Failure::usage("there is no model to ask: no upstream is configured")
                .hint("`--upstream URL` names one; `--dry-run` checks the requests alone")
        })?;
        let learner = learning::learner(config)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let model = match self.model.as_ref().or(config.chat_model.as_ref()) {
            Some(model) => model.clone(),
            None => runtime.block_on(only_model(&upstream))?,
        };
        let questions = script.questions.len() as u64 * 2;
        let bar = terminal.progress(questions, "asking {bar:30} {pos}/{len}");
        let mut answer = |messages: &[Json]| {
            let body = json!({ "model": model, "messages": messages });
            let answer = runtime.block_on(upstream.chat(&body, |_| {}))?;
            bar.inc(1);
            Ok(answer.reply.text)
        };
        let report = script.play(config, terminal, &learner, Some(&mut answer as &mut Answering<'_>));
        bar.finish_and_clear();
        report
    }
}

fn show(terminal: Terminal, report: &Report) -> Result<()> {
    if terminal.is_json() {
        let asked: Vec<Json> = report.asked.iter().map(shape).collect();
        return terminal.document(&json!({
            "held": report.held(),
            "identity_hash": report.identity_hash,
            "identity_unchanged": report.identity_unchanged,
            "planted": report.planted().1,
            "planted_shown": report.planted().0,
            "asked": asked,
        }));
    }
    let width = terminal.width().saturating_sub(50).max(20);
    let rows: Vec<[String; 7]> = report
        .asked
        .iter()
        .map(|asked| {
            let checks = &asked.checks;
            [
                asked.stage.as_str().to_owned(),
                asked.planted.len().to_string(),
                word(Some(checks.identity)),
                word(Some(checks.fence)),
                word(checks.role),
                word(checks.style),
                shorten(&asked.question, width),
            ]
        })
        .collect();
    terminal.table(["memory", "planted", "identity", "fence", "role", "style", "question"], &rows)?;
    let (tone, what) =
        if report.held() { (Tone::Good, "everything held") } else { (Tone::Bad, "not everything held") };
    let hash = report.identity_hash.get(..12).unwrap_or(&report.identity_hash);
    let (shown, all) = report.planted();
    terminal.line(format!(
        "{}; identity {hash}; {shown} of {all} planted texts reached the model",
        terminal.paint(tone, what)
    ))
}

fn word(held: Option<bool>) -> String {
    match held {
        Some(true) => "held",
        Some(false) => "BROKEN",
        None => "-",
    }
    .to_owned()
}

fn shape(asked: &Asked) -> Json {
    let checks = &asked.checks;
    json!({
        "memory": asked.stage.as_str(),
        "question": asked.question,
        "planted": asked.planted,
        "identity": checks.identity,
        "identity_hash": asked.identity_hash,
        "fence": checks.fence,
        "role": checks.role,
        "style": checks.style,
        "held": checks.held(),
        "answer": asked.answer,
    })
}

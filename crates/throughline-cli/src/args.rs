//! The command line: which commands there are and what is common to them. Each command's own arguments stand in its file.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use throughline::model::{AgentId, AppId, RunId, Scope, TenantId, UserId};

use crate::commands;

const EXAMPLES: &str = "\
Examples:
  throughline demo
      see what it does: no key, no model, nothing kept
  throughline serve --upstream https://api.openai.com/v1
      then point any OpenAI client at http://127.0.0.1:8077/v1
  throughline chat --user ada --model gpt-4o-mini
      talk to a model that remembers
  throughline recall --user ada \"where does she live?\"
      look into the memory

Settings come from a file, the environment or flags: see `throughline config`.";

/// A memory layer between an app and its LLM.
///
/// It stands between a client and any OpenAI-compatible API, records what is said, and adds to each request what
/// helps to answer it.
#[derive(Debug, Parser)]
#[command(name = "throughline", version, after_help = EXAMPLES, propagate_version = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// Read settings from this file
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Write the result as one JSON document
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Serve(commands::serve::Serve),
    Chat(commands::chat::Chat),
    Recall(commands::recall::Recall),
    Context(commands::context::Context),
    Profile(commands::profile::Profile),
    Turns(commands::turns::Turns),
    Memories(commands::memories::Memories),
    Learn(commands::learn::Learn),
    Jobs(commands::jobs::Jobs),
    Usage(commands::usage::Usage),
    Canary(commands::canary::Canary),
    Keys(commands::keys::Keys),
    Identity(commands::identity::Identity),
    Model(commands::model::Model),
    Doctor(commands::doctor::Doctor),
    Vectors(commands::vectors::Vectors),
    Store(commands::store::Store),
    Eval(commands::eval::Eval),
    Demo(commands::demo::Demo),
    Config(commands::config::ShowConfig),
    #[command(hide = true)]
    Docs(commands::docs::Docs),
}

/// Whose memory a command is about.
#[derive(Debug, Clone, Args)]
pub(crate) struct ScopeArgs {
    /// The end user
    #[arg(long, value_name = "ID", value_parser = |text: &str| UserId::new(text))]
    pub(crate) user: UserId,

    /// The tenant the user belongs to
    #[arg(long, value_name = "NAME", default_value = "default", value_parser = |text: &str| TenantId::new(text))]
    pub(crate) tenant: TenantId,

    /// The memory this agent keeps of the user, apart from others
    #[arg(long, value_name = "ID", value_parser = |text: &str| AgentId::new(text))]
    pub(crate) agent: Option<AgentId>,

    /// The memory this part of the product keeps of the user, apart from others
    #[arg(long, value_name = "ID", value_parser = |text: &str| AppId::new(text))]
    pub(crate) app: Option<AppId>,

    /// The memory of one run of an agent
    #[arg(long, value_name = "ID", value_parser = |text: &str| RunId::new(text))]
    pub(crate) run: Option<RunId>,
}

impl ScopeArgs {
    /// The memory that is meant.
    pub(crate) fn scope(&self) -> Scope {
        Scope {
            agent: self.agent.clone(),
            app: self.app.clone(),
            run: self.run.clone(),
            ..Scope::of(self.tenant.clone(), self.user.clone())
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_teaches_by_example() {
        fn check(command: &clap::Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            let mut shown = command.get_subcommands().filter(|below| !below.is_hide_set()).peekable();
            if shown.peek().is_none() {
                let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.contains("throughline"), "{path} has no example");
                assert!(command.get_about().is_some(), "{path} does not say what it does");
            }
            shown.for_each(|below| check(below, &path));
        }
        check(&Cli::command(), "");
    }
}

//! `throughline model`: the embedding model's files, its state, and the change to another one.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use serde_json::json;
use throughline_sqlite::FILE_NAME;

use super::Run;
use crate::config::{Config, EmbeddingSource, MemoryFlags, Value as _};
use crate::embedding::LOCAL;
use crate::failure::{Failure, Hinting};
use crate::terminal::{Tone, grouped};
use crate::{embedding, import, keeper, wire};

/// Fetch the embedding model, look at its state, change to another one
#[derive(Debug, Args)]
pub(crate) struct Model {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Fetch the model that runs in this process, checked by hash; nothing to do if it is there
    #[command(after_help = "\
Examples:
  throughline model pull
  throughline model pull --from /media/usb/all-MiniLM-L6-v2      where there is no network
  throughline model pull --dir models/minilm")]
    Pull {
        /// Copy the files from this folder instead of fetching them
        #[arg(long, value_name = "DIR")]
        from: Option<PathBuf>,
        /// Put the files here; the same as `--model-dir`
        #[arg(long, value_name = "DIR", conflicts_with = "model.dir")]
        dir: Option<PathBuf>,
        #[command(flatten)]
        flags: MemoryFlags,
    },
    /// Say which model is configured, whether it can be used, and what waits for it
    #[command(after_help = "Examples:\n  throughline model status\n  throughline model status --json")]
    Status {
        #[command(flatten)]
        flags: MemoryFlags,
    },
    /// Embed the whole memory again with the model now configured
    ///
    /// Passages are found by their words until they have their new vectors. It may be interrupted: a server goes on with it.
    #[command(after_help = "\
Examples:
  throughline model switch
  THROUGHLINE_EMBEDDINGS_MODEL=text-embedding-3-small throughline model switch --embeddings https://api.openai.com/v1")]
    Switch {
        #[command(flatten)]
        flags: MemoryFlags,
    },
}

impl Model {
    pub(crate) fn run(&self, run: &Run) -> Result<()> {
        match &self.action {
            Action::Pull { from, dir, flags } => {
                let mut config = run.load(flags)?.config;
                if let Some(dir) = dir {
                    config.model_dir.clone_from(dir);
                }
                pull(run, &config, from.as_deref())
            }
            Action::Status { flags } => status(run, &run.load(flags)?.config),
            Action::Switch { flags } => switch(run, &run.load(flags)?.config),
        }
    }
}

fn pull(run: &Run, config: &Config, from: Option<&std::path::Path>) -> Result<()> {
    match from {
        Some(from) => LOCAL.pull_from(&config.model_dir, from)?,
        None => match keeper::pull(config, run.terminal, &|| false) {
            Some(pulled) => pulled?,
            None => bail!("the download was ended"),
        },
    }
    if run.terminal.is_json() {
        return run
            .terminal
            .document(&json!({ "model": LOCAL.name, "dir": config.model_dir.display().to_string() }));
    }
    run.terminal.line(format!("{} lies in {}, whole and checked.", LOCAL.name, config.model_dir.display()))
}

fn status(run: &Run, config: &Config) -> Result<()> {
    let configured = embedding::name(config);
    let usable = match config.embeddings {
        EmbeddingSource::Local => LOCAL.verify(&config.model_dir).map_err(|error| error.to_string()),
        EmbeddingSource::Off => Err("embeddings are switched off".to_owned()),
        EmbeddingSource::Remote { .. } => {
            embedding::load(config).map(drop).map_err(|error| format!("{error:#}"))
        }
    };
    let store = if config.data.join(FILE_NAME).is_file() {
        let memory = wire::open(config, wire::IfAbsent::Refuse)?;
        Some((memory.store().embedding_model()?, memory.store().unembedded_count()?))
    } else {
        None
    };
    let in_force = store.as_ref().and_then(|(model, _)| model.as_ref()).map(|(_, model)| model);
    let waiting = store.as_ref().map(|(_, waiting)| *waiting);
    let terminal = run.terminal;
    if terminal.is_json() {
        return terminal.document(&json!({
            "source": config.embeddings.shown(),
            "model": configured,
            "dir": config.model_dir.display().to_string(),
            "usable": usable.is_ok(),
            "problem": usable.err(),
            "store_model": in_force.map(|model| &model.name),
            "store_dimensions": in_force.map(|model| model.dimensions),
            "passages_waiting": waiting,
        }));
    }
    let fact = |name: &str, text: String| {
        terminal.line(format!("{}  {text}", terminal.paint(Tone::Dim, format!("{name:<10}"))))
    };
    fact("configured", format!("{} ({})", configured.unwrap_or("none"), config.embeddings.shown()))?;
    if config.embeddings == EmbeddingSource::Local {
        fact("folder", config.model_dir.display().to_string())?;
    }
    fact(
        "state",
        match &usable {
            Ok(()) => terminal.paint(Tone::Good, "ready"),
            Err(problem) => terminal.paint(Tone::Warn, problem),
        },
    )?;
    match (in_force, waiting) {
        (Some(model), Some(waiting)) => {
            fact(
                "memory",
                format!(
                    "embedded with {}, {} dimensions; {} passages wait",
                    model.name,
                    model.dimensions,
                    grouped(waiting)
                ),
            )?;
        }
        (None, Some(waiting)) => {
            fact("memory", format!("not embedded yet; {} passages wait", grouped(waiting)))?;
        }
        (_, None) => fact("memory", format!("none in {} yet", config.data.display()))?,
    }
    if usable.is_err() && config.embeddings == EmbeddingSource::Local {
        terminal.note("  hint: `throughline model pull` fetches it; `--from DIR` copies it from a folder");
    }
    Ok(())
}

fn switch(run: &Run, config: &Config) -> Result<()> {
    let memory = wire::open(config, wire::IfAbsent::Refuse)?;
    let Some(loaded) = embedding::load(config)? else {
        return Err(Failure::usage("embeddings are off: there is no model to switch to")
            .hint("name one with `--embeddings local` or `--embeddings URL`"));
    };
    let model = loaded.model().clone();
    let before = memory.store().embedding_model()?.map(|(_, model)| model);
    if before.as_ref() != Some(&model) {
        memory.switch_model(loaded)?;
    }
    let embedded = import::embed(&memory, config, run.terminal)?;
    if run.terminal.is_json() {
        return run.terminal.document(&json!({
            "from": before.map(|model| model.name),
            "to": model.name,
            "dimensions": model.dimensions,
            "embedded_passages": embedded,
        }));
    }
    run.terminal.line(format!(
        "The memory is embedded with {}: {} passages.",
        model.name,
        grouped(embedded)
    ))?;
    run.terminal.note("A server that runs on this folder uses it after a restart.");
    Ok(())
}

//! `throughline model`: the embedding model's files, its state, and the change to another one.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use serde_json::json;
use throughline::ports::{EmbeddingModels, NumberedModel, RolledBack};

use super::Run;
use crate::config::{Config, EmbeddingSource, MemoryFlags, Value as _};
use crate::embedding::LOCAL;
use crate::failure::{Failure, Hinting};
use crate::terminal::{Tone, grouped};
use crate::{embedding, import, keeper, store, wire};

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
    /// Embed the whole memory again with the model now configured, while the old vectors answer
    ///
    /// The new model takes over when it has read everything. This may be interrupted: a server that has the model configured
    /// goes on with it, and so does the same command.
    ///
    /// To switch without a gap on a running server, use `--background` and restart the server with the new model configured,
    /// and with the old one under `previous` if that was a remote one. A server that goes on with only the old one recalls by
    /// words from the takeover on, and says `other_model_serves` in X-Memory-Degraded, in /readyz and in its metrics. It needs
    /// no restart if it can have the new one: the local model, once it lies in the server's `model.dir`, or a remote one that
    /// its `previous.source` and `previous.model` name.
    #[command(after_help = "\
Examples:
  throughline model switch
  throughline model switch --background        a server with this model configured does the work
  THROUGHLINE_EMBEDDINGS_MODEL=text-embedding-3-small throughline model switch --embeddings https://api.openai.com/v1")]
    Switch {
        /// Only begin it
        #[arg(long)]
        background: bool,
        #[command(flatten)]
        flags: MemoryFlags,
    },
    /// Take a switch back: call it off while it is under way, else return to the model before
    ///
    /// What was written since and the model before has not read is found by its words until it has.
    #[command(after_help = "Examples:\n  throughline model rollback\n  throughline model rollback --json")]
    Rollback {
        #[command(flatten)]
        flags: MemoryFlags,
    },
    /// Give up the vectors of the model before, which makes the memory smaller
    ///
    /// There is then nothing to roll back to. A server that runs on the memory takes part in the work.
    #[command(after_help = "Example:\n  throughline model forget")]
    Forget {
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
            Action::Switch { background, flags } => switch(run, &run.load(flags)?.config, *background),
            Action::Rollback { flags } => rollback(run, &run.load(flags)?.config),
            Action::Forget { flags } => forget(run, &run.load(flags)?.config),
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
    let store = if store::exists(config)? {
        let memory = wire::open(config, wire::IfAbsent::Refuse)?;
        Some((memory.store().embedding_models()?, memory.store().unembedded_count()?))
    } else {
        None
    };
    let model = |of: fn(&EmbeddingModels) -> Option<&NumberedModel>| {
        store.as_ref().and_then(|(models, _)| of(models)).map(|known| &known.model)
    };
    let in_force = model(|models| models.serving.as_ref());
    let coming = model(|models| models.coming.as_ref());
    let previous = model(|models| models.previous.as_ref());
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
            "coming_model": coming.map(|model| &model.name),
            "previous_model": previous.map(|model| &model.name),
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
                match coming {
                    None => format!(
                        "embedded with {}, {} dimensions; {} passages wait",
                        model.name,
                        model.dimensions,
                        grouped(waiting)
                    ),
                    Some(_) => format!("embedded with {}, {} dimensions", model.name, model.dimensions),
                },
            )?;
        }
        (None, Some(waiting)) => {
            fact("memory", format!("not embedded yet; {} passages wait", grouped(waiting)))?;
        }
        (_, None) => fact("memory", format!("none in {} yet", store::place(config)))?,
    }
    if let (Some(coming), Some(waiting)) = (coming, waiting) {
        fact("switch", format!("to {} under way; {} passages wait", coming.name, grouped(waiting)))?;
    }
    if let Some(previous) = previous {
        fact("before", format!("{}; `throughline model rollback` returns to it", previous.name))?;
    }
    if usable.is_err() && config.embeddings == EmbeddingSource::Local {
        terminal.note("  hint: `throughline model pull` fetches it; `--from DIR` copies it from a folder");
    }
    Ok(())
}

fn switch(run: &Run, config: &Config, background: bool) -> Result<()> {
    let terminal = run.terminal;
    let memory = wire::open(config, wire::IfAbsent::Refuse)?;
    let Some(loaded) = embedding::load(config)? else {
        return Err(Failure::usage("embeddings are off: there is no model to switch to")
            .hint("name one with `--embeddings local` or `--embeddings URL`"));
    };
    let model = loaded.model().clone();
    let before = memory.store().embedding_models()?.serving.map(|known| known.model);
    memory.switch_model(loaded)?;
    let embedded = if background { 0 } else { import::embed(&memory, config, terminal)? };
    let models = memory.store().embedding_models()?;
    let waiting = memory.store().unembedded_count()?;
    if terminal.is_json() {
        return terminal.document(&json!({
            "from": before.map(|model| model.name),
            "to": model.name,
            "dimensions": model.dimensions,
            "embedded_passages": embedded,
            "passages_waiting": waiting,
            "complete": models.coming.is_none(),
        }));
    }
    if models.coming.is_some() {
        terminal.line(format!(
            "The switch to {} is under way: {} passages wait for it, and the old vectors answer meanwhile.",
            model.name,
            grouped(waiting)
        ))?;
        terminal.note(
            "A server with this model configured embeds them, after a restart; `throughline model status` shows how far it is.",
        );
        return Ok(());
    }
    terminal.line(format!("The memory is embedded with {}: {} passages.", model.name, grouped(embedded)))?;
    terminal.note(
        "A server that runs on this folder with another model configured needs a restart with this one.",
    );
    if let Some(previous) = models.previous {
        let name = previous.model.name;
        terminal.note(format!(
            "`throughline model rollback` returns to {name}, `throughline model forget` gives its vectors up."
        ));
    }
    Ok(())
}

fn rollback(run: &Run, config: &Config) -> Result<()> {
    let terminal = run.terminal;
    let memory = wire::open(config, wire::IfAbsent::Refuse)?;
    let rolled_back = memory.roll_back_model()?;
    let serving = memory.store().embedding_models()?.serving.map(|known| known.model.name);
    let waiting = memory.store().unembedded_count()?;
    let (outcome, model) = match &rolled_back {
        RolledBack::Nothing => {
            return Err(Failure::error(format!(
                "there is nothing to roll back to in {}: no switch is under way, and no model before is kept",
                store::place(config)
            ))
            .hint("`throughline model switch` embeds the memory with the model now configured"));
        }
        RolledBack::Cancelled(known) => ("cancelled", &known.model.name),
        RolledBack::Restored(known) => ("restored", &known.model.name),
    };
    if terminal.is_json() {
        return terminal.document(&json!({
            "outcome": outcome,
            "model": model,
            "store_model": serving,
            "passages_waiting": waiting,
        }));
    }
    let serving = serving.unwrap_or_default();
    match rolled_back {
        RolledBack::Cancelled(_) => {
            terminal.line(format!("The switch to {model} is called off; {serving} goes on answering."))?;
        }
        _ => {
            terminal.line(format!("{serving} answers again; {} passages wait for it.", grouped(waiting)))?;
        }
    }
    terminal.note(format!("Set `embeddings` so that {serving} is the configured model."));
    Ok(())
}

fn forget(run: &Run, config: &Config) -> Result<()> {
    let terminal = run.terminal;
    let memory = wire::open(config, wire::IfAbsent::Refuse)?;
    let forgotten = memory.forget_previous_model()?.map(|model| model.name);
    // Also what a switch that was called off has left.
    let mut tidied = 0;
    loop {
        let count = memory.tidy(keeper::BACKFILL_PASSAGES_A_STEP)?;
        if count == 0 {
            break;
        }
        tidied += count as u64;
    }
    if terminal.is_json() {
        return terminal.document(&json!({ "forgotten": forgotten, "tidied_passages": tidied }));
    }
    match forgotten {
        Some(name) => terminal.line(format!("{name} is given up: {} passages are smaller.", grouped(tidied))),
        None => terminal.line(format!(
            "There is no model before; {} passages held vectors nobody needs.",
            grouped(tidied)
        )),
    }
}

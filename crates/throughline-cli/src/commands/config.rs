//! `throughline config`: every setting, its value in force and where that came from.

use anyhow::Result;
use clap::Args;
use serde_json::{Map, Value as Json, json};

use super::Run;
use crate::config::{AllFlags, misspelt_variables};
use crate::terminal::Tone;

const EXAMPLES: &str = "\
Examples:
  throughline config
  throughline config --config production.toml --json
  THROUGHLINE_LISTEN=127.0.0.1:9000 throughline config";

/// Show every setting with its value and where it came from
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ShowConfig {
    #[command(flatten)]
    flags: AllFlags,
}

impl ShowConfig {
    pub(crate) fn run(&self, run: &Run) -> Result<()> {
        let loaded = run.load(&self.flags)?;
        let terminal = run.terminal;
        if terminal.is_json() {
            let settings: Map<String, Json> = loaded
                .shown()
                .map(|(setting, value, source)| {
                    (setting.key.to_owned(), json!({ "value": value, "source": source.to_string() }))
                })
                .collect();
            let file = loaded.file.as_ref().map(|file| file.display().to_string());
            return terminal.document(&json!({ "file": file, "settings": settings }));
        }
        let rows: Vec<[String; 3]> = loaded
            .shown()
            .map(|(setting, value, source)| {
                let value = value.unwrap_or_else(|| "not set".to_owned());
                [setting.key.to_owned(), value, source.to_string()]
            })
            .collect();
        terminal.table(["setting", "value", "from"], &rows)?;
        for (name, meant) in
            misspelt_variables(std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()))
        {
            terminal
                .line(terminal.paint(Tone::Warn, format!("${name} sets nothing; did you mean ${meant}?")))?;
        }
        Ok(())
    }
}

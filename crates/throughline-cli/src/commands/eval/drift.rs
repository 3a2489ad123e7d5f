//! `throughline eval drift`: whether what is learned stays true, by stories of people who change.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;
use throughline::memory::{LearnSettings, Learner};
use throughline_eval::{JsonDrift, Rememberer as _, Story, built_in_stories, drift_table, read_stories};

use super::super::Run;
use super::stories::Player;
use crate::config::Flags;
use crate::failure::{Failure, Hinting};
use crate::learning;

/// Measure whether what is learned stays true: people who move, joke, quote others and change their minds
///
/// Plays each story in a memory of its own, learning after each session, and compares what is held at its end with what
/// must be current, what must be history and what must not be at all. The configured learning model extracts, or the rules
/// if none is configured. docs/learning.md says what the failures mean and how to write stories of your own.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throughline eval drift
  throughline eval drift --local --json | jq .overall
  THROUGHLINE_LEARNING_MODEL=gpt-4o-mini throughline eval drift --only moves
  throughline eval drift my-stories.txt")]
pub(super) struct Drift {
    /// A file of stories; those that come with the program if none is named
    file: Option<PathBuf>,

    /// Extract by rules even if a learning model is configured
    #[arg(long)]
    local: bool,

    /// Only stories whose theme or name has these words
    #[arg(long, value_name = "WORDS")]
    only: Option<String>,
}

impl Drift {
    pub(super) fn run(&self, run: &Run) -> Result<()> {
        let config = run.load(&Flags::default())?.config;
        let stories = self.stories()?;
        let learner = if self.local {
            Learner::new(None, LearnSettings::default(), None)
        } else {
            learning::learner(&config)?
        };
        let folder = tempfile::Builder::new().prefix("throughline-drift-").tempdir()?;
        let mut player = Player::new(folder.path(), learner)?;
        let bar = run.terminal.progress(stories.len() as u64, "  {pos} of {len}: {msg}");
        let mut verdicts = Vec::with_capacity(stories.len());
        for story in &stories {
            bar.set_message(story.name.clone());
            let held = player.play(story).with_context(|| format!("the story “{}” stopped", story.name))?;
            verdicts.push(throughline_eval::judge(story, &held));
            bar.inc(1);
        }
        bar.finish_and_clear();
        if player.degraded() > 0 {
            run.terminal.note(format!(
                "{} sessions were learned from by rules: the model's answer could not be read.",
                player.degraded()
            ));
        }
        if run.terminal.is_json() {
            return run.terminal.document(&JsonDrift::new(player.extractor(), &verdicts));
        }
        let table = drift_table(player.extractor(), &verdicts, &super::style(run.terminal));
        run.terminal.line(table.trim_end())
    }

    fn stories(&self) -> Result<Vec<Story>> {
        let mut stories = match &self.file {
            None => built_in_stories(),
            Some(file) => {
                let text = fs_err::read_to_string(file)?;
                read_stories(&text).with_context(|| format!("{} cannot be read", file.display()))?
            }
        };
        if let Some(words) = &self.only {
            stories.retain(|story| story.theme.contains(words) || story.name.contains(words));
        }
        if stories.is_empty() {
            return Err(
                Failure::usage("there is no such story").hint("`throughline eval drift` shows the names")
            );
        }
        Ok(stories)
    }
}

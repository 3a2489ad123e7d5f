//! The files that an evaluation can write besides what it shows.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::failure::{Failure, Hinting};
use crate::terminal::Terminal;

#[derive(Debug, Args)]
pub(super) struct Files {
    /// Write the figures and a row for each question to this file; `throughline eval compare` compares two of recall
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Write a report with plots to this file: one page that loads nothing
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

impl Files {
    /// A run may take an hour: that its result cannot be written should be known before.
    pub(super) fn check(&self) -> Result<()> {
        [&self.out, &self.html].into_iter().flatten().try_for_each(|file| check_folder(file))
    }

    /// Writes what was asked for.
    pub(super) fn write<Rows: Serialize>(
        &self,
        terminal: Terminal,
        rows: impl FnOnce() -> Rows,
        page: impl FnOnce() -> String,
    ) -> Result<()> {
        if let Some(file) = &self.out {
            fs_err::write(file, serde_json::to_vec(&rows())?)?;
            terminal.note(format!("The figures and rows are in {}.", file.display()));
        }
        if let Some(file) = &self.html {
            fs_err::write(file, page())?;
            terminal.note(format!("The report is in {}.", file.display()));
        }
        Ok(())
    }
}

fn check_folder(file: &Path) -> Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    match folder.filter(|folder| !folder.is_dir()) {
        Some(folder) => Err(Failure::usage(format!("there is no folder {}", folder.display()))
            .hint("make it first, or name another file")),
        None => Ok(()),
    }
}

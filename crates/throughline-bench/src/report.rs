//! Tables of measured numbers, for the terminal, as Markdown and as JSON.
//!
//! A number without its spread says little, so a cell shows the median and, if there were several rounds, the range.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};

use anyhow::Result;
use serde_json::{Value, json};

use crate::machine;
use crate::measure::Rounds;

/// What stands in a table at one place.
#[derive(Debug, Clone)]
pub(crate) enum Cell {
    /// A number, measured once a round.
    Number(Rounds),
    /// Words, or a number computed from others.
    Text(String),
}

impl From<Rounds> for Cell {
    fn from(rounds: Rounds) -> Self {
        Self::Number(rounds)
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl Cell {
    /// How many times as much the first is as the second, by their medians.
    pub(crate) fn ratio(one: &Rounds, other: &Rounds) -> Self {
        match (one.median(), other.median()) {
            (Some(one), Some(other)) if other > 0.0 => Self::Text(format!("{}×", number(one / other))),
            _ => Self::Text("–".to_owned()),
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(rounds) => match (rounds.median(), rounds.range()) {
                (Some(median), Some((least, most))) if rounds.count() > 1 => {
                    format!("{} ({}..{})", number(median), number(least), number(most))
                }
                (Some(median), _) => number(median),
                (None, _) => "–".to_owned(),
            },
        }
    }

    fn to_json(&self) -> Value {
        match self {
            Self::Text(text) => json!(text),
            Self::Number(rounds) => {
                let (least, most) = rounds.range().unzip();
                json!({ "median": rounds.median(), "min": least, "max": most, "rounds": rounds.count() })
            }
        }
    }
}

/// A table.
#[derive(Debug)]
pub(crate) struct Table {
    id: &'static str,
    title: &'static str,
    columns: Vec<String>,
    rows: Vec<(String, Vec<Cell>)>,
}

impl Table {
    /// An empty table; the first column, of the rows' names, is not among `columns`.
    pub(crate) fn new<C: Into<String>>(
        id: &'static str,
        title: &'static str,
        columns: impl IntoIterator<Item = C>,
    ) -> Self {
        Self { id, title, columns: columns.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// Adds a row.
    pub(crate) fn row<C: Into<Cell>>(&mut self, name: impl Into<String>, cells: impl IntoIterator<Item = C>) {
        self.rows.push((name.into(), cells.into_iter().map(Into::into).collect()));
    }

    fn lines(&self) -> Vec<Vec<String>> {
        let head = std::iter::once(String::new()).chain(self.columns.iter().cloned()).collect();
        let rows = self.rows.iter().map(|(name, cells)| {
            std::iter::once(name.clone()).chain(cells.iter().map(Cell::shown)).collect()
        });
        std::iter::once(head).chain(rows).collect()
    }

    fn to_text(&self) -> String {
        let lines = self.lines();
        let mut widths = vec![0; self.columns.len() + 1];
        for line in &lines {
            for (width, cell) in widths.iter_mut().zip(line) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut text = format!("{}\n", self.title);
        for line in &lines {
            for (at, (cell, &width)) in line.iter().zip(&widths).enumerate() {
                let gap = width - cell.chars().count();
                let (before, after) = if at == 0 { (0, gap) } else { (gap + 2, 0) };
                text.extend([&" ".repeat(before), cell.as_str(), &" ".repeat(after)]);
            }
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
        text
    }

    fn to_markdown(&self) -> String {
        let mut text = format!("### {}\n\n", self.title);
        for (at, line) in self.lines().iter().enumerate() {
            let _ = writeln!(text, "| {} |", line.join(" | "));
            if at == 0 {
                let _ = writeln!(text, "|---{}|", "|---:".repeat(self.columns.len()));
            }
        }
        text
    }

    fn to_json(&self) -> Value {
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|(name, cells)| json!({ "name": name, "cells": cells.iter().map(Cell::to_json).collect::<Vec<_>>() }))
            .collect();
        json!({ "id": self.id, "title": self.title, "columns": self.columns, "rows": rows })
    }
}

/// All tables of a run.
#[derive(Debug)]
pub(crate) struct Report {
    rounds: u32,
    quick: bool,
    begin: Value,
    end: Value,
    notes: Vec<String>,
    /// By part.
    tables: Vec<(&'static str, Vec<Table>)>,
}

impl Report {
    /// An empty report; notes how busy the machine is now.
    pub(crate) fn begin(rounds: u32, quick: bool) -> Self {
        Self {
            rounds,
            quick,
            begin: machine::to_json(),
            end: Value::Null,
            notes: Vec::new(),
            tables: Vec::new(),
        }
    }

    /// Adds the tables of a part.
    pub(crate) fn add(&mut self, part: &'static str, tables: Vec<Table>) {
        self.tables.push((part, tables));
    }

    fn tables(&self) -> impl Iterator<Item = &Table> {
        self.tables.iter().flat_map(|(_, tables)| tables)
    }

    /// Closes the report, with what should be known about this run.
    pub(crate) fn end(&mut self, notes: Vec<String>) {
        self.end = machine::to_json();
        self.notes = notes;
    }

    fn head(&self) -> Vec<String> {
        let load = |at: &Value| {
            at["load_average"].as_f64().map_or_else(|| "unknown".to_owned(), |load| format!("{load:.1}"))
        };
        let mut head = vec![
            format!("Machine: {}.", machine::kind()),
            match self.rounds {
                1 => "One round.".to_owned(),
                rounds => format!("Medians of {rounds} rounds, in parentheses the least and the most."),
            },
            format!("Load average at the start {}, at the end {}.", load(&self.begin), load(&self.end)),
        ];
        if self.quick {
            head.push("A smoke run: these numbers mean nothing.".to_owned());
        }
        head.extend(self.notes.iter().cloned());
        head
    }

    /// Writes the tables to standard output.
    pub(crate) fn print(&self, markdown: bool) -> Result<()> {
        let text = if markdown {
            self.to_markdown()
        } else {
            let tables: Vec<String> = self.tables().map(Table::to_text).collect();
            format!("{}\n\n{}", self.head().join("\n"), tables.join("\n"))
        };
        Ok(io::stdout().lock().write_all(text.as_bytes())?)
    }

    fn to_markdown(&self) -> String {
        self.with_head(self.tables())
    }

    /// The tables of each part as Markdown, by its name.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (&'static str, String)> {
        self.tables.iter().map(|(part, tables)| (*part, self.with_head(tables)))
    }

    fn with_head<'a>(&self, tables: impl IntoIterator<Item = &'a Table>) -> String {
        let tables: Vec<String> = tables.into_iter().map(Table::to_markdown).collect();
        format!("{}\n\n{}", self.head().join("\n"), tables.join("\n"))
    }

    /// The tables and all about the run as JSON.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "begin": self.begin,
            "end": self.end,
            "rounds": self.rounds,
            "quick": self.quick,
            "notes": self.notes,
            "tables": self.tables().map(Table::to_json).collect::<Vec<_>>(),
        })
    }
}

/// A number with as many digits as matter.
pub(crate) fn number(number: f64) -> String {
    match number.abs() {
        size if size >= 1_000.0 => grouped(number),
        size if size >= 100.0 => format!("{number:.0}"),
        size if size >= 10.0 => format!("{number:.1}"),
        size if size >= 0.1 || size == 0.0 => format!("{number:.2}"),
        _ => format!("{number:.3}"),
    }
}

fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Says something to the person, not to the pipe.
pub(crate) fn complain(text: &str) {
    let mut err = io::stderr().lock();
    let (red, plain) = if err.is_terminal() { ("\u{1b}[31m", "\u{1b}[0m") } else { ("", "") };
    // There is nobody to tell that nobody can be told.
    let _ = writeln!(err, "{red}{text}{plain}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds(numbers: &[f64]) -> Rounds {
        let mut rounds = Rounds::default();
        for number in numbers {
            rounds.push(*number);
        }
        rounds
    }

    fn table() -> Table {
        let mut table = Table::new("t", "Speed", ["a", "b"]);
        table.row("ours", [rounds(&[1.0, 2.0, 4.0]), rounds(&[1_234.4])]);
        table.row(
            "ratio",
            [Cell::ratio(&rounds(&[3.0]), &rounds(&[2.0])), Cell::ratio(&rounds(&[3.0]), &rounds(&[]))],
        );
        table
    }

    #[test]
    fn a_table_is_aligned_for_the_terminal() {
        let expect = "Speed\n                       a      b\nours   2.00 (1.00..4.00)  1,234\nratio              1.50×      –\n";
        assert_eq!(table().to_text(), expect);
    }

    #[test]
    fn a_table_is_a_table_in_markdown() {
        let expect = "### Speed\n\n|  | a | b |\n|---|---:|---:|\n| ours | 2.00 (1.00..4.00) | 1,234 |\n| ratio | 1.50× | – |\n";
        assert_eq!(table().to_markdown(), expect);
    }

    #[test]
    fn json_keeps_every_number() {
        let cell = &table().to_json()["rows"][0]["cells"][0];
        assert_eq!(cell, &json!({ "median": 2.0, "min": 1.0, "max": 4.0, "rounds": 3 }));
    }

    #[test]
    fn numbers_have_as_many_digits_as_matter() {
        let shown = [0.0, 0.012_34, 0.5, 12.34, 123.4, 1_234.5, 1_234_567.0].map(number);
        assert_eq!(shown, ["0.00", "0.012", "0.50", "12.3", "123", "1,234", "1,234,567"]);
    }
}

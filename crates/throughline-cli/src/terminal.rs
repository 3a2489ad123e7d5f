//! What people and programs see of a command: colour, tables and progress on a terminal, plain text in a pipe, JSON if
//! asked for.
//!
//! The only place that writes to standard output. Progress and notes go to standard error, so that a pipe gets results
//! and nothing else.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use anyhow::Result;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

/// Columns if nobody says how many there are.
const WIDTH_DEFAULT: usize = 100;
/// Longer lines are hard to read however wide the terminal is.
const WIDTH_MAX: usize = 110;

/// How results are shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terminal {
    json: bool,
    colour: bool,
    stderr: Stderr,
    width: usize,
}

/// Where progress and notes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stderr {
    Pipe,
    PlainTerminal,
    ColourTerminal,
}

/// How a piece of text stands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Headings and names.
    Bold,
    /// What may be passed over.
    Dim,
    /// Something to look at: a user's words, an address.
    Accent,
    /// All is well.
    Good,
    /// Something to think about.
    Warn,
    /// Something is wrong.
    Bad,
}

impl Tone {
    /// The escape sequence that begins it.
    pub(crate) fn start(self) -> &'static str {
        match self {
            Self::Bold => "\u{1b}[1m",
            Self::Dim => "\u{1b}[2m",
            Self::Accent => "\u{1b}[36m",
            Self::Good => "\u{1b}[32m",
            Self::Warn => "\u{1b}[33m",
            Self::Bad => "\u{1b}[31m",
        }
    }
}

/// Ends every tone.
pub(crate) const RESET: &str = "\u{1b}[0m";

impl Terminal {
    /// Looks at the streams and at `NO_COLOR`.
    pub(crate) fn detect(json: bool) -> Self {
        let may = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        let width = terminal_size::terminal_size().filter(|_| io::stdout().is_terminal());
        let width = width.map_or(WIDTH_DEFAULT, |(width, _)| usize::from(width.0));
        Self {
            json,
            colour: may && !json && io::stdout().is_terminal(),
            stderr: match io::stderr().is_terminal() {
                false => Stderr::Pipe,
                true if may => Stderr::ColourTerminal,
                true => Stderr::PlainTerminal,
            },
            width: width.clamp(40, WIDTH_MAX),
        }
    }

    /// Whether the result is to be one JSON document.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Whether results stand out by colour.
    pub(crate) fn has_colour(self) -> bool {
        self.colour
    }

    /// Columns of a line.
    pub(crate) fn width(self) -> usize {
        self.width
    }

    /// Text that stands out, where there is colour.
    pub(crate) fn paint(self, tone: Tone, text: impl AsRef<str>) -> String {
        if self.colour {
            format!("{}{}{RESET}", tone.start(), text.as_ref())
        } else {
            text.as_ref().to_owned()
        }
    }

    /// Writes a line to standard output.
    #[expect(clippy::unused_self, reason = "whoever writes must hold the terminal")]
    pub(crate) fn line(self, text: impl AsRef<str>) -> Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_ref().as_bytes())?;
        out.write_all(b"\n")?;
        Ok(())
    }

    /// Writes a piece of text at once, as it comes from a model.
    #[expect(clippy::unused_self, reason = "whoever writes must hold the terminal")]
    pub(crate) fn piece(self, text: &str) -> Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()?;
        Ok(())
    }

    /// Writes the result as JSON: pretty on a terminal, one line in a pipe.
    pub(crate) fn document(self, value: &impl Serialize) -> Result<()> {
        let pretty = io::stdout().is_terminal();
        self.line(if pretty { serde_json::to_string_pretty(value)? } else { serde_json::to_string(value)? })
    }

    /// Says something to the person, not to the pipe.
    pub(crate) fn note(self, text: impl AsRef<str>) {
        let mut err = io::stderr().lock();
        let text = text.as_ref();
        // There is nobody to tell that nobody can be told.
        let _ = if self.stderr == Stderr::ColourTerminal {
            writeln!(err, "{}{text}{RESET}", Tone::Dim.start())
        } else {
            writeln!(err, "{text}")
        };
    }

    /// Writes aligned columns, two spaces between them; the last one is as long as it is.
    pub(crate) fn table<const N: usize>(self, head: [&str; N], rows: &[[String; N]]) -> Result<()> {
        let mut widths = head.map(columns_of);
        for row in rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(columns_of(cell));
            }
        }
        let line = |cells: [&str; N]| {
            let mut line = String::new();
            for (at, (cell, width)) in cells.iter().zip(widths).enumerate() {
                line.push_str(cell);
                if at + 1 < N {
                    line.extend(std::iter::repeat_n(' ', width - columns_of(cell) + 2));
                }
            }
            line.trim_end().to_owned()
        };
        self.line(self.paint(Tone::Bold, line(head)))?;
        rows.iter().try_for_each(|row| self.line(line(row.each_ref().map(String::as_str))))
    }

    /// A bar on standard error that counts to `total`; hidden in a pipe.
    pub(crate) fn progress(self, total: u64, template: &'static str) -> ProgressBar {
        let bar = ProgressBar::with_draw_target(Some(total), self.target());
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━╸─"));
        }
        bar
    }

    fn target(self) -> ProgressDrawTarget {
        match self.stderr {
            Stderr::Pipe => ProgressDrawTarget::hidden(),
            Stderr::PlainTerminal | Stderr::ColourTerminal => ProgressDrawTarget::stderr_with_hz(8),
        }
    }
}

/// Characters stand for columns: good enough for names and numbers.
fn columns_of(text: &str) -> usize {
    text.chars().count()
}

/// Breaks text into lines of at most `width` columns, at spaces; lines of the text stay lines.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for line in text.lines() {
        let mut current = String::new();
        for word in line.split(' ') {
            if !current.is_empty() && columns_of(&current) + 1 + columns_of(word) > width {
                lines.push(std::mem::take(&mut current));
            } else if !current.is_empty() {
                current.push(' ');
            }
            current.push_str(word);
        }
        lines.push(current);
    }
    lines
}

/// One line of at most `width` columns.
pub(crate) fn shorten(text: &str, width: usize) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if columns_of(&text) <= width {
        return text;
    }
    let mut short: String = text.chars().take(width.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// A duration as people read it.
pub(crate) fn milliseconds(took: Duration) -> String {
    format!("{:.1} ms", took.as_secs_f64() * 1_000.0)
}

/// A number with its thousands apart.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_wrapped_at_spaces_and_never_loses_a_word() {
        assert_eq!(wrap("one two three\n\nfour", 7), ["one two", "three", "", "four"]);
        assert_eq!(wrap("incomprehensibilities ok", 5), ["incomprehensibilities", "ok"]);
    }

    #[test]
    fn a_long_text_is_shortened_to_its_beginning() {
        assert_eq!(shorten("a\n b", 10), "a b");
        assert_eq!(shorten("abcdef", 4), "abc…");
    }

    #[test]
    fn large_numbers_are_grouped() {
        let grouped_numbers: Vec<_> = [0, 999, 1_000, 1_234_567].map(grouped).into();
        assert_eq!(grouped_numbers, ["0", "999", "1,000", "1,234,567"]);
    }
}

//! What all HTML pages of this crate are made of. A page needs nothing else: no script, no font, no picture from elsewhere.
//!
//! It forbids itself to load anything. All text from data sets is escaped.

use std::borrow::Cow;
use std::fmt::Write as _;

const STYLE: &str = include_str!("report.css");

/// A page up to its title.
pub(crate) fn opened(title: &str) -> String {
    let mut page = String::with_capacity(64 * 1024);
    // Writing to a string cannot fail.
    let _ = write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{0}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{0}</h1>\n",
        escape(title)
    );
    page
}

/// The whole page.
pub(crate) fn closed(mut page: String) -> String {
    page.push_str("</body>\n</html>\n");
    page
}

/// Text as it may stand in HTML, between tags and in quoted attributes.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'']) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    Cow::Owned(escaped)
}

/// What was run, as pairs of a name and a value.
pub(crate) fn push_facts(page: &mut String, facts: impl IntoIterator<Item = (&'static str, String)>) {
    page.push_str("<dl class=\"facts\">");
    for (name, value) in facts {
        let _ = write!(page, "<div><dt>{name}</dt><dd>{}</dd></div>", escape(&value));
    }
    page.push_str("</dl>\n");
}

pub(crate) fn push_tile(page: &mut String, name: &str, value: &str, below: &str) {
    let _ = write!(page, "<div class=\"tile\">{name}<b>{value}</b><small>{below}</small></div>");
}

pub(crate) fn push_figure(page: &mut String, title: &str, below: &str, svg: &str) {
    let _ = writeln!(
        page,
        "<figure><figcaption><h3>{title}</h3><small>{below}</small></figcaption>{svg}</figure>"
    );
}

pub(crate) fn push_cell(page: &mut String, text: &str) {
    let _ = write!(page, "<td>{text}</td>");
}

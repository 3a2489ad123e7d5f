//! Puts the tables of a run into `docs/benchmarks.md`, those of each part between its two marks; the words around them are
//! written by hand, and the tables of parts that were not measured stay.

use anyhow::{Context as _, Result};

use crate::bench::root;
use crate::report::Report;

const END: &str = "<!-- end of tables -->\n";

fn begin(part: &str) -> String {
    format!("<!-- tables: written by `throughline-bench {part} --doc`, not by hand -->\n")
}

/// Replaces the tables of the parts that were measured.
pub(crate) fn update(report: &Report) -> Result<()> {
    let path = root().join("docs/benchmarks.md");
    let shown = path.display();
    let mut document = std::fs::read_to_string(&path).with_context(|| format!("cannot read {shown}"))?;
    for (part, tables) in report.parts() {
        document = replaced(&document, part, &tables)
            .with_context(|| format!("{shown} has lost the marks of the tables of {part}"))?;
    }
    std::fs::write(&path, document).with_context(|| format!("cannot write {shown}"))
}

fn replaced(document: &str, part: &str, tables: &str) -> Option<String> {
    let begin = begin(part);
    let (before, rest) = document.split_once(&begin)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{begin}\n{tables}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_marks_of_a_part_is_replaced() {
        let (writes, recall) = (begin("writes"), begin("recall"));
        let document = format!("# Title\n{writes}old{END}between\n{recall}kept{END}after\n");
        let expected = format!("# Title\n{writes}\nnew\n{END}between\n{recall}kept{END}after\n");
        assert_eq!(replaced(&document, "writes", "new").unwrap(), expected);
        assert_eq!(replaced(&document, "chat", "new"), None);
    }

    #[test]
    fn the_document_has_the_marks_of_every_part() {
        let document = std::fs::read_to_string(root().join("docs/benchmarks.md")).unwrap();
        for part in ["writes", "recall", "chat", "resident", "embed", "search", "ingest", "engines", "learn"]
        {
            assert!(replaced(&document, part, "").is_some(), "{part}");
        }
    }
}

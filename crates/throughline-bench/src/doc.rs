//! Puts the tables of a run into `docs/benchmarks.md`, between two marks; the words around them are written by hand.

use anyhow::{Context as _, Result};

use crate::bench::root;

const BEGIN: &str = "<!-- tables: written by `throughline-bench all --doc`, not by hand -->\n";
const END: &str = "<!-- end of tables -->\n";

/// Replaces the tables of the document.
pub(crate) fn update(tables: &str) -> Result<()> {
    let path = root().join("docs/benchmarks.md");
    let shown = path.display();
    let document = std::fs::read_to_string(&path).with_context(|| format!("cannot read {shown}"))?;
    let document =
        replaced(&document, tables).with_context(|| format!("{shown} has lost the marks of its tables"))?;
    std::fs::write(&path, document).with_context(|| format!("cannot write {shown}"))
}

fn replaced(document: &str, tables: &str) -> Option<String> {
    let (before, rest) = document.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{tables}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_marks_is_replaced() {
        let document = format!("# Title\n{BEGIN}old{END}after\n");
        assert_eq!(replaced(&document, "new").unwrap(), format!("# Title\n{BEGIN}\nnew\n{END}after\n"));
        assert_eq!(replaced("# Title\n", "new"), None);
    }

    #[test]
    fn the_document_has_the_marks() {
        let document = std::fs::read_to_string(root().join("docs/benchmarks.md")).unwrap();
        assert!(replaced(&document, "").is_some());
    }
}

//! Rules for single Rust files: each says at its head what it is for, stays short, and leaves nothing half done.

use std::path::Path;

use anyhow::Result;

use super::Problem;
use crate::repository::Repository;

/// Longer files hold more than one concept.
const MODULE_LINES_MAX: usize = 500;

/// Files that may be longer, with the reason.
const LONGER: [(&str, usize, &str); 1] =
    [("crates/throughline/src/ports/conformance/behaviours.rs", 700, "one list: what every store must do")];

/// Marks of unfinished work, each with what to do instead. Written in two halves so that this list does not find itself.
const LEFTOVERS: [(&str, &str, &str); 4] = [
    ("to", "do!(", "finish it, or return an error that says what is missing"),
    ("unimple", "mented!(", "finish it, or return an error that says what is missing"),
    ("#[ig", "nore", "a test that does not run proves nothing: fix it or remove it"),
    ("FIX", "ME", "fix it, or file an issue"),
];

pub(super) fn check(repository: &Repository) -> Result<Vec<Problem>> {
    let mut problems = Vec::new();
    for file in repository.files()? {
        let is_rust = Path::new(&file.path).extension().is_some_and(|extension| extension == "rs");
        if let Some(text) = file.text.filter(|_| is_rust) {
            problems.extend(module_problems(&file.path, &text));
        }
    }
    Ok(problems)
}

fn module_problems(path: &str, text: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    if !text.starts_with("//! ") {
        problems.push(format!("{path}:1: must open with a `//!` head that says what it is for"));
    }
    let lines = text.lines().count();
    let lines_max =
        LONGER.iter().find(|(known, ..)| *known == path).map_or(MODULE_LINES_MAX, |(_, max, _)| *max);
    if lines > lines_max {
        problems.push(format!("{path}: {lines} lines, at most {lines_max}: one concept per file"));
    }
    for (number, line) in (1..).zip(text.lines()) {
        for (first, second, advice) in LEFTOVERS {
            let mark = format!("{first}{second}");
            if line.contains(&mark) {
                problems.push(format!("{path}:{number}: `{mark}`: {advice}"));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_module_with_a_head_is_in_order() {
        assert!(module_problems("a.rs", "//! What it is for.\nfn f() {}\n").is_empty());
    }

    #[test]
    fn a_module_without_a_head_is_found() {
        assert_eq!(module_problems("a.rs", "fn f() {}\n").len(), 1);
        assert_eq!(module_problems("a.rs", "").len(), 1);
    }

    #[test]
    fn a_module_of_more_than_five_hundred_lines_is_found() {
        let text = format!("//! Head.\n{}", "//\n".repeat(MODULE_LINES_MAX));
        assert!(module_problems("a.rs", &text)[0].contains("501 lines"));
    }

    #[test]
    fn unfinished_work_is_found_with_its_line() {
        let text = format!("//! Head.\nfn f() {{ {}() }}\n", concat!("to", "do!"));
        assert!(module_problems("a.rs", &text)[0].starts_with("a.rs:2:"));
    }

    #[test]
    fn the_modules_of_this_repository_are_in_order() {
        super::super::assert_in_order(check);
    }
}

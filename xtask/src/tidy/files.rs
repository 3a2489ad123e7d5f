//! Rules for all files: no path of one machine, nothing big, and documents that stay true and short.

use std::collections::BTreeSet;

use anyhow::Result;
use serde_json::Value;

use super::Problem;
use crate::repository::{Repository, SourceFile};

const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// A map that is longer is no longer read.
const ARCHITECTURE_LINES_MAX: usize = 299;

/// Folders that exist on one machine only. Written in two halves so that this list does not find itself.
const MACHINE_FOLDERS: [(&str, &str); 3] = [("/wo", "rk/"), ("/ro", "ot/"), ("/ho", "me/")];

pub(super) fn check(repository: &Repository) -> Result<Vec<Problem>> {
    let files = repository.files()?;
    let mut problems: Vec<Problem> = files.iter().flat_map(file_problems).collect();
    for document in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE"] {
        if !files.iter().any(|file| file.path == document) {
            problems.push(format!("{document} is missing"));
        }
    }
    let libraries = direct_dependencies(&repository.metadata()?);
    problems.extend(documentation_problems(&libraries, &repository.read("docs/dependencies.md")?));
    Ok(problems)
}

fn file_problems(file: &SourceFile) -> Vec<Problem> {
    let path = &file.path;
    let mut problems = Vec::new();
    if file.bytes > FILE_BYTES_MAX {
        problems.push(format!(
            "{path}: {} bytes, at most {FILE_BYTES_MAX}: data is made or fetched, not stored here",
            file.bytes
        ));
    }
    let Some(text) = &file.text else { return problems };
    if path == "ARCHITECTURE.md" && text.lines().count() > ARCHITECTURE_LINES_MAX {
        problems.push(format!("{path}: {} lines, at most {ARCHITECTURE_LINES_MAX}", text.lines().count()));
    }
    if path.ends_with("package-lock.json") && text.contains("\"resolved\"") {
        problems.push(format!(
            "{path}: names a registry host; install with omit-lockfile-registry-resolved=true"
        ));
    }
    for (number, line) in (1..).zip(text.lines()) {
        if let Some(folder) = machine_folder(line) {
            problems.push(format!("{path}:{number}: `{folder}` is a folder of one machine"));
        }
    }
    problems
}

/// The machine's folder that an absolute path in this line begins with.
fn machine_folder(line: &str) -> Option<String> {
    MACHINE_FOLDERS.iter().map(|(first, second)| format!("{first}{second}")).find(|folder| {
        line.match_indices(folder.as_str()).any(|(at, _)| {
            // `https://example.org/home/` and `target/work/` do not start at the root of a disk.
            !line[..at].ends_with(|before: char| before.is_alphanumeric() || "_-./~}$*".contains(before))
        })
    })
}

/// The libraries from outside that the crates of the workspace name themselves.
fn direct_dependencies(metadata: &Value) -> BTreeSet<String> {
    let empty = Vec::new();
    let list = |value: &Value| value.as_array().unwrap_or(&empty).clone();
    let members = list(&metadata["workspace_members"]);
    list(&metadata["packages"])
        .iter()
        .filter(|package| members.contains(&package["id"]))
        .flat_map(|package| list(&package["dependencies"]))
        .filter(|dependency| dependency["path"].is_null())
        .filter_map(|dependency| dependency["name"].as_str().map(str::to_owned))
        .collect()
}

/// Compares the libraries with the rows of the document's tables, which begin with "| `name` |".
fn documentation_problems(libraries: &BTreeSet<String>, document: &str) -> Vec<Problem> {
    let row = |line: &str| Some(line.strip_prefix("| `")?.split_once("` |")?.0.to_owned());
    let rows: BTreeSet<String> = document.lines().filter_map(row).collect();
    let missing = libraries.difference(&rows);
    let missing = missing
        .map(|name| format!("docs/dependencies.md: say what `{name}` saves us and what was considered"));
    let stale = rows.difference(libraries);
    let stale =
        stale.map(|name| format!("docs/dependencies.md: `{name}` is no longer used, remove its line"));
    missing.chain(stale).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<Problem> {
        file_problems(&SourceFile {
            path: path.to_owned(),
            bytes: text.len() as u64,
            text: Some(text.to_owned()),
        })
    }

    #[test]
    fn an_ordinary_file_is_in_order() {
        assert!(found("docs/a.md", "See https://example.org/home/page and crates/work/a.rs.\n").is_empty());
    }

    #[test]
    fn a_path_of_one_machine_is_found_with_its_line() {
        let text = format!("fine\ncd {}someone\n", concat!("/ho", "me/"));
        assert!(found("docs/a.md", &text)[0].starts_with("docs/a.md:2:"));
    }

    #[test]
    fn a_file_over_one_mebibyte_is_found() {
        let file = SourceFile { path: "a.bin".to_owned(), bytes: FILE_BYTES_MAX + 1, text: None };
        assert_eq!(file_problems(&file).len(), 1);
    }

    #[test]
    fn an_architecture_page_of_three_hundred_lines_is_too_long() {
        assert!(found("ARCHITECTURE.md", &"line\n".repeat(299)).is_empty());
        assert_eq!(found("ARCHITECTURE.md", &"line\n".repeat(300)).len(), 1);
    }

    #[test]
    fn a_lock_file_that_names_a_registry_is_found() {
        assert_eq!(found("x/package-lock.json", "{\"resolved\": \"https://example.org\"}").len(), 1);
    }

    #[test]
    fn a_library_without_a_line_in_the_document_is_found_and_a_line_without_a_library() {
        let libraries = BTreeSet::from(["serde".to_owned(), "axum".to_owned()]);
        let problems = documentation_problems(&libraries, "| `axum` | routing | |\n| `time` | | |\n");
        assert_eq!(problems.len(), 2);
        assert!(problems[0].contains("`serde` saves"), "{problems:?}");
        assert!(problems[1].contains("`time` is no longer used"), "{problems:?}");
    }

    #[test]
    fn the_files_of_this_repository_are_in_order() {
        super::super::assert_in_order(check);
    }
}

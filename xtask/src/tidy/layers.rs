//! Which crate may depend on which: the architecture's invariants, checked over `cargo metadata`.
//!
//! Development dependencies are free, except that nothing depends on the command line program.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde_json::Value;

use super::Problem;
use crate::repository::Repository;

const ENGINE: &str = "throughline";
const PROGRAM: &str = "throughline-cli";
const TEST_KIT: &str = "throughline-testkit";
const BENCH: &str = "throughline-bench";

/// For each crate, the crates of this workspace it may depend on.
const MAY_USE: [(&str, &[&str]); 13] = [
    (ENGINE, &[]),
    ("throughline-sqlite", &[ENGINE]),
    ("throughline-postgres", &[ENGINE]),
    ("throughline-redis", &[ENGINE]),
    ("throughline-qdrant", &[ENGINE]),
    ("throughline-embed", &[ENGINE]),
    ("throughline-llm", &[ENGINE]),
    ("throughline-eval", &[ENGINE]),
    ("throughline-server", &[ENGINE, "throughline-llm"]),
    (
        PROGRAM,
        &[
            ENGINE,
            "throughline-sqlite",
            "throughline-postgres",
            "throughline-redis",
            "throughline-qdrant",
            "throughline-embed",
            "throughline-llm",
            "throughline-eval",
            "throughline-server",
        ],
    ),
    (TEST_KIT, &[]),
    // It measures the program from outside.
    (BENCH, &[TEST_KIT]),
    ("xtask", &[]),
];

/// Libraries that only the named crates may use directly.
const OWNED: [(&str, &[&str]); 15] = [
    ("anyhow", &[PROGRAM, BENCH, "xtask"]),
    ("axum", &["throughline-server"]),
    ("clap", &[PROGRAM, BENCH]),
    ("gemm", &["throughline-embed"]),
    ("hyper", &[]),
    ("indicatif", &[PROGRAM, BENCH]),
    ("redis", &["throughline-redis"]),
    ("reqwest", &["throughline-llm", "throughline-embed", "throughline-qdrant", PROGRAM]),
    ("rusqlite", &["throughline-sqlite", BENCH]),
    ("safetensors", &["throughline-embed"]),
    ("tokenizers", &["throughline-embed"]),
    ("tokio-postgres", &["throughline-postgres", BENCH]),
    ("tower", &["throughline-server"]),
    ("tower-http", &["throughline-server"]),
    ("utoipa", &["throughline-server"]),
];

/// What the engine must not reach at all, not even through another library: it knows no network and no database.
const NEVER_IN_ENGINE: [&str; 9] =
    ["axum", "hyper", "libsqlite3-sys", "redis", "reqwest", "rusqlite", "rustls", "tokio", "tokio-postgres"];

/// The part of the dependency graph that the rules speak of.
#[derive(Default)]
struct Graph {
    /// Crate of the workspace → libraries it names as normal or build dependencies.
    uses: BTreeMap<String, BTreeSet<String>>,
    /// Crate of the workspace → libraries it names for its tests.
    tests_use: BTreeMap<String, BTreeSet<String>>,
    /// Everything that is built into the engine.
    in_engine: BTreeSet<String>,
}

pub(super) fn check(repository: &Repository) -> Result<Vec<Problem>> {
    Ok(problems(&graph(&repository.metadata()?)?))
}

fn problems(graph: &Graph) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (name, used) in &graph.uses {
        let Some((_, allowed)) = MAY_USE.iter().find(|(known, _)| known == name) else {
            problems.push(format!(
                "crate {name} has no place yet: add it to MAY_USE in xtask/src/tidy/layers.rs"
            ));
            continue;
        };
        for library in used.iter().filter(|library| graph.uses.contains_key(*library)) {
            if !allowed.contains(&library.as_str()) {
                problems.push(format!("{name} must not depend on {library}"));
            }
        }
        for (library, owners) in OWNED {
            if used.contains(library) && !owners.contains(&name.as_str()) {
                problems.push(format!("{name} must not use {library} (only {owners:?} may)"));
            }
        }
    }
    for (name, used) in &graph.tests_use {
        if used.contains(PROGRAM) {
            problems.push(format!("the tests of {name} must not depend on {PROGRAM}"));
        }
    }
    for library in NEVER_IN_ENGINE {
        if graph.in_engine.contains(library) {
            problems.push(format!(
                "{library} is built into the engine: see `cargo tree -p {ENGINE} -e normal -i {library}`"
            ));
        }
    }
    problems
}

fn graph(metadata: &Value) -> Result<Graph> {
    let members: BTreeSet<&str> = strings(&metadata["workspace_members"])?.collect();
    let mut graph = Graph::default();
    for package in list(&metadata["packages"])?
        .iter()
        .filter(|p| p["id"].as_str().is_some_and(|id| members.contains(id)))
    {
        let name = text(&package["name"])?;
        let (mut used, mut tests) = (BTreeSet::new(), BTreeSet::new());
        for dependency in list(&package["dependencies"])? {
            let for_tests = dependency["kind"].as_str() == Some("dev");
            if for_tests { &mut tests } else { &mut used }.insert(text(&dependency["name"])?.to_owned());
        }
        graph.uses.insert(name.to_owned(), used);
        graph.tests_use.insert(name.to_owned(), tests);
    }
    graph.in_engine = closure(metadata, ENGINE)?;
    Ok(graph)
}

/// The names of all packages that `name` is built with (dependencies of its tests and build scripts left out).
fn closure(metadata: &Value, name: &str) -> Result<BTreeSet<String>> {
    let mut names = BTreeMap::new();
    let mut start = None;
    for package in list(&metadata["packages"])? {
        let id = text(&package["id"])?;
        names.insert(id, text(&package["name"])?);
        if package["name"] == name {
            start = Some(id);
        }
    }
    let mut edges: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for node in list(&metadata["resolve"]["nodes"])? {
        let targets = edges.entry(text(&node["id"])?).or_default();
        for dependency in list(&node["deps"])? {
            if list(&dependency["dep_kinds"])?.iter().any(|kind| kind["kind"].is_null()) {
                targets.push(text(&dependency["pkg"])?);
            }
        }
    }
    let mut open: Vec<&str> = start.into_iter().collect();
    let mut seen: BTreeSet<&str> = open.iter().copied().collect();
    while let Some(id) = open.pop() {
        for next in edges.get(id).into_iter().flatten() {
            if seen.insert(next) {
                open.push(next);
            }
        }
    }
    Ok(seen.iter().filter_map(|id| names.get(id)).map(|name| (*name).to_owned()).collect())
}

fn list(value: &Value) -> Result<&Vec<Value>> {
    value.as_array().context("cargo metadata: a list is missing")
}

fn text(value: &Value) -> Result<&str> {
    value.as_str().context("cargo metadata: a text is missing")
}

fn strings(value: &Value) -> Result<impl Iterator<Item = &str>> {
    Ok(list(value)?.iter().filter_map(Value::as_str))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn names(list: &[&str]) -> BTreeSet<String> {
        list.iter().map(|name| (*name).to_owned()).collect()
    }

    fn found(uses: &[(&str, &[&str])]) -> Vec<Problem> {
        let mut graph = Graph::default();
        graph.uses.extend(MAY_USE.iter().map(|(name, _)| ((*name).to_owned(), BTreeSet::new())));
        graph.uses.extend(uses.iter().map(|(name, used)| ((*name).to_owned(), names(used))));
        problems(&graph)
    }

    #[test]
    fn a_store_may_use_the_engine_and_its_own_library() {
        assert_eq!(found(&[("throughline-sqlite", &["throughline", "rusqlite", "thiserror"])]), [""; 0]);
    }

    #[test]
    fn the_engine_may_not_use_a_crate_of_a_layer_above() {
        assert_eq!(
            found(&[("throughline", &["throughline-sqlite"])]),
            ["throughline must not depend on throughline-sqlite"]
        );
    }

    #[test]
    fn nothing_depends_on_the_program() {
        assert_eq!(
            found(&[("throughline-server", &["throughline-cli"])]),
            ["throughline-server must not depend on throughline-cli"]
        );
    }

    #[test]
    fn only_the_server_speaks_axum_and_only_programs_speak_anyhow() {
        let problems = found(&[("throughline-llm", &["axum", "anyhow"]), ("throughline-server", &["axum"])]);
        assert_eq!(problems.len(), 2);
        assert!(problems.iter().all(|problem| problem.starts_with("throughline-llm")), "{problems:?}");
    }

    #[test]
    fn the_test_kit_is_for_tests_alone() {
        assert_eq!(
            found(&[("throughline-llm", &["throughline-testkit"])]),
            ["throughline-llm must not depend on throughline-testkit"]
        );
    }

    #[test]
    fn a_new_crate_needs_a_place() {
        assert!(found(&[("throughline-new", &[])])[0].contains("MAY_USE"));
    }

    #[test]
    fn a_library_that_reaches_the_engine_through_another_is_found() {
        let node = |id: &str, deps: &[(&str, Value)]| {
            let deps: Vec<Value> =
                deps.iter().map(|(id, kind)| json!({ "pkg": id, "dep_kinds": [{ "kind": kind }] })).collect();
            json!({ "id": id, "deps": deps })
        };
        let package = |name: &str| json!({ "id": name, "name": name, "dependencies": [] });
        let packages = ["throughline", "helper", "tokio", "reqwest"].map(package);
        let metadata = json!({
            "workspace_members": ["throughline"],
            "packages": packages,
            "resolve": { "nodes": [
                node("throughline", &[("helper", Value::Null), ("reqwest", json!("dev"))]),
                node("helper", &[("tokio", Value::Null)]),
                node("tokio", &[]),
                node("reqwest", &[]),
            ] },
        });
        let problems = problems(&graph(&metadata).unwrap());
        assert_eq!(problems.len(), 1);
        assert!(problems[0].starts_with("tokio is built into the engine"), "{problems:?}");
    }

    #[test]
    fn this_workspace_keeps_its_layers() {
        super::super::assert_in_order(check);
    }
}

//! The behaviours every store must show, shown by this one.

use throughline::ports::Store;
use throughline::store_conformance;
use throughline_sqlite::{SqliteOptions, SqliteStore};

fn with_store(run: &mut dyn FnMut(&dyn Store)) {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path(), SqliteOptions::default()).unwrap();
    run(&store);
    // Whatever was done to it, it must hold together.
    let report = throughline_sqlite::doctor::doctor(directory.path());
    assert_eq!(report.findings, [], "{report:?}");
}

store_conformance!(with_store);

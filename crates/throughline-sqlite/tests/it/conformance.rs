//! The behaviours every store must show, shown by this one.

use throughline::ports::{CopyStore, Store};
use throughline::{copy_conformance, store_conformance};
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

fn with_stores(run: &mut dyn FnMut(&dyn CopyStore, &dyn CopyStore)) {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [from, to] =
        folders.each_ref().map(|folder| SqliteStore::open(folder.path(), SqliteOptions::default()).unwrap());
    run(&from, &to);
    // A copy is wiped of what it overwrote when it is finished.
    for store in [from, to] {
        store.set_transit(None).unwrap();
    }
    for folder in &folders {
        let report = throughline_sqlite::doctor::doctor(folder.path());
        assert_eq!(report.findings, [], "{report:?}");
    }
}

copy_conformance!(with_stores);

//! Several stores on one directory, in one process and in two: nobody's write is lost or torn.

use std::path::Path;

use throughline::ports::{ReadStore, WriteStore};

use crate::support::{again, assert_sound, open, rows, said, scope, texts};

const WRITERS: usize = 4;
const APPENDS: usize = 25;

/// Every append has two turns, which must stay together.
fn write(directory: &Path, name: &str) {
    let store = open(directory);
    std::thread::scope(|threads| {
        for writer in 0..WRITERS {
            let store = &store;
            threads.spawn(move || {
                for number in 0..APPENDS {
                    let texts = ["question", "answer"].map(|part| format!("{name} {writer} {number} {part}"));
                    store.append(&scope("shared"), said("s", texts)).unwrap();
                }
            });
        }
    });
}

fn assert_whole(directory: &Path, processes: usize) {
    let store = open(directory);
    let texts = texts(&store, &scope("shared"));
    assert_eq!(texts.len(), processes * WRITERS * APPENDS * 2);
    for pair in texts.chunks(2) {
        assert_eq!(pair[0].replace("question", "answer"), pair[1]);
    }
    assert_eq!(rows(&store, &scope("shared")).len(), texts.len());
    assert_sound(directory);
}

#[test]
fn two_stores_in_one_process_may_share_a_directory() {
    let directory = tempfile::tempdir().unwrap();
    std::thread::scope(|threads| {
        for name in ["one", "two"] {
            let directory = directory.path();
            threads.spawn(move || write(directory, name));
        }
    });
    assert_whole(directory.path(), 2);
}

#[test]
fn two_processes_may_share_a_directory() {
    const CHILD: &str = "THROUGHLINE_TEST_SHARED_DIRECTORY";
    const TEST: &str = "sharing::two_processes_may_share_a_directory";
    if let Some(directory) = std::env::var_os(CHILD) {
        write(Path::new(&directory), &std::process::id().to_string());
        return;
    }
    // Both also make the file and its schema, at once.
    let directory = tempfile::tempdir().unwrap();
    let children: Vec<_> = (0..3)
        .map(|_| again(TEST, CHILD, directory.path()).stdout(std::process::Stdio::null()).spawn().unwrap())
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_whole(directory.path(), 3);
}

#[test]
fn a_store_sees_at_once_what_another_wrote() {
    let directory = tempfile::tempdir().unwrap();
    let (one, two) = (open(directory.path()), open(directory.path()));
    let ann = scope("ann");
    for number in 1..=5_u64 {
        one.append(&ann, said("s", [number.to_string()])).unwrap();
        let revision = two.revision(&ann).unwrap().unwrap();
        assert_eq!((Some(revision), revision.row), (one.revision(&ann).unwrap(), number));
    }
    two.erase_user(&ann.user).unwrap();
    assert_eq!(one.revision(&ann).unwrap(), None);
}

//! Disks that are full, files that are not ours, directories that cannot be written: the error names the file and
//! says what to do, and what was acknowledged before stays.

use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;

use rusqlite::Connection;
use throughline::ports::{LedgerStore as _, ReadStore, StoreError, WriteStore};
use throughline_sqlite::doctor::{Severity, doctor};
use throughline_sqlite::{FILE_NAME, SqliteOptions, SqliteStore};

use crate::support::{again, assert_sound, learned, open, rows, said, scope, texts};

/// `nobody`: a user without the superuser's rights.
const NOBODY: u32 = 65_534;

fn error(directory: &Path) -> StoreError {
    SqliteStore::open(directory, SqliteOptions::default()).map(drop).unwrap_err()
}

/// The message names the file and tells what to do.
fn assert_helpful(error: &StoreError, hint: &str) {
    let message = error.to_string();
    assert!(message.contains(FILE_NAME), "{message}");
    assert!(message.contains(hint), "{message}");
}

/// A closed store with some turns in it.
fn filled() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    for user in 0..20 {
        let texts = (0..20).map(|number| format!("turn {number} {}", "x".repeat(200)));
        let scope = scope(&format!("user {user}"));
        store.append(&scope, said("s", texts)).unwrap();
        store.append_ledger(&scope, learned(0, (1..4).map(|claim| (claim, "is so")))).unwrap();
    }
    directory
}

#[test]
fn directory_and_files_are_the_owners_alone() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("a/b");
    let store = open(&directory);
    store.append(&scope("ann"), said("s", ["a"])).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&directory), 0o700);
    for file in fs::read_dir(&directory).unwrap() {
        let file = file.unwrap().path();
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[test]
fn a_store_that_is_full_says_so_and_keeps_what_it_has() {
    let directory = tempfile::tempdir().unwrap();
    let options = SqliteOptions { file_bytes_max: Some(512 * 1024), ..SqliteOptions::default() };
    let store = SqliteStore::open(directory.path(), options).unwrap();
    let ann = scope("ann");
    let mut kept = 0;
    let full = loop {
        match store.append(&ann, said("s", [format!("{kept} {}", "x".repeat(5000))])) {
            Ok(_) => kept += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(full, StoreError::Full(_)), "{full}");
    assert_helpful(&full, "free disk space");
    assert!(kept > 10);
    assert_eq!(texts(&store, &ann).len(), kept);
    // Reading goes on, and so does writing once there is room.
    assert_eq!(rows(&store, &ann).len(), kept);
    store.erase_user(&ann.user).unwrap();
    store.append(&ann, said("s", ["there is room again"])).unwrap();
    assert_sound(directory.path());
}

#[test]
fn a_disk_that_refuses_a_write_costs_no_acknowledged_turn() {
    const CHILD: &str = "THROUGHLINE_TEST_LIMITED_DIRECTORY";
    const TEST: &str = "faults::a_disk_that_refuses_a_write_costs_no_acknowledged_turn";
    let ann = scope("ann");
    if let Some(directory) = std::env::var_os(CHILD) {
        let store = open(Path::new(&directory));
        for number in 0.. {
            match store.append(&ann, said("s", [format!("{number} {}", "x".repeat(5000))])) {
                Ok(_) => println!("ack {number}"),
                Err(error) => {
                    println!("error {error:?}");
                    return;
                }
            }
        }
    }
    let directory = tempfile::tempdir().unwrap();
    // Files of this process may have 4,000 blocks of 512 or 1,024 bytes; writing on fails instead of killing it.
    let mut limited = std::process::Command::new("sh");
    limited.args(["-c", r#"trap '' XFSZ; ulimit -f 4000; exec "$0" "$@""#]);
    let child = again(TEST, CHILD, directory.path());
    limited.arg(child.get_program()).args(child.get_args()).env(CHILD, directory.path());
    let output = limited.output().unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    let acknowledged = output.lines().filter(|line| line.contains("ack ")).count();
    assert!(acknowledged > 10, "{output}");
    assert!(output.contains("error Unavailable") || output.contains("error Full"), "{output}");
    assert!(output.contains(FILE_NAME), "{output}");

    let store = open(directory.path());
    let kept = texts(&store, &ann);
    assert!(kept.len() == acknowledged || kept.len() == acknowledged + 1, "{} of {acknowledged}", kept.len());
    store.append(&ann, said("s", ["there is room again"])).unwrap();
    assert_sound(directory.path());
}

#[test]
fn a_directory_that_may_not_be_written_is_named() {
    const CHILD: &str = "THROUGHLINE_TEST_READ_ONLY_DIRECTORY";
    const TEST: &str = "faults::a_directory_that_may_not_be_written_is_named";
    if let Some(parent) = std::env::var_os(CHILD) {
        let parent = Path::new(&parent);
        for name in ["empty", "missing", "unreadable", "read only"] {
            println!("{name}: {:?}", error(&parent.join(name)));
        }
        return;
    }
    let parent = tempfile::tempdir().unwrap();
    let set_mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    fs::create_dir(parent.path().join("empty")).unwrap();
    for name in ["unreadable", "read only"] {
        drop(open(&parent.path().join(name)));
    }
    set_mode(&parent.path().join("unreadable").join(FILE_NAME), 0o000);
    set_mode(&parent.path().join("read only").join(FILE_NAME), 0o444);
    // The superuser may write everywhere; so the test's other part is played by somebody else.
    let executable = parent.path().join("test");
    fs::copy(std::env::current_exe().unwrap(), &executable).unwrap();
    for directory in ["empty", "unreadable", "read only", ""] {
        set_mode(&parent.path().join(directory), 0o555);
    }
    let mut child = std::process::Command::new(&executable);
    child.args(["--exact", TEST, "--nocapture"]).env(CHILD, parent.path());
    if fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0) {
        child.uid(NOBODY).gid(NOBODY);
    }
    let output = child.output().unwrap();
    set_mode(parent.path(), 0o755);
    let output = String::from_utf8_lossy(&output.stdout).into_owned();
    let line =
        |name: &str| output.lines().find(|line| line.contains(name)).unwrap_or_else(|| panic!("{output}"));
    for (name, kind) in [
        ("empty: ", "ReadOnly"),
        ("missing: ", "ReadOnly"),
        ("unreadable: ", "Unavailable"),
        ("read only: ", "ReadOnly"),
    ] {
        assert!(line(name).contains(kind), "{output}");
        assert!(line(name).contains(parent.path().to_str().unwrap()), "{output}");
    }
}

#[test]
fn a_file_that_is_no_database_is_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join(FILE_NAME);
    let words = "this is a letter, not a database. ".repeat(400);
    fs::write(&file, &words).unwrap();
    let error = error(directory.path());
    assert!(matches!(error, StoreError::Corrupt(_)), "{error}");
    assert_helpful(&error, "move it away");
    assert_eq!(fs::read_to_string(&file).unwrap(), words);
    let report = doctor(directory.path());
    assert!(!report.is_sound() && report.schema.is_none(), "{report:?}");
}

#[test]
fn another_programs_database_is_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join(FILE_NAME);
    Connection::open(&file).unwrap().execute_batch("CREATE TABLE songs (title TEXT)").unwrap();
    let before = fs::read(&file).unwrap();
    let error = error(directory.path());
    assert!(matches!(error, StoreError::Corrupt(_)), "{error}");
    assert_helpful(&error, "another program");
    assert_eq!(fs::read(&file).unwrap(), before);
    assert!(!doctor(directory.path()).is_sound());
}

#[test]
fn a_newer_schema_is_refused_and_left_as_it_is() {
    let directory = filled();
    let file = directory.path().join(FILE_NAME);
    Connection::open(&file).unwrap().pragma_update(None, "user_version", 1000).unwrap();
    let error = error(directory.path());
    assert!(matches!(error, StoreError::NewerSchema { found: 1000, .. }), "{error}");
    assert_helpful(&error, "newer version of throughline");
    let report = doctor(directory.path());
    assert!(!report.is_sound(), "{report:?}");
}

#[test]
fn a_truncated_file_is_damaged_and_the_doctor_says_so() {
    let directory = filled();
    let file = fs::OpenOptions::new().write(true).open(directory.path().join(FILE_NAME)).unwrap();
    file.set_len(file.metadata().unwrap().len() / 2).unwrap();
    let error = error(directory.path());
    assert!(matches!(error, StoreError::Corrupt(_)), "{error}");
    assert_helpful(&error, "backup");
    let report = doctor(directory.path());
    assert!(!report.is_sound(), "{report:?}");
    assert!(report.findings.iter().all(|finding| !finding.remedy.is_empty()));
}

#[test]
fn damaged_pages_are_errors_and_findings_but_never_panics() {
    let directory = filled();
    let path = directory.path().join(FILE_NAME);
    let mut file = fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    // All pages of tables but the first two, in part.
    for page in (2..bytes.len() / 8192).step_by(2) {
        file.seek(SeekFrom::Start(page as u64 * 8192)).unwrap();
        file.write_all(&[0xa5; 600]).unwrap();
    }
    drop(file);
    let report = doctor(directory.path());
    assert!(!report.is_sound(), "{report:?}");
    let Ok(store) = SqliteStore::open(directory.path(), SqliteOptions::default()) else { return };
    for user in 0..20 {
        let scope = scope(&format!("user {user}"));
        for error in [
            store.revision(&scope).map(drop),
            store.search_rows(&scope, 0, &mut |_| {}).map(drop),
            store.append(&scope, said("s", ["more"])).map(drop),
            store.erase_user(&scope.user).map(drop),
        ] {
            if let Err(error) = error {
                assert!(matches!(error, StoreError::Corrupt(_) | StoreError::Conflict), "{error:?}");
            }
        }
    }
}

#[test]
fn what_contradicts_the_rest_is_found_with_its_place() {
    let cases = [
        ("UPDATE turns SET body = x'0901' WHERE turn & 0xffffffff = 3", "payload format 9"),
        ("UPDATE turns SET message = zeroblob(16) WHERE turn & 0xffffffff = 3", "its words are not those"),
        ("UPDATE turns SET chain = zeroblob(16) WHERE turn & 0xffffffff = 20", "its chain does not continue"),
        ("UPDATE turns SET parent = 7 WHERE turn & 0xffffffff = 3", "which is not older"),
        ("DELETE FROM turns WHERE turn & 0xffffffff = 3", "without a gap"),
        ("DELETE FROM search WHERE row & 0xffffffff = 3", "lacks search rows"),
        ("UPDATE search SET turn = 999 WHERE row & 0xffffffff = 3", "belongs to no turn"),
        ("INSERT INTO unread VALUES (1, 99)", "waits for a vector but is not there"),
        ("INSERT INTO unread SELECT 7, row FROM search", "neither serves nor comes"),
        ("INSERT INTO outdated VALUES (99)", "is to be tidied but is not there"),
        ("INSERT INTO model_roles VALUES ('serving', 7)", "contradict each other at `serving`"),
        (
            "INSERT INTO embedding_models VALUES (1, 'a', 3); INSERT INTO model_roles VALUES ('coming', 1)",
            "contradict each other at `coming`",
        ),
        ("UPDATE jobs SET last = 999", "names turns that are not there"),
        ("UPDATE jobs SET first = 3, last = 2", "names turns that are not there"),
        ("UPDATE jobs SET session = session + 1", "names turns that are not there"),
        ("UPDATE jobs SET turns = 99", "counts its turns wrongly"),
        ("UPDATE jobs SET state = 9", "in a state that is none"),
        (
            "DROP INDEX jobs_running; UPDATE jobs SET state = 1 WHERE number < 3;
             UPDATE jobs SET session = (SELECT session FROM jobs WHERE number = 1) WHERE number = 2",
            "two learning jobs in a worker's hands",
        ),
        ("DELETE FROM ledger WHERE entry & 0xffffffff = 2", "does not count from 1 without a gap"),
        ("UPDATE ledger SET recorded = 0 WHERE entry & 0xffffffff = 2", "before the one before it"),
        ("UPDATE ledger SET body = x'0901' WHERE entry & 0xffffffff = 2", "payload format 9"),
        ("UPDATE ledger SET claim = NULL", "is not found by its claim"),
        ("INSERT INTO tombstones VALUES (99, zeroblob(16), 1, 0)", "a scope that is not there"),
        ("UPDATE scopes SET last_row = 5", "counts its search rows wrongly"),
        ("UPDATE sessions SET turns = 5", "does not agree with its turns"),
        ("DELETE FROM scopes WHERE scope = 3", "a scope that is not there"),
        ("DELETE FROM meta", "secrets"),
    ];
    for (damage, wanted) in cases {
        let directory = filled();
        let file = directory.path().join(FILE_NAME);
        Connection::open(&file).unwrap().execute_batch(damage).unwrap();
        let report = doctor(directory.path());
        assert!(!report.is_sound(), "{damage}");
        assert!(report.findings.iter().any(|finding| finding.what.contains(wanted)), "{damage}: {report:#?}");
    }
}

#[test]
fn the_doctor_counts_a_sound_store_and_finds_nothing() {
    let directory = filled();
    let report = doctor(directory.path());
    assert_eq!(report.findings, []);
    let counts = report.counts.unwrap();
    assert_eq!((counts.scopes, counts.sessions, counts.turns, counts.passages), (20, 20, 400, 400));
}

#[test]
fn the_doctor_says_when_there_is_no_store() {
    let directory = tempfile::tempdir().unwrap();
    let report = doctor(directory.path());
    assert_eq!(report.findings.len(), 1);
    assert_eq!(report.findings[0].severity, Severity::Error);
}

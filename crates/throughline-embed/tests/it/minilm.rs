//! The in-process model with its real weights.

use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

use throughline::ports::{EmbedError, EmbedRole, Embedder as _};
use throughline_embed::MiniLm;

use super::{cosine, length, model_dir};

const SOON: Duration = Duration::from_mins(1);

static MODEL: LazyLock<MiniLm> = LazyLock::new(|| MiniLm::load(&model_dir()).unwrap());

fn embed(role: EmbedRole, texts: &[&str]) -> Vec<Vec<f32>> {
    MODEL.embed(role, texts, SOON).unwrap().into_iter().map(|embedding| embedding.vector).collect()
}

#[test]
fn real_vectors_agree_with_an_independent_implementation() {
    // First components by a forward pass in NumPy over the same weights. Eight bits cost some of the third digit; that
    // they cost no text its direction is tested inside the crate.
    let long = "word ".repeat(400);
    let cases: [(&str, [f32; 8]); 6] = [
        (
            "The ferry to Naxos sails at dawn.",
            [0.002_837, 0.101_767, 0.022_062, 0.032_008, -0.004_873, -0.045_619, 0.028_934, -0.030_716],
        ),
        (
            "Maria prefers window seats and never checks a bag.",
            [0.109_316, 0.072_382, 0.037_773, 0.068_238, 0.023_390, -0.044_263, 0.079_981, -0.034_032],
        ),
        (
            "what did we decide about the budget?",
            [0.016_006, 0.086_874, -0.032_319, 0.055_530, 0.056_215, 0.007_042, -0.017_068, 0.035_908],
        ),
        (
            "Überraschend kalt war's in Zürich – 東京 too.",
            [0.036_046, 0.090_596, 0.040_226, -0.021_278, -0.034_558, 0.027_281, -0.017_704, -0.085_820],
        ),
        ("", [-0.118_838, 0.048_299, -0.002_548, -0.011_011, 0.051_951, 0.010_292, 0.115_433, 0.000_701]),
        (
            &long,
            [-0.008_124, -0.095_586, -0.038_673, 0.049_662, -0.043_794, 0.023_720, -0.018_142, -0.020_207],
        ),
    ];
    let texts = cases.map(|(text, _)| text);
    for (vector, (text, expected)) in embed(EmbedRole::Passage, &texts).iter().zip(&cases) {
        assert_eq!(vector.len(), 384);
        assert!((length(vector) - 1.0).abs() < 1e-5);
        for (actual, expected) in vector.iter().zip(expected) {
            assert!((actual - expected).abs() < 6e-3, "{text:?}: {actual} is not {expected}");
        }
    }
}

#[test]
fn real_the_model_says_its_name_and_dimensions() {
    assert_eq!(MODEL.model().name, "all-MiniLM-L6-v2");
    assert_eq!(MODEL.model().dimensions, 384);
}

#[test]
fn real_a_vector_does_not_depend_on_the_batch_or_the_role() {
    let texts: Vec<String> =
        (0..40).map(|i| format!("note {i}: {}", "the garden needs water ".repeat(i))).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let together = embed(EmbedRole::Passage, &texts);
    for (text, vector) in texts.iter().zip(&together) {
        let alone = embed(EmbedRole::Query, &[text]);
        assert!(cosine(&alone[0], vector) > 0.999_999, "{text:?}");
    }
}

#[test]
fn real_callers_on_many_threads_each_get_their_own_vectors_in_order() {
    thread::scope(|scope| {
        for client in 0..8 {
            scope.spawn(move || {
                let texts: Vec<String> =
                    (0..12).map(|i| format!("client {client} wrote message {i}")).collect();
                let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                let vectors = embed(EmbedRole::Passage, &texts);
                assert_eq!(vectors.len(), texts.len());
                let last = embed(EmbedRole::Query, &[texts[11]]);
                assert!(cosine(&last[0], &vectors[11]) > 0.999_999);
            });
        }
    });
}

#[test]
fn real_a_call_without_time_ends_and_the_next_one_works() {
    let texts = ["a question that nobody waits for"; 300];
    assert_eq!(MODEL.embed(EmbedRole::Passage, &texts, Duration::ZERO), Err(EmbedError::DeadlineExceeded));
    assert_eq!(embed(EmbedRole::Passage, &["and one that somebody does"]).len(), 1);
}

#[test]
fn real_no_texts_give_no_vectors() {
    assert!(embed(EmbedRole::Query, &[]).is_empty());
}
